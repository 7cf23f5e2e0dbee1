"""A planted key is nowhere but in the keyring and in the header of requests to its own server.

Every command runs with it, and fails with it: its arguments and environment and those of its children are watched, and
what it printed and every file that it left is searched, for the key as it is and as it may be encoded.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil
import pytest
import trio

from kandil.cli.group import kandil
from tests.support import answering, secret_service
from tests.support.servers import raw

SECONDS = 120
KEY = "sk-canary-" + secrets.token_urlsafe(30) + "/+=%~"
"""As keys look, with what encodings change."""
WORDS = "as/servers+at=home%take~it"
"""A key that nothing but being the key tells."""


def encoded(key: str) -> Iterator[bytes]:
    """The key as it is, in base64 wherever it begins in a triple of bytes, in URLs, in JSON; parts of it."""
    plain = key.encode()
    yield plain
    for pad in range(3):  # the middle of it, which its neighbours do not change
        inside = base64.b64encode(b"\0" * pad + plain)[4:-4]
        yield from (inside, inside.replace(b"+", b"-").replace(b"/", b"_"))
    yield from (urllib.parse.quote(key, safe="").encode(), urllib.parse.quote_plus(key).encode())
    yield from (plain.hex().encode(), plain[::-1], json.dumps(key)[1:-1].encode())
    yield from (plain[:24], plain[-24:])  # a part is a key to those who guess


TRACES = (*encoded(KEY), *encoded(WORDS))


def holds(content: bytes) -> bool:
    return any(trace in content for trace in TRACES)


@dataclass
class Watch:
    """All arguments and environments of a process and of those that it starts."""

    pid: int
    seen: set[bytes] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._over.wait(0.002):
            for one in self._family():
                for name in ("cmdline", "environ"):
                    try:
                        self.seen.add(Path(f"/proc/{one}/{name}").read_bytes())
                    except OSError:
                        continue

    def _family(self) -> list[int]:
        try:
            own = psutil.Process(self.pid)
            return [own.pid, *(child.pid for child in own.children(recursive=True))]
        except psutil.Error:
            return []

    def end(self) -> None:
        self._over.set()


@dataclass
class World:
    """A home, a working directory, a keyring with the key in it, and a server that it is for."""

    home: Path
    folder: Path
    bus: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "DBUS_SESSION_BUS_ADDRESS": self.bus,
            "PYTHONFAULTHANDLER": "1",
            "HTTPX_LOG_LEVEL": "trace",
            "PYTHONUNBUFFERED": "1",
        }

    async def run(
        self, *args: str, stdin: bytes = b"", stop: trio.Event | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """`kandil ARGS`, searched; it gets Ctrl-C on `stop`."""
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [sys.executable, "-X", "dev", "-W", "ignore", "-m", "kandil", *args],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        watch = Watch(process.pid)
        watcher = threading.Thread(target=watch.run)
        watcher.start()
        if stop is not None:
            await stop.wait()
            process.send_signal(signal.SIGINT)
        try:
            told = await trio.to_thread.run_sync(lambda: process.communicate(stdin or None, timeout=SECONDS))
        finally:
            process.kill()
            watch.end()
            watcher.join()
        for content in (*told, *watch.seen):
            assert not holds(content), f"kandil {' '.join(args)}: {content!r}"
        return subprocess.CompletedProcess(args, process.returncode, *told)

    def search(self) -> None:
        """No file below the home or the working directory has the key, in its content or in its name."""
        for top in (self.home, self.folder):
            for path in top.rglob("*"):
                assert not holds(os.fsencode(path))
                if path.is_file() and not path.is_symlink():
                    assert not holds(path.read_bytes()), path


@pytest.fixture
def world(home: Path, tmp_path: Path) -> Iterator[World]:
    (home / "tmp").mkdir()
    (tmp_path / "tiny.gguf").write_bytes(answering.model())
    (tmp_path / "answers.toml").write_text('providers = ["local", "canary"]\n')
    (tmp_path / "rows.jsonl").write_text('{"prompt": "hi"}\n{"prompt": "ho"}\n')
    (tmp_path / "halves.py").write_text("def half(number):\n    return number / 2\n")
    with secret_service.secret_service() as bus:
        yield World(home, tmp_path, bus)


def every_command(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*before, name))
        else:
            yield " ".join((*before, name))


DESCRIBED = "--provider canary --protocol openai --api-model m"
COMMANDS = {
    "ask": ["ask -m canary hello", "ask -m canary hello --json --no-stream", "--debug ask -m canary hello --debug"],
    "auth list": ["auth list", "auth list --json"],
    "auth rm": [],  # at the end
    "auth set": [],  # at the beginning
    "auth test": ["auth test canary", "auth test canary --json"],
    "batch run": [
        "batch run rows.jsonl -o results.jsonl -m canary",
        "--debug batch run rows.jsonl -o others.jsonl -m canary --progress json --json",
    ],
    "batch cancel": ["batch cancel results.jsonl", "batch cancel results.jsonl --json"],
    "batch fetch": ["batch fetch submitted.jsonl"],
    "batch merge": ["batch merge results.jsonl others.jsonl -o merged.jsonl"],
    "batch split": ["batch split rows.jsonl --shards 2"],
    "batch status": ["batch status results.jsonl", "batch status results.jsonl --json"],
    "batch submit": ["batch submit rows.jsonl -o submitted.jsonl -m canary --yes"],
    "config edit": [],  # starts an editor; it reads and writes as `set` does
    "config get": ["config get defaults.model"],
    "config keys": ["config keys"],
    "config path": ["config path"],
    "config reload": ["config reload"],
    "config set": ["config set defaults.model canary"],
    "config show": ["config show --origin", "config show --json"],
    "config unset": ["config unset defaults.model"],
    "doctor": ["doctor", "doctor --check --json"],
    "inspect": ["inspect tiny.gguf --metadata"],
    "model add": [
        f"model add other --manual {DESCRIBED} --base-url http://localhost:1/v1 --yes",
        "model add ./tiny.gguf --copy --yes --json",
        "--debug model add hf:acme/none --yes",
    ],
    "model alias": ["model alias bird canary"],
    "model aliases": ["model aliases canary"],
    "model benchmark": [
        "model benchmark canary --requests 2 --concurrency 1 --json",
        "--debug model benchmark canary --requests 2 --rate 50 --plot speed.svg",
    ],
    "model default": ["model default canary"],
    "model discover": ["model discover tiny --offline --json", "model discover hf:acme/none"],
    "model fit": ["model fit tiny.gguf"],
    "model list": ["model list", "model list --json"],
    "model ps": ["model ps"],
    "model rm": ["model rm other --yes"],
    "model show": ["model show canary", "model show canary --json", "model show tiny --provenance --check"],
    "model stop": ["model stop --all"],
    "model test": ["model test canary", "--debug model test canary --json"],
    "model update": ["model update --all --json"],
    "model use": ["model use canary"],
    "refactor": [
        "refactor rows.jsonl -m canary --goal shorter --yes",
        "--debug refactor rows.jsonl -m canary --goal shorter --patch --json",
    ],
    "review": ["review rows.jsonl -m canary", "--debug review rows.jsonl -m canary --json --dry-run"],
    "rules": ["rules KG-TPL-TRIGGER"],
    "setup": ["setup --answers answers.toml"],
    "sign": ["sign tiny.gguf --key none.pem"],
    "test": [
        f"test halves.py -m canary --yes --python {sys.executable}",
        "--debug test halves.py -m canary --json --dry-run",
    ],
    "undo": ["undo --list --json"],
    "verify": ["verify tiny.gguf --load"],
}  # fmt: skip
OK = raw.reply(
    b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"data":[{"id":"m"}]}',
    b"content-type: application/json\r\nx-ratelimit-limit-requests: 50\r\n",
)


def test_every_command_is_here() -> None:
    assert set(every_command(kandil)) - set(COMMANDS) == set()


async def plant(world: World, url: str, key: str = KEY) -> None:
    """The key is in the keyring, and the model that it is for is known."""
    await world.run("model", "add", "canary", "--manual", *DESCRIBED.split(), "--base-url", url, "--yes")
    kept = await world.run("auth", "set", "canary", "--key-stdin", stdin=key.encode() + b"\n")
    assert kept.returncode == 0, kept.stderr


async def test_no_command_tells_the_key(world: World) -> None:
    async with raw.serving(OK) as server:
        await plant(world, f"{server.url}v1")
        for lines in COMMANDS.values():
            for line in lines:
                done = await world.run(*line.split())
                assert done.returncode != 70, done.stderr
        assert sum(KEY.encode() in request for request in server.requests) >= 6, "and it was used"
        removed = await world.run("auth", "rm", "canary", "--yes")
        assert removed.returncode == 0
    world.search()


def echoing(status: int, key: str) -> bytes:
    """A server that says the key again, wherever it can."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}.", "type": key, "code": key}}).encode()
    head = b"x-request-id: %s\r\nretry-after: %s\r\n" % (key.encode(), key.encode())
    return b"HTTP/1.1 %d %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, key.encode(), head, len(body), body)


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def failures(key: str) -> dict[str, bytes]:
    said = key.encode()
    return {
        "rejected": echoing(401, key),
        "forbidden": echoing(403, key),
        "not found": echoing(404, key),
        "bad request": echoing(400, key),
        "limited": echoing(429, key),
        "failed": echoing(500, key),
        "redirected": b"HTTP/1.1 307 %b\r\nlocation: https://%b.example/%b\r\ncontent-length: 0\r\n\r\n"
        % ((said,) * 3),
        "malformed": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % said,
        "no http": said + b"\r\n\r\n",
        "a web page": raw.reply(b"<html>" + said),
        "no json": raw.reply(b'{"choices": ' + said),
        "broken off": STREAM + b"data: {" + said,
        "failed inside": STREAM + b'data: {"error":{"message":"' + said + b'"}}\n\n',
    }


