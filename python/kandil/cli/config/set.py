"""`kandil config set`."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config set defaults.model qwen2.5-coder:7b
  kandil config set 'models."qwen2.5-coder:7b".temperature' 0.2
  kandil config set aliases.coder qwen2.5-coder:7b
  kandil config set cache.max_size_mb 500 --dry-run

Change one setting in the user's config.toml.

VALUE is read as the setting wants it: true, 5, 0.2, or a text. Comments, order and quotes in the file stay as they are;
tables are made as needed. An API key is refused: `kandil auth set PROVIDER` keeps it in the system's keyring.

\b
Exit: 0 set, or it was so; 9 no such setting, not what it takes, or the file cannot be used.
"""


@click.command("set", help=HELP, short_help="Change one setting in the user's file.")
@click.argument("key")
@click.argument("value")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would change.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, key: str, value: str, dry_run: bool) -> int:
    from kandil.cli.config.text import show_change
    from kandil.config import editing
    from kandil.config.keys import parsed_key

    settings = ctx.find_object(Settings)
    assert settings is not None
    path = parsed_key(key)
    change = editing.assign(path, editing.parsed(path, value), dry_run=dry_run)
    show_change(change, settings, dry_run=dry_run)
    return 0
