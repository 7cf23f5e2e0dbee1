"""`kandil model add`: a model of the user's own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.registry import Record

HELP = """Add a model that kandil does not know, by describing it.

What is not said with an option is asked for at a terminal. A provider that kandil knows brings its own protocol and
URL. Keys are never taken here.

\b
Examples:
  kandil model add house --manual
  kandil model add house --manual --provider vllm --protocol openai \\
      --base-url http://localhost:8000/v1 --api-model Qwen/Qwen3-8B --context 32768 --tools
  kandil model add new-gpt --manual --provider openai --api-model gpt-7 --yes

\b
Exit: 0 added; 2 what was said of it is wrong, or its name is taken; 130 not added.
"""

SCHEMA = "kandil.model.add/1"
PROTOCOLS = ("openai", "anthropic", "gemini", "ollama")
_FLAGS = {
    "provider": "--provider",
    "protocol": "--protocol",
    "base_url": "--base-url",
    "api_model": "--api-model",
}
_ABILITIES = ("vision", "tools", "reasoning", "json")


def _abilities(command: Callable[..., int]) -> Callable[..., int]:
    for name in reversed(_ABILITIES):
        flag = f"--{name}/--no-{name}" if name != "json" else "--json-output/--no-json-output"
        command = click.option(flag, f"supports_{name}", default=None, help=f"It can, or cannot: {name}.")(command)
    return command


@click.command("add", help=HELP, short_help="Add a model of your own.")
@click.argument("name")
@click.option("--manual", is_flag=True, help="Describe it; nothing is downloaded.")
@click.option("--provider", help="Who answers: a provider that kandil knows, or a name of your own.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="The wire format.")
@click.option("--base-url", metavar="URL", help="https://…; http:// for this machine alone.")
@click.option("--api-model", metavar="ID", help="What the provider calls it.")
@click.option("--context", "context_window", type=int, metavar="TOKENS", help="Input and output together.")
@click.option("--max-output", "max_output_tokens", type=int, metavar="TOKENS", help="The longest answer.")
@_abilities
@click.option("--price-input", type=float, metavar="DOLLARS", help="For a million tokens in.")
@click.option("--price-output", type=float, metavar="DOLLARS", help="For a million tokens out.")
@click.option("--note", help="A word for yourself.")
@click.option("--replace", is_flag=True, help="Describe anew what you added before.")
@click.option("--shadow", is_flag=True, help="Even where a model or an alias of kandil's has the name.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be added, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is right.")
@click.option("--no-input", is_flag=True, help="Never ask: what is missing is an error.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, name: str, manual: bool, **given: Any) -> int:
    from kandil import registry

    settings = ctx.find_object(Settings)
    assert settings is not None
    if not manual:
        raise click.UsageError(
            "models cannot be downloaded yet; --manual describes one that runs elsewhere. `kandil verify` checks files "
            "that are here.",
            ctx,
        )
    replace, shadow, dry_run = given.pop("replace"), given.pop("shadow"), given.pop("dry_run")
    asks = not given.pop("no_input") and sys.stdin.isatty() and sys.stderr.isatty()
    confirmed = given.pop("yes") or dry_run or not asks
    _refuse_keys(name, given)
    shadows = _shadows(name, shadow=shadow)
    record = _record(name, _completed(name, given, ctx, asks=asks), shadows=shadows)
    _check(record, replace=replace)
    if not settings.json or not confirmed:
        _show(record, stream=sys.stderr if settings.json or not dry_run else sys.stdout)
    if not confirmed and not click.confirm("Add it?", default=True, err=True):
        raise click.Abort
    if not dry_run:
        registry.add(record, replacing=replace)
    if settings.json:
        from kandil.cli.json_lines import write_report

        write_report(SCHEMA, name=name, profile=record.profile, shadows=shadows, dry_run=dry_run)
    elif not dry_run:
        from kandil.cli.escape import printable

        print(printable(f"added {name}"))
    return 0


def _refuse_keys(name: str, given: dict[str, Any]) -> None:
    """A key that was given by mistake is not repeated, not even in the error."""
    from kandil.errors import KeyGiven
    from kandil.secret import looks_like_key

    for field, value in {"name": name, **given}.items():
        if isinstance(value, str) and looks_like_key(value):
            raise KeyGiven("NAME" if field == "name" else _FLAGS.get(field, f"--{field.replace('_', '-')}"))


def _shadows(name: str, *, shadow: bool) -> bool:
    from kandil import config, profiles
    from kandil.errors import NameTaken

    aliases = config.load().aliases
    alias = profiles.alias(name)
    holder = name if profiles.find(name) else aliases.get(name) or (alias.target if alias else None)
    if holder is not None and not shadow:
        raise NameTaken(name, holder)
    return holder is not None


def _completed(name: str, given: dict[str, Any], ctx: click.Context, *, asks: bool) -> dict[str, Any]:
    """What was said, what the provider brings, and what a person answered."""
    from kandil import profiles

    said = {field: value for field, value in given.items() if value is not None}
    if asks and "provider" not in said:
        said["provider"] = click.prompt("Provider", default="local server", err=True)
    provider = profiles.provider(said.get("provider", ""))
    brought = {"protocol": provider.protocol, "base_url": provider.base_url} if provider else {}
    if provider and not asks:
        said = {**brought, **said}
    usual = {"protocol": "openai", "api_model": name, **brought}
    for field, title in (
        ("protocol", "Protocol"),
        ("base_url", "Base URL"),
        ("api_model", "The provider's name for it"),
    ):
        if asks and field not in said:
            kind = click.Choice(PROTOCOLS) if field == "protocol" else None
            said[field] = click.prompt(title, default=usual.get(field), type=kind, err=True)
    if asks and "context_window" not in said:
        tokens = click.prompt("Context window in tokens (0: unknown)", default=0, type=click.IntRange(0), err=True)
        said |= {"context_window": tokens} if tokens else {}
    if missing := [flag for field, flag in _FLAGS.items() if field not in said]:
        raise click.UsageError(f"to add {name!r} without asking, say {', '.join(missing)} too", ctx)
    return said


def _record(name: str, said: dict[str, Any], *, shadows: bool) -> Record:
    from kandil.registry import Record
    from kandil.registry.records import now

    price = {side: said.pop(f"price_{side}") for side in ("input", "output") if f"price_{side}" in said}
    profile = {**said, **({"price": price} if price else {})}
    return Record(
        name=name,
        source="manual",
        capabilities=tuple(one for one in _ABILITIES if said.get(f"supports_{one}")),
        context_window=said.get("context_window"),
        added_at=now(),
        provider=said["provider"],
        shadows=shadows,
        profile=profile,
    )


def _check(record: Record, *, replace: bool) -> None:
    """Before anybody is asked whether it is right."""
    from kandil import profiles, registry
    from kandil.errors import ProfileInvalid, RecordExists

    try:
        mistakes = profiles.mistakes({"id": record.name, **(record.profile or {})})
    except OverflowError:
        mistakes = [("", "a number is too large")]
    if mistakes:
        raise ProfileInvalid(record.name, tuple(mistakes))
    if not replace and registry.find(record.name):
        raise RecordExists(record.name)


def _show(record: Record, stream: Any) -> None:
    from kandil.cli.escape import printable

    print(printable(record.name) + (" (goes before kandil's own of this name)" if record.shadows else ""), file=stream)
    for field, value in (record.profile or {}).items():
        print(f"  {field.replace('_', ' '):<18}{printable(str(value))}", file=stream)
