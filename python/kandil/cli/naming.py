"""A model's name on the command line: resolved, and where it is only like a name, asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.escape import printable
from kandil.errors import NameAmbiguous, NameUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.profiles import Profile
    from kandil.resolver import Names, Resolution


def naming_options(command: Callable[..., int]) -> Callable[..., int]:
    """`--explain` and `--no-input`, of every command that takes a model's name."""
    command = click.option("--no-input", is_flag=True, help="Never ask: a name that is only like one is an error.")(
        command
    )
    return click.option("--explain", is_flag=True, help="Say on standard error how the name was resolved.")(command)


def known_names() -> Names:
    """The catalogue's names, the user's aliases, the models that the user has added."""
    from kandil import config, registry
    from kandil.resolver import Names

    return Names(registry.profiles(), config.load().aliases)


def shadowed(name: str) -> tuple[str, ...]:
    """The ids of the catalogue's models that have this name, in any spelling: a user's own of it goes before them."""
    from kandil.resolver import Names

    return next((found.ids for _, found in Names().steps(name) if found.ids), ())


def resolved(query: str, *, explain: bool = False, no_input: bool = False) -> Resolution:
    """The model that was named. A person at a terminal may take one of the candidates.

    Raises:
        NameAmbiguous, NameUnknown: nobody was there to ask, or nothing was taken.
        RecordBroken: the user has added it, and its record cannot be used.
        click.Abort: the person stopped.
    """
    from kandil import registry

    names = known_names()
    if explain:
        _explain(names, query)
    try:
        resolution = names.resolve(query)
    except (NameAmbiguous, NameUnknown) as error:
        registry.find(query)  # a record of this very name that cannot be used says so
        if no_input or not error.candidates or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        resolution = names.choose(query, _asked(error, names))
    _say_what_is_odd(resolution)
    return resolution


def _explain(names: Names, query: str) -> None:
    from kandil.resolver import is_clear

    for rung, found in names.steps(query):
        _say(f"{rung}: {', '.join(found.ids) or 'no'}")
        if found.ids:
            return
    candidates = names.search(query)
    shown = ", ".join(f"{one.profile.id} ({one.score:.2f})" for one in candidates) or "no"
    _say(f"like it: {shown}" + ("; the first is clearly the nearest" if is_clear(candidates) else ""))


def _asked(error: NameAmbiguous | NameUnknown, names: Names) -> str:
    """The candidate that a person chose."""
    _say(error.message)
    if isinstance(error, NameUnknown) and error.clear:
        if click.confirm(f"Did you mean {_described(names.profile(error.candidates[0]))}?", default=True, err=True):
            return error.candidates[0]
        raise NameUnknown(error.query, error.candidates[1:])  # what was refused is not proposed again
    for number, candidate in enumerate(error.candidates, 1):
        _say(f"  {number}  {_described(names.profile(candidate))}")
    number = click.prompt("Which", type=click.IntRange(1, len(error.candidates)), err=True)
    return error.candidates[number - 1]


def _described(profile: Profile | None) -> str:
    assert profile is not None
    return printable(f"{profile.id} ({', '.join(facts_in_short(profile))})")


def facts_in_short(profile: Profile) -> list[str]:
    """Who runs it, its size or price, its state: what tells models of like names apart."""
    from kandil.cli.sizes import human_size

    facts = ["local file" if profile.provider == "local" else profile.provider]
    if profile.weights and profile.weights.size_bytes:
        facts.append(human_size(profile.weights.size_bytes))
    if profile.status != "active":
        facts.append(profile.status)
    return facts


def _say_what_is_odd(resolution: Resolution) -> None:
    """What a person would want to know before the model is used."""
    profile = resolution.profile
    if profile.source == "user" and (hidden := shadowed(profile.id)):
        _say(f"note: {profile.id} is the model that you added; it goes before kandil's own {', '.join(hidden)}")
    if resolution.instead_of:
        _say(f"note: {resolution.query} stands for {profile.id} now; older guides mean {resolution.instead_of}")
    elif resolution.also:
        _say(f"note: {resolution.query} stands for {profile.id}; others mean {', '.join(resolution.also)}")
    if ending := profile.ending():
        _say(f"warning: {ending}")


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)
