"""`kandil model add`: a model of the user's own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from kandil.registry import Record

HELP = """\b
Examples:
  kandil model add house --manual
  kandil model add house --manual --provider vllm --protocol openai \\
      --base-url http://localhost:8000/v1 --api-model Qwen/Qwen3-8B --context 32768 --tools
  kandil model add new-gpt --manual --provider openai --api-model gpt-7 --yes

Add a model that kandil does not know, by describing it.

What is not said with an option is asked for at a terminal; without one, the provider, the protocol, the base URL and
the API's name for the model have to be said. A provider that kandil knows brings its own protocol and base URL. A key
is never taken here: `kandil auth set PROVIDER` keeps it in the system's keyring.

\b
Exit: 0 added; 1 it would have to be downloaded; 2 what was said of it is wrong, or its name is taken; 9 a file of yours
cannot be used; 130 not added.
"""

SCHEMA = "kandil.model.add/1"
PROTOCOLS = ("openai", "anthropic", "gemini", "ollama")
_NEEDED = {
    "provider": "Provider, by its name here or one of your own",
    "protocol": "Protocol",
    "base_url": "Base URL",
    "api_model": "The provider's name for the model",
}
_ABILITIES = ("vision", "tools", "reasoning", "json")


class _Command(click.Command):
    """Refuses what looks like an API key before anything else is said of it: it is not repeated, in no error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from itertools import pairwise

        from kandil.errors import KeyGiven

        options = {name for option in self.params if not getattr(option, "is_flag", True) for name in option.opts}
        for before, word in pairwise(["", *args]):
            if _has_key(word):
                option = word.partition("=")[0]
                raise KeyGiven(next((one for one in (option, before) if one in options), "NAME"))
        return super().parse_args(ctx, args)


def _abilities(command: Callable[..., int]) -> Callable[..., int]:
    for name in reversed(_ABILITIES):
        flag = "json-mode" if name == "json" else name  # --json is how to print
        text = f"Whether it can: {name}. Not known where nothing is said."
        command = click.option(f"--{flag}/--no-{flag}", f"supports_{name}", default=None, help=text)(command)
    return command


