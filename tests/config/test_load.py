"""Settings in force: who says them, what is refused, and where it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from kandil.config import Api, Cache, Config, Defaults, Limits, ModelSettings, Origin, editing, effective, load
from kandil.config.keys import SETTINGS, nearest, parsed_key
from kandil.config.values import is_valid
from kandil.errors import ConfigInvalid, ConfigTooNew, SecretInConfig, SettingInvalid, SettingUnknown

EXAMPLE = """\
version = 2
[defaults]
model = "qwen2.5-coder:7b"
theme = "dark"
telemetry = false
[api]
qwen = { base_url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", protocol = "openai" }
[models."qwen2.5-coder:7b"]
max_tokens = 4096
temperature = 0.2
top_p = 0.9
[cache]
ttl_seconds = 600
max_size_mb = 50
[limits]
max_concurrent_requests = 7
rate_limit_retry = false
[aliases]
coder = "qwen2.5-coder:7b"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "user").mkdir()
    return tmp_path / "user" / "config.toml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository's folder."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    return tmp_path / "repository"


def test_no_file_is_what_is_built_in(file: Path, project: Path) -> None:
    config = load(file, folder=project, environment={})
    assert config.cache == Cache(ttl_seconds=3600, max_size_mb=100)
    assert config.limits == Limits(max_concurrent_requests=5, rate_limit_retry=True)
    assert config.defaults == Defaults(model=None, theme="auto", telemetry=False)
    assert (dict(config.api), dict(config.models), dict(config.aliases), config.publishers) == ({}, {}, {}, ())
    assert config.origin("cache.ttl_seconds") == Origin("default")


def test_every_value_is_typed_and_frozen(file: Path, project: Path) -> None:
    file.write_text(EXAMPLE)
    config = load(file, folder=project, environment={})
    assert config.defaults == Defaults(model="qwen2.5-coder:7b", theme="dark", telemetry=False)
    url = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
    assert config.api == {"qwen": Api(base_url=url, protocol="openai")}
    wanted = ModelSettings(max_tokens=4096, temperature=0.2, top_p=0.9)
    assert config.models == {"qwen2.5-coder:7b": wanted}
    assert config.cache == Cache(ttl_seconds=600, max_size_mb=50)
    assert config.limits == Limits(max_concurrent_requests=7, rate_limit_retry=False)
    assert config.aliases == {"coder": "qwen2.5-coder:7b"}
    assert config.warnings == ()
    with pytest.raises(FrozenInstanceError):
        config.cache.ttl_seconds = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.aliases["x"] = "y"  # type: ignore[index]


def test_the_table_of_settings_and_the_types_say_the_same() -> None:
    sections = {"defaults": Defaults, "cache": Cache, "limits": Limits, "api": Api, "models": ModelSettings}
    assert set(sections) <= {field.name for field in fields(Config)}
    for name, section in sections.items():
        listed = [setting.path[-1] for setting in SETTINGS if setting.path[0] == name]
        assert listed == [field.name for field in fields(section)]
    for setting in SETTINGS:
        assert setting.default is None or is_valid(setting, setting.default)
        assert setting.doc.endswith(".")


def test_who_goes_before_whom(file: Path, project: Path) -> None:
    file.write_text(EXAMPLE)
    said = project / ".kandil.toml"
    said.write_text("# ours\n[cache]\nttl_seconds = 60\nmax_size_mb = 9\n")
    config = load(file, folder=project, environment={"KANDIL_CACHE_TTL_SECONDS": "5"})
    assert (config.cache.ttl_seconds, config.cache.max_size_mb, config.limits.max_concurrent_requests) == (5, 9, 7)
    assert config.origin("cache.ttl_seconds") == Origin("environment", "KANDIL_CACHE_TTL_SECONDS")
    assert config.origin("cache.max_size_mb") == Origin("project", str(said), 4)
    assert str(config.origin("limits.max_concurrent_requests")) == f"{file}:16"
    assert str(config.origin('models."qwen2.5-coder:7b".top_p')) == f"{file}:11"
    assert str(config.origin("api.qwen.protocol")) == f"{file}:7"
    assert str(config.origin("defaults.theme")) == f"{file}:4"
    with pytest.raises(SettingUnknown):
        config.origin("cache.nonsense")


