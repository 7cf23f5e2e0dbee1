"""Which model is meant where none is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kandil import config, profiles, registry
from kandil.credentials import Keys
from kandil.credentials.kernel import KernelKeyring
from kandil.credentials.keyring import Unavailable
from kandil.errors import DefaultUnusable, KeyringRefused, NoModelConfigured
from kandil.registry import Record, choice, session
from kandil.registry.choice import Choice
from kandil.registry.inventory import LocalModel, Placement
from kandil.secret import Secret
from tests.support.stores import gguf, put

SONNET, ALIAS = "claude-sonnet-5-5", "sonnet-5.5"
OWN_SERVER = {"provider": "mine", "protocol": "openai", "base_url": "https://llm.example.org/v1", "api_model": "m"}


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[KernelKeyring | None]:
    """The kernel's keyring under a name of the tests' own; None where a container closes it."""
    monkeypatch.setattr("kandil.credentials.kernel.SERVICE", f"kandil-test-{os.getpid()}")
    for name in ("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    ring = KernelKeyring()
    try:
        ring.is_locked()
    except Unavailable:
        yield None
        return
    yield ring
    for account in ring.entries(()):
        ring.remove(account)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, which is the working directory."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def says(file: Path, model: str) -> None:
    put(file, f'version = 2\n\n[defaults]\nmodel = "{model}"\n'.encode())


def named() -> Choice:
    found = choice.named(config.load())
    assert found is not None
    return found


def user_file(home: Path) -> Path:
    return home / ".config/kandil/config.toml"


def test_whoever_says_the_most_about_this_moment_is_heard(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choice.named(config.load()) is None
    says(user_file(home), "gpt-5.5")
    assert (named().name, named().said, named().where) == ("gpt-5.5", "user", f"{user_file(home)}:4")
    says(project / ".kandil.toml", "gpt-5.4")
    assert (named().name, named().said, named().where) == ("gpt-5.4", "project", f"{project}/.kandil.toml:4")
    assert named().why == f"this project's default, by {project}/.kandil.toml:4"
    session.use("gpt-5.2")
    assert (named().name, named().said, named().where) == ("gpt-5.2", "session", None)
    monkeypatch.setenv("KANDIL_DEFAULTS_MODEL", ALIAS)
    assert (named().name, named().said, named().where) == (SONNET, "environment", "KANDIL_DEFAULTS_MODEL")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-such-model-at-all", "no model is called that"),
        ("text-embedding-3-small", "its kind is embedding"),
        ("./gone.gguf", "there is no such file"),
    ],
)
def test_a_default_that_cannot_be_used_says_where_it_is_set(home: Path, project: Path, name: str, reason: str) -> None:
    says(user_file(home), name)
    with pytest.raises(DefaultUnusable, match=reason) as caught:
        choice.named(config.load())
    assert caught.value.where == f"{user_file(home)}:4"
    assert name in caught.value.message
    assert caught.value.exit_code == 3


def test_a_default_that_is_nearly_a_name_is_not_guessed(home: Path, project: Path) -> None:
    says(user_file(home), "claude-sonet-5-5")
    with pytest.raises(DefaultUnusable) as caught:
        choice.named(config.load())
    assert SONNET in caught.value.candidates


def test_a_session_s_model_that_is_gone_is_an_error_and_not_another_model(home: Path, project: Path) -> None:
    """What was meant for a file here must not go to somebody else's machine."""
    says(user_file(home), SONNET)
    session.use(str(project / "private.gguf"))
    with pytest.raises(DefaultUnusable, match="there is no such file"):
        choice.named(config.load())


def test_files_are_relative_to_the_file_that_names_them(home: Path, project: Path) -> None:
    put(project / "models/a.gguf", gguf("a"))
    put(user_file(home).parent / "b.gguf", gguf("b"))
    says(user_file(home), "b.gguf")
    (project / "deep").mkdir()
    os.chdir(project / "deep")
    assert named().name == str(user_file(home).parent / "b.gguf")
    says(project / ".kandil.toml", "./models/a.gguf")
    assert (named().name, named().profile) == (str(project / "models/a.gguf"), None)


