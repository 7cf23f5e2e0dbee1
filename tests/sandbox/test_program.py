"""Programs of somebody's: what is left to them, what is not, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from kandil.errors import SandboxUnavailable
from kandil.sandbox import program, program_child, supervisor
from kandil.sandbox.program import Access, Bounds, run_program

_PYTHON = os.path.realpath(sys.executable)
_BOUNDS = Bounds(memory_bytes=1 << 30, cpu_seconds=20, seconds=60.0)
_READABLE = tuple(os.path.join(sys.base_prefix, name) for name in ("bin", "lib", "lib64"))
_ATTACKS = """
import ctypes, errno, json, os, signal, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)
secret, beside, unix, other = sys.argv[1:]


def call(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "")


def connect(family, kind, address):
    with socket.socket(family, kind) as one:
        one.connect(address)


attacks = {
    "read": lambda: open(secret).read(),
    "list": lambda: os.listdir(os.path.dirname(secret)),
    "environ": lambda: open("/proc/1/environ", "rb").read(),
    "environ of another": lambda: open(f"/proc/{other}/environ", "rb").read(),
    "shadow": lambda: open("/etc/shadow").read(),
    "write": lambda: open(beside, "w"),
    "append": lambda: open(secret, "a"),
    "truncate": lambda: os.truncate(secret, 0),
    "remove": lambda: os.remove(secret),
    "link": lambda: os.link(secret, "here"),
    "by link": lambda: (os.symlink(secret, "link"), open("link").read()),
    "tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(unix.split(":")[0]))),
    "udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 53)),
    "tcp6": lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 80)),
    "unix": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, unix.split(":")[1]),
    "abstract": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\\0kandil-test-" + unix.split(":")[0]),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "pair of datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "signal": lambda: os.kill(int(other), 0),
    "signal to the monitor": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "session": os.setsid,
    "group": lambda: os.setpgid(0, 0),
}
if os.uname().machine == "x86_64":
    attacks |= {
        "keyctl": lambda: call(250, 0, -3, 0),
        "add_key": lambda: call(248, b"user", b"k", b"v", 1, -3),
        "ptrace": lambda: call(101, 16, int(other), 0, 0),
        "process_vm_readv": lambda: call(310, int(other), 0, 0, 0, 0, 0),
        "io_uring": lambda: call(425, 1, 0),
        "bpf": lambda: call(321, 0, 0, 0),
        "unshare": lambda: call(272, 0x10000000),
        "mount": lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0),
        "x32": lambda: call(0x40000000 + 39),
    }


def outcome(attack):
    try:
        attack()
    except OSError as error:
        return errno.errorcode[error.errno]
    except ValueError as error:
        return str(error)
    return "done"


print(json.dumps({name: outcome(attack) for name, attack in attacks.items()}))
"""
_LEFT = """
import multiprocessing, os, pathlib, shutil, socket, ssl, subprocess, sys, threading
pathlib.Path("a").write_text("1")
shutil.copy2("a", "b")
os.chmod("a", 0o600)
os.rename("a", "c")
subprocess.run(["/bin/sh", "-c", "echo $0 > d", "hi"], check=True)
thread = threading.Thread(target=socket.socketpair)
thread.start()
thread.join()
reader, writer = multiprocessing.Pipe()
child = multiprocessing.get_context("fork").Process(target=writer.send, args=("sent",))
child.start()
assert reader.recv() == "sent"
child.join()
ssl.create_default_context()
print(sorted(os.listdir()), open("/proc/self/comm").read().strip() != "", os.environ.keys() <= {"A", "LC_CTYPE"})
"""


@pytest.fixture(params=["usual", "without namespaces"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that the child gets; once as on systems that grant no namespaces."""
    if request.param == "usual":
        return
    made = json.dumps

    def dumps(order: Any, **how: Any) -> str:
        if "confinement" in order:
            order["confinement"]["without"] = ["namespaces"]
        return made(order, **how)

    monkeypatch.setattr(program, "json", type("json", (), {"dumps": staticmethod(dumps), "loads": json.loads}))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


async def run(own: Path, code: str, *args: str, bounds: Bounds = _BOUNDS) -> program.ProgramEnd:
    access = Access(readable=_READABLE, writable=(str(own),))
    return await run_program([_PYTHON, "-I", "-c", code, *args], {"A": "b"}, own, access, bounds)


@pytest.mark.usefixtures("told")
async def test_nothing_leads_out(own: Path, tmp_path: Path) -> None:
    secret, beside, path = tmp_path / "id_ed25519", tmp_path / "beside", tmp_path / "socket"
    secret.write_text("PRIVATE")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        with socket.socket(socket.AF_UNIX) as abstract:
            port = tcp.getsockname()[1]
            abstract.bind(f"\0kandil-test-{port}")
            abstract.listen()
            end = await run(own, _ATTACKS, str(secret), str(beside), f"{port}:{path}", str(os.getpid()))
    outcomes, refused = json.loads(end.output), ("EPERM", "EACCES", "ENOSYS", "ESRCH", "EXDEV")
    done = {name for name, outcome in outcomes.items() if outcome not in refused}
    assert outcomes, end.errors
    assert not done, outcomes
    assert secret.read_text() == "PRIVATE"
    assert not beside.exists()


