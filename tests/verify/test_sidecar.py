from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

import pytest

from kandil.errors import CheckListUnreadable
from kandil.verify import sidecar
from tests.support.stores import gguf, put, sha256
from tests.verify.runs import one, run

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"{A}  m.gguf", b"m.gguf"),
        (f"{A} *m.gguf", b"m.gguf"),
        (f"{A.upper()}  m.gguf", b"m.gguf"),
        (f"{A}  m.gguf\r", b"m.gguf"),
        (f"{A}\tm.gguf", b"m.gguf"),
        (f"{A}  sub/dir/m.gguf", b"sub/dir/m.gguf"),
        (f"{A}   m.gguf", b" m.gguf"),
        (f"{A}  two words.gguf", b"two words.gguf"),
        (f"\\{A}  back\\\\slash\\nline.gguf", b"back\\slash\nline.gguf"),
        (f"{A}  back\\nslash.gguf", b"back\\nslash.gguf"),
        (f"SHA256 (m.gguf) = {A}", b"m.gguf"),
        (f"SHA256(m (1).gguf)= {A}", b"m (1).gguf"),
        (f"SHA2-256 (m.gguf) = {A.upper()}", b"m.gguf"),
        (A, None),
        (f"{A}  -", None),
        (f"sha256:{A}", None),
        (f"\ufeff{A}  m.gguf", b"m.gguf"),
    ],
)
def test_lines_that_are_digests(line: str, name: bytes | None) -> None:
    assert sidecar.parse(line.encode() + b"\n") == [(name, A)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# comment",
        f"; {A}  m",
        f"{A[:-1]}  m.gguf",
        f"{A}0  m.gguf",
        f"{'a' * 32}  m.gguf",
        f"{'a' * 128}  m.gguf",
        f"MD5 (m) = {'a' * 32}",
        f"SHA512 (m) = {A}{A}",
        f"{A}  a\0b",
        f"SHA256 (a\0b) = {A}",
        "{}",
    ],
)
def test_lines_that_are_none(line: str) -> None:
    assert sidecar.parse(line.encode()) == []


def test_names_need_not_be_text() -> None:
    assert sidecar.parse(A.encode() + b"  \xff.gguf\n") == [(b"\xff.gguf", A)]


def test_what_sha256sum_writes(tmp_path: Path) -> None:
    for name in ("plain", "two words", "new\nline", "back\\slash", "carriage\rreturn"):
        put(tmp_path / name, name.encode())
    names = sorted(path.name for path in tmp_path.iterdir())
    expected = [(name.encode(), hashlib.sha256(name.encode()).hexdigest()) for name in names]
    for options in ([], ["--binary"], ["--tag"]):
        done = subprocess.run(["sha256sum", *options, *names], cwd=tmp_path, capture_output=True, check=True)
        assert sidecar.parse(done.stdout) == expected


@pytest.mark.parametrize(
    "name",
    [
        "SHA256SUMS",
        "sha256sums",
        "SHA256SUMS.txt",
        "sha256sum.txt",
        "checksums.txt",
        "v1-SHA256SUMS",
        "m.gguf.sha256",
        "m.GGUF.SHA256",
        "m.sha256sum",
    ],
)
def test_names_of_lists(name: str) -> None:
    assert sidecar.is_sidecar(name.encode())


@pytest.mark.parametrize(
    "name", ["mychecksums.txt", "SHA256SUMS.asc", "sha256", "SHA256SUMS.txt.bak", "notsha256sum.txt"]
)
def test_names_of_no_lists(name: str) -> None:
    assert not sidecar.is_sidecar(name.encode())


async def test_a_list_for_the_folder_reaches_below_it(models: Path) -> None:
    put(models / "sub" / "a.gguf", gguf())
    put(models / "sub" / "extra.bin", b"extra")
    put(
        models / "SHA256SUMS",
        f"{sha256(gguf())} *./sub/a.gguf\n{sha256(b'extra')}  sub/extra.bin\n{A}  sub/none\n".encode(),
    )
    outcome = await run(models)
    assert outcome.statuses() == {"a.gguf": "ok", "extra.bin": "ok"}


async def test_a_list_cannot_reach_outside_its_folder(models: Path, tmp_path: Path) -> None:
    put(tmp_path / "secret", b"secret")
    put(models / "SHA256SUMS", f"{A}  ../secret\n{A}  {tmp_path}/secret\n".encode())
    assert (await run(models)).results == []


async def test_the_list_of_one_file_wins_over_the_folders(models: Path) -> None:
    put(models / "a.gguf", gguf())
    put(models / "SHA256SUMS", f"{A}  a.gguf\n".encode())
    put(models / "a.gguf.sha256", f"{sha256(gguf())}  build/a.gguf\n".encode())
    assert (await one(models)).status == "ok"
    assert (await one(models / "a.gguf")).expected_source == "a.gguf.sha256"


async def test_a_list_that_cannot_be_read_is_a_warning(models: Path) -> None:
    put(models / "a.gguf", gguf())
    (models / "SHA256SUMS").mkdir()
    (models / "a.gguf.sha256").symlink_to("a.gguf.sha256")
    outcome = await run(models / "a.gguf")
    assert outcome["a.gguf"].status == "unverified"
    assert len(outcome.summary.warnings) == 2


