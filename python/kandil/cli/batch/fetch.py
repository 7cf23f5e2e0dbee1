"""`kandil batch fetch`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import GivenPath, Settings, common_options

if TYPE_CHECKING:
    from kandil.batch.fetching import Fetched
    from kandil.batch.submitted import Submission

HELP = """Get the answers to what `kandil batch submit` has submitted.

\b
Examples:
  kandil batch fetch results.jsonl             what is there by now
  kandil batch fetch results.jsonl --wait      until all of it is
  until kandil batch fetch results.jsonl; do sleep 600; done

Results go to the file as those of `kandil batch run` do, errors to RESULTS.errors.jsonl: rows that the provider
refused, did not come to within its time, or that were cancelled. It can be said again at any time, also after a crash:
what is in the files is not written twice, and what was submitted goes on without it. `kandil batch submit
--retry-failed` submits the failed rows again.

Exit codes: 0 all is here, 10 all is here and some rows failed, 75 not all has ended yet, 5 the key, 6 the provider or
the network, 7 no space, 130 stopped.
"""
_PARTLY = 10
_NOT_YET = 75
"""As sysexits(3) says it: try again later."""


@click.command("fetch", help=HELP, short_help="Get the answers to what was submitted.")
@click.argument("output", metavar="RESULTS", type=GivenPath())
@click.option("--wait", is_flag=True, help="Until every batch has ended.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, output: str, wait: bool, no_input: bool, quiet: bool) -> int:
    from kandil import config
    from kandil.batch import fetching
    from kandil.cli.batch.screen import Screen
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    screen = Screen(settings, how="none", quiet=quiet)
    told = ""

    def progress(now: Submission) -> None:
        nonlocal told
        line = _progress(now)
        if wait and not now.is_fetched and line != told:
            told = line
            screen.say(line)

    found = run_async(
        partial(
            fetching.fetch,
            Path(output),
            config.load(),
            keys=open_keys(no_input=no_input),
            wait=wait,
            progress=progress,
            notice=screen.say,
        )
    )
    if settings.json:
        _report(found)
    elif not quiet:
        _show(found)
    if not found.is_whole:
        return _NOT_YET
    return _PARTLY if found.failed else 0


def _progress(now: Submission) -> str:
    left = [one for one in now.batches if one.stage != "fetched"]
    done = sum(one.rows if one.stage == "fetched" else one.done for one in now.batches)
    words = ", ".join(sorted({one.status for one in left}))
    return f"{done:,} of {now.rows:,} rows; {len(left)} of {len(now.batches)} batches not ended: {words}"


def _show(found: Fetched) -> None:
    from kandil.cli.escape import printable

    now = found.submission
    if not found.is_whole:
        print(printable(f"not all is here yet: {_progress(now)}"))
        return
    print(printable(f"{now.output}: {found.answered:,} answers"))
    if found.failed:
        print(printable(f"{now.errors}: {found.failed:,} rows failed"), file=sys.stderr)


def _report(found: Fetched) -> None:
    from kandil.cli.batch.submit import fields
    from kandil.cli.json_lines import write_report

    write_report(
        "kandil.batch-fetch/1",
        **fields(found.submission),
        whole=found.is_whole,
        answered=found.answered,
        failed=found.failed,
    )
