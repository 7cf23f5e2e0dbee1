"""`kandil config keys`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.config.keys import Setting

HELP = """\b
Examples:
  kandil config keys
  kandil config keys --json | jq -r '.keys[] | select(.variable) | .variable'

List every setting: what it takes, what is built in, and who may say it.

A * stands for a name: of a provider, a model, an alias, a publisher.
"""


@click.command("keys", help=HELP, short_help="List every setting and what it takes.")
@common_options
@click.pass_context
def command(ctx: click.Context) -> int:
    from kandil.cli.json_lines import write_report
    from kandil.cli.terminal import Paint
    from kandil.config.keys import SETTINGS
    from kandil.config.values import expected, written

    settings = ctx.find_object(Settings)
    assert settings is not None
    if settings.json:
        write_report("kandil.config.keys/1", keys=[_fields(setting) for setting in SETTINGS])
        return 0
    paint = Paint(sys.stdout, no_color=settings.no_color)
    for setting in SETTINGS:
        built_in = "" if setting.default is None else f"; built in: {written(setting.default)}"
        print(paint("bold", setting.key))
        print(f"  {setting.doc}")
        print(f"  takes {expected(setting)}{built_in}")
        who = [f"variable {setting.variable}"] if setting.variable else []
        who += [] if setting.project else ["not in a project's file"]
        if who:
            print(f"  {'; '.join(who)}")
    return 0


def _fields(setting: Setting) -> dict[str, object]:
    from kandil.config.values import expected

    told = {name: getattr(setting, name) for name in ("key", "default", "variable", "project", "doc")}
    return {**told, "takes": expected(setting)}
