"""`kandil model rm`: forget a model that the user added."""

from __future__ import annotations

import sys

import click

from kandil.cli.group import Settings, common_options

HELP = """Forget a model that you added. Its files stay where they are.

\b
Examples:
  kandil model rm house
  kandil model rm house --yes

\b
Exit: 0 forgotten; 2 nobody was there to ask, and no --yes; 3 you added no such model; 130 not removed.
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
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.errors import RecordUnknown

    settings = ctx.find_object(Settings)
    assert settings is not None
    record = registry.find(name)
    if record is None:
        raise RecordUnknown(name, tuple(one.name for one in registry.every().records))
    if not dry_run and not yes:
        if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(f"say --yes to forget {name!r} without being asked", ctx)
        if not click.confirm(
            printable(f"Forget {name}? It was added on {(record.added_at or 'a day unknown')[:10]}."), err=True
        ):
            raise click.Abort
    if not dry_run:
        registry.remove(name)
    if settings.json:
        write_report("kandil.model.rm/1", name=name, files=record.files, dry_run=dry_run)
    else:
        kept = f"; its files stay: {', '.join(record.files)}" if record.files else ""
        print(printable(f"{'would forget' if dry_run else 'forgot'} {name}{kept}"))
    return 0
