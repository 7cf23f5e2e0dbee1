"""Files that are not as files should be: each is an error of its own, the rest goes on."""

# ruff: noqa: ASYNC230
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kandil.verify.plan import make_plan
from tests.support.stores import gguf, put, sha256
from tests.verify.runs import one, run


async def test_hard_and_symbolic_links_are_read_once(models: Path) -> None:
    path = put(models / "a.gguf", gguf())
    os.link(path, models / "b.gguf")
    (models / "c.gguf").symlink_to("a.gguf")
    outcome = await run(models)
    assert len(outcome.results) == 3
    assert outcome.summary.distinct == 1
    assert outcome.summary.bytes_read == outcome.summary.bytes_total == len(gguf())
    assert outcome["a.gguf"].same_as is None
    assert outcome["b.gguf"].same_as == outcome["c.gguf"].same_as == path
    assert len({result.sha256 for result in outcome.results}) == 1


async def test_each_name_of_a_file_has_its_own_expectation(models: Path) -> None:
    path = put(models / "a.gguf", gguf())
    os.link(path, models / "b.gguf")
    put(models / "SHA256SUMS", f"{sha256(gguf())}  a.gguf\n{'0' * 64}  b.gguf\n".encode())
    assert (await run(models)).statuses() == {"a.gguf": "ok", "b.gguf": "mismatch"}


async def test_one_path_given_twice_is_one_result(models: Path) -> None:
    path = put(models / "a.gguf", gguf())
    assert len((await run(path, models, path)).results) == 1


async def test_loops_end(models: Path) -> None:
    put(models / "a.gguf", gguf())
    (models / "loop").symlink_to(models)
    (models / "self.gguf").symlink_to("self.gguf")
    outcome = await run(models)
    assert outcome.statuses() == {"a.gguf": "unverified", "self.gguf": "error"}


async def test_pipes_and_devices_are_errors(models: Path) -> None:
    os.mkfifo(models / "pipe.gguf")
    put(models / "a.gguf", gguf())
    (models / "zero.gguf").symlink_to("/dev/zero")
    outcome = await run(models, "/dev/null")
    assert outcome.statuses() == {"a.gguf": "unverified", "pipe.gguf": "error", "zero.gguf": "error", "null": "error"}
    assert outcome.summary.exit_code == 10
    for name in ("pipe.gguf", "null"):
        assert outcome[name].message
        assert outcome[name].hint


async def test_what_is_not_there_is_an_error(models: Path) -> None:
    put(models / "a.gguf", gguf())
    (models / "broken.gguf").symlink_to("nowhere")
    outcome = await run(models, models / "none.gguf")
    assert outcome.statuses() == {"a.gguf": "unverified", "broken.gguf": "error", "none.gguf": "error"}


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root can read everything")
async def test_unreadable_files_and_folders_are_errors(models: Path) -> None:
    put(models / "a.gguf", gguf()).chmod(0)
    put(models / "closed" / "b.gguf", gguf("b"))
    (models / "closed").chmod(0)
    outcome = await run(models)
    assert outcome.statuses() == {"a.gguf": "error", "closed": "error"}
    (models / "closed").chmod(0o700)


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes")
async def test_names_that_are_no_text(models: Path) -> None:
    name = os.fsencode(models) + b"/\xff\xfe.gguf"
    with open(name, "wb") as file:
        file.write(gguf())
    with open(os.fsencode(models) + b"/SHA256SUMS", "wb") as file:
        file.write(sha256(gguf()).encode() + b"  \xff\xfe.gguf\n")
    for given in (models, name):
        for _ in range(2):
            result = await one(given)
            assert os.fsencode(result.path) == name
            assert result.status == "ok"


async def test_odd_names(models: Path) -> None:
    names = ["new\nline.gguf", "tab\t.gguf", " space .gguf", "ünï.gguf", "-rf.gguf", "'\".gguf"]
    for name in names:
        put(models / name, gguf(name))
    assert set(await run(models)) == set(names)


async def test_a_file_that_vanishes_before_it_is_read_is_an_error(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(models / "a.gguf", gguf())
    path = put(models / "b.gguf", gguf("b"))

    def vanish(*given: object) -> object:
        plan = make_plan(*given)  # type: ignore[arg-type]
        path.unlink()
        return plan

    monkeypatch.setattr("kandil.verify.run.make_plan", vanish)
    assert (await run(models)).statuses() == {"a.gguf": "unverified", "b.gguf": "error"}


@pytest.mark.parametrize("options", [{}, {"full": True}, {"sha256": True}, {"scan_only": True}])
async def test_a_link_that_leads_elsewhere_when_it_is_opened_speaks_for_itself_alone(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    data = {name: gguf(name) for name in ("x", "y")}
    for name, content in data.items():
        put(tmp_path / name, content)
    for name in ("a.gguf", "b.gguf", "c.gguf"):
        (models / name).symlink_to(tmp_path / "x")
    await run(models, full=True)

    def retarget(*given: object) -> object:
        plan = make_plan(*given)  # type: ignore[arg-type]
        (models / "a.gguf").unlink()
        (models / "a.gguf").symlink_to(tmp_path / "y")
        return plan

    with monkeypatch.context() as patch:
        patch.setattr("kandil.verify.run.make_plan", retarget)
        outcome = await run(models, **options)
    if not options:  # nothing is read
        assert outcome["a.gguf"].sha256 == sha256(data["x"])
    elif "scan_only" not in options:
        found = {name: result.sha256 for name, result in outcome.items()}
        assert found == {"a.gguf": sha256(data["y"]), "b.gguf": sha256(data["x"]), "c.gguf": sha256(data["x"])}
        assert outcome["b.gguf"].same_as is None
        assert outcome["c.gguf"].same_as == models / "b.gguf"
    again = await run(models)
    assert again["a.gguf"].sha256 == sha256(data["y"])
    assert again["b.gguf"].sha256 == sha256(data["x"])


async def test_a_name_that_is_no_link_is_the_one_that_is_read(models: Path) -> None:
    path = put(models / "z" / "real.gguf", gguf())
    (models / "a.gguf").symlink_to(path)
    (models / "b").symlink_to("z")
    outcome = await run(models / "a.gguf", models / "b" / "real.gguf", path)
    assert [result.path for result in outcome.results if result.same_as is None] == [path]


async def test_an_empty_file(models: Path) -> None:
    put(models / "a.gguf", b"")
    result = await one(models)
    assert (result.status, result.size_bytes, result.sha256) == ("malformed", 0, sha256(b""))


async def test_a_nul_in_a_path_is_an_error_and_no_crash(models: Path) -> None:
    outcome = await run(os.fsencode(models) + b"/\0", put(models / "a.gguf", gguf()))
    assert sorted(result.status for result in outcome.results) == ["error", "unverified"]
