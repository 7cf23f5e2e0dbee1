"""`kandil config show`."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config show                    every setting that has a value, or could have one
  kandil config show --origin           who says it: a variable, a file and its line, or kandil itself
  kandil config show --json | jq '.settings[] | select(.origin.kind != "default")'

Show the settings in force.

\b
Exit: 0 shown; 9 a file cannot be used.
"""


@click.command("show", help=HELP, short_help="Show the settings in force.")
@click.option("--origin", is_flag=True, help="Say who sets each.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, origin: bool) -> int:
    from kandil.cli.config.text import note_fields, setting_fields, setting_line, warn
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.config import load
    from kandil.config.keys import key_text

    settings = ctx.find_object(Settings)
    assert settings is not None
    config = load()
    if settings.json:
        shown = [setting_fields(config, path) for path in config.values]
        write_report("kandil.config/1", settings=shown, warnings=note_fields(config.warnings))
        return 0
    lines = {path: setting_line(key_text(path), value) for path, value in config.values.items()}
    width = max(map(len, lines.values()))
    for path, line in lines.items():
        print(f"{line:<{width}}  {printable(str(config.origin(path)))}" if origin else line)
    warn(config.warnings, settings)
    return 0
