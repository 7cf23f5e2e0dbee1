"""`weights=`: numbers that are none are found among the weights, and change nothing that is kept."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from kandil import _core
from kandil.verify.facts import Facts
from kandil.verify.item import Item
from kandil.verify.judge import Reading
from kandil.verify.plan import Request, Target
from kandil.verify.weights import CHANGED, Weighing
from tests.support.gguf_files import ARCHITECTURE, NAME, Tensor, build
from tests.support.stores import put
from tests.verify.runs import one, run

NAN, COUNT = float("nan"), 1 << 18


def model(number: float = 0.5, place: int = 2000, count: int = 4096) -> bytes:
    """One tensor of ones, but for one number: behind what is looked at of every file, in what a sample has."""
    numbers = [1.0] * count
    numbers[place] = number
    return build((ARCHITECTURE, NAME), [Tensor("blk.0.weight", (count,))], data=struct.pack(f"<{count}f", *numbers))


async def test_what_is_no_number_is_suspicious(models: Path) -> None:
    put(models / "good.gguf", model())
    for name, number in (("nan", NAN), ("inf", float("inf"))):
        put(models / f"{name}.gguf", model(number))
    assert (await run(models)).statuses() == dict.fromkeys(("good.gguf", "nan.gguf", "inf.gguf"), "unverified")
    outcome = await run(models, weights="sample")
    assert outcome.statuses() == {"good.gguf": "unverified", "nan.gguf": "suspicious", "inf.gguf": "suspicious"}
    (finding,) = outcome["nan.gguf"].findings
    assert finding.id == "KG-DATA-NAN"
    assert "blk.0.weight" in finding.message
    assert outcome.summary.exit_code == 0
    assert (await run(models, weights="sample", strict=True)).summary.exit_code == 8


async def test_what_the_ledger_answers_is_looked_at_too_and_the_ledger_stays_as_it_was(models: Path) -> None:
    put(models / "a.gguf", model(NAN))
    for weights, status in (
        (None, "unverified"),
        ("sample", "suspicious"),
        (None, "unverified"),
        ("full", "suspicious"),
    ):
        result = await one(models, weights=weights)
        assert result.status == status
        assert result.sha256 is not None


async def test_a_pin_knows_nothing_of_the_weights(models: Path) -> None:
    put(models / "a.gguf", model(NAN))
    assert (await one(models, weights="sample", pin=True)).status == "suspicious"
    assert (await one(models)).status == "ok"


async def test_the_first_weights_are_looked_at_unasked_and_told_once(models: Path) -> None:
    put(models / "a.gguf", model(NAN, place=0))
    for weights in (None, "sample", None):  # the last is answered from the ledger
        result = await one(models, weights=weights)
        assert (result.status, [finding.id for finding in result.findings]) == ("suspicious", ["KG-DATA-NAN"])
    assert (await one(models, scan_only=True)).status == "unverified"


async def test_all_names_of_a_file_say_it(models: Path) -> None:
    put(models / "a.gguf", model(NAN))
    os.link(models / "a.gguf", models / "b.gguf")
    assert set((await run(models, weights="full")).statuses().values()) == {"suspicious"}


async def test_a_sample_is_small_and_full_is_all(models: Path) -> None:
    put(models / "a.gguf", model(NAN, place=5000, count=COUNT))
    sample, full = await run(models, weights="sample"), await run(models, weights="full")
    assert (sample["a.gguf"].status, full["a.gguf"].status) == ("unverified", "suspicious")
    assert full.summary.bytes_read >= 4 * COUNT
    assert sample.summary.bytes_read - full.summary.bytes_total < COUNT


async def test_only_gguf_files_have_weights_that_are_looked_at(models: Path) -> None:
    put(models / "a.safetensors", b"\x02\0\0\0\0\0\0\0{}")
    put(models / "b.gguf", b"<html>")
    assert (await run(models, weights="full")).statuses() == {"a.safetensors": "unverified", "b.gguf": "malformed"}


async def test_structure_alone_can_be_checked_with_the_weights(models: Path) -> None:
    put(models / "a.gguf", model(NAN))
    result = await one(models, scan_only=True, weights="sample")
    assert (result.status, result.sha256) == ("suspicious", None)


def waiting(path: Path, *, older: bool = False) -> tuple[Weighing, Item]:
    """A file that waits; `older`: it was another one when it was read."""
    given = os.fsencode(path)
    (entry,) = _core.walk([given], None)
    assert entry.stat is not None
    stat = entry.stat
    times = (stat.mtime_ns - older, stat.ctime_ns - older)
    facts = Facts(stat.size_bytes, *times, stat.inode, stat.device, is_gguf=True)
    item = Item(given, given, stat)
    weighing = Weighing(Request(weights="full"))
    assert weighing.takes(Target([item]), Reading(facts, "sha256"))
    return weighing, item


def test_a_file_that_changes_meanwhile_is_not_judged(tmp_path: Path) -> None:
    weighing, item = waiting(put(tmp_path / "a.gguf", model()), older=True)
    weighed = weighing.next()
    assert weighed is not None
    assert weighed[1] is None
    assert item.error == CHANGED


def test_a_file_that_has_gone_says_so(tmp_path: Path) -> None:
    weighing, item = waiting(put(tmp_path / "a.gguf", model()))
    (tmp_path / "a.gguf").unlink()
    weighed = weighing.next()
    assert weighed is not None
    assert weighed[1] is None
    assert item.error == "No such file or directory"


def test_stopping_ends_a_look_that_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighing, item = waiting(put(tmp_path / "a.gguf", model(NAN)))

    def stop(_size_bytes: int) -> bool:
        weighing.stop()
        return False

    monkeypatch.setattr(weighing, "_go_on", stop)
    assert weighing.next() is None
    assert (item.error, item.notes) == (None, ())
    assert weighing.next() is None
