"""Changes to the file: one setting changes, and nothing else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.config import editing, load
from kandil.config.keys import parsed_key
from kandil.errors import ConfigInvalid, ConfigTooNew, FileUnwritable, SecretInConfig, SettingInvalid, SettingUnknown

COMMENTED = """\
# My settings.
version = 2   # do not touch

[limits]  # gently
max_concurrent_requests = 0x5 # hex
rate_limit_retry=true

# How answers are kept.
[cache]
  ttl_seconds = 3_600   # an hour

# Mine.
[aliases]
'a b' = 'qwen2.5-coder:7b'
\"c\" = \"\"\"gpt\\
-5\"\"\"

[api]
qwen = { base_url = 'https://a.example/v1' , protocol = "openai" } # inline

[unknown]
keep = [ 1,
  2 ] # as it is
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("limits.max_concurrent_requests", 9, "= 0x5 # hex", "= 9 # hex"),
        ("limits.rate_limit_retry", False, "rate_limit_retry=true", "rate_limit_retry=false"),
        ("cache.ttl_seconds", 60, "3_600   # an hour", "60   # an hour"),
        ("cache.max_size_mb", 7, "an hour\n", "an hour\n  max_size_mb = 7\n"),
        ("api.qwen.protocol", "ollama", '"openai" }', '"ollama" }'),
        ("aliases.c", "x", '"""gpt\\\n-5"""', '"x"'),
        ("aliases.d", "x", '-5"""\n', '-5"""\nd = "x"\n'),
        ("aliases.'a b'", None, "'a b' = 'qwen2.5-coder:7b'\n", ""),
        ("unknown.keep", None, "keep = [ 1,\n  2 ] # as it is\n", ""),
    ],
)
def test_all_else_stays_as_it_was_written(
    file: Path, key: str, value: Any, old: str, *, new: str, newline: str
) -> None:
    written(file, COMMENTED.replace("\n", newline))
    path = parsed_key(key)
    change = editing.remove(path, file=file) if value is None else editing.assign(path, value, file=file)
    assert COMMENTED.count(old) == 1
    wanted = COMMENTED.replace(old, new)
    got = file.read_bytes().decode()
    if key == "cache.max_size_mb":  # tomlkit does not indent a new key
        wanted = wanted.replace("  max_size_mb", "max_size_mb")
    assert got == wanted.replace("\n", newline)
    assert change.changes
    assert not change.migrated


def test_the_first_setting_makes_the_file(file: Path) -> None:
    editing.assign(("models", "qwen2.5-coder:7b", "temperature"), 0.2, file=file)
    assert file.read_text() == 'version = 2\n\n[models."qwen2.5-coder:7b"]\ntemperature = 0.2\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_is_so_is_not_written_again(file: Path) -> None:
    written(file, COMMENTED)
    before = file.stat()
    change = editing.assign(("cache", "ttl_seconds"), 3600, file=file)
    assert not change.changes
    assert not editing.remove(("cache", "max_size_mb"), file=file).changes
    assert file.stat() == before


def test_a_dry_run_writes_nothing_and_makes_no_folder(file: Path) -> None:
    change = editing.assign(("cache", "ttl_seconds"), 5, file=file, dry_run=True)
    assert (change.before, change.after, change.changes) == (None, 5, True)
    assert not file.parent.exists()


def test_a_table_can_be_taken_out(file: Path) -> None:
    written(file, COMMENTED)
    change = editing.remove(("api", "qwen"), file=file)
    assert change.before == {"base_url": "https://a.example/v1", "protocol": "openai"}
    assert dict(load(file, environment={}).api) == {}


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    target = written(tmp_path / "dotfiles" / "config.toml", COMMENTED)
    file.parent.mkdir()
    file.symlink_to(target)
    editing.assign(("cache", "ttl_seconds"), 1, file=file)
    assert file.is_symlink()
    assert "ttl_seconds = 1   # an hour" in target.read_text()


