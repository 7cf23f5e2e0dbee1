"""`kandil inspect`: what it takes, and which of its views is shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.group import GivenPath, Settings, common_options

if TYPE_CHECKING:
    from kandil._core import Header

HELP = """Show what a GGUF file says of itself: architecture, size, quantisation, context, tokenizer.

Only the header is read. Nothing is loaded, nothing in the file is run, and text from it is shown with control
characters escaped.

\b
Examples:
  kandil inspect model.gguf                               a page
  kandil inspect model.gguf --metadata                    every key
  kandil inspect model.gguf --tensors                     every tensor
  kandil inspect model.gguf --key tokenizer.chat_template > template.jinja
  kandil inspect model.gguf --json | jq .parameters

\b
Exit: 0 shown; 3 no such key; 8 not a GGUF file, or a broken one (what could be read is shown).
"""


@click.command("inspect", help=HELP, short_help="Show what a GGUF file says of itself.")
@click.argument("file", type=GivenPath())
@click.option("--metadata", is_flag=True, help="List every key with its type and value.")
@click.option("--tensors", is_flag=True, help="List every tensor with its type, shape, offset and size.")
@click.option("--key", metavar="KEY", help="Print one value: raw to a pipe or a file, escaped on a terminal.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, file: str, metadata: bool, tensors: bool, key: str | None) -> int:
    from kandil.cli import inspect_page as page
    from kandil.cli import inspect_value as value
    from kandil.cli.terminal import Paint

    settings = ctx.find_object(Settings)
    assert settings is not None
    if key is not None and (metadata or tensors):
        raise click.UsageError("--key prints one value: --metadata and --tensors do not go with it.", ctx)
    header = opened(file)
    if key is not None:
        value.show(header, key, json=settings.json)
        return 0
    facts = page.facts(header, file)
    if settings.json:
        page.show_json(facts, header, metadata=metadata, tensors=tensors)
    else:
        paint = Paint(sys.stdout, no_color=settings.no_color)
        if metadata or not tensors:
            page.show(facts, paint)
        if metadata:
            page.show_metadata(header, paint)
        if tensors:
            page.show_tensors(header, paint)
    return 8 if any(finding.severity in ("malformed", "malicious") for finding in header.findings) else 0


def opened(file: str) -> Header:
    """The file's header. Raises: FileUnreadable, NotGguf."""
    from kandil._core import Header
    from kandil.errors import FileUnreadable, NotGguf

    try:
        header = Header.open(file)
    except OSError as error:
        raise FileUnreadable(file, error.strerror or str(error)) from error
    if not header.is_gguf:
        found = header.findings[0].message if header.findings else None
        raise NotGguf(file, found.removeprefix("not a GGUF file: ") if found else None)
    return header
