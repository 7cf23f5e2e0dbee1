"""`kandil config`: what is set, by whom, and changes to it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import kandil
from kandil.config.keys import SETTINGS
from tests.cli.conftest import type_of_run
from tests.config.test_editing import COMMENTED
from tests.config.test_migration import NEW, OLD

_KEY = "gsk_" + "a1B2c3D4e5" * 5


@pytest.fixture
def file(home: Path) -> Path:
    """Where the user's settings are on Linux; the folder exists, the file does not."""
    folder = home / ".config" / "kandil"
    folder.mkdir(parents=True)
    return folder / "config.toml"


def editor(folder: Path, *lines: str) -> str:
    """An editor that runs Python with the file as `path`: EDITOR for it."""
    script = folder / "an editor.py"
    script.write_text("\n".join(["import pathlib, sys", "path = pathlib.Path(sys.argv[1])", *lines]))
    return f"'{sys.executable}' '{script}'"


def test_every_setting_has_a_value_and_an_origin(run: type_of_run, file: Path, tmp_path: Path) -> None:
    file.write_text(COMMENTED)
    (tmp_path / ".kandil.toml").write_text("[cache]\nmax_size_mb = 3\n")
    done = run("config", "show", "--origin", KANDIL_DEFAULTS_MODEL="gpt-5")
    origins = dict(line.rsplit("  ", 1) for line in done.stdout.splitlines())
    assert {setting.rstrip(): origin for setting, origin in origins.items()} == {
        'defaults.model = "gpt-5"': "KANDIL_DEFAULTS_MODEL",
        'defaults.theme = "auto"': "default",
        "defaults.telemetry = false": "default",
        "cache.ttl_seconds = 3600": f"{file}:10",
        "cache.max_size_mb = 3": f"{tmp_path}/.kandil.toml:2",
        "limits.max_concurrent_requests = 5": f"{file}:5",
        "limits.rate_limit_retry = true": f"{file}:6",
        'aliases."a b" = "qwen2.5-coder:7b"': f"{file}:14",
        'aliases.c = "gpt-5"': f"{file}:15",
        'api.qwen.base_url = "https://a.example/v1"': f"{file}:19",
        'api.qwen.protocol = "openai"': f"{file}:19",
    }
    assert done.stderr == f"warning: {file}:21:2: unknown: is no setting\n"
    assert run("config", "show").stdout.splitlines()[:2] == ["defaults.model: not set", 'defaults.theme = "auto"']


def test_show_as_json(run: type_of_run, file: Path) -> None:
    file.write_text(COMMENTED)
    done = run("config", "show", "--json")
    shown = json.loads(done.stdout)
    assert (shown["schema"], shown["kandil_version"], done.stderr) == ("kandil.config/1", kandil.__version__, "")
    settings = {setting["key"]: setting for setting in shown["settings"]}
    origin = {"kind": "user", "name": str(file), "line": 14}
    assert settings['aliases."a b"'] == {"key": 'aliases."a b"', "value": "qwen2.5-coder:7b", "origin": origin}
    assert settings["defaults.model"]["value"] is None
    assert [(note["key"], note["line"]) for note in shown["warnings"]] == [("unknown", 21)]


def test_get_prints_the_bare_value(run: type_of_run, file: Path) -> None:
    file.write_text(COMMENTED + '[models."llama3.1:8b"]\nsystem = "a\\nb \\u202e"\n')
    assert run("config", "get", "aliases.a b").stdout == "qwen2.5-coder:7b\n"
    assert run("config", "get", "limits.rate_limit_retry").stdout == "true\n"
    assert run("config", "get", "models.llama3.1:8b.system").stdout == "a\nb \\u202e\n"
    got = json.loads(run("config", "get", "cache.ttl_seconds", "--json").stdout)
    assert (got["key"], got["value"], got["origin"]["line"]) == ("cache.ttl_seconds", 3600, 10)


def test_get_of_what_has_no_value(run: type_of_run) -> None:
    done = run("config", "get", "defaults.model")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "defaults.model is not set\n")


