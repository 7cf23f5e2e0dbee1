"""`kandil auth list`: which providers have a key, and where."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.credentials import Kept
    from kandil.credentials.keyring import Kind

HELP = """\b
Examples:
  kandil auth list
  kandil auth list --all                those without a key, too
  kandil auth list -q                   only ids, as for a loop
  kandil auth list --json | jq -r '.keys[] | select(.expires_in_seconds != null).provider'

List the providers that have a key on this machine, and the keyring that it is in.

No part of a key is shown, and none is read where the keyring can tell without. A provider that stands there twice has
one in the kernel's keyring, which goes first, and one in the desktop's.

\b
Exit: 0 listed, also if there is none; 5 a keyring is slow, or fails.
"""


@click.command("list", help=HELP, short_help="List the providers that have a key.")
@click.option("--all", "everyone", is_flag=True, help="Every provider that can have one.")
@click.option("-q", "--quiet", is_flag=True, help="Print ids of providers that have a key, and nothing else.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, everyone: bool, quiet: bool) -> int:
    from kandil.cli.auth.provider import known
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    providers = [one.id for one in known()]

    async def ask() -> tuple[list[Kept], dict[Kind, str | None]]:
        keys = open_keys()
        return await keys.kept(providers), {kind: keys.reason(kind) for kind in ("kernel", "desktop")}

    kept, reasons = run_async(ask)
    without = sorted(set(providers) - {one.provider for one in kept}) if everyone else []
    if settings.json:
        _show_json(kept, without, reasons)
    elif quiet:
        for name in dict.fromkeys(one.provider for one in kept if one.key):
            print(printable(name))
    else:
        _show(kept, without, settings)
        if not kept:
            print("no provider has a key here: `kandil auth set PROVIDER` keeps one", file=sys.stderr)
        if reasons["desktop"]:
            print(printable(f"note: no desktop's keyring is in use: {reasons['desktop']}"), file=sys.stderr)
    return 0


def as_fields(kept: Kept) -> dict[str, Any]:
    """For JSON."""
    from dataclasses import asdict

    return asdict(kept)


def duration(seconds: int) -> str:
    """``3 days``, ``24 hours``: whole, rounded down."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 2 * length or (seconds == length and unit != "day") or length == 1:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError


def _show_json(kept: list[Kept], without: list[str], reasons: dict[Kind, str | None]) -> None:
    from kandil.cli.json_lines import write_report

    none = {"keyring": None, "kind": None, "key": False, "organisation": False, "expires_in_seconds": None}
    listed = [as_fields(one) for one in kept] + [{"provider": name, **none} for name in without]
    unused = {kind: reason for kind, reason in reasons.items() if reason}
    write_report("kandil.auth.list/1", keys=listed, unused_keyrings=unused)


def _show(kept: list[Kept], without: list[str], settings: Settings) -> None:
    from kandil.cli.table import table
    from kandil.cli.terminal import Paint

    rows = [
        (
            one.provider,
            "yes" if one.key else "no",
            "yes" if one.organisation else "no",
            one.keyring,
            f"in {duration(one.expires_in_seconds)}" if one.expires_in_seconds is not None else "",
        )
        for one in kept
    ]
    rows += [(name, "no", "no", "", "") for name in without]
    if rows:
        heads = ("PROVIDER", "KEY", "ORGANISATION", "KEYRING", "EXPIRES")
        for line in table(heads, rows, Paint(sys.stdout, no_color=settings.no_color), yielding=(("ORGANISATION", 0),)):
            print(line)
