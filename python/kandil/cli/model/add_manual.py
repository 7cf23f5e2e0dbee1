"""`kandil model add --manual`: a model of the user's own, as they describe it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.escape import printable
from kandil.cli.group import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from kandil.registry import Record

SCHEMA = "kandil.model.add/1"
PROTOCOLS = ("openai", "anthropic", "gemini", "ollama")
_NEEDED = {
    "provider": "Provider, by its name here or one of your own",
    "protocol": "Protocol",
    "base_url": "Base URL",
    "api_model": "The provider's name for the model",
}
ABILITIES = ("vision", "tools", "reasoning", "json")


def describe(
    name: str,
    said: dict[str, Any],
    ctx: click.Context,
    *,
    replace: bool,
    shadow: bool,
    dry_run: bool,
    yes: bool,
    no_input: bool,
) -> int:
    """The exit code, once it is added as its user describes it. Raises: KandilError, click.UsageError, click.Abort."""
    from kandil import registry
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    asks = not no_input and sys.stdin.isatty() and sys.stderr.isatty()
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


def has_key(text: str) -> bool:
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
        if has_key(text):
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
        capabilities=tuple(one for one in ABILITIES if said.get(f"supports_{one}")),
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