def test_an_unknown_key_names_its_neighbours(run: type_of_run, file: Path) -> None:
    for args in (("get", "cache.tll_seconds"), ("set", "cache.tll_seconds", "5"), ("unset", "cache.tll_seconds")):
        done = run("config", *args)
        assert (done.returncode, done.stdout) == (9, "")
        assert done.stderr == "error: no setting cache.tll_seconds\nhint: did you mean cache.ttl_seconds?\n"
    assert not file.exists()


def test_set_and_unset(run: type_of_run, file: Path) -> None:
    file.write_text(COMMENTED)
    assert run("config", "set", "cache.ttl_seconds", "60").stdout == "cache.ttl_seconds = 60  (was 3600)\n"
    assert run("config", "set", "cache.ttl_seconds", "60").stdout == "cache.ttl_seconds = 60  (as before)\n"
    assert file.read_text() == COMMENTED.replace("3_600", "60")
    assert run("config", "unset", "cache.ttl_seconds").stdout == "cache.ttl_seconds: not set  (was 60)\n"
    changed = json.loads(run("config", "set", "models.llama3.1:8b.top_p", "0.5", "--json").stdout)
    assert (changed["key"], changed["before"], changed["after"]) == ('models."llama3.1:8b".top_p', None, 0.5)
    assert run("config", "get", 'models."llama3.1:8b".top_p').stdout == "0.5\n"


def test_a_dry_run_says_what_would_be(run: type_of_run, file: Path) -> None:
    file.write_text(OLD)
    assert run("config", "set", "cache.ttl_seconds", "5", "-n").stdout == "would be: cache.ttl_seconds = 5  (was 60)\n"
    assert run("config", "unset", "cache.ttl_seconds", "--dry-run").stdout.startswith("would be: cache.ttl_seconds: ")
    assert run("config", "reload", "--dry-run").returncode == 0
    assert file.read_text() == OLD
    assert [one.name for one in file.parent.iterdir()] == ["config.toml"]


def test_a_change_that_has_no_effect_says_why(run: type_of_run, file: Path) -> None:
    done = run("config", "set", "cache.ttl_seconds", "60", KANDIL_CACHE_TTL_SECONDS="5")
    assert done.returncode == 0
    assert done.stderr == "warning: KANDIL_CACHE_TTL_SECONDS says another value, and goes before this one\n"
    assert run("config", "get", "cache.ttl_seconds").stdout == "60\n"


@pytest.mark.parametrize(
    ("args", "provider"),
    [
        (["set", "api.groq.base_url", _KEY], "groq"),
        (["set", "api.groq.api_key", _KEY], "groq"),
        (["set", "defaults.model", _KEY], "PROVIDER"),
        (["set", _KEY, "1"], "PROVIDER"),
        (["get", _KEY], "PROVIDER"),
    ],
)
def test_a_key_is_refused_with_the_way_to_the_keyring(
    run: type_of_run, file: Path, args: list[str], provider: str
) -> None:
    for more in ([], ["--json"], ["--debug"]):
        done = run("config", *args, *more)
        assert done.returncode == 9
        assert f"`kandil auth set {provider}`" in done.stdout + done.stderr
        assert _KEY not in done.stdout + done.stderr
    assert not file.exists()


def test_an_invalid_file_is_named_with_line_and_column(run: type_of_run, file: Path) -> None:
    file.write_text("version = 2\n[cache]\nttl_seconds = 'soon'\n")
    for command in ("show", "reload"):
        done = run("config", command)
        assert (done.returncode, done.stdout) == (9, "")
        expected = 'cache.ttl_seconds: expected a whole number from 0 to 31536000, not "soon"'
        assert done.stderr == f"error: {file}:3:15: {expected}\nhint: edit {file}\n"
    error = json.loads(run("config", "show", "--json").stdout)["error"]
    assert (error["code"], error["key"], error["line"], error["column"]) == (
        "config-invalid", "cache.ttl_seconds", 3, 15,
    )  # fmt: skip


