"""`kandil undo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.assist.changes import Entry

HELP = """Take back what kandil changed last in this folder: by `refactor`, by `test`.

\b
Examples:
  kandil undo              the last change that is not undone
  kandil undo --dry-run    show it
  kandil undo --list       every change, the newest first

All files are what they were before, or none: where one was changed by somebody else since, nothing is undone. What is
undone is kept as well, until a hundred newer changes are.

\b
Exit: 0 undone; 1 a file has changed since, or cannot be written; 2 nothing to undo.
"""


@click.command("undo", help=HELP, short_help="Take back what kandil changed last.")
@click.argument("change", required=False, metavar="[CHANGE]")
@click.option("--list", "listed", is_flag=True, help="List the changes.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be undone.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, change: str | None, listed: bool, dry_run: bool) -> int:
    from kandil.assist import changes
    from kandil.cli import diff_text
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.terminal import Paint

    settings = ctx.find_object(Settings)
    assert settings is not None
    if listed:
        _list(changes.entries(), settings)
        return 0
    entry = changes.last(Path()) if change is None else _named(change)
    if dry_run and not settings.json:
        back = [changes.Change(path=one.path, before=one.after, after=one.before) for one in entry.changes]
        print(diff_text.shown(back, Paint(sys.stdout, no_color=settings.no_color)))
        return 0
    if not dry_run:
        changes.undo(entry)
    if settings.json:
        write_report("kandil.undo/1", **_fields(entry), dry_run=dry_run)
        return 0
    for one in entry.changes:
        print(printable(f"{'removed' if one.before is None else 'restored'} {one.path}"))
    print(printable(f"undone: {entry.what}"), file=sys.stderr)
    return 0


def _named(change: str) -> Entry:
    """Raises: NothingToUndo."""
    from kandil.assist import changes
    from kandil.errors import NothingToUndo

    for entry in changes.entries():
        if entry.id == change and not entry.undone:
            return entry
    raise NothingToUndo(change)


def _list(entries: list[Entry], settings: Settings) -> None:
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.sizes import counted

    if settings.json:
        write_report("kandil.undo-list/1", changes=[_fields(entry) for entry in entries])
        return
    for entry in entries:
        state = "undone" if entry.undone else counted(len(entry.changes), "file")
        print(printable(f"{entry.id}  {entry.made}  {state:<9}  {entry.folder}  {entry.what}"))


def _fields(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "made": entry.made,
        "folder": str(entry.folder),
        "what": entry.what,
        "files": [one.path for one in entry.changes],
        "undone": entry.undone,
        "kept": str(entry.kept),
    }
