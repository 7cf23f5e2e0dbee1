"""Files of version 1: they are read as they are, and brought to this version when something is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kandil.config import editing, load
from kandil.errors import ConfigInvalid, SecretInConfig

OLD = """\
# Settings of old.
[defaults]
default_model = "qwen2.5-coder:7b"  # the usual

[cache]
ttl=60
"max_size" = 5

[limits]
# few
concurrency   = 2
[unknown]
ttl = "stays"
"""
NEW = """\
version = 2
# Settings of old.
[defaults]
model = "qwen2.5-coder:7b"  # the usual

[cache]
ttl_seconds=60
max_size_mb = 5

[limits]
# few
max_concurrent_requests   = 2
[unknown]
ttl = "stays"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(OLD)
    return tmp_path / "config.toml"


def test_reading_understands_the_old_names_and_writes_nothing(file: Path) -> None:
    config = load(file, environment={})
    assert config.defaults.model == "qwen2.5-coder:7b"
    assert (config.cache.ttl_seconds, config.cache.max_size_mb, config.limits.max_concurrent_requests) == (60, 5, 2)
    assert str(config.origin("limits.max_concurrent_requests")) == f"{file}:11"
    assert [note.key for note in config.warnings] == ["unknown"]
    assert file.read_text() == OLD
    assert [one.name for one in file.parent.iterdir()] == ["config.toml"]


def test_migrating_keeps_comments_values_and_a_copy(file: Path) -> None:
    before = load(file, environment={}).values
    copy = editing.migrate(file=file)
    assert copy == file.with_name("config.toml.v1.bak")
    assert (copy.read_text(), file.read_text()) == (OLD, NEW)
    assert load(file, environment={}).values == before
    assert editing.migrate(file=file) is None


def test_the_first_write_migrates(file: Path) -> None:
    change = editing.assign(("cache", "ttl_seconds"), 7, file=file)
    assert (change.before, change.after, change.migrated) == (60, 7, True)
    assert change.backup
    assert change.backup.read_text() == OLD
    assert file.read_text() == NEW.replace("ttl_seconds=60", "ttl_seconds=7")


def test_a_dry_run_migrates_nothing(file: Path) -> None:
    assert editing.migrate(file=file, dry_run=True) is None
    assert editing.assign(("cache", "ttl_seconds"), 7, file=file, dry_run=True).migrated
    assert file.read_text() == OLD
    assert [one.name for one in file.parent.iterdir()] == ["config.toml"]


def test_a_copy_that_is_there_is_never_replaced(file: Path) -> None:
    first, second = (file.with_name(f"config.toml.v1.bak{number}") for number in ("", ".1"))
    first.write_text("precious")
    second.symlink_to(file.parent / "nowhere")
    assert editing.migrate(file=file) == file.with_name("config.toml.v1.bak.2")
    assert first.read_text() == "precious"
    assert second.is_symlink()


def test_what_ends_lines_as_on_windows_still_does(file: Path) -> None:
    file.write_bytes(OLD.replace("\n", "\r\n").encode())
    editing.migrate(file=file)
    assert file.read_bytes() == NEW.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1 # old\ncache.ttl = 5\n", "version = 2 # old\ncache.ttl_seconds = 5\n"),
        ('"cache" . "\\u0074tl" = 5\n', 'version = 2\n"cache" . ttl_seconds = 5\n'),
        ("cache = {'ttl' = 5, x = 1}\n", "version = 2\ncache = {ttl_seconds = 5, x = 1}\n"),
        ("[publishers.a]\npublic_key = 'a.pub'\n", "version = 2\n[publishers.a]\npublic_key = 'a.pub'\n"),
    ],
)
def test_other_spellings(file: Path, old: str, new: str) -> None:
    file.write_text(old)
    editing.migrate(file=file)
    assert file.read_text() == new


def test_both_names_at_once_are_refused(file: Path) -> None:
    file.write_text("[cache]\nttl_seconds = 5\nttl = 6\n")
    with pytest.raises(ConfigInvalid, match=r"config\.toml:3:1: cache\.ttl: is what cache\.ttl_seconds was called"):
        load(file, environment={})


@pytest.mark.parametrize(("text", "error"), [("[cache]\nttl = 'x'\n", ConfigInvalid), ("key = 'x'\n", SecretInConfig)])
def test_what_cannot_be_used_is_not_migrated(file: Path, text: str, error: type[Exception]) -> None:
    file.write_text(text)
    with pytest.raises(error):
        editing.migrate(file=file)
    assert file.read_text() == text
    assert not file.with_name("config.toml.v1.bak").exists()
