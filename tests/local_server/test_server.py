# ruff: noqa: ASYNC240
"""A server for one command: it answers, it is confined, and it ends with whoever started it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import trio
import trio.testing

from kandil import local_server
from kandil.errors import ExtraMissing, FileReplaced, LoadOutOfMemory, LocalModelBroken, LocalServerFailed
from kandil.local_server import process as starting
from tests.local_server.conftest import answer, asked, ending
from tests.support import answering
from tests.support.gguf_files import Entry, Kind, build
from tests.support.runtimes import xllamacpp

PARENT = """
import sys, trio
from pathlib import Path
from kandil import local_server

async def main():
    async with local_server.serve([Path(sys.argv[1])], context_tokens=256) as served:
        print(served.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def test_answers_with_the_models_own_template(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256) as served:
        assert await answer(served) == answering.ANSWER
        assert (served.context_tokens, served.reused) == (256, False)


async def test_streams(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256) as served:
        body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
        status, said = await asked(served, "/v1/chat/completions", body)
    events = [line.removeprefix("data: ") for line in said.decode().splitlines() if line]
    assert (status, events.pop()) == (200, "[DONE]")
    parts = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events]
    assert "".join(parts) == answering.ANSWER
    assert len([part for part in parts if part]) > 1


async def test_only_its_key_is_taken(model: Path) -> None:
    async with (
        local_server.serve([model], context_tokens=256) as one,
        local_server.serve([model], context_tokens=256) as other,
    ):
        assert (await asked(one, "/v1/models"))[0] == 200
        assert (await asked(one, "/v1/models", key="wrong"))[0] == 401
        assert (await asked(one, "/v1/models", key=other.secret.reveal()))[0] == 401


async def test_the_context_is_what_the_model_was_made_for_at_most(model: Path) -> None:
    async with local_server.serve([model], context_tokens=8192) as served:
        assert served.context_tokens == answering.CONTEXT


async def test_ends_with_its_context(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256) as served:
        os.kill(served.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(served.pid, 0)


async def test_ends_when_it_is_cancelled(model: Path) -> None:
    with trio.CancelScope() as scope:
        async with local_server.serve([model], context_tokens=256) as served:
            scope.cancel()
            await trio.sleep_forever()
    with pytest.raises(ProcessLookupError):
        os.kill(served.pid, 0)


def test_ends_when_kandil_is_killed(model: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, model], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        trio.run(_killed, parent, child)


def test_ends_when_kandil_is_killed_while_it_loads(model: Path) -> None:
    endless = model.with_name("endless.gguf")
    os.mkfifo(endless)  # nobody writes, so that to open it does not end
    with subprocess.Popen([sys.executable, "-c", PARENT, endless]) as parent:
        child = _opening(parent.pid)
        trio.run(_killed, parent, child)


async def _killed(parent: subprocess.Popen[bytes], child: int) -> None:
    async with ending(child):
        parent.kill()


def _opening(parent: int) -> int:
    """The child, as soon as it waits for the pipe's writer."""
    while True:
        for process in psutil.Process(parent).children():
            with suppress(OSError, psutil.NoSuchProcess):  # another, that has ended
                waits = Path(f"/proc/{process.pid}/syscall").read_text().split()[0]
                if waits in OPENAT and any("child.py" in argument for argument in process.cmdline()):
                    return int(process.pid)


OPENAT = ("257", "56")
"""Its number on x86-64 and on aarch64."""


async def test_ctrl_c_is_for_who_started_it(model: Path) -> None:
    async with local_server.serve([model], context_tokens=256) as served:
        assert os.getsid(served.pid) != os.getsid(0)
        os.kill(served.pid, signal.SIGINT)
        assert await answer(served) == answering.ANSWER


async def test_neither_arguments_nor_environment_have_keys(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-canary")
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "128")
    monkeypatch.setenv("LLAMA_ARG_API_KEY", "a-canary")
    async with local_server.serve([model], context_tokens=256) as served:
        assert served.context_tokens == 256
        arguments = Path(f"/proc/{served.pid}/cmdline").read_bytes()
        assert served.secret.reveal().encode() not in arguments
        if os.geteuid() != 0:  # nobody else may look into it
            with pytest.raises(PermissionError):
                Path(f"/proc/{served.pid}/environ").read_bytes()
            return
        environment = Path(f"/proc/{served.pid}/environ").read_bytes()
        assert not [bad for bad in (b"canary", b"LLAMA_ARG", b"API_KEY", served.secret.reveal().encode())
                    if bad in environment]  # fmt: skip


async def test_cut_weights_are_the_files_fault(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-4096])
    with pytest.raises(LocalModelBroken) as caught:
        async with local_server.serve([model], context_tokens=256):
            pass
    assert caught.value.exit_code == 8
    assert caught.value.log


async def test_what_is_no_gguf_fails(model: Path) -> None:
    model.write_bytes(b"nothing like it" * 100)
    with pytest.raises(LocalModelBroken):
        async with local_server.serve([model], context_tokens=256):
            pass


async def test_an_unknown_architecture_is_told(model: Path) -> None:
    model.write_bytes(build([Entry("general.architecture", Kind.STRING, "of-tomorrow")]))
    with pytest.raises(LocalServerFailed, match="does not know its architecture") as caught:
        async with local_server.serve([model], context_tokens=256):
            pass
    assert caught.value.exit_code == 1


async def test_more_memory_than_was_thought_is_refused(model: Path) -> None:
    large = 1 << 25  # tokens: 8 GiB
    model.write_bytes(answering.model(context=large))
    with pytest.raises(LoadOutOfMemory) as caught:
        async with local_server.serve([model], context_tokens=large, memory_bytes=1 << 20, gpu_layers=0):
            pass
    assert caught.value.exit_code == 4


async def test_a_file_that_took_the_place_of_the_verified_one_is_not_loaded(model: Path) -> None:
    verified = {model: os.stat(model)}
    copy = model.with_name("copy")
    shutil.copy2(model, copy)
    os.replace(copy, model)
    with pytest.raises(FileReplaced):
        async with local_server.serve([model], context_tokens=256, verified=verified):
            pass


async def test_a_file_that_was_changed_since_it_was_verified_is_not_loaded(model: Path) -> None:
    verified = {model: os.stat(model)}
    os.utime(model, ns=(0, 0))
    with pytest.raises(FileReplaced):
        async with local_server.serve([model], context_tokens=256, verified=verified):
            pass


async def test_what_does_not_get_ready_is_given_up(model: Path, autojump_clock: trio.testing.MockClock) -> None:
    endless = model.with_name("endless.gguf")
    os.mkfifo(endless)
    with pytest.raises(LocalServerFailed, match="not ready after 60 s"):
        async with local_server.serve([endless], context_tokens=256):
            pass


async def test_without_llama_cpp_the_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "find_spec", lambda _name: None)
    with pytest.raises(ExtraMissing) as caught:
        async with local_server.serve([model], context_tokens=256):
            pass
    assert "kandil[local]" in str(caught.value.hint)


async def test_a_model_in_parts_is_loaded(tmp_path: Path) -> None:
    xllamacpp()
    parts = [tmp_path / f"tiny-0000{number}-of-00002.gguf" for number in (1, 2)]
    for path, content in zip(parts, answering.parts(), strict=True):
        path.write_bytes(content)
    async with local_server.serve(parts, context_tokens=256) as served:
        assert await answer(served) == answering.ANSWER
