"""Where a model runs: somewhere else, or here from files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil.errors import FileUnreadable, NotGguf, NotHere
from kandil.profiles import Profile
from kandil.registry import inventory, store
from kandil.verify.shards import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kandil._core import Header
    from kandil.config import Cache
    from kandil.registry.inventory import LocalModel

_PROJECTOR: Final = "clip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A model, and its files where kandil itself runs it."""

    profile: Profile
    files: tuple[Path, ...] = ()
    """All parts, the first first; empty: its provider answers."""
    headers: tuple[Header, ...] = ()
    projector: Path | None = None
    """What makes pictures into tokens, in a file of its own."""


def of_file(name: str) -> Located:
    """The model in a GGUF file, with the other parts of it that lie beside. Raises: FileUnreadable, NotGguf."""
    path = os.path.abspath(os.path.expanduser(name))
    try:
        parts, _ = parts_of(path)
        headers = _headers(parts)
    except OSError as error:
        raise FileUnreadable(name, error.strerror or str(error)) from error
    for part, header in zip(parts, headers, strict=True):
        if not header.is_gguf:
            raise NotGguf(part, None)
    return Located(
        profile=_profile(path, headers[0]), files=tuple(map(Path, parts)), headers=headers, projector=_beside(path)
    )


def added(profile: Profile) -> Located | None:
    """The profile's files that the user has added. Raises: RecordBroken, FileUnreadable, NotHere."""
    record = store.find(profile.id)
    return of_files(profile, record.files) if record is not None and record.files else None


async def here(profile: Profile, settings: Cache) -> Located | None:
    """The profile's files on this machine, wherever a store or a record has them."""
    if (own := added(profile)) is not None:
        return own
    known = inventory.cached(settings)
    found = _named(profile, known.models) if known else None
    if found is None:
        found = _named(profile, (await inventory.look(settings)).models)
    return None if found is None else of_files(profile, found.files)


def _named(profile: Profile, models: Iterable[LocalModel]) -> LocalModel | None:
    usable = [one for one in models if one.role == "model" and one.files]
    exact = [one for one in usable if one.profile == profile.id]
    tagged = [one for one in usable if one.store == "ollama" and one.name == profile.id]
    return next(iter([*exact, *tagged]), None)


def of_files(profile: Profile, names: Sequence[str]) -> Located:
    """Of a model's files, those with weights: an Ollama tag has others, a model that sees has a projector."""
    try:
        headers = {name: header for name, header in zip(names, _headers(names), strict=True) if header.is_gguf}
    except OSError as error:
        raise FileUnreadable(error.filename or names[0], error.strerror or str(error)) from error
    projectors = [name for name, header in headers.items() if header.get("general.architecture") == _PROJECTOR]
    weights = [name for name in headers if name not in projectors]
    if not weights:
        raise NotHere(profile.id)
    return Located(
        profile=profile,
        files=tuple(map(Path, weights)),
        headers=tuple(headers[name] for name in weights),
        projector=Path(projectors[0]) if projectors else None,
    )


def _headers(names: Sequence[str]) -> tuple[Header, ...]:
    from kandil._core import Header  # noqa: PLC0415 - a model elsewhere has none

    return tuple(map(Header.open, names))


def _beside(path: str) -> Path | None:
    """The one projector that lies beside a model's file, as repositories have them: ``mmproj-….gguf``."""
    folder = os.path.dirname(path)
    found = [name for name in os.listdir(folder) if name.lower().startswith("mmproj") and name.endswith(".gguf")]
    return Path(folder, found[0]) if len(found) == 1 and os.path.basename(path) != found[0] else None


def _profile(path: str, header: Header) -> Profile:
    architecture = header.get("general.architecture")
    context = header.get(f"{architecture}.context_length")
    stem = Path(path).stem
    return Profile(
        id=stem,
        name=stem,
        source="user",
        provider="local",
        protocol="openai",
        api_model=stem,
        context_window=context if isinstance(context, int) and context > 0 else None,
    )
