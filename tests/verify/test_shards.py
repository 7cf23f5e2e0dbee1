from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.stores import HuggingFace, gguf, part, put
from tests.verify.runs import Outcome, run


def write(folder: Path, *parts: bytes | None, count: int | None = None, stem: str = "m") -> None:
    for number, data in enumerate(parts, 1):
        if data is not None:
            put(folder / f"{stem}-{number:05}-of-{count or len(parts):05}.gguf", data)


def split_findings(outcome: Outcome) -> list[tuple[int, str]]:
    return sorted(
        (int(result.path.name.split("-")[1]), finding.id)
        for result in outcome.results
        for finding in result.findings
        if finding.id.startswith("KG-SPLIT")
    )


async def test_a_complete_set_is_sound(models: Path) -> None:
    write(models, *(part(number, 3, tensors=2) for number in (1, 2, 3)))
    for _ in range(2):  # the second time from the ledger
        outcome = await run(models)
        assert split_findings(outcome) == []
        assert set(outcome.statuses().values()) == {"unverified"}


async def test_every_part_says_that_one_is_missing(models: Path) -> None:
    write(models, part(1, 4), None, part(3, 4), None)
    outcome = await run(models)
    assert split_findings(outcome) == [(1, "KG-SPLIT-MISSING"), (3, "KG-SPLIT-MISSING")]
    assert outcome["m-00001-of-00004.gguf"].findings[-1].message == "2 of 4 parts are missing: 2, 4"
    assert set(outcome.statuses().values()) == {"malformed"}


async def test_a_claim_of_very_many_parts_costs_nothing(models: Path) -> None:
    for number in range(20):
        put(models / f"m{number}-00003-of-99999.gguf", part(3, 9))
    outcome = await run(models)
    message = outcome["m7-00003-of-99999.gguf"].findings[0].message
    assert message == "99998 of 99999 parts are missing: 1, 2, 4, 5, 6, 7, 8, 9, …"


async def test_very_many_sets_in_one_folder_cost_no_more_than_their_files(models: Path) -> None:
    for number in range(2000):
        put(models / f"m{number}-00001-of-65535.gguf", part(1, 65535))
    started = time.process_time()
    assert set((await run(models)).statuses().values()) == {"malformed"}
    assert (
        time.process_time() - started < 1.5
    )  # with a look at all 65535 numbers, or at the folder, for each: 2 s and more


async def test_a_part_that_was_not_selected_is_not_missing(models: Path) -> None:
    write(models, part(1, 2), part(2, 2))
    assert split_findings(await run(models / "m-00001-of-00002.gguf")) == []


async def test_a_wrong_name_is_said_once_and_of_that_name_alone(models: Path, tmp_path: Path) -> None:
    write(models, part(2, 2), part(1, 2))
    for options in ({}, {"scan_only": True}, {}):
        assert split_findings(await run(models, **options)) == [(1, "KG-SPLIT-NAME"), (2, "KG-SPLIT-NAME")]
    (tmp_path / "plain.gguf").symlink_to(models / "m-00001-of-00002.gguf")
    assert (await run(tmp_path / "plain.gguf"))["plain.gguf"].findings == ()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((part(1, 3, total=2), part(2, 2)), [(1, "KG-SPLIT-NAME")]),
        ((part(2, 2), part(1, 2)), [(1, "KG-SPLIT-NAME"), (2, "KG-SPLIT-NAME")]),
        ((gguf("a"), part(2, 2)), [(1, "KG-SPLIT-NAME")]),
        ((part(1, 2), part(2, 2, total=5)), [(1, "KG-SPLIT-TENSORS")]),
        ((part(1, 2, total=5), part(2, 2, total=5)), [(1, "KG-SPLIT-TENSORS")]),
    ],
)
async def test_parts_that_do_not_fit(models: Path, parts: tuple[bytes, ...], expected: list[tuple[int, str]]) -> None:
    write(models, *parts)
    assert split_findings(await run(models)) == expected


async def test_a_number_beyond_the_count(models: Path) -> None:
    write(models, part(1, 1))
    put(models / "m-00002-of-00001.gguf", part(2, 1))
    assert (2, "KG-SPLIT-NAME") in split_findings(await run(models))


async def test_a_part_that_cannot_be_read_does_not_hold_up_the_others(models: Path) -> None:
    write(models, part(1, 2), None)
    (models / "m-00002-of-00002.gguf").symlink_to("nowhere")
    outcome = await run(models)
    assert outcome["m-00002-of-00002.gguf"].status == "error"
    assert len(outcome.results) == 2


async def test_sets_of_the_same_name_in_two_folders_are_two(models: Path) -> None:
    write(models / "a", part(1, 2), part(2, 2))
    write(models / "b", part(1, 2), None)
    outcome = await run(models)
    assert len(outcome.results) == 3
    assert split_findings(outcome) == [(1, "KG-SPLIT-MISSING")]


async def test_parts_in_the_hugging_face_cache_are_found_by_their_names(home: Path) -> None:
    cache = HuggingFace(home / ".cache" / "huggingface" / "hub")
    for number in (1, 2):
        cache.download("a/b", f"Q4/m-{number:05}-of-00002.gguf", part(number, 2))
    outcome = await run()
    assert set(outcome.statuses().values()) == {"ok"}
    assert split_findings(outcome) == []
