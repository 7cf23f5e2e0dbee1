"""`kandil auth`, as a person at a terminal, a pipe and a script use it. Keys are kept in a real Secret Service."""

from __future__ import annotations

import base64
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import trio

from kandil import config, paths, profiles
from kandil.credentials import Keys, checked
from kandil.errors import KandilError, KeyRejected
from kandil.profiles import Profile
from kandil.registry.key_check import Checked, check
from tests.cli.conftest import type_of_run
from tests.support import namespaces, secret_service, stores
from tests.support.servers import raw

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 4 + "+/"
"""With signs that URLs and base64 write otherwise."""
HEX = "deadbeef" * 5
"""No shape tells it from a digest."""
_SECONDS = 30


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The only keyring that is used: that of whoever runs the tests is left alone, the kernel's too."""
    with secret_service.secret_service() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")
        yield address


def piped(text: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kandil", "auth", *args]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def typed(answers: list[tuple[str, str]], *args: str, group: str = "auth") -> tuple[int, str]:
    """Exit code, and all that a terminal showed, of `kandil auth ARGS`: each text is typed when its prompt is there."""
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "kandil", group, *args])
    shown, left, until = b"", list(answers), time.monotonic() + _SECONDS
    try:
        while select.select([terminal], [], [], max(until - time.monotonic(), 0))[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # EIO: it has ended
                break
            shown += part
            if left and left[0][0].encode() in shown.rpartition(b"\n")[2]:
                os.write(terminal, left.pop(0)[1].encode() + b"\n")
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def hidden(text: str) -> bool:
    """The key is in the text in no form."""
    encoded = base64.b64encode(KEY.encode()).decode().rstrip("=")
    return not any(form in text for form in (KEY, KEY[:20], KEY[-20:], quote(KEY, safe=""), encoded[:20], HEX))


async def kept(provider: str) -> str | None:
    key = await Keys().find(provider)
    return None if key is None else key.reveal()


async def test_a_key_is_typed_twice_and_never_shown(service: str) -> None:
    code, shown = typed([("Key for OpenAI", KEY), ("Once more", KEY)], "set", "openai")
    assert code == 0, shown
    assert hidden(shown)
    assert "https://platform.openai.com/api-keys" in shown
    assert shown.endswith("kept the key for openai in the Secret Service\n")
    assert await kept("openai") == KEY


async def test_what_was_mistyped_is_asked_for_again(service: str) -> None:
    answers = [("Key", KEY), ("Once more", KEY[:-1]), ("Key", KEY), ("Once more", KEY)]
    code, shown = typed(answers, "set", "openai")
    assert code == 0, shown
    assert "do not match" in shown
    assert hidden(shown)
    assert await kept("openai") == KEY


async def test_a_key_of_another_provider_is_asked_about(service: str) -> None:
    other = "sk-ant-api03-" + "a1B2c3D4e5F6g7H8i9J0" * 4
    code, shown = typed([("Key", other), ("Once more", other), ("Keep it", "n")], "set", "openai")
    assert code == 130, shown
    assert "looks like a key of Anthropic, not of OpenAI" in shown
    assert await kept("openai") is None


async def test_a_key_is_piped_listed_and_removed(service: str, run: type_of_run) -> None:
    done = piped(KEY + "\nanother line\n", "set", "openai", "--key-stdin", "--organisation", "org-7", "--json")
    assert (done.returncode, json.loads(done.stdout)["keyring"]) == (0, "the Secret Service")
    assert await kept("openai") == KEY
    lines = run("auth", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [["PROVIDER", "KEY", "ORGANISATION"], ["openai", "yes", "yes"]]
    [one] = json.loads(run("auth", "list", "--json").stdout)["keys"]
    assert (one["provider"], one["kind"], one["key"], one["organisation"]) == ("openai", "desktop", True, True)
    assert run("auth", "list", "-q").stdout == "openai\n"
    everyone = json.loads(run("auth", "list", "--all", "--json").stdout)["keys"]
    assert {one["provider"] for one in everyone} > {"openai", "anthropic", "groq"}
    for args in ([], ["--all"], ["--json"], ["-q"]):
        listed = run("auth", "list", *args)
        assert hidden(listed.stdout + listed.stderr)
    assert run("auth", "rm", "openai").returncode == 2
    assert run("auth", "rm", "openai", "--dry-run").stdout.startswith("would remove")
    assert await kept("openai") == KEY
    assert run("auth", "rm", "--all", "--yes").stdout == "removed the key for openai from the Secret Service\n"
    again = run("auth", "rm", "openai", "--yes")
    assert (again.returncode, again.stderr.splitlines()[0]) == (5, "error: there is no key for openai here")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["set", "openai", KEY], "key-in-arguments"),
        (["set", "openai", HEX], "key-in-arguments"),
        (["set", KEY], "key-given"),
        (["set", HEX], "provider-unknown"),
        (["set", "openai", "--organisation", KEY], "key-given"),
        (["set", f"openai={KEY}"], "key-given"),
        (["set", "openai", f"--key={KEY}"], "usage"),
        (["rm", KEY, "--yes"], "key-given"),
        (["test", KEY], "key-given"),
        ([KEY], "usage"),
    ],
)
def test_a_key_in_the_arguments_is_refused_and_not_repeated(run: type_of_run, args: list[str], code: str) -> None:
    for options in ([], ["--json"], ["--debug"]):
        done = run("auth", *args, *options)
        assert done.returncode in (2, 3)
        assert hidden(done.stdout + done.stderr)
    assert json.loads(run("auth", *args, "--json").stdout)["error"]["code"] == code


