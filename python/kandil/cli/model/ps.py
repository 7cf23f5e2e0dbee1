"""`kandil model ps`: the local models that are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.local_server import Kept

HELP = """\b
Examples:
  kandil model ps
  kandil model ps --json | jq -r '.servers[].model'

List the local models that `kandil ask --keep-alive` keeps loaded.

Each is a llama.cpp server of your own, and ends when nobody has asked it anything for as long as is shown.
`kandil model stop` ends it now.

\b
Exit: 0 shown, also where there is none.
"""


@click.command("ps", help=HELP, short_help="List the local models that are kept loaded.")
@click.option("-q", "--quiet", is_flag=True, help="Print the files alone.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, quiet: bool) -> int:
    from kandil import local_server
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    servers = local_server.running()
    if settings.json:
        write_report("kandil.model.ps/1", servers=[as_fields(server) for server in servers])
    elif quiet:
        for server in servers:
            print(printable(server.model))
    elif servers:
        _show(servers, no_color=settings.no_color)
    else:
        print("no local model is kept loaded")
    return 0


def as_fields(server: Kept) -> dict[str, object]:
    """All but the key."""
    names = ("model", "pid", "address", "context_tokens", "started_at", "keep_alive_seconds", "layers")
    return {name: getattr(server, name) for name in names}


def _show(servers: list[Kept], *, no_color: bool) -> None:
    import sys

    from kandil.cli.sizes import human_time
    from kandil.cli.table import table
    from kandil.cli.terminal import Paint

    heads = ("MODEL", "CONTEXT", "KEPT FOR", "SINCE", "PID")
    rows = [
        (one.model, f"{one.context_tokens:,}", human_time(one.keep_alive_seconds), one.started_at, str(one.pid))
        for one in servers
    ]
    paint = Paint(sys.stdout, no_color=no_color)
    for line in table(heads, rows, paint, numbers=("CONTEXT", "PID"), yielding=(("SINCE", 0), ("PID", 0))):
        print(line)
