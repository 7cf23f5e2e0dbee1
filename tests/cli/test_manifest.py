"""`sha256sum -c` is the judge of what `--manifest` writes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from kandil.cli.manifest import manifest_line, write_manifest
from kandil.errors import FileUnwritable
from kandil.verify.result import FileResult, Status
from tests.support import parts

NAMES = [
    b"plain.gguf",
    b"two words.gguf",
    b"back\\slash",
    b"new\nline",
    b"carriage\rreturn",
    b"not utf-8 \xff",
    b"*star",
]


def result(path: Path, status: Status = "ok") -> FileResult:
    return FileResult(path, status, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / os.fsdecode(name) for name in NAMES]
    for path in paths:
        path.write_bytes(os.fsencode(path.name))
    return paths


def test_lines_are_those_of_sha256sum(files: list[Path]) -> None:
    parts.need("sha256sum", package="coreutils")
    for path in files:
        expected = subprocess.run(
            ["sha256sum", "--", path.name], cwd=path.parent, capture_output=True, check=True
        ).stdout
        assert manifest_line(hashlib.sha256(path.read_bytes()).hexdigest(), Path(path.name)) == expected


def test_sha256sum_accepts_the_manifest(files: list[Path], tmp_path: Path) -> None:
    parts.need("sha256sum", package="coreutils")
    write_manifest(str(tmp_path / "out.txt"), map(result, files))
    checked = subprocess.run(["sha256sum", "--strict", "-c", "out.txt"], cwd=tmp_path, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK\n") == len(files)


def test_a_bad_file_is_never_blessed(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad: tuple[Status, ...] = ("mismatch", "malformed", "malicious", "changed", "error")
    write_manifest(str(tmp_path / "out.txt"), [result(files[0]), *(result(files[1], status) for status in bad)])
    assert (tmp_path / "out.txt").read_bytes() == manifest_line(str(result(files[0]).sha256), files[0])
    assert capsys.readouterr().err == "manifest: 1 file; 5 left out, as they are not sound\n"


def test_what_was_there_stays_where_the_new_cannot_be_written(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="No such file or directory"):
        write_manifest(str(tmp_path / "missing" / "out.txt"), [result(files[0])])
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_a_device_is_written_to_not_replaced(files: list[Path]) -> None:
    write_manifest("/dev/null", [result(files[0])])
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_manifest(str(tmp_path / "link"), [result(files[0])])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes().endswith(b"plain.gguf\n")
