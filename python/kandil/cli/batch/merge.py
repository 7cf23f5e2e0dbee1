"""`kandil batch merge`."""

from __future__ import annotations

from pathlib import Path

import click

from kandil.cli.group import GivenPath, Settings, common_options

HELP = """Join the outputs of several runs into one.

\b
Examples:
  kandil batch merge part*.jsonl -o results.jsonl
  kandil batch merge part*.jsonl part*.errors.jsonl -o results.jsonl

Each row is there once: an answer goes before an error, and the first before a later one. What the output has already
stays, so that doing it again changes nothing. Results of different requests with one custom_id are an error.
"""


@click.command("merge", help=HELP, short_help="Join the outputs of several runs.")
@click.argument("inputs", nargs=-1, required=True, metavar="RESULTS...", type=GivenPath())
@click.option("-o", "--output", required=True, metavar="FILE", type=GivenPath(), help="Where the answers go.")
@click.option("--errors", metavar="FILE", type=GivenPath(), help="Where the errors go.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, inputs: tuple[str, ...], output: str, errors: str | None) -> int:
    from dataclasses import asdict

    from kandil.batch import errors_file, parts
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    place = Path(output)
    failed = Path(errors) if errors else errors_file(place)
    merged = parts.merge([Path(one) for one in inputs], place, failed)
    if settings.json:
        write_report("kandil.batch-merge/1", output=place, errors=failed, **asdict(merged))
        return 0
    told = [f"{merged.answered:,} answered"]
    if merged.failed:
        told.append(f"{merged.failed:,} failed")
    if merged.repeated:
        told.append(f"{merged.repeated:,} were there more than once")
    if merged.damaged:
        told.append(f"{merged.damaged:,} damaged lines were left out")
    print(", ".join(told))
    return 0