@pytest.mark.usefixtures("told")
async def test_what_is_left_is_enough_to_work_with(own: Path) -> None:
    end = await run(own, _LEFT)
    assert (end.how, end.exit_code, end.errors) == ("ended", 0, b"")
    assert end.output.decode().split("\n")[0] == "['b', 'c', 'd'] True True"


@pytest.mark.usefixtures("told")
async def test_modes_and_times_of_files_are_not_its_to_change(own: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("")
    theirs.chmod(0o640)
    before = theirs.stat()
    code = "import os, sys; os.chmod(sys.argv[1], 0o777); os.utime(sys.argv[1], (1, 1)); os.chown(sys.argv[1], 0, 7)"
    assert (await run(own, code, str(theirs))).exit_code == 0
    after = theirs.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_gid) == (before.st_mode, before.st_mtime_ns, before.st_gid)


async def test_it_has_no_capability(own: Path) -> None:
    end = await run(own, "print(open('/proc/self/status').read())")
    words = dict(line.split(":\t", 1) for line in end.output.decode().split("\n") if ":\t" in line)
    assert {words[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert words["NoNewPrivs"] == "1"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("while True: pass", "timed-out"),
        ("import time; time.sleep(1000)", "timed-out"),
        ("print('a' * (5 << 20))", "over-long"),
    ],
)
async def test_it_is_ended(own: Path, code: str, how: str) -> None:
    bounds = Bounds(memory_bytes=1 << 30, cpu_seconds=20, seconds=2.0)
    assert (await run(own, code, bounds=bounds)).how == how


async def test_its_memory_its_files_and_its_time_are_bounded(own: Path) -> None:
    small = Bounds(memory_bytes=1 << 28, cpu_seconds=1, seconds=60.0, file_bytes=1 << 20)
    assert b"MemoryError" in (await run(own, "b'a' * (1 << 29)", bounds=small)).errors
    assert b"File too large" in (await run(own, "open('a', 'wb').write(b'a' * (1 << 21))", bounds=small)).errors
    assert (await run(own, "while True: pass", bounds=small)).signal == "SIGXCPU"


_FORKS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork() == 0:
    if os.fork() == 0:
        os.close(1), os.close(2)
        pipe = os.open("pipe", os.O_WRONLY)
        time.sleep(1000)
    os._exit(0)
os.wait()
print("begun", flush=True)
"""


@pytest.mark.usefixtures("told")
async def test_nothing_that_it_has_started_outlives_it(own: Path) -> None:
    os.mkfifo(own / "pipe")
    reader = os.open(own / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        end = await run(own, _FORKS)
        assert end.output == b"begun\n"
        os.set_blocking(reader, True)
        assert await _at_end(reader), "the pipe's last writer is gone"
    finally:
        os.close(reader)


async def _at_end(reader: int) -> bool:
    with trio.move_on_after(30):
        return await trio.to_thread.run_sync(os.read, reader, 1, abandon_on_cancel=True) == b""
    return False


_SUPERVISE = """
import sys, trio
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.sandbox.test_program import _BOUNDS, run
trio.run(run, Path(sys.argv[2]), sys.argv[3])
"""


async def test_it_does_not_outlive_who_started_it(own: Path) -> None:
    os.mkfifo(own / "pipe")
    code = _FORKS + "pipe = os.open('pipe', os.O_WRONLY); os.write(pipe, b'a'); time.sleep(1000)"
    top = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _SUPERVISE, top, str(own), code]
    with subprocess.Popen(command) as process:  # noqa: ASYNC220 - it is killed
        reader = os.open(own / "pipe", os.O_RDONLY)
        try:
            assert await trio.to_thread.run_sync(os.read, reader, 1) == b"a"
            process.kill()
            assert await _at_end(reader)
        finally:
            os.close(reader)


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not give what is needed."""
    child = Path(program_child.__file__).read_text()
    (tmp_path / "child.py").write_text(
        child.replace("layers = confine_program(", "raise OSError('no'); confine_program(")
    )
    monkeypatch.setattr(program, "_CHILD", tmp_path / "child.py")


@pytest.mark.usefixtures("refusing")
async def test_where_a_layer_is_missing_it_does_not_start(own: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="there is no sandbox here: no"):
        await run(own, "open('ran', 'w')")
    assert not os.listdir(own)


def test_who_leads_no_group_is_refused(own: Path) -> None:
    order = {"command": [_PYTHON], "environment": {}, "folder": str(own), "confinement": _confinement()}
    child = [sys.executable, "-I", "-S", "-B", program_child.__file__, *supervisor.folders()]
    done = subprocess.run(child, input=json.dumps(order).encode() + b"\n", capture_output=True, check=False)
    assert done.returncode == program_child.REFUSED_EXIT
    assert b"leads no group" in done.stdout


def _confinement() -> dict[str, object]:
    bounds = {"memory_bytes": 1 << 30, "cpu_seconds": 20, "file_bytes": 0, "processes": 1}
    return {"readable": [], "writable": [], "allow_weaker": False, **bounds}


async def test_a_program_that_is_not_there(own: Path) -> None:
    end = await run_program([str(own / "none")], {}, own, Access(readable=(), writable=()), _BOUNDS)
    assert (end.exit_code, end.errors) == (127, f"{own}/none: No such file or directory\n".encode())


@pytest.mark.parametrize("system", ["darwin", "win32"])
async def test_another_system_has_none(own: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kandil.sandbox.program.sys.platform", system)
    with pytest.raises(SandboxUnavailable, match=system):
        await run(own, "")
