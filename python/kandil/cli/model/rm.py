"""`kandil model rm`: forget a model that the user added."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.registry import Record

HELP = """\b
Examples:
  kandil model rm house
  kandil model rm house --dry-run
  kandil model rm house --yes

Forget a model that you added: its record is removed. The model's files, settings and aliases stay.

\b
Exit: 0 forgotten; 2 nobody was there to ask, and no --yes; 3 you added no such model; 9 its record is broken;
130 not removed.
"""


@click.command("rm", help=HELP, short_help="Forget a model that you added.")
@click.argument("name")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be forgotten, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, name: str, dry_run: bool, yes: bool, no_input: bool) -> int:
    from kandil import registry
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    record = registry.existing(name)
    if not dry_run and not yes:
        if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(f"say --yes to forget {name!r} without being asked", ctx)
        added = f" It was added on {record.added_at[:10]}." if record.added_at else ""
        if not click.confirm(printable(f"Forget {name}?{added}"), err=True):
            raise click.Abort
    if not dry_run:
        record = registry.remove(name)
    path, meanings = registry.file_of(name), _meanings(name)
    if settings.json:
        fields = {"path": path, "files": record.files, "meanings": meanings, "dry_run": dry_run}
        write_report("kandil.model.rm/1", name=name, **fields)
        return 0
    print(printable(f"{'would forget' if dry_run else 'forgot'} {name}: {path}; {_kept(record)}"))
    for meaning in meanings:
        print(printable(f"note: {meaning} still names it"), file=sys.stderr)
    return 0


def _kept(record: Record) -> str:
    return f"its files stay: {', '.join(record.files)}" if record.files else "nothing else is touched"


def _meanings(name: str) -> list[str]:
    """The settings that name the model."""
    from kandil import config
    from kandil.config.keys import key_text
    from kandil.errors import KandilError

    try:
        settings = config.load()
    except KandilError:  # whatever is wrong with them, a model can be forgotten
        return []
    aliases = [key_text(("aliases", alias)) for alias, target in settings.aliases.items() if target == name]
    return (["defaults.model"] if settings.defaults.model == name else []) + aliases
