"""`kandil config unset`."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config unset cache.ttl_seconds
  kandil config unset 'models."qwen2.5-coder:7b"'     all that the file says of this model
  kandil config unset defaults.model --dry-run

Take one setting, or a whole table, out of the user's config.toml; what is built in is in force again.

\b
Exit: 0 it is not in the file; 9 no such setting, or the file cannot be used.
"""


@click.command("unset", help=HELP, short_help="Take one setting out of the user's file.")
@click.argument("key")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would change.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, key: str, dry_run: bool) -> int:
    from kandil.cli.config.text import show_change
    from kandil.config import editing
    from kandil.config.keys import parsed_key

    settings = ctx.find_object(Settings)
    assert settings is not None
    show_change(editing.remove(parsed_key(key), dry_run=dry_run), settings, dry_run=dry_run)
    return 0
