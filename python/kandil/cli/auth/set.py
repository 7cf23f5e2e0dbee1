"""`kandil auth set`: keep a key."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Never

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.cli.auth.provider import Named
    from kandil.credentials import Kept
    from kandil.credentials.keyring import Kind
    from kandil.secret import Secret

HELP = """\b
Examples:
  kandil auth set openai                      asks for the key, twice
  pass show openai | kandil auth set openai --key-stdin
  kandil auth set openai --organisation org-…
  kandil auth set openai --keyring kernel --expires 12h
  printenv CI_SECRET | kandil auth set openai --key-stdin --keyring kernel

Keep a provider's key in the system's keyring; an older one is replaced.

PROVIDER is a built-in one (`kandil auth list --all`), one of your settings (api.NAME), or one that a model of yours
names. A key is never an argument: other programs can read those, and the shell remembers them.

--keyring desktop is macOS's Keychain, the Secret Service (GNOME, KeePassXC) or KWallet. --keyring kernel is the memory
of the Linux kernel, for servers, containers and CI: the key is gone after --expires and at reboot, and until then it
goes before the desktop's. Nothing is ever kept anywhere else than it was asked for.

\b
Exit: 0 kept; 2 a key was given as an argument, or nobody is there to ask; 3 no such provider;
5 it can be no key, the provider takes none, or the keyring is locked, slow or not there; 130 not kept.
"""
USUAL_EXPIRY = "24h"
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_TAKES_ORGANISATION = ("openai",)
"""Of the built-in ones: https://platform.openai.com/docs/api-reference/authentication."""


class Expiry(click.ParamType[Any]):
    """``30m``, ``12h``, ``7d``: seconds; ``never``: 0."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "never":
            return 0
        told = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", str(value))
        if told is None:
            self.fail("say 30m, 12h, 7d or never.", param, ctx)
        return int(told[1]) * _UNITS[told[2]]


@click.command("set", help=HELP, short_help="Keep a key.")
@click.argument("provider")
@click.argument("behind", nargs=-1, metavar="")
@click.option("--key-stdin", is_flag=True, help="Read the key from standard input: its first line.")
@click.option("--organisation", "--organization", metavar="ORG", help="Whom OpenAI is to bill.")
@click.option("--keyring", type=click.Choice(["desktop", "kernel"]), default="desktop", help="Where to keep it.")
@click.option("--expires", type=Expiry(), help=f"With --keyring kernel: 30m, 12h, 7d, never. [{USUAL_EXPIRY}]")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    provider: str,
    behind: tuple[str, ...],
    key_stdin: bool,
    organisation: str | None,
    keyring: Kind,
    expires: int | None,
    no_input: bool,
) -> int:
    from kandil.cli.auth.provider import named
    from kandil.cli.keys import is_asking, open_keys
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    if behind:
        _refuse(provider)
    chosen = named(provider)
    organisation = _organisation(ctx, chosen, organisation)
    expires = _expires(ctx, keyring, expires)
    asking = is_asking(no_input=no_input) and not key_stdin
    if not key_stdin and not asking:
        raise click.UsageError("nobody is there to ask for the key: pipe it in, and say --key-stdin", ctx)

    async def ready() -> None:
        await open_keys(no_input=no_input).ready(chosen.id, keyring)

    run_async(ready)  # before anybody types a key in vain
    key = _piped(ctx) if key_stdin else typed(chosen)
    _doubt(key, chosen, asking=asking)

    async def keep() -> Kept:
        keys = open_keys(no_input=no_input)
        return await keys.set(chosen.id, key, organisation=organisation, kind=keyring, expires_seconds=expires)

    kept = run_async(keep)
    if settings.json:
        from kandil.cli.auth.list import as_fields
        from kandil.cli.json_lines import write_report

        write_report("kandil.auth.set/1", **as_fields(kept))
        return 0
    until = _until(expires) if kept.kind == "kernel" else ""
    print(printable(f"kept the key for {chosen.id} in {kept.keyring}{until}"))
    return 0


def _refuse(provider: str) -> Never:
    """What stands behind the provider's name is, most likely, its key."""
    from kandil.cli.auth.provider import named
    from kandil.errors import KandilError, KeyInArguments

    try:
        name = named(provider).id
    except KandilError:
        name = "PROVIDER"
    raise KeyInArguments(f"kandil auth set {name}")


def _organisation(ctx: click.Context, chosen: Named, given: str | None) -> str | None:
    from kandil.errors import KeyGiven
    from kandil.secret import looks_like_key

    if given is None:
        return None
    if looks_like_key(given):
        raise KeyGiven("--organisation")
    if chosen.built_in and chosen.id not in _TAKES_ORGANISATION:
        raise click.UsageError(f"{chosen.id} knows no --organisation", ctx)
    if not re.fullmatch(r"[!-~]{1,200}", given):
        raise click.UsageError("--organisation takes up to 200 letters, digits and signs, without spaces", ctx)
    return given


def _expires(ctx: click.Context, keyring: str, given: int | None) -> int | None:
    if keyring != "kernel":
        if given is not None:
            raise click.UsageError("--expires goes with --keyring kernel: a desktop's forgets nothing", ctx)
        return None
    if given is None:
        return int(Expiry().convert(USUAL_EXPIRY, None, ctx))
    return given or None


def _until(expires: int | None) -> str:
    from kandil.cli.auth.list import duration

    return f" for {duration(expires)}, at most until reboot" if expires else " until reboot"


def _piped(ctx: click.Context) -> Secret:
    from kandil.credentials import checked
    from kandil.credentials.shape import LONGEST

    if sys.stdin.isatty():
        raise click.UsageError("--key-stdin reads a pipe or a file; without it you are asked", ctx)
    line = sys.stdin.buffer.readline(LONGEST + 100)
    return checked(line.decode("utf-8", "replace").removeprefix("\ufeff"))


def typed(chosen: Named) -> Secret:
    from kandil.credentials import checked

    if chosen.console_url:
        print(printable(f"{chosen.title} issues keys at {chosen.console_url}"), file=sys.stderr)
    ask = printable(f"Key for {chosen.title} (it is not shown)")
    return checked(click.prompt(ask, hide_input=True, confirmation_prompt="Once more", err=True))


def _doubt(key: Secret, chosen: Named, *, asking: bool) -> None:
    """Says what is odd about the key; whoever typed it decides."""
    from kandil.credentials import is_odd, other_owner

    other = other_owner(key, chosen.id)
    if other is not None and (chosen.built_in is None or is_odd(key, chosen.built_in)):
        print(printable(f"warning: this looks like a key of {other.name}, not of {chosen.title}"), file=sys.stderr)
        if asking and chosen.built_in and not click.confirm(f"Keep it for {chosen.id}?", err=True):
            raise click.Abort
    elif chosen.built_in and is_odd(key, chosen.built_in):
        shape = " or ".join(f"{prefix}…" for prefix in chosen.built_in.key_prefixes)
        usual = f" ({shape})" if shape else ""
        print(printable(f"warning: keys of {chosen.title} have looked otherwise{usual}"), file=sys.stderr)
