"""Settings as `kandil config` prints them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from kandil.cli.escape import printable
from kandil.cli.terminal import Paint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.cli.group import Settings
    from kandil.config import Config, Note
    from kandil.config.editing import Change
    from kandil.config.positions import KeyPath


def setting_line(key: str, value: object) -> str:
    """`cache.ttl_seconds = 600`"""
    return printable(f"{key}: not set" if value is None else f"{key} = {value_text(value)}")


def value_text(value: object) -> str:
    from kandil.config.values import written

    return "not set" if value is None else printable(written(value))


def setting_fields(config: Config, path: KeyPath) -> dict[str, Any]:
    """A setting in force, for JSON."""
    from kandil.config.keys import key_text

    origin = config.origin(path)
    told = {"kind": origin.kind, "name": origin.name, "line": origin.line}
    return {"key": key_text(path), "value": config.values.get(path), "origin": told}


def note_fields(notes: Iterable[Note]) -> list[dict[str, object]]:
    names = ("path", "line", "column", "key", "message")
    return [{name: getattr(note, name) for name in names} for note in notes]


def warn(notes: Iterable[object], settings: Settings) -> None:
    """On standard error; under --json they are in the object."""
    paint = Paint(sys.stderr, no_color=settings.no_color)
    for note in () if settings.json else notes:
        print(f"{paint('yellow', 'warning:')} {printable(str(note))}", file=sys.stderr)


def show_change(change: Change, settings: Settings, *, dry_run: bool) -> None:
    """What `set` and `unset` did, or would do."""
    from kandil.cli.json_lines import write_report
    from kandil.config.keys import key_text

    key, notes = key_text(change.key), _beside(change)
    if settings.json:
        write_report(
            "kandil.config.change/1",
            path=change.file, key=key, before=change.before, after=change.after, changed=change.changes,
            dry_run=dry_run, backup=change.backup, notes=notes,
        )  # fmt: skip
        return
    would = "would be: " if dry_run and change.changes else ""
    was = f"was {value_text(change.before)}" if change.changes else "as before"
    print(f"{would}{setting_line(key, change.after)}  ({was})")
    warn(notes, settings)


def _beside(change: Change) -> list[str]:
    """What else there is to say of a change: a copy that was kept, somebody who goes before the file."""
    from kandil.config import load
    from kandil.errors import KandilError

    notes = []
    if change.backup:
        notes.append(f"the file was of an older version; as it was: {change.backup}")
    try:
        origin = load(change.file).origin(change.key)
    except KandilError:  # of the project's file, or of a table that was removed: not what was asked
        return notes
    if origin.kind in ("environment", "project"):
        notes.append(f"{origin} says another value, and goes before this one")
    if change.key == ("defaults", "model") or change.key[0] == "aliases":
        notes += _unknown_name(change.after)
    return notes


def _unknown_name(name: object) -> list[str]:
    """Of a setting that names a model: that none is called so, or several are."""
    from kandil.cli.naming import known_names
    from kandil.errors import NameAmbiguous, NameUnknown

    if isinstance(name, str):
        try:
            known_names().resolve(name)
        except (NameAmbiguous, NameUnknown) as error:
            return [f"{error.message}; {error.hint}"]
    return []
