"""`kandil batch cancel`."""

from __future__ import annotations

from pathlib import Path

import click

from kandil.cli.group import GivenPath, Settings, common_options

HELP = """Stop the batch that writes to a file, as Ctrl-C does: answers under way are waited for, and kept.

\b
Examples:
  kandil batch cancel results.jsonl
"""


@click.command("cancel", help=HELP, short_help="Stop a batch that runs.")
@click.argument("output", metavar="RESULTS", type=GivenPath())
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, output: str) -> int:
    from kandil.batch import state
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    found = state.read(Path(output))
    told = state.cancel(found)
    if settings.json:
        write_report("kandil.batch-cancel/1", output=output, told=told, pid=found.owner.pid)
    elif told:
        print(f"told process {found.owner.pid} to stop; `kandil batch run` with the same words goes on later")
    else:
        print(printable(f"no batch writes to {output} now"))
    return 0
