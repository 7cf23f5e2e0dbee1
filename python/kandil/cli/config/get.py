"""`kandil config get`."""

from __future__ import annotations

import sys

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config get defaults.model
  kandil config get 'models."qwen2.5-coder:7b".temperature'
  kandil config get limits.max_concurrent_requests --json    also who says it

Print one setting that is in force: a text without quotes, as scripts want it.

\b
Exit: 0 printed; 1 it has no value; 9 no such setting, or a file cannot be used.
"""


@click.command("get", help=HELP, short_help="Print one setting.")
@click.argument("key")
@common_options
@click.pass_context
def command(ctx: click.Context, *, key: str) -> int:
    from kandil.cli.config.text import note_fields, setting_fields, warn
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.config import load
    from kandil.config.keys import key_text, parsed_key
    from kandil.config.values import written

    settings = ctx.find_object(Settings)
    assert settings is not None
    path = parsed_key(key)
    config = load()
    shown = setting_fields(config, path)  # an unknown key ends here
    value = shown["value"]
    if settings.json:
        write_report("kandil.config.setting/1", **shown, warnings=note_fields(config.warnings))
    elif value is not None:
        print(printable(value, lines=True) if isinstance(value, str) else printable(written(value)))
    else:
        print(f"{printable(key_text(path))} is not set", file=sys.stderr)
    warn(config.warnings, settings)
    return int(value is None)