def test_reload_says_what_has_changed_since_the_last(run: type_of_run, file: Path) -> None:
    file.write_text("version = 2\n[cache]\nttl_seconds = 5\n[aliases]\na = 'b'\n")
    first = run("config", "reload").stdout
    assert first == 'aliases.a = "b"  (was not set)\ncache.ttl_seconds = 5  (was not set)\n'
    assert run("config", "reload").stdout == "nothing has changed\n"
    file.write_text("version = 2\n[cache]\nttl_seconds = 6\n")
    done = json.loads(run("config", "reload", "--json").stdout)
    assert done["changes"] == [
        {"key": "aliases.a", "before": "b", "after": None},
        {"key": "cache.ttl_seconds", "before": 5, "after": 6},
    ]


def test_reload_without_a_file_makes_none(run: type_of_run, file: Path) -> None:
    assert run("config", "reload").stdout == "nothing has changed\n"
    assert list(file.parent.iterdir()) == []


def test_reload_migrates_and_keeps_a_copy(run: type_of_run, file: Path) -> None:
    file.write_text(OLD)
    done = run("config", "reload")
    copy = file.with_name("config.toml.v1.bak")
    assert (done.returncode, file.read_text(), copy.read_text()) == (0, NEW, OLD)
    assert f"warning: the file was of an older version; as it was: {copy}\n" in done.stderr


def test_a_version_that_is_to_come_is_left_alone(run: type_of_run, file: Path, tmp_path: Path) -> None:
    file.write_text("version = 3\nnew = 1\n")
    takes = editor(tmp_path, "path.write_text(path.read_text() + '# more\\n')")
    for args in (["show"], ["set", "cache.ttl_seconds", "5"], ["unset", "new"], ["reload"], ["edit"]):
        done = run("config", *args, EDITOR=takes)
        assert done.returncode == 9
        assert f"{file} has version 3; this kandil knows 2" in done.stderr
    assert file.read_text() == "version = 3\nnew = 1\n"


def test_where_the_files_are(run: type_of_run, file: Path, tmp_path: Path) -> None:
    assert run("config", "path").stdout == f"{file}\n"
    (tmp_path / ".kandil.toml").touch()
    assert run("config", "path").stdout == f"{file}\n{tmp_path}/.kandil.toml\n"
    shown = json.loads(run("config", "path", "--json").stdout)
    assert (shown["user"], shown["project"]) == (
        {"path": str(file), "exists": False},
        {"path": f"{tmp_path}/.kandil.toml"},
    )


def test_every_setting_is_explained(run: type_of_run) -> None:
    text = run("config", "keys").stdout
    titles = [line for line in text.splitlines() if not line.startswith(" ")]
    assert titles == [setting.key for setting in SETTINGS]
    assert all(setting.doc in text for setting in SETTINGS)
    listed = json.loads(run("config", "keys", "--json").stdout)["keys"]
    assert [key["key"] for key in listed] == titles
    assert all(key["takes"] and key["doc"] for key in listed)


def test_edit_replaces_the_file_with_what_was_written(run: type_of_run, file: Path, tmp_path: Path) -> None:
    file.write_text(COMMENTED)
    takes = editor(tmp_path, "path.write_text(path.read_text().replace('3_600', '60'))")
    done = run("config", "edit", EDITOR="false", VISUAL=takes)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: replaced\n", "")
    assert file.read_text() == COMMENTED.replace("3_600", "60")
    assert run("config", "edit", EDITOR="true").stdout == f"{file}: nothing was changed\n"


def test_edit_begins_with_a_template(run: type_of_run, file: Path, tmp_path: Path) -> None:
    assert run("config", "edit", EDITOR="true").returncode == 0
    assert not file.exists()
    takes = editor(tmp_path, "path.write_text(path.read_text().replace('# ttl_seconds = 3600', 'ttl_seconds = 5'))")
    assert run("config", "edit", EDITOR=takes).returncode == 0
    assert run("config", "get", "cache.ttl_seconds").stdout == "5\n"


def test_edit_mends_a_broken_file(run: type_of_run, file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"[cache\xff\n")
    takes = editor(tmp_path, "path.write_text('version = 2\\n')")
    assert run("config", "edit", EDITOR=takes).returncode == 0
    assert file.read_text() == "version = 2\n"