def test_a_mark_before_the_text_stays(file: Path) -> None:
    written(file, "\ufeffversion = 2\n")
    editing.assign(("cache", "ttl_seconds"), 1, file=file)
    assert file.read_bytes() == b"\xef\xbb\xbfversion = 2\n\n[cache]\nttl_seconds = 1\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[cache\n", ConfigInvalid),
        ("version = 3\n", ConfigTooNew),
        ("version = 2\n[limits]\nmax_concurrent_requests = 'x'\n", ConfigInvalid),
        ("version = 2\ncache = 5\n", ConfigInvalid),
        ("version = 2\n[publishers.a]\n", ConfigInvalid),
        ("version = 2\n[api.x]\napi_key = 'mine'\n", SecretInConfig),
    ],
)
def test_a_file_that_cannot_be_used_is_left_alone(file: Path, text: str, error: type[Exception]) -> None:
    written(file, text)
    with pytest.raises(error):
        editing.assign(("cache", "ttl_seconds"), 5, file=file)
    assert file.read_text() == text
    assert {one.name for one in file.parent.iterdir()} == {"config.toml"}


def test_what_tomlkit_cannot_follow_is_left_alone(file: Path) -> None:
    deep = 300
    written(file, text := f"version = 2\nunknown = {'[' * deep}{']' * deep}\n")
    assert [note.key for note in load(file, environment={}).warnings] == ["unknown"]
    with pytest.raises(ConfigInvalid, match="nothing was written") as caught:
        editing.assign(("cache", "ttl_seconds"), 5, file=file)
    assert "kandil config edit" in (caught.value.hint or "")
    assert file.read_text() == text


def test_a_key_is_not_written_whatever_it_was_given_as(file: Path) -> None:
    written(file, COMMENTED)
    key = "gsk_" + "a1B2c3D4e5" * 5
    for path, value in (("aliases", key), "x"), (("aliases", "x"), key), (("models", "x", "system"), f"say {key}"):
        with pytest.raises(SecretInConfig) as caught:
            editing.assign(path, value, file=file)
        assert key not in f"{caught.value.message} {vars(caught.value)}"
        assert "kandil auth set" in (caught.value.hint or "")
    assert file.read_text() == COMMENTED


def test_what_is_no_text_is_not_written(file: Path) -> None:
    written(file, COMMENTED)
    for path, value in (("aliases", "x"), "m\udcff.gguf"), (("aliases", "\udcff"), "x"):
        with pytest.raises(SettingInvalid, match="expected text"):
            editing.assign(path, value, file=file)
    assert file.read_text() == COMMENTED


def test_a_change_that_would_break_another_setting_is_refused(file: Path) -> None:
    text = "version = 2\n[publishers.a]\nidentity = 'i'\nissuer = 'j'\ntrust_root = 'r'\n"
    written(file, text)
    with pytest.raises(ConfigInvalid, match=r"publishers\.a: with this change it has to say .*issuer") as caught:
        editing.remove(("publishers", "a", "issuer"), file=file)
    assert "nothing was written" in (caught.value.hint or "")
    assert file.read_text() == text
    editing.remove(("publishers", "a"), file=file)
    assert load(file, environment={}).publishers == ()


def test_what_is_wrong_can_be_mended_by_a_change(file: Path) -> None:
    written(file, "version = 2\n[limits]\nmax_concurrent_requests = 'x'\n[api.x]\napi_key = 'mine'\n")
    with pytest.raises(SecretInConfig):
        editing.assign(("limits", "max_concurrent_requests"), 5, file=file)
    written(file, "version = 2\n[limits]\nmax_concurrent_requests = 'x'\n")
    editing.assign(("limits", "max_concurrent_requests"), 5, file=file)
    assert load(file, environment={}).limits.max_concurrent_requests == 5


def test_what_only_equals_is_not_the_same(file: Path) -> None:
    written(file, "version = 2\nlimits.rate_limit_retry = 1\n")
    assert editing.assign(("limits", "rate_limit_retry"), value=True, file=file).changes
    assert file.read_text() == "version = 2\nlimits.rate_limit_retry = true\n"


@pytest.mark.parametrize("key", ["nonsense", "version", "cache.ttl", "models.x.nonsense"])
def test_what_is_no_setting_cannot_be_removed(file: Path, key: str) -> None:
    written(file, "version = 2\n")
    with pytest.raises(SettingUnknown):
        editing.remove(parsed_key(key), file=file)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("limits.rate_limit_retry", "true", True),
        ("limits.rate_limit_retry", "FALSE", False),
        ("defaults.telemetry", "false", False),
        ("cache.ttl_seconds", "1_000", 1000),
        ("models.x.temperature", "1", 1),
        ("models.x.temperature", "2e-1", 0.2),
        ("models.x.system", "true", "true"),
        ("aliases.five", "5", "5"),
        ("publishers.a.certificates", "~/root.pem", "~/root.pem"),
    ],
)
def test_a_value_is_read_as_its_setting_wants_it(key: str, text: str, value: object) -> None:
    parsed = editing.parsed(parsed_key(key), text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("limits.rate_limit_retry", "yes"),
        ("defaults.telemetry", "true"),
        ("cache.ttl_seconds", "1.0"),
        ("cache.ttl_seconds", "9" * 5000),
        ("models.x.temperature", "nan"),
        ("models.x.temperature", "inf"),
        ("models.x.system", ""),
        ("models.x.system", "\x1b[2J"),
        ("api.x.base_url", "http://a.example"),
    ],
)
def test_a_value_that_the_setting_does_not_take_is_refused(key: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match="expected "):
        editing.parsed(parsed_key(key), text)