def test_a_project_may_not_say_whom_to_trust_or_where_requests_go(file: Path, project: Path) -> None:
    file.write_text(EXAMPLE)
    (project / ".kandil.toml").write_text(
        '[api.qwen]\nbase_url = "https://evil.example/v1"\nprotocol = "ollama"\n[aliases]\ncoder = "other"\n'
        '[publishers.evil]\npublic_key = "evil.pub"\n[defaults]\nmodel = "theirs"\n'
    )
    config = load(file, folder=project, environment={})
    assert config.api["qwen"].base_url == "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
    assert config.api["qwen"].protocol == "openai"
    assert (config.aliases["coder"], config.publishers, config.defaults.model) == ("qwen2.5-coder:7b", (), "theirs")
    assert [(note.line, note.column, note.key) for note in config.warnings] == [
        (2, 1, "api.qwen.base_url"),
        (3, 1, "api.qwen.protocol"),
        (5, 1, "aliases.coder"),
        (7, 1, "publishers.evil.public_key"),
    ]
    assert all("project's file" in note.message for note in config.warnings)


def test_the_project_file_is_found_upwards_as_far_as_the_repository(tmp_path: Path, project: Path) -> None:
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    assert effective.project_file(deep) is None
    (tmp_path / ".kandil.toml").touch()  # above the repository
    assert effective.project_file(deep) is None
    (project / ".kandil.toml").touch()
    assert effective.project_file(deep) == project / ".kandil.toml"
    (deep / ".kandil.toml").touch()
    assert effective.project_file(deep) == deep / ".kandil.toml"


def test_where_the_working_directory_is_gone_there_is_no_project(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert load(file, environment={}).warnings == ()


def test_without_a_repository_the_home_folder_ends_the_search(tmp_path: Path, home: Path) -> None:
    (home / "work").mkdir()
    (home / ".kandil.toml").touch()
    assert effective.project_file(home / "work") == home / ".kandil.toml"
    (tmp_path / "shared" / "mine").mkdir(parents=True)
    (tmp_path / "shared" / ".kandil.toml").touch()
    assert effective.project_file(tmp_path / "shared" / "mine") is None  # neither a repository nor at home


@pytest.mark.parametrize(
    ("text", "key", "line", "column", "reason"),
    [
        ("[cache]\n  ttl_seconds = 'soon'\n", "cache.ttl_seconds", 2, 17, 'from 0 to 31536000, not "soon"'),
        ("[cache]\nttl_seconds = true\n", "cache.ttl_seconds", 2, 15, "whole number"),
        ("[cache]\nttl_seconds = 1.5\n", "cache.ttl_seconds", 2, 15, "whole number"),
        ("[cache]\nttl_seconds = -1\n", "cache.ttl_seconds", 2, 15, "not -1"),
        (f"[cache]\nttl_seconds = 0x{'f' * 9000}\n", "cache.ttl_seconds", 2, 15, "many digits"),
        ("limits.rate_limit_retry = 1\n", "limits.rate_limit_retry", 1, 27, "true or false"),
        ("[models.x]\ntemperature = nan\n", "models.x.temperature", 2, 15, "from 0 to 2"),
        ("[models.x]\ntemperature = 2.1\n", "models.x.temperature", 2, 15, "from 0 to 2"),
        ("[models.x]\ntop_p = 0\n", "models.x.top_p", 2, 9, "above 0 to 1"),
        ("[models.'a.b']\nmax_tokens = 0\n", 'models."a.b".max_tokens', 2, 14, "from 1"),
        ("models.x = 5\n", "models.x", 1, 12, "a table of settings"),
        ("cache = 5\n", "cache", 1, 9, "a table of settings"),
        ("[[cache]]\nttl_seconds = 5\n", "cache", 1, 3, "a table of settings"),
        ("[defaults]\ntelemetry = true\n", "defaults.telemetry", 2, 13, "kandil reports to nobody"),
        ('[defaults]\ntheme = "pink"\n', "defaults.theme", 2, 9, '"auto" or "dark" or "light"'),
        ('[defaults]\nmodel = ""\n', "defaults.model", 2, 9, "a text"),
        ('[defaults]\nmodel = "a\\u001b[2J"\n', "defaults.model", 2, 9, "a text"),
        ('[api]\nq = {protocol = "smtp"}\n', "api.q.protocol", 2, 17, '"anthropic"'),
        ('version = "2"\n', "version", 1, 11, "expected 2"),
        (f"version = 0x{'f' * 9000}\n", "version", 1, 11, "expected 2"),
        ("version = 0\n", "version", 1, 11, "expected 2"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_place(
    file: Path, text: str, key: str, line: int, *, column: int, reason: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load(file, environment={})
    error = caught.value
    assert (error.path, error.key, error.line, error.column, error.exit_code) == (str(file), key, line, column, 9)
    assert reason in error.reason
    assert error.message.startswith(f"{file}:{line}:{column}: {key}: ")


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com", "ftp://a.example", "https://", "https://user:word@a.example", "https://a.example?x=1",
        "https://a.example#x", "https://a.example:port", "https://a b.example", "http://localhost.example.com",
        "http://127.0.0.1.example.com", "https://a.example\\@b.example", "https://[::1", "//a.example", "a.example",
    ],
)  # fmt: skip
def test_an_address_that_a_key_must_not_go_to_is_refused(file: Path, address: str) -> None:
    file.write_text(f"[api.x]\nbase_url = '{address}'\n")
    with pytest.raises(ConfigInvalid, match="an https:// address"):
        load(file, environment={})


@pytest.mark.parametrize(
    "address",
    ["https://a.example/v1", "https://a.example:8443", "http://localhost:11434", "http://127.0.0.1/", "http://[::1]:1"],
)
def test_an_address_that_is_safe_is_taken(file: Path, address: str) -> None:
    file.write_text(f"[api.x]\nbase_url = '{address}'\n")
    assert load(file, environment={}).api["x"].base_url == address


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"[cache]\nttl = \n", 2, 7),
        (b"a = 1\na = 2\n", 2, 6),
        (b"[cache\n", 1, 7),
        (b"a = 1\nb = [1,\n\n", 2, 8),
        (b"a = 1\n# \xff\n", 2, 3),
    ],
)
def test_a_broken_file_is_named_with_line_and_column_and_left_alone(
    file: Path, content: bytes, line: int, column: int
) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        load(file, environment={})
    assert (caught.value.line, caught.value.column, caught.value.exit_code) == (line, column, 9)
    assert file.read_bytes() == content


