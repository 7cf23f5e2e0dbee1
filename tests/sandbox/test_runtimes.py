"""Which loaders are found, and which are not trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kandil.sandbox import runtimes
from kandil.sandbox.runtimes import find
from tests.support.parts import missing
from tests.support.runtimes import xllamacpp

SUFFIX = runtimes._SUFFIX


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("libllama", "libggml-base", "libggml-cpu-haswell", "libggml-cpu-x64", "libggml-cuda"):
        (tmp_path / f"{name}.{SUFFIX}").write_bytes(b"")
    return tmp_path


def test_the_package_comes_first() -> None:
    path = xllamacpp()
    found, _ = find()
    assert (found[0].name, found[0].path) == ("xllamacpp", str(path))
    assert found[0].version


def test_a_folder_that_was_named(folder: Path) -> None:
    found, refused = find(folder)
    assert [one.path for one in found] == [str(folder / f"libllama.{SUFFIX}")]
    assert refused == []
    assert [Path(one).name for one in found[0].backends] == [
        f"libggml-cpu-haswell.{SUFFIX}",
        f"libggml-cpu-x64.{SUFFIX}",
    ]


def test_ggml_alone_where_there_is_no_llama(folder: Path) -> None:
    (folder / f"libllama.{SUFFIX}").unlink()
    (folder / f"libggml-base.{SUFFIX}").rename(folder / f"libggml-base.{SUFFIX}.0")
    found, _ = find(folder)
    assert [one.path for one in found] == [str(folder / f"libggml-base.{SUFFIX}.0")]


def test_a_relative_path_is_made_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    found, _ = find(folder.name)
    assert [one.path for one in found] == [str(folder / f"libllama.{SUFFIX}")]


def test_a_program_in_the_path_leads_to_its_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bin").mkdir()
    (folder / "bin/ollama").write_text("#!/bin/sh\n")
    (folder / "bin/ollama").chmod(0o755)
    (folder / "lib/ollama").mkdir(parents=True)
    library = (folder / f"libggml-base.{SUFFIX}").rename(folder / f"lib/ollama/libggml-base.{SUFFIX}")
    monkeypatch.setenv("PATH", str(folder / "bin"))
    found, _ = find()
    assert ("Ollama", str(library)) in [(one.name, one.path) for one in found]


def test_what_everybody_may_write_is_not_used(folder: Path) -> None:
    library = folder / f"libllama.{SUFFIX}"
    library.chmod(0o666)
    found, refused = find(library)
    assert (found, [(one.path, one.reason) for one in refused]) == ([], [(str(library), "everybody may write it")])


def test_nor_what_lies_in_a_folder_that_everybody_may_write(folder: Path) -> None:
    folder.chmod(0o777)
    found, refused = find(folder)
    assert (found, [one.reason for one in refused]) == ([], ["everybody may write its folder"])


def test_nor_through_a_link(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder.chmod(0o777)
    link = tmp_path_factory.mktemp("links") / "libllama.so"
    link.symlink_to(folder / f"libllama.{SUFFIX}")
    found, refused = find(link)
    assert (found, [one.reason for one in refused]) == ([], ["everybody may write its folder"])


def test_nor_what_belongs_to_somebody_else(folder: Path) -> None:
    if os.geteuid() != 0:
        missing("root, who can give a file away")
    library = folder / f"libllama.{SUFFIX}"
    os.chown(library, 1234, 1234)
    found, refused = find(library)
    assert (found, [one.reason for one in refused]) == ([], ["it belongs to user 1234, neither to root nor to you"])


def test_a_backend_that_everybody_may_write_is_left_out(folder: Path) -> None:
    (folder / f"libggml-cpu-x64.{SUFFIX}").chmod(0o666)
    found, _ = find(folder)
    assert [Path(one).name for one in found[0].backends] == [f"libggml-cpu-haswell.{SUFFIX}"]


def test_nor_one_whose_parts_everybody_may_write(folder: Path) -> None:
    (folder / f"libggml-base.{SUFFIX}").chmod(0o666)
    found, refused = find(folder)
    said = f"libggml-base.{SUFFIX} beside it: everybody may write it"
    assert (found, [one.reason for one in refused]) == ([], [said])


def test_nothing_there(tmp_path: Path) -> None:
    assert find(tmp_path) == ([], [])
    found, refused = find(tmp_path / "none.so")
    assert (found, [one.reason for one in refused]) == ([], ["No such file or directory"])
