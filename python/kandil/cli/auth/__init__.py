"""`kandil auth`: the keys of providers, in the system's keyring. One module a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from kandil.cli.group import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """\b
Examples:
  kandil auth set openai         asks for the key, twice, and shows nothing of it
  kandil auth list               who has one
  kandil auth test openai        whether the provider takes it; free
  kandil auth rm openai

Keep the keys of providers in the system's keyring.

A key is never taken from the command line, the environment, a setting or a file, and never shown: it is typed, or piped
into `kandil auth set PROVIDER --key-stdin`. Where there is no desktop, --keyring kernel keeps it in the memory of the
Linux kernel, for a time.
"""


class AuthGroup(LazyGroup):
    summaries: ClassVar[Mapping[str, str]] = {
        "list": "List the providers that have a key.",
        "rm": "Remove a key.",
        "set": "Keep a key.",
        "test": "Ask a provider whether it takes the key.",
    }

    def home(self, name: str) -> str:
        return f"kandil.cli.auth.{name}"


@click.group("auth", cls=AuthGroup, help=HELP, short_help="Keep the keys of providers.")
def command() -> None:
    pass
