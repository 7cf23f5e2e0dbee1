"""This terminal session, told from all others by what the system says of it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kandil import paths
from kandil.errors import FileUnwritable
from kandil.registry import session

FOLDER = "from kandil.registry import session; print(session.folder())"
USED = "from kandil.registry import session; print(session.model())"
USE = "import sys; from kandil.registry import session; session.use(sys.argv[1])"


def python(program: str, *args: str, new: bool = False, before: tuple[str, ...] = ()) -> str:
    """What the program prints, in this session or in a new one."""
    done = subprocess.run(
        [*before, sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=new,
    )
    return done.stdout.strip()


def in_terminal(program: str) -> str:
    """What a shell that leads a session of its own, with a terminal of its own, prints."""
    child, terminal = pty.fork()
    if not child:
        os.execvp("/bin/sh", ["sh", "-c", program])
    said = b""
    try:
        while some := os.read(terminal, 4096):
            said += some
    except OSError:  # Linux's way to say that nobody has the other end open any more
        pass
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0, said
    return said.decode().replace("\r", "")


def test_a_subshell_is_of_the_session_and_another_session_is_not() -> None:
    own = str(session.folder())
    assert python(FOLDER) == own
    assert python(FOLDER, before=("sh", "-c", '"$@"; exit', "sh")) == own
    assert python(FOLDER, new=True) != own


def test_each_terminal_has_a_session_of_its_own() -> None:
    ask = f"{sys.executable} -c '{FOLDER}'"
    first = in_terminal(f"{ask}; ({ask}); sh -c 'exec {ask.replace(chr(39), chr(34))}'").split()
    assert len(first) == 3
    assert len(set(first)) == 1
    assert first[0] not in in_terminal(f"{ask}; true").split()
    assert first[0] != str(session.folder())


def test_nothing_is_made_before_something_is_written() -> None:
    assert session.model() is None
    session.clear()
    assert not paths.state_dir().exists()


def test_a_model_is_kept_for_its_owner_alone() -> None:
    session.use("qwen3:8b")
    folder = session.folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert (folder / "model").stat().st_mode & 0o777 == 0o600
    assert (session.model(), python(USED), python(USED, new=True)) == ("qwen3:8b", "qwen3:8b", "None")
    session.clear()
    assert session.model() is None


def test_a_path_that_is_no_text_is_kept() -> None:
    session.use("/models/\udcff\n.gguf")
    assert session.model() == "/models/\udcff\n.gguf"


def test_what_stands_in_place_of_the_model_is_none() -> None:
    place = session.folder() / "model"
    place.mkdir(parents=True)
    assert session.model() is None
    with pytest.raises(FileUnwritable):
        session.clear()
    place.rmdir()
    place.write_bytes(b"x" * 100_000)
    assert session.model() is None


def test_a_session_that_is_over_leaves_nothing() -> None:
    python(USE, "one", new=True)
    python(USE, "another", new=True)
    (left,) = os.listdir(paths.state_dir() / "sessions")  # the second found the first
    session.use("mine")
    assert os.listdir(session.folder().parent) == [session.folder().name]
    assert left != session.folder().name


def test_a_session_that_goes_on_is_left_alone() -> None:
    """Also where its leader has ended, as that of a script whose terminal was closed."""
    program = f"""
import os, subprocess, sys
{USE.replace("sys.argv[1]", repr("theirs"))}
if os.fork():
    os._exit(0)  # the leader
print(subprocess.run([sys.executable, "-c", sys.argv[1]], capture_output=True, text=True).stdout.strip(), flush=True)
sys.stdin.read()
print(session.model(), session.is_this_process(), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, USED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "theirs\n"
        other.wait()  # the leader is no zombie any more, which could be seen
        session.use("mine")
        assert len(os.listdir(session.folder().parent)) == 2
        other.stdin.close()
        assert other.stdout.readline() == "theirs False\n"


@pytest.mark.skipif(os.getsid(0) == 0, reason="the session began outside of this namespace of processes")
def test_a_number_that_is_used_again_is_another_session() -> None:
    """The leader's start is another: nothing else would be."""
    name = session.folder().name
    first = session.folder().with_name(f"{name}1")
    first.mkdir(parents=True)
    (first / "model").write_bytes(b"of another")
    assert session.model() is None
    assert not first.exists()


def test_those_of_another_boot_or_container_are_kept_for_a_month() -> None:
    user, _, number, start = session.folder().name.split("-")
    sessions = session.folder().parent
    recent, old = (sessions / f"{user}-{boot}.4026531836-{number}-{start}" for boot in ("a" * 32, "b" * 32))
    foreign = sessions / "notes"
    for place in (recent, old, foreign):
        place.mkdir(parents=True)
        (place / "model").write_bytes(b"m")
    for place in (old, foreign):
        os.utime(place, (0, time.time() - 31 * 86_400))
    session.use("mine")
    assert {one.name for one in sessions.iterdir()} == {recent.name, foreign.name, session.folder().name}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    link = session.folder().with_name(f"{session.folder().name}1")
    link.parent.mkdir(parents=True)
    link.symlink_to(kept)
    session.use("mine")
    assert (kept / "file").exists()


def test_a_leader_outside_the_namespace_is_told_by_the_container() -> None:
    unshare = shutil.which("unshare")
    enter = (unshare or "", "--pid", "--fork", "--mount-proc")
    if unshare is None or subprocess.run([*enter, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespace of processes can be made here")
    number = "import os; print(os.getsid(0))"
    assert python(number, before=enter) == "0"
    twice = f"{sys.executable} -c '{FOLDER}'; {sys.executable} -c '{FOLDER}'"
    inside = python("import subprocess, sys; subprocess.run(['sh', '-c', sys.argv[1]])", twice, before=enter).split()
    assert inside[0] == inside[1]
    assert inside[0] != str(session.folder())
    assert inside[0] != python(FOLDER, before=enter)


@pytest.mark.skipif(os.getsid(0) == 0, reason="the session began outside of this namespace of processes")
def test_where_there_is_no_proc_psutil_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: there the leader's start is a time."""
    monkeypatch.setattr(session, "_PROC", "/nowhere")
    name = session.folder().name
    assert name.startswith(f"{os.geteuid()}-here-{os.getsid(0)}-1")
    session.use("mine")
    other = session.folder().with_name(f"{name}1")
    other.mkdir()
    shutil.rmtree(session.folder())
    assert session.folder().name == name
    assert not other.exists()


def test_a_command_that_is_the_whole_session_says_so() -> None:
    program = "from kandil.registry import session; print(session.is_this_process())"
    assert (python(program, new=True), python(program)) == ("True", "False")
