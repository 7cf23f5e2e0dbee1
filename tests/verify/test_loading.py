from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from kandil.errors import FileUnreadable
from kandil.verify import LoadOptions, verify
from kandil.verify.loading import Loads, _Budget
from tests.support import loadable
from tests.support.runtimes import xllamacpp
from tests.support.stores import put
from tests.verify.runs import run

OPTIONS = LoadOptions(allow_weaker=True)


async def test_each_sound_model_is_loaded_once(tmp_path: Path) -> None:
    xllamacpp()
    put(tmp_path / "a.gguf", loadable.model())
    put(tmp_path / "b.gguf", loadable.model())
    (tmp_path / "z.gguf").symlink_to("a.gguf")
    outcome = await run(tmp_path, load=OPTIONS)
    reports = {name: result.load for name, result in outcome.items()}
    assert {name: report and report.status for name, report in reports.items()} == dict.fromkeys(reports, "passed")
    assert reports["z.gguf"] is reports["a.gguf"]
    assert outcome.summary.exit_code == 0


async def test_what_is_not_sound_or_no_model_is_not_loaded(tmp_path: Path) -> None:
    xllamacpp()
    put(tmp_path / "cut.gguf", loadable.model()[:-100])
    put(tmp_path / "weights.safetensors", b"\x02\0\0\0\0\0\0\0{}")
    outcome = await run(tmp_path, load=OPTIONS)
    assert {name: result.load for name, result in outcome.items()} == {"cut.gguf": None, "weights.safetensors": None}


async def test_what_loading_finds_changes_the_status(tmp_path: Path) -> None:
    xllamacpp()
    put(tmp_path / "a.gguf", loadable.nan())
    outcome = await run(tmp_path, load=OPTIONS)
    assert outcome["a.gguf"].status == "malformed"
    assert outcome["a.gguf"].findings[-1].id == "KG-LOAD-NAN"
    assert outcome.summary.by_status == {"malformed": 1}
    assert outcome.summary.exit_code == 8


async def test_without_a_loader_the_run_says_so_and_ends_with_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kandil.sandbox.trial.find", lambda _: ([], []))
    put(tmp_path / "a.gguf", loadable.model())
    put(tmp_path / "b.gguf", loadable.model())
    outcome = await run(tmp_path, load=OPTIONS)
    assert outcome.statuses() == {"a.gguf": "unverified", "b.gguf": "unverified"}
    assert outcome.summary.loads_untested == 2
    assert [warning for warning in outcome.summary.warnings if "kandil[local]" in warning] == list(
        outcome.summary.warnings
    )
    assert outcome.summary.exit_code == 10


async def test_results_do_not_wait_for_all_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    async def load_test(path: Path, **_options: object) -> None:
        loaded.append(path)
        raise FileUnreadable(str(path), "for this test")

    monkeypatch.setattr("kandil.verify.loading.load_test", load_test)
    monkeypatch.setattr("kandil.verify.run.LOADS", 1)
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.gguf", loadable.model())
    before = [len(loaded) async for _ in verify([tmp_path], load=OPTIONS)]
    assert before == [1, 2, 3]


async def test_a_file_that_is_gone_by_then_is_told(tmp_path: Path) -> None:
    xllamacpp()
    from kandil.verify.result import FileResult

    path = put(tmp_path / "a.gguf", loadable.model())
    loads = Loads(OPTIONS)
    results = [FileResult(path, "ok", path.stat().st_size)]
    os.unlink(path)
    assert await loads.load(results) == results
    assert loads.untested == 0  # what is no file begins as no GGUF file


async def test_loads_share_the_memory_that_there_is(autojump_clock: object) -> None:
    budget = _Budget(100)
    most = now = 0

    async def load(wanted: int) -> None:
        nonlocal most, now
        async with budget.taking(wanted) as given:
            now += given
            most = max(most, now)
            assert now <= 100
            await trio.sleep(1)
            now -= given

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for wanted in (50, 50, 60, 1000, 10, 10):
            nursery.start_soon(load, wanted)
    assert most == 100
    assert now == 0
    assert trio.current_time() - began < 6