_ADD = """
import sys
from kandil.config.editing import assign
for at in range(12):
    assign(("aliases", sys.argv[1] + str(at)), "x")
"""


def test_writers_at_once_lose_nothing_of_each_other(file: Path) -> None:
    written(file, COMMENTED)
    environment = {**os.environ, "KANDIL_CONFIG_DIR": str(file.parent)}
    writers = [subprocess.Popen([sys.executable, "-c", _ADD, name], env=environment) for name in "klmn"]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    added = {f"{name}{at}" for name in "klmn" for at in range(12)}
    assert set(load(file, environment={}).aliases) == {"a b", "c"} | added
    assert file.read_text().replace("".join(f'{key} = "x"\n' for key in _order(file)), "") == COMMENTED


def _order(file: Path) -> list[str]:
    return [key for key in tomllib.loads(file.read_text())["aliases"] if key not in ("a b", "c")]


def test_where_there_can_be_no_lock_nothing_is_written(file: Path) -> None:
    written(file, COMMENTED)
    (file.parent / ".config.toml.lock").mkdir()
    with pytest.raises(FileUnwritable):
        editing.assign(("cache", "ttl_seconds"), 5, file=file)
    assert file.read_text() == COMMENTED


def test_a_file_that_changed_while_it_was_edited_is_not_replaced(file: Path) -> None:
    written(file, COMMENTED)
    seen = file.read_bytes()
    editing.assign(("cache", "ttl_seconds"), 5, file=file)
    with pytest.raises(ConfigInvalid, match="changed it meanwhile"):
        editing.replace(file, b"version = 2\n", seen=seen)
    assert "ttl_seconds = 5 " in file.read_text()


def test_the_template_is_sound_and_says_nothing(file: Path) -> None:
    written(file, editing.template())
    assert tomllib.loads(editing.template()) == {"version": 2, "defaults": {}, "cache": {}, "limits": {}}
    written(file, editing.template().replace("# ", "").replace("`kandil", "# `kandil"))
    assert load(file, environment={}).cache == load(file.with_name("none"), environment={}).cache


_names = st.sampled_from(["a", "b.c", "qwen2.5-coder:7b", 'q"', "é", "\t", ""])
_steps = st.lists(
    st.one_of(
        st.tuples(st.tuples(st.just("models"), _names, st.just("top_p")), st.sampled_from([None, 0.5, 1])),
        st.tuples(st.tuples(st.just("aliases"), _names), st.sampled_from([None, "x", "l'y", 'm"\\\n'])),
        st.tuples(st.tuples(st.just("cache"), st.sampled_from(["ttl_seconds", "max_size_mb"])), st.integers(0, 9)),
        st.tuples(st.tuples(st.just("api"), _names, st.just("protocol")), st.sampled_from([None, "openai"])),
    ),
    max_size=8,
)
_starts = st.sampled_from(
    [
        "",
        COMMENTED,
        "version = 2\r\n[models.a]\r\n[cache]\r\n[models.'b.c']\r\n# end",
        "version = 2\ncache.ttl_seconds = 1\nmodels.a.top_p = 1\n[aliases]",
        "version = 2\napi = {a = {}}\n[models]\na.top_p = 1\n[models.'é']\n",
    ]
)


@given(_starts, _steps)
def test_whatever_is_done_in_whatever_order_the_file_says_it(start: str, steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder) / "config.toml", start)
        wanted = dict(load(file, environment={}).values)
        comments = [line for line in start.splitlines() if line.startswith("#")]
        for path, value in steps:
            if value is None:
                editing.remove(path, file=file)
                wanted.pop(path, None)
            else:
                editing.assign(path, value, file=file)
                wanted[path] = value
        assert load(file, environment={}).values == wanted
        assert [line for line in file.read_text().splitlines() if line.startswith("#")] == comments
