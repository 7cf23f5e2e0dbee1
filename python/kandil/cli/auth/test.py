"""`kandil auth test`: ask a provider whether it takes the key."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.cli.auth.provider import Named
    from kandil.config import Api
    from kandil.profiles import Profile
    from kandil.registry.key_check import Checked

HELP = """\b
Examples:
  kandil auth test openai
  kandil auth test openai --json | jq .accepted

Ask a provider whether it takes the key that is kept for it: one request, which costs nothing.

The key goes to the provider's own address, or to the one that your settings have for it, and nowhere else. A provider
that is out of patience (HTTP 429) has looked at the key, and takes it.

\b
Exit: 0 accepted, or the provider answers everybody and nothing is known; 3 no such provider; 5 there is no key, it is
rejected, or the keyring cannot be read; 6 the provider cannot be reached, or fails; 9 nobody says where it answers.
"""


@click.command("test", help=HELP, short_help="Ask a provider whether it takes the key.")
@click.argument("provider")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, provider: str, no_input: bool) -> int:
    from kandil import config
    from kandil.cli.auth.provider import named
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async
    from kandil.errors import SettingInvalid
    from kandil.registry.key_check import check

    settings = ctx.find_object(Settings)
    assert settings is not None
    chosen = named(provider)
    api = config.load().api.get(chosen.id)
    profile = profile_of(chosen, api)

    async def ask() -> Checked:
        try:
            return await check(chosen.id, profile, api, open_keys(no_input=no_input))
        except ValueError:
            raise SettingInvalid(f"api.{chosen.id}.base_url", "nobody says where it answers") from None

    checked = run_async(ask)
    if settings.json:
        from dataclasses import asdict

        from kandil.cli.json_lines import write_report

        write_report("kandil.auth.test/1", **asdict(checked))
        return 0
    if checked.accepted is None:
        print(printable(f"{chosen.id} answers without a key, too: whether it takes this one cannot be told for free"))
    else:
        print(printable(f"{chosen.id} takes the key ({checked.milliseconds:.0f} ms)"))
    if checked.limited:
        print(printable(f"note: {chosen.id} takes no request now: its limit is used up (HTTP 429)"), file=sys.stderr)
    return 0


def profile_of(chosen: Named, api: Api | None) -> Profile:
    """Of a model of the provider's, as a user's own describes it; else of none in particular."""
    from kandil import registry
    from kandil.profiles import Profile

    mine = (one for one in registry.profiles().values() if one.provider == chosen.id and one.base_url)
    if not chosen.built_in and (found := next(mine, None)):
        return found
    protocol = chosen.built_in.protocol if chosen.built_in else (api.protocol if api else None) or "openai"
    return Profile(
        id=chosen.id,
        name=chosen.title,
        source="user",
        provider=chosen.id,
        protocol=protocol,
        api_model="",
    )