def test_the_right_command_is_named(run: type_of_run) -> None:
    done = run("auth", "set", "openai", KEY)
    assert "`kandil auth set openai`" in done.stderr
    assert "history" in done.stderr


@pytest.mark.parametrize(("name", "near"), [("opnai", "openai"), ("gemini", "google"), ("Anthropc", "anthropic")])
def test_an_unknown_provider_names_its_neighbours(run: type_of_run, name: str, near: str) -> None:
    error = json.loads(run("auth", "set", name, "--json").stdout)["error"]
    assert (error["code"], error["near"][0]) == ("provider-unknown", near)


async def test_a_provider_of_ones_own_can_have_a_key(service: str, run: type_of_run) -> None:
    assert run("auth", "set", "house").returncode == 3
    assert json.loads(run("auth", "set", "ollama", "--json").stdout)["error"]["code"] == "key-not-taken"
    settings = (
        b'version = 2\n[api.house]\nbase_url = "https://a.example"\n[api.ollama]\nbase_url = "https://b.example"\n'
    )
    stores.put(paths.config_file(), settings)
    for name in ("house", "ollama"):
        assert piped(KEY, "set", name, "--key-stdin").returncode == 0
        assert await kept(name) == KEY


def test_a_text_that_is_no_key_is_refused_and_not_repeated(service: str) -> None:
    for text in ("", "\n", f"OPENAI_API_KEY={KEY}\n", f"a {KEY}\n", KEY * 100, f"\x1b[2J{KEY}", f"{KEY}\u00e9"):
        done = piped(text, "set", "openai", "--key-stdin")
        assert done.returncode == 5, text
        assert done.stderr.startswith("error: that cannot be a key: ")
        assert hidden(done.stdout + done.stderr)


def test_where_nobody_is_there_the_flag_is_named(run: type_of_run) -> None:
    done = run("auth", "set", "openai")
    assert done.returncode == 2
    assert "--key-stdin" in done.stderr
    assert run("auth", "set", "openai", "--key-stdin", "--expires", "12h").returncode == 2


@pytest.mark.parametrize(
    ("environment", "machine", "hint"),
    [
        ({"CI": "true"}, "CI", "--key-stdin"),
        ({"CI": "", "container": "podman"}, "container", "--keyring kernel"),
    ],
)
def test_without_a_keyring_the_error_says_what_this_machine_needs(
    environment: dict[str, str], machine: str, hint: str, run: type_of_run
) -> None:
    error = json.loads(run("auth", "set", "openai", "--key-stdin", "--json", **environment).stdout)["error"]
    assert (error["code"], error["machine"]) == ("keyring-unavailable", machine)
    assert hint in error["hint"]


