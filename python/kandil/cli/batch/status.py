"""`kandil batch status`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import GivenPath, Settings, common_options

if TYPE_CHECKING:
    from kandil.batch.state import State
    from kandil.batch.submitted import Submission

HELP = """Show how far the batch is that writes to a file, from any terminal.

\b
Examples:
  kandil batch status results.jsonl
  kandil batch status results.jsonl --json
"""
_SAID = {
    "running": "running",
    "killed": "was killed; the same `kandil batch run` goes on",
    "done": "done",
    "failed-in-part": "done, some rows without an answer",
    "stopped": "stopped; the same `kandil batch run` goes on",
    "budget": "stopped at its budget",
    "error": "stopped",
}


@click.command("status", help=HELP, short_help="Show how far a batch is.")
@click.argument("output", metavar="RESULTS", type=GivenPath())
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, output: str) -> int:
    from kandil.batch import state, submitted
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    if before := submitted.pending(Path(output)):
        _show_submitted(before, settings)
        return 0
    found = state.read(Path(output))
    if settings.json:
        write_report("kandil.batch-status/1", **asdict(found))
    else:
        _show(found)
    return 0


def _show_submitted(found: Submission, settings: Settings) -> None:
    """As `submit` and `fetch` have left it: nobody is asked."""
    from kandil.cli.batch.submit import fields
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    if settings.json:
        write_report("kandil.batch-status/1", **fields(found))
        return
    print(printable(f"{found.output}: submitted on {found.created}; `kandil batch fetch` asks how far it is"))
    for one in found.batches:
        print(printable(f"{one.provider}: {one.batch_id or 'not submitted yet'}, {one.rows:,} rows, {one.status}"))


def _show(found: State) -> None:
    from kandil.cli.escape import printable
    from kandil.cli.sizes import human_time

    progress = found.progress
    why = f": {found.why}" if found.why else ""
    print(printable(f"{found.output}: {_SAID[found.end]}{why}"))
    failed = f", {progress['failed']:,} failed" if progress["failed"] else ""
    print(f"{progress['done']:,} of {progress['rows']:,} rows{failed}, after {human_time(progress['seconds'])}")
    if found.end == "running":
        print(f"{progress['running']:,} under way, process {found.owner.pid}")
    if progress["spent_usd"]:
        print(f"${progress['spent_usd']:,.4f} spent")
    print(printable(f"models: {', '.join(found.models)}"))
    print(f"as of {found.changed}")
