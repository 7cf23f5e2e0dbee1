"""`kandil model stop`: a local model that was kept loaded, no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.local_server import Kept

HELP = """\b
Examples:
  kandil model stop tiny.gguf
  kandil model stop --all

End local models that `kandil ask --keep-alive` keeps loaded: the memory that they have is free.

NAME is a file, with or without its folder and its .gguf, as `kandil model ps` shows it. An answer that is coming ends
in the middle.

\b
Exit: 0 they run no more; 3 none of this name is loaded.
"""


@click.command("stop", help=HELP, short_help="End local models that are kept loaded.")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every one.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, name: str | None, everything: bool) -> int:
    from kandil import local_server
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.model.ps import as_fields
    from kandil.cli.run import run_async
    from kandil.errors import NotLoaded

    settings = ctx.find_object(Settings)
    assert settings is not None
    if (name is None) != everything:
        raise click.UsageError("name a model, or say --all", ctx)
    servers = local_server.running()
    chosen = [server for server in servers if name is None or _is(server, name)]
    if name is not None and not chosen:
        raise NotLoaded(name, tuple(server.model for server in servers))

    async def stop() -> None:
        for server in chosen:
            await local_server.stop(server)

    run_async(stop)
    if settings.json:
        write_report("kandil.model.stop/1", stopped=[as_fields(server) for server in chosen])
        return 0
    for server in chosen:
        print(printable(f"stopped {server.model}"))
    if not chosen:
        print("no local model is kept loaded")
    return 0


def _is(server: Kept, name: str) -> bool:
    import os

    file = os.path.basename(server.model)
    return name in (file, file.removesuffix(".gguf")) or os.path.abspath(os.path.expanduser(name)) == server.model
