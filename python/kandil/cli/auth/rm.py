"""`kandil auth rm`: remove keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.credentials import Kept, Keys

HELP = """\b
Examples:
  kandil auth rm openai
  kandil auth rm openai anthropic --yes
  kandil auth rm --all --dry-run

Remove the keys of providers, and their organisations, from every keyring that kandil uses here.

A key that somebody else may have seen is worth nothing less for that: revoke it where it was issued.

\b
Exit: 0 removed; 2 nobody was there to ask, and no --yes; 3 no such provider; 5 there is no such key, or a keyring is
locked, slow or fails; 130 not removed.
"""


@click.command("rm", help=HELP, short_help="Remove a key.")
@click.argument("providers", metavar="[PROVIDER]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every key that kandil keeps.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(
    ctx: click.Context, *, providers: tuple[str, ...], everyone: bool, dry_run: bool, yes: bool, no_input: bool
) -> int:
    from kandil.cli.auth.provider import known
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    if bool(providers) == everyone:
        raise click.UsageError("name providers, or say --all", ctx)

    async def look() -> list[Kept]:
        return await open_keys(no_input=no_input).kept(dict.fromkeys([*(one.id for one in known()), *providers]))

    kept = run_async(look)
    chosen = _chosen(kept, providers)
    if chosen and not dry_run and not yes:
        _agree(ctx, chosen, no_input=no_input)

    async def remove() -> None:
        keys: Keys = open_keys(no_input=no_input)
        for name in chosen:
            await keys.remove(name)

    if not dry_run:
        run_async(remove)
    places = {name: [one.keyring for one in kept if one.provider == name] for name in chosen}
    _show(places, settings, dry_run=dry_run)
    return 0


def _agree(ctx: click.Context, chosen: list[str], *, no_input: bool) -> None:
    from kandil.cli.keys import is_asking

    if not is_asking(no_input=no_input):
        raise click.UsageError("say --yes to remove keys without being asked", ctx)
    if not click.confirm(printable(f"Remove the key of {', '.join(chosen)}?"), err=True):
        raise click.Abort


def _show(places: dict[str, list[str]], settings: Settings, *, dry_run: bool) -> None:
    if settings.json:
        from kandil.cli.json_lines import write_report

        write_report("kandil.auth.rm/1", removed=places, dry_run=dry_run)
        return
    for name, rings in places.items():
        print(printable(f"{'would remove' if dry_run else 'removed'} the key for {name} from {' and '.join(rings)}"))
    if not places:
        print("no provider has a key here")


def _chosen(kept: list[Kept], providers: tuple[str, ...]) -> list[str]:
    """Ids. Raises: KeyMissing, ProviderUnknown, KeyGiven."""
    from kandil.cli.auth.provider import named
    from kandil.errors import KeyMissing, KeyNotTaken

    having = list(dict.fromkeys(one.provider for one in kept))
    if not providers:
        return having
    chosen = []
    for given in providers:
        try:
            name = given if given in having else named(given).id
        except KeyNotTaken as error:
            name = error.provider
        if name not in having:
            raise KeyMissing(name, hint="`kandil auth list` shows which are kept")
        chosen.append(name)
    return list(dict.fromkeys(chosen))