def test_a_file_that_would_exhaust_its_reader_is_an_error(file: Path) -> None:
    file.write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigInvalid, match="nested too deeply"):
        load(file, environment={})
    file.write_text("#" * (1 << 20) + "\n")
    with pytest.raises(ConfigInvalid, match="more than 1,048,576 bytes"):
        load(file, environment={})


def test_unknown_keys_warn_with_the_nearest_known_one(file: Path) -> None:
    file.write_text(
        "version = 2\n[cach]\nttl_seconds = 1\n[limits]\n rate_limit_retri = true\n[models.x]\ntemprature = 1\n"
        "[cache]\nttl = 5\n[elsewhere.deep]\nx = 1\n"
    )
    config = load(file, environment={})
    assert [str(note).removeprefix(f"{file}:") for note in config.warnings] == [
        "2:2: cach: is no setting; did you mean cache?",
        "5:2: limits.rate_limit_retri: is no setting; did you mean limits.rate_limit_retry?",
        "7:1: models.x.temprature: is no setting; did you mean models.x.temperature?",
        "9:1: cache.ttl: is no setting; did you mean cache.ttl_seconds?",
        "10:2: elsewhere: is no setting",
    ]


def test_a_version_that_is_to_come_is_said(file: Path) -> None:
    file.write_text("version = 3\n[cache]\nttl_seconds = 'soon'\n")
    with pytest.raises(ConfigTooNew) as caught:
        load(file, environment={})
    assert (caught.value.version, caught.value.known, caught.value.exit_code) == (3, 2, 9)


_KEY = "gsk_" + "a1B2c3D4e5" * 5


@pytest.mark.parametrize(
    ("text", "key", "provider"),
    [
        (f'[defaults]\nmodel = "{_KEY}"\n', "defaults.model", "PROVIDER"),
        (f'[api.groq]\nheaders = [{{ authorization = "Bearer {_KEY}" }}]\n', "api.groq.headers", "groq"),
        ('[api.groq]\napi_key = "short"\n', "api.groq.api_key", "groq"),
        (f'"{_KEY}" = 1\n', "", "PROVIDER"),
        (f'[models."{_KEY}"]\ntop_p = 1\n', "models", "PROVIDER"),
        (f'[other]\nx = {{ "{_KEY}" = 1 }}\n', "other", "PROVIDER"),
    ],
)
def test_a_key_in_a_file_is_refused_and_not_repeated(file: Path, text: str, key: str, provider: str) -> None:
    file.write_text(text)
    with pytest.raises(SecretInConfig) as caught:
        load(file, environment={})
    error = caught.value
    assert (error.key, error.exit_code) == (key, 9)
    assert f"kandil auth set {provider}`" in (error.hint or "")
    assert not any(secret in f"{error.message} {error.hint} {vars(error)}" for secret in (_KEY, "short"))


