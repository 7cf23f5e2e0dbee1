"""`kandil model rm`: remove a model that the user added."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.adding import RemovePlan

HELP = """\b
Examples:
  kandil model rm qwen2.5-7b-instruct:q4_k_m
  kandil model rm house --keep-files
  kandil model rm house --dry-run

Remove a model that you added: its record, and the files that kandil fetched for it, which are named first.

Files stay that another model uses, that are not in kandil's own folder, or with --keep-files. Settings and aliases
that name the model stay, and are named.

\b
Exit: 0 removed; 2 nobody was there to ask, and no --yes; 3 you added no such model; 9 its record is broken;
130 not removed.
"""


@click.command("rm", help=HELP, short_help="Remove a model that you added.")
@click.argument("name")
@click.option("--keep-files", "--keep-file", "keep_files", is_flag=True, help="Its record alone.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, name: str, keep_files: bool, dry_run: bool, yes: bool, no_input: bool) -> int:
    from kandil import adding, registry
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    plan = adding.plan_removal(name, keep_files=keep_files)
    if not dry_run and not yes:
        if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(f"say --yes to remove {name!r} without being asked", ctx)
        _show(plan)
        if not click.confirm(printable(f"Remove {name}?"), err=True):
            raise click.Abort
    path, meanings = registry.file_of(name), _meanings(name)
    if not dry_run:
        adding.remove(plan)
    if settings.json:
        write_report(
            "kandil.model.rm/1",
            name=name,
            path=path,
            files=plan.record.files,
            removed=plan.removed,
            kept=[{"path": one, "why": why} for one, why in plan.kept],
            freed_bytes=plan.freed_bytes,
            meanings=meanings,
            dry_run=dry_run,
        )
        return 0
    print(printable(f"{'would remove' if dry_run else 'removed'} {name}: {path}; {_files(plan)}"))
    for meaning in meanings:
        print(printable(f"note: {meaning} still names it"), file=sys.stderr)
    return 0


def _show(plan: RemovePlan) -> None:
    """What goes, and what stays."""
    record = plan.record
    print(printable(f"{record.name}, added on {(record.added_at or 'a day that is not known')[:10]}"), file=sys.stderr)
    for path in plan.removed:
        print(printable(f"  goes   {path}"), file=sys.stderr)
    for path, why in plan.kept:
        print(printable(f"  stays  {path}: {why}"), file=sys.stderr)
    print(printable(f"  {_files(plan)}"), file=sys.stderr)


def _files(plan: RemovePlan) -> str:
    from kandil.cli.fit_text import human_bytes

    told = []
    if plan.removed:
        told.append(f"{len(plan.removed)} files with {human_bytes(plan.freed_bytes)} of the disk")
    if plan.kept:
        told.append(f"its files stay: {', '.join(str(path) for path, _ in plan.kept)}")
    return "; ".join(told) or "nothing else is touched"


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
