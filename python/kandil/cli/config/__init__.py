"""`kandil config`: what is set, by whom, and changes to it. One module a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from kandil.cli.group import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """\b
Examples:
  kandil config show --origin                  what is in force, and who says so
  kandil config set cache.ttl_seconds 600      change the file; its comments and order stay
  kandil config keys                           every setting, and what it takes

Show and change kandil's settings.

A variable such as KANDIL_CACHE_TTL_SECONDS goes before the project's .kandil.toml, that before the user's config.toml,
and that before what is built in. A project's file is looked for from the working directory up to the repository's root;
it may not say where requests go, whose signatures count, or what a name means. API keys belong in no file.
"""


class ConfigGroup(LazyGroup):
    summaries: ClassVar[Mapping[str, str]] = {
        "edit": "Edit the file; what is wrong is said before it is replaced.",
        "get": "Print one setting.",
        "keys": "List every setting and what it takes.",
        "path": "Print where the files are.",
        "reload": "Read the files again, and say what has changed.",
        "set": "Change one setting in the user's file.",
        "show": "Show the settings in force.",
        "unset": "Take one setting out of the user's file.",
    }

    def home(self, name: str) -> str:
        return f"kandil.cli.config.{name}"


@click.group("config", cls=ConfigGroup, help=HELP, short_help="Show and change kandil's settings.")
def command() -> None:
    pass