def test_a_variable_is_checked_like_a_file(file: Path) -> None:
    with pytest.raises(SettingInvalid) as wrong:
        load(file, environment={"KANDIL_CACHE_TTL_SECONDS": "soon"})
    assert (wrong.value.variable, wrong.value.exit_code) == ("KANDIL_CACHE_TTL_SECONDS", 9)
    with pytest.raises(SecretInConfig) as secret:
        load(file, environment={"KANDIL_DEFAULTS_MODEL": _KEY})
    assert _KEY not in f"{secret.value.message} {vars(secret.value)}"
    assert load(file, environment={"KANDIL_LIMITS_RATE_LIMIT_RETRY": "False"}).limits.rate_limit_retry is False
    assert load(file, environment={"KANDIL_DEFAULTS_MODEL": ""}).defaults.model is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("cache.ttl_seconds", ("cache", "ttl_seconds")),
        ('models."qwen2.5-coder:7b".top_p', ("models", "qwen2.5-coder:7b", "top_p")),
        ("models.'a b'.top_p", ("models", "a b", "top_p")),
        ("models.qwen2.5-coder:7b.top_p", ("models", "qwen2.5-coder:7b", "top_p")),
        ("models.hf.co/org/repo:Q4_K_M.top_p", ("models", "hf.co/org/repo:Q4_K_M", "top_p")),
        ("aliases.gpt4.1", ("aliases", "gpt4.1")),
        (" aliases . a b ", ("aliases", "a b")),
        ('aliases."a\\"b"', ("aliases", 'a"b')),
    ],
)
def test_keys_are_read_as_they_are_typed(given: str, path: tuple[str, ...]) -> None:
    assert parsed_key(given) == path


@pytest.mark.parametrize("given", ["", ".", "cache.", "cache..x", 'models."x', 'models."x"y', '"\\q"'])
def test_what_is_no_key_is_refused(given: str) -> None:
    with pytest.raises(SettingUnknown):
        parsed_key(given)


def test_the_nearest_setting_has_the_name_that_was_typed() -> None:
    assert nearest("cache.ttl") == ("cache.ttl_seconds",)
    assert nearest("limits.max_concurent_requests")[0] == "limits.max_concurrent_requests"
    assert nearest(("models", "a.b", "temprature"))[0] == 'models."a.b".temperature'
    assert nearest("top_p") == ("models.NAME.top_p",)
    assert nearest("cache") == ("cache.ttl_seconds", "cache.max_size_mb")
    assert nearest("aliasses.x") == ("aliases",)
    assert nearest("api.openai.api_key") == ("api.openai.base_url", "api.openai.protocol")
    assert nearest("cache.zzz") == ("cache.ttl_seconds", "cache.max_size_mb")
    assert nearest("nonsense") == ()


def test_reading_needs_nothing_that_writing_needs() -> None:
    code = "import sys, kandil.config; kandil.config.load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tomlkit", "trio", "rich", "difflib"} & set(done.stdout.split())


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(ConfigInvalid, match="is a pipe"):
        load(tmp_path / "config.toml", folder=tmp_path)


def test_a_device_has_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to(os.devnull)
    assert load(tmp_path / "config.toml", folder=tmp_path).cache == load(tmp_path / "none.toml", folder=tmp_path).cache


@pytest.mark.parametrize("address", ["https://me:letmein@llm.example/v1", "https://llm.example/v1?key=letmein"])
def test_an_address_with_a_password_is_not_repeated(address: str, file: Path) -> None:
    file.write_text(f"version = 2\n[api]\nmine = {{ base_url = '{address}' }}\n")
    with pytest.raises(ConfigInvalid, match="without name, password, query") as refused:
        load(file, environment={})
    assert "letmein" not in str(refused.value)
    with pytest.raises(SettingInvalid) as typed:
        editing.parsed(("api", "mine", "base_url"), address)
    assert "letmein" not in str(typed.value)