async def test_a_named_list_alone_says_what_to_verify(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.gguf", "b.txt"):
        put(models / name, gguf(name))
    check = put(models / "list", f"{sha256(gguf('a.gguf'))}  a.gguf\n{A}  b.txt\n{B}  gone\n".encode())
    expected = {"a.gguf": "ok", "b.txt": "mismatch", "gone": "error"}
    assert (await run(check=check)).statuses() == expected
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text(check.read_text().replace("  ", "  models/"))
    outcome = await run(check="list")
    assert outcome.statuses() == expected
    assert {result.expected_source for result in outcome.results} == {"list"}


async def test_a_named_list_is_believed_more_than_the_list_beside_the_file(models: Path, tmp_path: Path) -> None:
    put(models / "sub" / "a.gguf", gguf())
    put(models / "sub" / "a.gguf.sha256", A.encode())
    put(models / "b.gguf", gguf("b"))
    check = put(tmp_path / "elsewhere" / "list", f"{sha256(gguf())}  sub/a.gguf\n{A}  other/b.gguf\n".encode())
    assert (await run(models, check=check)).statuses() == {"a.gguf": "ok", "b.gguf": "unverified"}


async def test_a_list_of_one_line_that_names_another_file_speaks_for_that(models: Path) -> None:
    put(models / "a.gguf", gguf())
    put(models / "b.gguf", gguf("b"))
    put(models / "a.gguf.sha256", f"{sha256(gguf('b'))}  b.gguf\n".encode())
    assert (await run(models)).statuses() == {"a.gguf": "unverified", "b.gguf": "ok"}


async def test_a_list_speaks_for_nothing_outside_its_folder(models: Path) -> None:
    put(models / "a.gguf", gguf())
    text = f"{sha256(gguf())}  ../a.gguf\n{sha256(gguf())}  {models}/a.gguf\n{sha256(gguf())}  x/../../a.gguf\n"
    put(models / "sub" / "SHA256SUMS", text.encode())
    assert (await run(models)).statuses() == {"a.gguf": "unverified"}
    assert (await run(models / "a.gguf", models / "sub")).statuses() == {"a.gguf": "unverified"}


async def test_the_nearest_list_wins_and_a_far_one_is_named_by_its_path(models: Path) -> None:
    put(models / "sub" / "a.gguf", gguf())
    far = put(models / "SHA256SUMS", f"{A}  sub/a.gguf\n".encode())
    result = await one(models)
    assert (result.status, result.expected_source) == ("mismatch", str(far))
    put(models / "sub" / "SHA256SUMS", f"{sha256(gguf())}  a.gguf\n".encode())
    result = await one(models)
    assert (result.status, result.expected_source) == ("ok", "SHA256SUMS")
    put(models / "sub" / "a.gguf.sha256", f"{B}  a.gguf\n".encode())
    assert (await one(models)).expected_source == "a.gguf.sha256"


@pytest.mark.parametrize("beside", [True, False])
async def test_a_list_with_two_digests_for_one_file_is_an_error(models: Path, tmp_path: Path, beside: bool) -> None:
    put(models / "a.gguf", gguf())
    text = f"{A}  a.gguf\n{sha256(gguf())}  ./a.gguf\n{A}  a.gguf\n".encode()
    check = put(models / "SHA256SUMS" if beside else tmp_path / "list", text)
    outcome = await run(models, **({} if beside else {"check": check}))
    result = outcome["a.gguf"]
    assert (result.status, outcome.summary.exit_code) == ("error", 10)
    assert result.message == f"{check.name} gives several digests for it: {A}, {sha256(gguf())}"
    assert result.hint == f"correct {check.name}: one file has one digest"
    check.write_bytes(f"{A}  a.gguf\n{B}  a.gguf\n".encode())
    assert (await one(models, **({} if beside else {"check": check}))).status == "mismatch"


def test_a_list_of_very_many_files_of_one_name(tmp_path: Path) -> None:
    path = put(tmp_path / "list", b"".join(b"%064x  %d/model.gguf\n" % (number, number) for number in range(20_000)))
    check = sidecar.CheckList(bytes(path))
    started = time.process_time()
    for number in range(20_000):
        for folder in (bytes(tmp_path), b"/elsewhere/deeper"):
            expected = check.expected(folder + b"/%d/model.gguf" % number)
            assert expected is not None
            assert int(expected.digest, 16) == number
    assert time.process_time() - started < 5  # 20 000 squared would be minutes


def test_the_longest_listed_name_speaks_for_a_file_elsewhere(tmp_path: Path) -> None:
    check = sidecar.CheckList(
        bytes(put(tmp_path / "list", f"{A}  m.gguf\n{B}  ../x/m.gguf\n{B}  /y/m.gguf\n".encode()))
    )
    found = [check.expected(path) for path in (b"/z/x/m.gguf", b"/z/m.gguf", b"/y/m.gguf", b"/z/n.gguf", b"/z/xm.gguf")]
    assert [one.digest if one else None for one in found] == [B, A, B, None, None]


async def test_names_with_a_nul_are_passed_over(models: Path) -> None:
    put(models / "a.gguf", gguf())
    text = f"{sha256(gguf())}  a.gguf\n{A}  a\0b.gguf\n{A}  x\0/y.gguf\n".encode()
    check = put(models / "SHA256SUMS", text)
    assert (await run(models)).statuses() == {"a.gguf": "ok"}
    assert (await run(check=check)).statuses() == {"a.gguf": "ok"}


async def test_a_named_list_that_is_none(models: Path) -> None:
    for path in (models / "none", put(models / "empty", b""), models):
        with pytest.raises(CheckListUnreadable):
            await run(check=path)
