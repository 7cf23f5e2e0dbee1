"""`kandil batch split`."""

from __future__ import annotations

from pathlib import Path

import click

from kandil.cli.batch.rows import readable
from kandil.cli.group import GivenPath, Settings, common_options

HELP = """Divide a file of requests into parts, for several machines or accounts.

\b
Examples:
  kandil batch split prompts.jsonl --shards 8
  kandil batch split prompts.jsonl --shards 8 --to parts

A row's part depends on its custom_id alone: doing it again gives the same parts. Rows without one get the name that
they have in the whole. `kandil batch run --shard 2/8` sends a part without dividing the file.
"""


@click.command("split", help=HELP, short_help="Divide a file of requests into parts.")
@click.argument("source", metavar="INPUT", type=GivenPath())
@click.option("--shards", type=click.IntRange(1, 10_000), required=True, metavar="N", help="How many parts.")
@click.option("--to", "folder", metavar="FOLDER", type=GivenPath(), help="Where the parts go; beside the input.")
@click.option("--text", is_flag=True, help="Each line is a prompt.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, source: str, shards: int, folder: str | None, text: bool) -> int:
    from kandil.batch import parts
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    place = Path(source).parent if folder is None else Path(folder)
    with readable(source, place) as path:
        made = parts.split(path, shards, place, text=text)
    if settings.json:
        write_report("kandil.batch-split/1", parts=[{"path": path, "rows": rows} for path, rows in made])
    else:
        for path, rows in made:
            print(printable(f"{path}  {rows:,} rows"))
    return 0
