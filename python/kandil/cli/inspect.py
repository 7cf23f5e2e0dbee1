"""`kandil inspect`: what it takes, and which of its views is shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Command, GivenPath, Settings, common_options, weights_option

if TYPE_CHECKING:
    from kandil._core import Finding, Header

HELP = """\b
Examples:
  kandil inspect model.gguf                               a page
  kandil inspect model.gguf --metadata                    every key
  kandil inspect model.gguf --tensors                     every tensor
  kandil inspect model.gguf --key tokenizer.chat_template > template.jinja
  kandil inspect model.gguf --findings                    what is wrong with it, and why that is bad
  kandil inspect model.gguf --json | jq .parameters

Show what a GGUF file says of itself: architecture, size, quantisation, context, tokenizer.

Only the header is read, and with --weights the tensors. Nothing is loaded, nothing in the file is run, and text from it
is shown with control characters escaped.

\b
Exit: 0 shown; 3 no such key; 8 not a GGUF file, or a broken or hostile one (what could be read is shown), or with
--strict a suspicious one.
"""


@click.command("inspect", cls=Command, help=HELP, short_help="Show what a GGUF file says of itself.")
@click.argument("file", type=GivenPath())
@click.option("--metadata", is_flag=True, help="List every key with its type and value.")
@click.option("--tensors", is_flag=True, help="List every tensor with its type, shape, offset and size.")
@click.option("--key", metavar="KEY", help="Print one value: raw to a pipe or a file, escaped on a terminal.")
@click.option("--findings", is_flag=True, help="List only what is wrong with the file; a terminal shows why, too.")
@weights_option
@click.option("--strict", is_flag=True, help="What is suspicious is bad, too: exit 8.")
@click.option("--sarif", type=GivenPath(), metavar="FILE", help="Write the findings as SARIF 2.1.0; - is stdout.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, file: str, **options: Any) -> int:
    from kandil.cli.inspect_findings import blocks

    settings = ctx.find_object(Settings)
    assert settings is not None
    _check(ctx, options, json=settings.json)
    header = opened(file, any_format=options["findings"] or options["sarif"] is not None)
    if options["key"] is not None:
        from kandil.cli import inspect_value as value

        value.show(header, options["key"], json=settings.json)
        return 0
    findings = header.findings
    if options["weights"] is not None:
        findings += weighed(header, file, full=options["weights"] == "full")
    code = 8 if blocks(findings, strict=options["strict"]) else 0
    if options["sarif"] is not None:
        from kandil.cli.sarif import SarifReport

        log = SarifReport(options["sarif"], strict=options["strict"])
        log.findings(file, findings)
        log.write(code)
    if options["sarif"] != "-":
        _show(header, file, findings, options, settings)
    return code


def _check(ctx: click.Context, options: dict[str, Any], *, json: bool) -> None:
    """Raises UsageError: options that do not go together."""
    views = {name for name in ("metadata", "tensors", "findings", "weights", "strict", "sarif") if options[name]}
    if options["key"] is not None and views:
        raise click.UsageError(f"--key prints one value: --{min(views)} does not go with it.", ctx)
    if options["findings"] and views & {"metadata", "tensors"}:
        raise click.UsageError("--findings lists nothing else: --metadata and --tensors do not go with it.", ctx)
    if options["sarif"] == "-" and (json or views - {"sarif", "strict", "weights"}):
        raise click.UsageError("--sarif - must be alone on stdout.", ctx)


def _show(header: Header, file: str, findings: list[Finding], options: dict[str, Any], settings: Settings) -> None:
    from kandil.cli import inspect_findings, inspect_page
    from kandil.cli.terminal import Paint, is_terminal

    paint = Paint(sys.stdout, no_color=settings.no_color)
    if options["findings"]:
        if settings.json:
            blocked = inspect_findings.blocks(findings, strict=options["strict"])
            inspect_findings.show_json(file, findings, blocked=blocked)
        else:
            inspect_findings.show(file, findings, paint, explain=is_terminal(sys.stdout))
        return
    metadata, tensors = options["metadata"], options["tensors"]
    facts = inspect_page.facts(header, file, findings)
    if settings.json:
        inspect_page.show_json(facts, header, metadata=metadata, tensors=tensors)
        return
    if metadata or not tensors:
        inspect_page.show(facts, paint)
    if metadata:
        inspect_page.show_metadata(header, paint)
    if tensors:
        inspect_page.show_tensors(header, paint)


def opened(file: str, *, any_format: bool = False) -> Header:
    """The file's header; with `any_format`, of a file that is not GGUF too. Raises: FileUnreadable, NotGguf."""
    from kandil._core import Header
    from kandil.errors import FileUnreadable, NotGguf

    try:
        header = Header.open(file)
    except OSError as error:
        raise FileUnreadable(file, error.strerror or str(error)) from error
    if not header.is_gguf and not any_format:
        found = header.findings[0].message if header.findings else None
        raise NotGguf(file, found.removeprefix("not a GGUF file: ") if found else None)
    return header


def weighed(header: Header, file: str, *, full: bool) -> list[Finding]:
    """What is wrong with the weights. Raises: FileUnreadable."""
    from kandil.errors import FileUnreadable

    try:
        return header.check_weights(full=full)
    except OSError as error:
        raise FileUnreadable(file, error.strerror or str(error)) from error