@pytest.mark.parametrize(
    ("kind", "key"),
    [*((kind, KEY) for kind in failures(KEY)), *((kind, WORDS) for kind in ("bad request", "failed", "failed inside"))],
    ids=lambda one: {KEY: "key", WORDS: "words"}.get(one, one),
)
async def test_no_failure_tells_the_key(kind: str, key: str, world: World) -> None:
    async with raw.serving(failures(key)[kind], close=True) as server:
        await plant(world, f"{server.url}v1", key)
        for line in ("--debug ask -m canary hi --timeout 2s", "ask -m canary hi --json --debug --timeout 2s",
                     "--debug model test canary --json", "model test canary", "--debug auth test canary",
                     "--debug model benchmark canary --requests 1 --concurrency 1"):  # fmt: skip
            done = await world.run(*line.split())
            accepted = kind == "limited" and "auth test" in line  # who is limited has a good key
            assert done.returncode not in ((70,) if accepted else (0, 70)), (line, done)
        await world.run("config", "set", "limits.rate_limit_retry", "false")  # else a batch waits until it may go
        batch = "batch run rows.jsonl -o results.jsonl -m canary --max-retries 1 --give-up-after 1s --timeout 2s"
        for line in (f"--debug {batch} --json", batch, "batch status results.jsonl"):
            done = await world.run(*line.split())
            assert done.returncode not in ((70,) if "status" in line else (0, 70)), (line, done)
    world.search()