@pytest.mark.parametrize("end", ["", "sys.exit(3)"])
def test_what_was_written_is_not_lost(run: type_of_run, file: Path, tmp_path: Path, end: str) -> None:
    file.write_text(COMMENTED)
    takes = editor(tmp_path, "path.write_text('[cache]\\nttl_seconds = [')", end)
    done = run("config", "edit", EDITOR=takes, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout, file.read_text()) == (1 if end else 9, "", COMMENTED)
    kept, error, *_ = done.stderr.splitlines()
    assert error.startswith("error: " + (f"{sys.executable} ended with 3" if end else f"{file}:2:"))
    copy = Path(kept.removeprefix("what you wrote is in "))
    assert copy.read_text() == "[cache]\nttl_seconds = ["
    assert copy.stat().st_mode & 0o077 == 0 or copy.parent.stat().st_mode & 0o077 == 0


def test_a_folder_in_the_files_place_is_said(run: type_of_run, file: Path) -> None:
    file.mkdir()
    for args in (["show"], ["set", "cache.ttl_seconds", "5"], ["reload"], ["edit"]):
        done = run("config", *args, EDITOR="true")
        assert done.returncode == 9
        assert done.stderr.startswith(f"error: {file}: cannot be read: Is a directory\n")


def test_a_key_that_was_written_stays_nowhere(run: type_of_run, file: Path, tmp_path: Path) -> None:
    takes = editor(tmp_path, "path.write_text('[defaults]\\nmodel = \"gsk_' + 'a1B2c3D4e5' * 5 + '\"\\n')")
    (tmp_path / "copies").mkdir()
    done = run("config", "edit", EDITOR=takes, TMPDIR=str(tmp_path / "copies"))
    assert done.returncode == 9
    assert "what you wrote was deleted" in done.stderr
    assert "a1B2c3" not in done.stderr
    assert list((tmp_path / "copies").iterdir()) == []
    assert not file.exists()


def test_a_failed_editor_leaves_nothing_behind(run: type_of_run, tmp_path: Path) -> None:
    for takes in ("false", "no-such-editor", "'", "rm"):
        assert run("config", "edit", EDITOR=takes, TMPDIR=str(tmp_path)).returncode == 1
    assert run("config", "edit").stderr.startswith("error: there is no editor to use\nhint: set EDITOR")
    assert list(tmp_path.iterdir()) == []


def test_in_a_terminal_what_is_wrong_can_be_edited_again(file: Path, tmp_path: Path) -> None:
    file.write_text(COMMENTED)
    takes = editor(
        tmp_path,
        "broken = '3_600' in path.read_text()",
        "path.write_text(path.read_text().replace('3_600', 'x') if broken else path.read_text().replace('= x', '= 7'))",
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kandil", "config", "edit"]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"EDITOR": takes},
    ) as process:
        os.write(ours, b"y\n")
        out, err = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out) == (0, f"{file}: replaced\n")
    assert err.startswith(f"error: {file}:10:")
    assert "Edit it again? [Y/n]" in err
    assert file.read_text() == COMMENTED.replace("3_600", "7")


@pytest.mark.parametrize("args", [["config", "--help"], ["config", "set", "-h"], ["config", "nonsense"]])
def test_help_has_an_example(run: type_of_run, args: list[str]) -> None:
    done = run(*args)
    if args[-1] == "nonsense":
        assert (done.returncode, done.stdout) == (2, "")
        assert "error: No such command 'nonsense'." in done.stderr
    else:
        assert done.returncode == 0
        assert "kandil config set " in done.stdout


@pytest.mark.parametrize("key", ["defaults.model", "aliases.mine"])
def test_a_name_of_no_model_is_set_and_said(run: type_of_run, key: str) -> None:
    done = run("config", "set", key, "gtp-5-min")
    assert done.returncode == 0
    assert "warning: no model is called 'gtp-5-min'; did you mean gpt-5-mini" in done.stderr
    assert json.loads(run("config", "set", key, "gtp-5-min", "--json").stdout)["notes"]
    assert run("config", "set", key, "gpt-5-mini").stderr == ""
    assert run("config", "unset", key).stderr == ""