@pytest.mark.parametrize("name", ["{home}/private.gguf", "~/private.gguf", "../private.gguf", "./link.gguf"])
def test_a_project_cannot_reach_for_files_outside(home: Path, project: Path, name: str) -> None:
    put(home / "private.gguf", gguf())
    put(project.parent / "private.gguf", gguf())
    (project / "link.gguf").symlink_to(home / "private.gguf")
    says(project / ".kandil.toml", name.format(home=home))
    with pytest.raises(DefaultUnusable, match="only files of its own"):
        choice.named(config.load())


def test_what_lies_in_the_folder_is_not_taken_for_a_model_s_name(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project / "groq/gpt-oss-120b", gguf())
    monkeypatch.setenv("KANDIL_DEFAULTS_MODEL", "groq/gpt-oss-120b")
    assert named().profile == profiles.find("groq/gpt-oss-120b")


async def test_where_a_default_is_named_the_keyring_is_not_asked(
    home: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    says(user_file(home), SONNET)
    assert (await choice.choose(config.load())).name == SONNET


async def test_nothing_configured_says_both_ways(project: Path) -> None:
    with pytest.raises(NoModelConfigured) as caught:
        await choice.choose(config.load())
    assert caught.value.hint is not None
    assert "kandil auth set PROVIDER" in caught.value.hint
    assert "kandil ask -m FILE.gguf" in caught.value.hint


async def test_a_key_that_is_kept_configures_its_provider(project: Path, kernel: KernelKeyring | None) -> None:
    if kernel is None:
        pytest.skip("the kernel's keyring is closed here")
    keys = Keys()
    await keys.set("anthropic", Secret("a" * 40), kind="kernel")
    for found in (await choice.choose(config.load(), keys=keys), await choice.choose(config.load())):
        assert (found.name, found.said) == (SONNET, "key")
        assert "Anthropic" in found.why
        assert "kandil model default NAME" in found.why


async def test_a_keyring_that_refuses_is_the_error_only_where_nothing_else_is_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(KeyringRefused):
        await choice.choose(config.load())
    registry.add(Record(name="mine", source="manual", profile=OWN_SERVER))
    assert (await choice.choose(config.load())).name == "mine"


def test_of_the_keys_the_dearest_that_is_not_too_dear_and_then_the_newest() -> None:
    """By the rule said again in other words, over the whole catalogue."""
    for provider in profiles.providers():
        found = choice.of_keys(frozenset({provider.id}), "chat")
        offered = [
            one
            for one in profiles.every()
            if (one.source, one.provider, one.status, one.kind) == ("cloud", provider.id, "active", "chat")
        ]
        priced = {one.id: one.price.output for one in offered if one.price and one.price.output is not None}
        within = {name: usd for name, usd in priced.items() if usd <= choice.DEAREST_USD}
        if not offered:
            assert found is None
            continue
        assert found is not None
        assert found.profile is not None
        assert found.name in {one.id for one in offered}
        if within:
            alike = [one for one in offered if within.get(one.id) == max(within.values())]
            assert found.profile.price is not None
            assert found.profile.price.output == max(within.values())
            assert (found.profile.released or "") == max(one.released or "" for one in alike)


def test_a_maker_s_own_goes_before_what_others_host() -> None:
    found = choice.of_keys(frozenset({"openrouter", "deepseek"}), "chat")
    assert found is not None
    assert found.profile is not None
    assert found.profile.provider == "deepseek"


def test_for_pictures_only_what_sees_them() -> None:
    assert choice.of_keys(frozenset({"perplexity"}), "vision") is None
    for provider in profiles.providers():
        found = choice.of_keys(frozenset({provider.id}), "vision")
        assert found is None or (found.profile and found.profile.supports_vision)


def test_of_one_s_own_models_the_one_that_was_used_last() -> None:
    added = [
        Record(name="old", profile=OWN_SERVER, added_at="2026-01-01T00:00:00Z", last_used="2026-11-01T00:00:00Z"),
        Record(name="new", profile=OWN_SERVER, added_at="2026-10-01T00:00:00Z"),
        Record(name="broken", files=("/no/such.gguf",), last_used="2026-11-20T00:00:00Z"),
        Record(name=SONNET, profile_id=SONNET, last_used="2026-11-20T00:00:00Z"),
    ]
    found = choice.of_records(added, frozenset(), "chat")
    assert found is not None
    assert (found.name, found.said) == ("old", "record")
    never = [replace(one, last_used=None) for one in added]
    assert [choice.of_records(some, frozenset(), "chat") for some in (never, added[2:])][1] is None
    newest = choice.of_records(never, frozenset(), "chat")
    with_key = choice.of_records(added, frozenset({"anthropic"}), "chat")
    assert newest is not None
    assert with_key is not None
    assert (newest.name, with_key.name) == ("new", SONNET)
    assert choice.of_records(added, frozenset(), "vision") is None


def local(name: str, gigabytes: float, runs: str, **fields: object) -> LocalModel:
    placement = Placement(runs=runs, basis="size")  # type: ignore[arg-type]
    size = int(gigabytes * 1e9)
    files = (f"/models/{name}.gguf",)
    return LocalModel(name=name, store="folder", size_bytes=size, files=files, placement=placement, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("models", "task", "wanted"),
    [
        ([local("s", 2, "gpu"), local("l", 20, "gpu"), local("c", 5, "cpu")], "chat", "l"),
        ([local("s", 2, "cpu"), local("m", 5, "cpu"), local("l", 20, "cpu")], "chat", "m"),
        ([local("l", 20, "cpu"), local("xl", 30, "cpu")], "chat", "l"),
        ([local("s", 2, "cpu"), local("p", 5, "pages"), local("b", 3, "blocked")], "chat", "s"),
        ([local("s", 2, "cpu"), local("bad", 3, "cpu", state="malicious")], "chat", "s"),
        ([local("s", 2, "cpu"), local("proj", 3, "cpu", role="projector")], "chat", "s"),
        ([local("talk", 5, "cpu"), local("deepseek-coder", 2, "cpu")], "code", "deepseek-coder"),
        ([local("blind", 5, "gpu"), local("sees", 2, "cpu", also=("projector",))], "vision", "sees"),
        (
            [local("unknown", 5, "gpu"), local("known", 2, "cpu", profile="qwen2.5-coder:7b")],
            "chat",
            "qwen2.5-coder:7b",
        ),
    ],
)
def test_of_the_files_here_the_largest_that_is_not_too_slow(
    models: list[LocalModel], task: choice.Task, wanted: str
) -> None:
    for order in (models, models[::-1]):
        found = choice.on_disk(order, task)
        assert found is not None
        assert found.name in (wanted, f"/models/{wanted}.gguf")
        assert found.said == "disk"


def test_where_no_file_can_be_run_there_is_none() -> None:
    assert choice.on_disk([], "chat") is None
    assert choice.on_disk([local("b", 3, "blocked")], "chat") is None
    assert choice.on_disk([local("s", 2, "cpu")], "vision") is None


def test_what_was_measured_as_slow_is_taken_where_there_is_no_other() -> None:
    described = {"provider": "mine", "protocol": "openai", "base_url": "http://localhost:1/v1", "api_model": "m"}

    def record(name: str, day: int, speed: object, last_used: str | None = None) -> Record:
        return Record(
            name=name,
            source="manual",
            profile=described,
            added_at=f"2026-11-{day:02d}T00:00:00Z",
            last_used=last_used,
            benchmark={"tokens_per_second": speed},
        )

    fast, slow, odd = record("fast", 1, 30.0), record("slow", 2, 1.5), record("odd", 3, "much")
    found = choice.of_records([fast, slow], frozenset(), "chat")
    assert found is not None
    assert (found.name, "that are not slow" in found.why) == ("fast", True)
    assert [
        one and one.name
        for one in (
            choice.of_records([slow], frozenset(), "chat"),
            choice.of_records([fast, slow, odd], frozenset(), "chat"),
            choice.of_records([fast, record("slow", 2, 1.5, "2026-11-20T00:00:00Z")], frozenset(), "chat"),
        )
    ] == ["slow", "odd", "slow"], "what is used is wanted, and what is no number says nothing"
