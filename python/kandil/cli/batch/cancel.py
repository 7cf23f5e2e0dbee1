"""`kandil batch cancel`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kandil.cli.group import GivenPath, Settings, common_options

HELP = """Stop the batch that writes to a file, as Ctrl-C does: answers under way are waited for, and kept.

Of what `kandil batch submit` has submitted the providers are told; `kandil batch fetch` has what they did by then.

\b
Examples:
  kandil batch cancel results.jsonl
"""


@click.command("cancel", help=HELP, short_help="Stop a batch that runs.")
@click.argument("output", metavar="RESULTS", type=GivenPath())
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, output: str) -> int:
    from kandil.batch import state, submitted
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    if submitted.pending(Path(output)):
        return _cancel_submitted(Path(output), settings)
    found = state.read(Path(output))
    told = state.cancel(found)
    if settings.json:
        write_report("kandil.batch-cancel/1", output=output, told=told, pid=found.owner.pid)
    elif told:
        print(f"told process {found.owner.pid} to stop; `kandil batch run` with the same words goes on later")
    else:
        print(printable(f"no batch writes to {output} now"))
    return 0


def _cancel_submitted(output: Path, settings: Settings) -> int:
    from functools import partial

    from kandil import config
    from kandil.batch import fetching
    from kandil.cli.batch.submit import fields
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async

    def say(text: str) -> None:
        print(printable(text), file=sys.stderr)

    now = run_async(partial(fetching.cancel, output, config.load(), keys=open_keys(), notice=say))
    if settings.json:
        write_report("kandil.batch-cancel/1", told=True, **fields(now))
        return 0
    for one in now.batches:
        print(printable(f"{one.provider}: {one.batch_id or 'not submitted yet'}, {one.status or one.stage}"))
    print(printable(f"`kandil batch fetch {output}` has what was answered by then"))
    return 0