@click.command("add", cls=_Command, help=HELP, short_help="Add a model of your own.")
@click.argument("name")
@click.option("--manual", is_flag=True, help="Describe it; nothing is downloaded.")
@click.option("--provider", metavar="NAME", help="Who answers: a provider that kandil knows, or a name of your own.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="The wire format.")
@click.option("--base-url", metavar="URL", help="https://…; http:// for this machine alone.")
@click.option("--api-model", metavar="ID", help="What the provider calls it.")
@click.option("--context", "context_window", type=int, metavar="TOKENS", help="Input and output together.")
@click.option("--max-output", "max_output_tokens", type=int, metavar="TOKENS", help="The longest answer.")
@_abilities
@click.option("--price-input", type=float, metavar="DOLLARS", help="For a million tokens in.")
@click.option("--price-output", type=float, metavar="DOLLARS", help="For a million tokens out.")
@click.option("--note", metavar="TEXT", help="A word for yourself.")
@click.option("--replace", is_flag=True, help="Describe anew what you added before; its uses are counted anew.")
@click.option("--shadow", is_flag=True, help="Even where a model or an alias of kandil's has the name.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be added, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is right.")
@click.option("--no-input", is_flag=True, help="Never ask: what is missing is an error.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, name: str, **given: Any) -> int:
    from kandil import registry
    from kandil.cli.json_lines import write_report
    from kandil.errors import DownloadMissing

    settings = ctx.find_object(Settings)
    assert settings is not None
    manual, replace, shadow, dry_run, yes, no_input = (
        given.pop(flag) for flag in ("manual", "replace", "shadow", "dry_run", "yes", "no_input")
    )
    asks = not no_input and sys.stdin.isatty() and sys.stderr.isatty()
    said = {field: value for field, value in given.items() if value is not None}
    if not manual:
        raise DownloadMissing(name)
    shadows = _check_name(name, replace=replace, shadow=shadow)
    said = _asked(name, said) if asks else _completed(name, said, ctx)
    record = _record(name, said)
    registry.check(record)
    confirms = asks and not yes and not dry_run
    if confirms or (dry_run and not settings.json):
        _show(record, shadows, sys.stderr if confirms else sys.stdout)
    if confirms and not click.confirm("Add it?", default=True, err=True):
        raise click.Abort
    if not dry_run:
        registry.add(record, replacing=replace)
    path = registry.file_of(name)
    if settings.json:
        write_report(SCHEMA, name=name, path=path, profile=record.profile, shadows=shadows, dry_run=dry_run)
    else:
        print(printable(f"would add {name}: {path}" if dry_run else f"added {name}: {path}"))
    return 0


def _has_key(text: str) -> bool:
    """Also as one part of an address."""
    import re

    from kandil.secret import looks_like_key

    return looks_like_key(text) or ("://" in text and any(map(looks_like_key, re.split(r"[/:@?&#=]", text))))


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _check_name(name: str, *, replace: bool, shadow: bool) -> tuple[str, ...]:
    """The models of kandil's own that have the name, in any spelling: they are meant no more."""
    from kandil import _core, config, registry
    from kandil.cli.naming import shadowed
    from kandil.errors import NameTaken, RecordExists
    from kandil.registry.names import checked

    record = registry.find(checked(name))
    if record is not None and not replace:
        raise RecordExists(name, record.added_at)
    for alias, target in config.load().aliases.items():
        if _core.normal_name(alias) == _core.normal_name(name):
            raise NameTaken(alias, target, hint=f"take another name, or `kandil model alias --rm {alias}` first")
    shadows = shadowed(name)
    if shadows and not shadow:
        raise NameTaken(name, shadows[0])
    return shadows


def _completed(name: str, said: dict[str, Any], ctx: click.Context) -> dict[str, Any]:
    """What was said, and what the provider brings. Raises: click.UsageError."""
    said = {**_brought(said.get("provider")), **said}
    if missing := [_flag(field) for field in _NEEDED if field not in said]:
        raise click.UsageError(f"to add {name!r} without being asked, say {', '.join(missing)} too", ctx)
    return said


def _brought(provider: str | None) -> dict[str, Any]:
    from kandil import profiles

    known = profiles.provider(provider or "")
    return {"protocol": known.protocol, "base_url": known.base_url} if known else {}


def _asked(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """What was said, and what a person answered to the rest, field by field."""
    answers = dict(said)
    complete = all(field in said for field in _NEEDED)
    for field, title in _NEEDED.items():
        usual = {
            "provider": "local-server",
            "protocol": "openai",
            "api_model": name,
            **_brought(answers.get("provider")),
        }
        if field not in said:
            answers[field] = click.prompt(
                f"{title} ({', '.join(PROTOCOLS)})" if field == "protocol" else title,
                default=usual.get(field),
                value_proc=_answer(field),
                err=True,
            )
    if not complete and "context_window" not in said:
        tokens = click.prompt("Context window in tokens (0: not known)", default=0, type=click.IntRange(0), err=True)
        answers |= {"context_window": tokens} if tokens else {}
    return answers


def _answer(field: str) -> Callable[[str], str]:
    """Takes an answer, or says what is wrong with it, so that it is asked for again."""
    from kandil import registry
    from kandil.errors import KeyGiven, ProfileInvalid

    def checked(text: str) -> str:
        if _has_key(text):
            error = KeyGiven("an answer")
            raise click.UsageError(f"{error.message}: {error.hint}")
        try:
            registry.check(registry.Record(name="x", profile={field: text}))
        except ProfileInvalid as error:
            for where, what in error.mistakes:
                if where == field:
                    raise click.UsageError(printable(what)) from None
        return text

    return checked


def _record(name: str, said: dict[str, Any]) -> Record:
    from kandil.registry import Record
    from kandil.registry.records import now

    price = {side: said[f"price_{side}"] for side in ("input", "output") if f"price_{side}" in said}
    profile = {field: value for field, value in said.items() if not field.startswith("price_")}
    return Record(
        name=name,
        source="manual",
        capabilities=tuple(one for one in _ABILITIES if said.get(f"supports_{one}")),
        context_window=said.get("context_window"),
        added_at=now(),
        provider=said["provider"],
        profile=profile | ({"price": price} if price else {}),
    )


def _show(record: Record, shadows: tuple[str, ...], stream: IO[str]) -> None:
    """What is to be added, and what there is to say of it."""
    print(printable(record.name), file=stream)
    profile = dict(record.profile or {})
    profile |= {f"price {side}": f"${amount:g} a million tokens" for side, amount in profile.pop("price", {}).items()}
    for field, value in profile.items():
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
        print(f"  {field.replace('_', ' '):<20}{printable(text)}", file=stream)
    usual = _brought(record.provider).get("base_url", profile["base_url"])
    if usual != profile["base_url"]:
        told = f"{record.provider}'s own base URL is {usual}; a key that you keep for it goes to this one too"
        print(printable(f"  note: {told}"), file=stream)
    if shadows:
        print(printable(f"  note: {record.name} will not mean {', '.join(shadows)} any more"), file=stream)