@pytest.mark.parametrize("key", [KEY, WORDS], ids=["key", "words"])
async def test_no_answer_of_a_batch_tells_the_key(key: str, world: World) -> None:
    """A server says it in its answers, as JSON may write it."""
    said = [key, json.dumps(key)[1:-1].replace("/", "\\/"), urllib.parse.quote(key, safe="")]
    answers = [b'{"id":"x","choices":[{"message":{"content":"your key: %b"}}]}' % one.encode() for one in said]

    async def answer(stream: trio.abc.Stream, _asked: bytes) -> None:
        head = b"content-type: application/json\r\nx-request-id: %b\r\n" % key.encode()
        await stream.send_all(raw.reply(answers[0], head))
        answers.append(answers.pop(0))

    async with raw.serving(answer) as server:
        await plant(world, f"{server.url}v1", key)
        (world.folder / "rows.jsonl").write_text('{"prompt": "hi"}\n' * 6)
        line = "--debug batch run rows.jsonl -o results.jsonl -m canary --json"
        done = await world.run(*line.split())
        assert done.returncode == 0, done.stderr
    lines = (world.folder / "results.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert not holds("".join(str(json.loads(line)) for line in lines).encode())
    world.search()


async def test_neither_interruption_nor_a_closed_server_tells_the_key(world: World) -> None:
    asked = trio.Event()

    async def never(_stream: trio.abc.Stream, _asked: bytes) -> None:
        asked.set()
        await trio.sleep_forever()

    async with raw.serving(never) as server:
        await plant(world, f"{server.url}v1")
        done = await world.run("--debug", "ask", "-m", "canary", "hi", stop=asked)
        assert done.returncode == 130
    done = await world.run("--debug", "ask", "-m", "canary", "hi")
    assert done.returncode == 6
    world.search()


async def test_a_key_on_the_command_line_is_refused_and_not_repeated(world: World) -> None:
    """It is among the arguments, which is what is wrong with it; kandil itself says and keeps nothing of it."""
    for line in (f"auth set openai {KEY}", f"ask -m {KEY} hi", f"config set defaults.model {KEY}", f"model add {KEY}"):
        done = subprocess.run(  # noqa: ASYNC221 - nothing else runs
            [sys.executable, "-m", "kandil", *line.split()],
            cwd=world.folder, env=world.environment, capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode not in (0, 70)
        assert not holds(done.stdout + done.stderr), line
    world.search()
