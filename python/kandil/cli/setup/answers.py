"""Who answers the questions of `kandil setup`: a person, or a file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.cli.auth.provider import Named
    from kandil.cli.setup.options import ModelOption, ProviderOption
    from kandil.secret import Secret

_LARGEST_BYTES: Final = 1 << 20
_AGAIN: Final = 3
"""So often a key that is rejected is asked for again."""


class Answers(Protocol):
    """What is asked. Raises: click.Abort, where somebody leaves."""

    def providers(self, options: Sequence[ProviderOption]) -> list[str]:
        """Ids of those to use."""

    def key(self, provider: Named, tries: int) -> Secret | None:
        """None: it is left out. `tries`: how many were rejected."""

    def model(self, options: Sequence[ModelOption]) -> str | None:
        """The name of one; None: none."""

    def agree(self, question: str) -> bool:
        """Whether to go on."""

    def default(self, name: str) -> bool:
        """Whether this model is the one that is used where none is named."""


class Person:
    """At a terminal. Enter takes what is proposed."""

    def providers(self, options: Sequence[ProviderOption]) -> list[str]:
        proposed = ",".join(str(at) for at, one in enumerate(options, 1) if one.proposed) or "1"
        ids = [one.id for one in options]

        def chosen(text: str) -> list[str]:
            return [_picked(word, ids) for word in re.split(r"[,\s]+", text.strip()) if word]

        found: list[str] = _prompt("Which to use, by number or name", proposed, chosen)
        return found

    def key(self, provider: Named, tries: int) -> Secret | None:
        from kandil.credentials import checked
        from kandil.errors import KandilError

        if tries >= _AGAIN:
            return None
        while True:
            typed = click.prompt(
                f"Key for {provider.title} (it is not shown; Enter leaves it out)",
                default="",
                show_default=False,
                hide_input=True,
            )
            if not typed:
                return None
            try:
                key = checked(typed)
            except KandilError as error:
                click.echo(f"  {error.message}")
                continue
            if click.prompt("Once more", default="", show_default=False, hide_input=True) == typed:
                return key
            click.echo("  the two are not the same")

    def model(self, options: Sequence[ModelOption]) -> str | None:
        names = [one.name for one in options]
        at = next((at for at, one in enumerate(options, 1) if one.recommended), 1)

        def chosen(text: str) -> str | None:
            if text.lower() in ("n", "none"):
                return None
            return _picked(text, names) if text.isdecimal() or text in names else _known(text)

        found: str | None = _prompt("Which one, by number, or any other by its name (n: none)", str(at), chosen)
        return found

    def agree(self, question: str) -> bool:
        return click.confirm(question, default=True)

    def default(self, name: str) -> bool:
        return click.confirm(f"Use {name} wherever no model is named?", default=True)


def _prompt(text: str, default: str, chosen: Any) -> Any:
    """What `chosen` makes of the answer; asked again where that is a ValueError."""

    def read(given: str) -> Any:
        try:
            return (chosen(given),)  # in a tuple: click takes None for no answer
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    return click.prompt(text, default=default, value_proc=read)[0]


def _picked(word: str, names: Sequence[str]) -> str:
    """By number from 1, or by name, or by its only beginning. Raises: ValueError."""
    if word.isdecimal():
        if 1 <= int(word) <= len(names):
            return names[int(word) - 1]
        raise ValueError(f"there are numbers from 1 to {len(names)}")
    found = [name for name in names if name == word] or [name for name in names if name.startswith(word.lower())]
    if len(found) != 1:
        raise ValueError(f"{'several are' if found else 'none is'} called {word!r}")
    return found[0]


def _known(name: str) -> str:
    """A model's id, by any of its names. Raises: ValueError."""
    from kandil.cli.naming import known_names
    from kandil.errors import KandilError

    try:
        return known_names().resolve(name).profile.id
    except KandilError as error:
        raise ValueError(f"{error.message}{f' ({error.hint})' if error.hint else ''}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class FromFile:
    """As a file says: nobody is asked, and what it leaves out is what would be proposed."""

    path: str
    wanted: tuple[str, ...] | None = None
    model_name: str = "recommended"
    is_default: bool = True

    def providers(self, options: Sequence[ProviderOption]) -> list[str]:
        if self.wanted is None:
            return [one.id for one in options if one.proposed]
        ids = [one.id for one in options]
        try:
            return [_picked(name, ids) for name in self.wanted]
        except ValueError as error:
            raise _wrong(self.path, f"providers: {error}") from None

    def key(self, provider: Named, tries: int) -> Secret | None:
        from kandil.errors import KeyMissing

        raise KeyMissing(
            provider.id, hint=f"`kandil auth set {provider.id} --key-stdin` keeps one before; a file has none"
        )

    def model(self, options: Sequence[ModelOption]) -> str | None:
        if self.model_name == "none":
            return None
        if self.model_name == "recommended":
            return next((one.name for one in options if one.recommended), options[0].name if options else None)
        return self.model_name

    def agree(self, question: str) -> bool:
        return bool(question)

    def default(self, name: str) -> bool:
        return bool(name) and self.is_default


def from_file(path: str) -> FromFile:
    """Raises: FileUnreadable; AnswersWrong; SecretInConfig: a key is in it."""
    from kandil import files
    from kandil.errors import FileUnreadable, SecretInConfig
    from kandil.secret import looks_like_key

    try:
        text = files.read(Path(path).expanduser(), _LARGEST_BYTES).decode()
        said = tomllib.loads(text)
    except OSError as error:
        raise FileUnreadable(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise _wrong(path, f"it is no TOML: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if any(map(looks_like_key, re.split(r"[\s\"'=,\[\]]+", line))):
            raise SecretInConfig(path, "", None, line=number)
    unknown = sorted(said.keys() - {"providers", "model", "default"})
    if unknown:
        raise _wrong(path, f"{', '.join(unknown)}: no such answer; there are providers, model, default")
    providers = said.get("providers")
    if providers is not None and not (isinstance(providers, list) and all(isinstance(one, str) for one in providers)):
        raise _wrong(path, 'providers: a list of names was expected, as ["local", "openai"]')
    return FromFile(
        path=path,
        wanted=None if providers is None else tuple(providers),
        model_name=_is(path, said, "model", "recommended"),
        is_default=_is(path, said, "default", usual=True),
    )


def _is(path: str, said: dict[str, Any], name: Literal["model", "default"], usual: Any) -> Any:
    value = said.get(name, usual)
    if type(value) is not type(usual):
        raise _wrong(path, f"{name}: {'a name' if isinstance(usual, str) else 'true or false'} was expected")
    return value


def _wrong(path: str, what: str) -> Exception:
    from kandil.errors import AnswersWrong

    return AnswersWrong(path, what)
