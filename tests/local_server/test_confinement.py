# ruff: noqa: ASYNC240
"""What holds a server, tried in a process that has put the same on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kandil import local_server
from kandil.local_server import child

ATTACKS = {
    "read another file": "open('/etc/passwd')",
    "read the model's folder": "os.listdir(os.path.dirname(model))",
    "write a file": "open('/tmp/kandil-was-here', 'w')",
    "write the model": "open(model, 'r+b')",
    "change the model's mode": "os.chmod(model, 0o777)",
    "connect": "socket.create_connection(('127.0.0.1', port))",
    "connect by sending": "socket.socket().sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', port))",
    "send datagrams": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "use sockets of this machine's": "socket.socket(socket.AF_UNIX)",
    "bind a port of its choice": "socket.socket().bind(('127.0.0.1', 45671))",
    "start a process": "os.fork()",
    "run a program": "os.execv('/bin/true', ['true'])",
    "signal its parent": "os.kill(os.getppid(), 0)",
    "read the kernel's keyring": "called(keyctl, 0, -4, 0)",
    "look into its parent": "called(ptrace, 16, os.getppid(), 0, 0)",
    "be dumped": "called(prctl, 4, 1, 0, 0, 0)",
}
PROGRAM = """
import ctypes, json, os, platform, socket, sys, threading
from kandil.local_server import child

model, port = sys.argv[1], int(sys.argv[2])
keyctl, ptrace, prctl = (250, 101, 157) if platform.machine() == "x86_64" else (219, 117, 167)
libc = ctypes.CDLL(None, use_errno=True)
opened = {model: os.open(model, os.O_RDONLY)}


def called(*numbers):
    if libc.syscall(*numbers) == -1:
        raise OSError(ctypes.get_errno(), "refused")


layers = child._confined({"gpu_layers": 0, "memory_bytes": None}, opened, os.path.dirname(model) + "/library")
held = {}
for name, attack in json.loads(sys.argv[3]).items():
    try:
        eval(attack)
        held[name] = "it could"
    except OSError as error:
        held[name] = type(error).__name__
with open(model, "rb") as again:
    mine = again.read(4)
threading.Thread(target=lambda: None).start()
door = socket.socket()
door.bind(("127.0.0.1", 0))
door.listen()
print(json.dumps([layers, held, mine.decode()]))
"""


@pytest.fixture(autouse=True)
def _linux(model: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("Linux alone has Landlock and seccomp")


def confined(model: Path, port: int) -> tuple[dict[str, str], dict[str, str], str]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, model, str(port), json.dumps(ATTACKS)], capture_output=True, check=True
    )
    layers, held, mine = json.loads(run.stdout)
    return layers, held, mine


def test_every_layer_is_on_and_every_attack_fails(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        layers, held, mine = confined(model, other.getsockname()[1])
    assert set(layers) == {"no_new_privs", "capabilities", "landlock", "rlimits", "seccomp"}
    if absent := {name: state for name, state in layers.items() if state != "active"}:
        pytest.skip(f"this system does not have all layers: {absent}")
    assert set(held.values()) <= {"PermissionError"}, held
    assert mine == "GGUF"
    assert not os.path.exists("/tmp/kandil-was-here")


async def test_the_kernel_says_so_of_the_server(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256, gpu_layers=0) as served:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{served.pid}/status").read_text().splitlines())
        limits = Path(f"/proc/{served.pid}/limits").read_text().splitlines()
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
    assert [line.split()[-3:-1] for line in limits if line.startswith(("Max file size", "Max core"))] == [
        ["0", "0"]
    ] * 2
    assert set(served.layers.values()) == {"active"}


SWAPPED = """
import os, sys
from kandil.local_server import child

model = sys.argv[1]
opened = {model: os.open(model, os.O_RDONLY)}
child._confined({"gpu_layers": 0, "memory_bytes": None}, opened, "/nonexistent")
print("confined", flush=True)
sys.stdin.readline()
open(model).close()
"""


def test_a_file_that_takes_the_models_name_cannot_be_opened(model: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SWAPPED, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"confined\n"
        other = model.with_name("other")
        other.write_bytes(model.read_bytes())
        os.replace(other, model)
        _, errors = process.communicate(b"\n")
    assert b"PermissionError" in errors


def test_where_there_is_no_confinement_it_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kandil._core", None)
    assert child._confined({}, {}, "") == {"landlock": "absent: Linux alone has it"}