def test_the_kernel_keeps_a_key_until_it_expires() -> None:
    if not namespaces.are_granted():
        if os.environ.get("CI"):
            pytest.fail("CI needs user namespaces: the kernel's keyring of the tests' own")
        pytest.skip("no user namespaces: the kernel's keyring would be that of whoever runs the tests")
    kandil = f"{sys.executable} -m kandil auth"
    script = f"""
    printf %s '{KEY}' | {kandil} set openai --key-stdin --keyring kernel --expires 12h
    {kandil} list
    {kandil} rm openai --yes
    {kandil} list -q
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-current-user", "sh", "-euc", script], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "kept the key for openai in the Linux kernel keyring for 12 hours, at most until reboot", done
    assert lines[2].split()[:3] == ["openai", "yes", "no"]
    assert lines[2].endswith(("in 11 hours", "in 12 hours"))
    assert lines[3:] == ["removed the key for openai from the Linux kernel keyring"]


def test_a_locked_keyring_is_exit_5_and_the_traceback_has_no_key(service: str, run: type_of_run) -> None:
    assert piped(KEY, "set", "openai", "--key-stdin").returncode == 0
    secret_service.lock(service)
    for done in (piped(KEY, "set", "openai", "--key-stdin", "--debug"), run("auth", "test", "openai", "--debug")):
        assert (done.returncode, done.stdout) == (5, "")
        assert "error: the Secret Service is locked" in done.stderr
        assert "Traceback" in done.stderr
        assert hidden(done.stderr)


def test_a_backend_that_keeps_plain_text_is_refused(run: type_of_run) -> None:
    done = run("auth", "list", PYTHON_KEYRING_BACKEND="keyrings.alt.file.PlaintextKeyring")
    assert done.returncode == 5
    assert "PYTHON_KEYRING_BACKEND names 'keyrings.alt.file.PlaintextKeyring'" in done.stderr


async def answered(status: bytes, body: bytes = b"{}", *, without_key: bytes | None = None) -> Checked:
    """What is made of a server's answer to the key, and to nobody's."""

    async def answer(stream: trio.abc.Stream, request: bytes) -> None:
        has_key = f"authorization: bearer {KEY}".encode().lower() in request.lower()
        head = status if has_key else without_key or b"401 Unauthorized"
        await stream.send_all(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (head, len(body), body))

    async with raw.serving(answer) as server:
        settings = f'version = 2\n[api.house]\nprotocol = "openai"\nbase_url = "{server.url}v1"\n'
        stores.put(paths.config_file(), settings.encode())
        profile = Profile(id="house", name="house", source="user", provider="house", protocol="openai", api_model="")
        return await check("house", profile, config.load().api["house"], Keys())


async def test_a_provider_is_asked_whether_it_takes_the_key(service: str) -> None:
    await Keys().set("house", checked(KEY))
    good = await answered(b"200 OK", b'{"data": []}')
    assert (good.accepted, good.limited) == (True, False)
    limited = await answered(b"429 Too Many Requests")
    assert (limited.accepted, limited.limited, limited.status) == (True, True, 429)
    open_to_all = await answered(b"200 OK", b'{"data": []}', without_key=b"200 OK")
    assert open_to_all.accepted is None
    for status in (b"401 Unauthorized", b"403 Forbidden"):
        with pytest.raises(KandilError) as caught:
            await answered(status, b'{"error": {"message": "no: %s"}}' % KEY.encode())
        assert caught.value.exit_code == 5
        assert hidden(f"{caught.value.message} {caught.value.hint} {vars(caught.value)}")
    for status in (b"500 Internal Server Error", b"503 Unavailable"):
        with pytest.raises(KandilError) as caught:
            await answered(status)
        assert caught.value.exit_code == 6


async def test_minimax_says_with_status_200_that_a_key_is_wrong(service: str) -> None:
    await Keys().set("house", checked(KEY))
    with pytest.raises(KeyRejected):
        await answered(b"200 OK", b'{"base_resp": {"status_code": 1004, "status_msg": "login fail"}}')


async def test_a_server_that_is_not_there_is_exit_6(service: str, run: type_of_run) -> None:
    settings = b'version = 2\n[api.openai]\nbase_url = "http://127.0.0.1:9/v1"\n'
    stores.put(paths.config_file(), settings)
    assert run("auth", "test", "openai").returncode == 5  # nothing is sent without a key
    await Keys().set("openai", checked(KEY))
    done = run("auth", "test", "openai", "--json")
    assert done.returncode == 6
    assert hidden(done.stdout + done.stderr)


def test_every_provider_that_takes_a_key_can_be_checked() -> None:
    assert all(one.check.url.startswith("https://") for one in profiles.providers() if one.auth)
