"""What can be a key, and whose it looks like; what kind of machine needs what."""

from __future__ import annotations

from pathlib import Path

import pytest

from kandil import profiles
from kandil.credentials import checked, is_odd, other_owner
from kandil.credentials.machine import advice, machine
from kandil.errors import KeyUnusable

INSIDE = "a1B2c3D4e5F6g7H8i9J0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \t\r\n", "empty"),
        (f"sk-{INSIDE} {INSIDE}", "white space"),
        (f"Bearer sk-{INSIDE}", "header"),
        (f"OPENAI_API_KEY=sk-{INSIDE}", "environment file"),
        (f"export OPENAI_API_KEY=sk-{INSIDE}", "environment file"),
        (f'"sk-{INSIDE}"', "quoted"),
        (f"sk-{INSIDE}\x00", "control characters"),
        (f"sk-{INSIDE}\x1b[2J", "control characters"),
        (f"sk-{INSIDE}\u2026", "not ASCII"),
        (f"\u0455k-{INSIDE}", "not ASCII"),
        ("••••••••", "masked"),
        ("a" * 4097, "more than 4096"),
    ],
)
def test_what_can_be_no_key_is_refused_and_not_repeated(text: str, reason: str) -> None:
    with pytest.raises(KeyUnusable, match=reason) as caught:
        checked(text)
    assert INSIDE not in f"{caught.value.message} {caught.value.hint} {vars(caught.value)}"


@pytest.mark.parametrize("text", [f"sk-{INSIDE}\n", f" sk-{INSIDE}\r\n", f"sk-{INSIDE}"])
def test_white_space_around_a_key_is_not_of_it(text: str) -> None:
    assert checked(text).reveal() == f"sk-{INSIDE}"


@pytest.mark.parametrize(
    ("key", "provider", "other"),
    [
        (f"sk-ant-api03-{INSIDE}", "openai", "anthropic"),
        (f"sk-or-v1-{INSIDE}", "openai", "openrouter"),
        (f"gsk_{INSIDE}", "xai", "groq"),
        (f"sk-{INSIDE}", "deepseek", None),
        (f"sk-ant-api03-{INSIDE}", "anthropic", None),
        (INSIDE, "openai", None),
        (f"sk-{INSIDE}", "groq", None),
    ],
)
def test_the_owner_of_a_prefix_is_found_where_there_is_one(key: str, provider: str, other: str | None) -> None:
    found = other_owner(checked(key), provider)
    assert (found.id if found else None) == other


def test_a_key_of_another_form_is_odd() -> None:
    anthropic = profiles.provider("anthropic")
    assert anthropic is not None
    assert is_odd(checked(f"gsk_{INSIDE}"), anthropic)


@pytest.mark.parametrize(
    ("environment", "file", "expected"),
    [
        ({"CI": "true", "DISPLAY": ":0"}, ".dockerenv", "CI"),
        ({"CI": "false"}, None, "server"),
        ({"DISPLAY": ":0"}, "run/.containerenv", "container"),
        ({"container": "podman"}, None, "container"),
        ({"DISPLAY": ":0"}, "proc/sys/kernel/osrelease", "WSL"),
        ({"SSH_CONNECTION": "x", "DISPLAY": ":0"}, None, "SSH"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, None, "desktop"),
        ({}, None, "server"),
    ],
)
def test_machines_are_told_apart(environment: dict[str, str], file: str | None, expected: str, tmp_path: Path) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("6.6.87.2-microsoft-standard-WSL2")
    here = machine(environment, tmp_path)
    assert here == expected
    assert "kandil auth set groq --keyring kernel" in advice("groq", kernel=None, here=here)
    assert "closed" in advice("groq", kernel="it is closed", here=here)
