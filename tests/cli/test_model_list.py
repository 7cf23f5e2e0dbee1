"""`kandil model list`: what is here, what runs elsewhere, and the catalogue."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from kandil import config, profiles, registry
from kandil.registry import inventory, listing
from tests.cli.conftest import type_of_run
from tests.support.stores import Ollama, gguf, put


@pytest.fixture
def ollama(home: Path) -> Ollama:
    return Ollama(home / ".ollama/models")


def configure(home: Path, text: str) -> None:
    put(home / ".config/kandil/config.toml", f"version = 2\n{text}".encode())


def test_an_empty_machine_says_what_to_do(run: type_of_run) -> None:
    done = run("model", "list")
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("kandil model fit", "kandil verify", "kandil model add"):
        assert command in done.stdout


def test_what_is_here_is_listed_with_its_state(run: type_of_run, ollama: Ollama) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    lines = run("model", "list", "--local").stdout.splitlines()
    assert lines[0] == "Local"
    assert lines[1].split("  ")[0] == "MODEL"
    assert lines[2].startswith("qwen2.5:7b")
    assert "never verified" in lines[2]
    assert lines[2].endswith("ollama")
    assert "looked at just now" in lines[3]
    run("verify", "--pin")
    again = run("model", "list", "--local").stdout
    assert "verified, " in again
    assert "never verified" not in again


def test_the_second_list_is_the_first_one_remembered(run: type_of_run, ollama: Ollama) -> None:
    blob = ollama.pull("qwen2.5:7b", gguf("a"))
    first = json.loads(run("model", "list", "--json").stdout)
    kept = inventory.file().read_bytes()
    second = json.loads(run("model", "list", "--json").stdout)
    assert second == first
    assert inventory.file().read_bytes() == kept
    blob.unlink()
    third = json.loads(run("model", "list", "--json").stdout)
    assert [model["state"] for model in third["local"]] == ["error"]


def test_a_list_that_is_remembered_imports_little(run: type_of_run, ollama: Ollama) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    run("model", "list")
    code = (
        "import sys; from kandil.cli.run import main; main(['model', 'list']);"
        "print([name for name in ('trio', 'rich', 'sqlite3', 'tomlkit', 'kandil.verify', 'kandil.hardware')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_refresh_looks_again(run: type_of_run) -> None:
    run("model", "list")
    before = inventory.file().stat().st_mtime_ns
    run("model", "list")
    assert inventory.file().stat().st_mtime_ns == before
    run("model", "list", "--refresh")
    assert inventory.file().stat().st_mtime_ns > before


def test_records_take_the_place_of_what_they_name(run: type_of_run, ollama: Ollama, home: Path) -> None:
    blob = ollama.pull("qwen2.5:7b", gguf("a"))
    mine = put(home / "somewhere/my.gguf", gguf("m"))
    registry.add(registry.Record(name="house", files=(str(mine),)))
    registry.add(registry.Record(name="tuned", files=(str(blob),)))
    registry.add(registry.Record(name="lost", files=(str(home / "lost.gguf"),), size_bytes=4_000_000_000))
    local = json.loads(run("model", "list", "--local", "--json").stdout)["local"]
    assert {one["name"]: (one["state"], one.get("store")) for one in local} == {
        "house": ("new", "record"),
        "tuned": ("new", "ollama"),
        "lost": ("error", "record"),
    }
    text = run("model", "list", "--local").stdout
    assert "added, ollama" in text
    assert "qwen2.5:7b" not in text


def test_cloud_models_have_state_latency_price_and_date(run: type_of_run, home: Path) -> None:
    registry.add(registry.Record(name="claude-sonnet-5-5", source="cloud", provider="anthropic"))
    registry.used("claude-sonnet-5-5", latency_ms=400.0)
    registry.used("claude-sonnet-5-5", latency_ms=500.0)
    configure(home, '[defaults]\nmodel = "mistral-large:123b"\n[models."gpt-5"]\ntop_p = 0.5\n[models.nothing]\n')
    done = run("model", "list", "--cloud")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[2:]}
    profile = profiles.find("claude-sonnet-5-5")
    assert profile is not None
    assert profile.price is not None
    for cell in ("anthropic", "450 ms", "2, just now", f"{profile.price.input:g}/", "added", profile.date):
        assert cell in rows["claude-sonnet-5-5"], cell
    assert "models" in rows["gpt-5"]


def test_a_name_that_nothing_has_says_so(run: type_of_run, home: Path) -> None:
    configure(home, '[models."no-such-model"]\ntop_p = 0.5\n')
    assert "not in the catalogue" in run("model", "list", "--cloud").stdout


def test_the_state_of_a_cloud_model_names_its_end_and_successor(run: type_of_run) -> None:
    retired = next(one for one in profiles.every() if one.status == "retired" and one.successor and one.shutdown_date)
    hidden = run("model", "list", "--available", "-q").stdout.splitlines()
    assert retired.id not in hidden
    shown = run("model", "list", "--available", "--all", retired.id).stdout
    assert f"retired since {retired.shutdown_date}: {retired.successor} instead" in shown


def test_the_catalogue_is_complete_and_no_line_is_cut(run: type_of_run) -> None:
    done = run("model", "list", "--available", "--all", COLUMNS="40")
    rows = done.stdout.splitlines()[2:]
    assert [row.split()[0] for row in rows] == profiles.ids()
    assert "…" not in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("qwen2.5 coder 7b", True),
        ("CODER Qwen2.5", True),
        ("qwen25coder", True),
        ("qwen2.5 coder 7b nonsense", False),
        ("-", True),
    ],
)
def test_every_word_of_a_query_must_be_there(query: str, found: bool) -> None:
    ids = [one.id for one in listing.available(query)]
    assert ("qwen2.5-coder:7b" in ids) is found


def test_json_has_every_section_that_was_asked_for(run: type_of_run) -> None:
    plain = json.loads(run("model", "list", "--json").stdout)
    assert plain["schema"] == "kandil.model.list/1"
    assert plain["catalogue_count"] == len(profiles.ids())
    assert {"local", "cloud", "looked_at"} <= set(plain)
    assert "available" not in plain
    catalogue = json.loads(run("model", "list", "--available", "gpt", "--json").stdout)
    assert "local" not in catalogue
    assert all(one["date"] for one in catalogue["available"])


def test_quiet_prints_names_alone(run: type_of_run, ollama: Ollama, home: Path) -> None:
    ollama.pull("qwen2.5:7b", gguf("a"))
    configure(home, '[defaults]\nmodel = "gpt-5"\n')
    assert run("model", "list", "-q").stdout == "qwen2.5:7b\ngpt-5\n"


def test_names_from_the_disk_are_escaped(run: type_of_run, home: Path) -> None:
    put(home / ".cache/llama.cpp" / os.fsdecode(b"a\x1b[2J\xff.gguf"), gguf("x"))
    for options in ([], ["-q"], ["--json"]):
        done = run("model", "list", "--local", *options)
        assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert "a\\x1b[2J\\xff.gguf" in run("model", "list", "-q").stdout


def test_a_broken_record_is_a_warning(run: type_of_run, home: Path) -> None:
    registry.add(registry.Record(name="good", files=(str(put(home / "g.gguf", gguf("g"))),)))
    put(registry.file_of("bad"), b"{")
    done = run("model", "list")
    assert done.returncode == 0
    assert "good" in done.stdout
    assert "warning: " in done.stderr
    assert "bad.metadata.json" in done.stderr


def test_a_configured_model_that_is_not_here_says_so(run: type_of_run, ollama: Ollama, home: Path) -> None:
    configure(home, '[defaults]\nmodel = "qwen2.5-coder:7b"\n')
    (line,) = (line for line in run("model", "list").stdout.splitlines() if line.startswith("qwen2.5-coder:7b"))
    assert "not on this machine" in line
    ollama.pull("qwen2.5-coder:7b", gguf("a"))
    (line,) = (line for line in run("model", "list").stdout.splitlines() if line.startswith("qwen2.5-coder:7b"))
    assert "never verified" in line


@pytest.mark.parametrize("name", ["mine", "gpt-5", "GPT 5", "openai/gpt-5"])
def test_names_in_the_configuration_are_followed(home: Path, name: str) -> None:
    configure(home, f'[defaults]\nmodel = "{name}"\n[aliases]\nmine = "gpt-5"\n')
    (one,) = listing.elsewhere(config.load(), ())
    assert (one.name, one.settings, one.profile) == ("gpt-5", ("defaults.model",), profiles.find("gpt-5"))


@pytest.mark.parametrize("name", ["nowhere", "no such model"])
def test_a_name_in_the_configuration_that_nothing_has_stays(home: Path, name: str) -> None:
    configure(home, f'[models."{name}"]\ntop_p = 0.5\n[aliases]\nnowhere = "gone"\n')
    (one,) = listing.elsewhere(config.load(), ())
    assert (one.name, one.settings, one.profile) == (name, ("models",), None)
    (own,) = listing.elsewhere(config.load(), [registry.Record(name=name)])
    assert (own.name, own.settings) == (name, ("models",))


@pytest.mark.parametrize("columns", [30, 60, 80, 100])
def test_in_a_terminal_the_lines_fit(columns: int, home: Path) -> None:
    wide = "模型" * 30
    put(home / f".cache/llama.cpp/{wide}.gguf", gguf("x"))
    configure(home, '[defaults]\nmodel = "claude-sonnet-5-5"\n')
    text = in_terminal(columns, "model", "list") + in_terminal(columns, "model", "list", "--available", "claude")
    from rich.cells import cell_len

    table = [line for line in text.splitlines() if line.startswith(("MODEL", "模", "claude"))]
    assert len(table) > 4
    assert max(map(cell_len, table)) <= columns
    assert any("…" in line for line in table)


def test_in_a_terminal_the_catalogue_is_one_line(home: Path) -> None:
    last = in_terminal(80, "model", "list").splitlines()[-1]
    assert last == f"{len(profiles.ids()):,} more in the catalogue: kandil model list --available [QUERY]"


def in_terminal(columns: int, *args: str) -> str:
    """What it prints to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child = subprocess.Popen(
        [sys.executable, "-m", "kandil", *args],
        stdout=theirs,
        stdin=subprocess.DEVNULL,
        env=environment | {"NO_COLOR": "1", "TERM": "xterm"},
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # EIO: the terminal's other end is closed
        pass
    finally:
        os.close(ours)
    assert child.wait() == 0
    return said.decode()
