"""A record for each model that the user has added: ``models/<name>.metadata.json`` in kandil's data folder.

A record is written whole and under a lock, so that two processes lose nothing of each other's. Fields that a later
kandil wrote stay as they are. The file's name is made of the model's; the record itself holds the true one.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from kandil import files, paths
from kandil import profiles as catalogue
from kandil.errors import FileUnwritable, ProfileInvalid, RecordBroken, RecordExists, RecordUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kandil.profiles import Profile

SCHEMA_VERSION: Final = 2
SUFFIX: Final = ".metadata.json"
_LONGEST_STEM: Final = 180
"""Bytes; file systems take 255 for a name, and the lock beside it has a longer one."""
_LARGEST: Final = 1 << 20
"""No record has more bytes than that."""

Source = Literal["unknown", "manual", "cloud", "ollama", "gguf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A model that the user has added. Times are RFC 3339 in UTC; None is not known."""

    name: str
    source: Source = "unknown"
    """``manual``: its user describes it, in `profile`. Else the source of the catalogue's profile."""
    sha256: str | None = None
    size_bytes: int | None = None
    verified_at: str | None = None
    capabilities: tuple[str, ...] = ()
    """``vision``, ``tools``, ``reasoning``, ``json``."""
    context_window: int | None = None
    """Tokens."""
    added_at: str | None = None
    last_used: str | None = None
    usage_count: int = 0
    average_latency_ms: float | None = None
    """The mean over `usage_count` uses."""
    provider: str | None = None
    files: tuple[str, ...] = ()
    """Absolute paths of the model's files on this machine."""
    shadows: bool = False
    """It has the name of one of kandil's own models, and goes before it."""
    forced: bool = False
    """It was added although it does not fit this machine."""
    profile: Mapping[str, Any] | None = None
    """What its user says of it: the fields of a `Profile`, checked as kandil's own are."""
    later: Mapping[str, Any] = field(default_factory=dict)
    """Fields that this version does not know, kept as they are."""


_FIELDS: Final = {one.name: one for one in fields(Record) if one.name != "later"}
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "size_bytes": (int,),
    "context_window": (int,),
    "usage_count": (int,),
    "average_latency_ms": (int, float),
    "capabilities": (list,),
    "files": (list,),
    "shadows": (bool,),
    "forced": (bool,),
    "profile": (dict,),
}
"""What a field has to be in JSON; text where nothing is said."""


@dataclass(frozen=True, slots=True)
class Every:
    """All records, and the files that are none."""

    records: tuple[Record, ...]
    broken: tuple[RecordBroken, ...]


def file_of(name: str) -> Path:
    """Where the record of this model is.

    Lower-case letters, digits, ``.``, ``-``, ``_`` and ``~`` stand for themselves and all else for its bytes in
    hexadecimal, so that no two names share a file where upper and lower case are the same. A long one ends in a digest.
    """
    stem = quote(name, safe="", errors="surrogatepass")
    stem = "".join(f"%{ord(letter):02x}" if letter.isupper() else letter for letter in _lowered(stem))
    if stem.startswith("."):
        stem = f"%2e{stem[1:]}"
    if len(stem) > _LONGEST_STEM:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        stem = f"{stem[:_LONGEST_STEM]}~{digest}"
    return paths.models_dir() / f"{stem}{SUFFIX}"


def _lowered(stem: str) -> str:
    """Percent-encoded bytes in lower case, so that a capital letter left is one of the name's own."""
    parts = stem.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])


def now() -> str:
    """This moment, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def find(name: str) -> Record | None:
    """The record of this model. Raises: RecordBroken."""
    return _read(file_of(name))


def every() -> Every:
    """All records, by name. A broken one does not keep the others back."""
    records, broken = [], []
    with suppress(FileNotFoundError), os.scandir(paths.models_dir()) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                try:
                    record = _read(Path(entry.path))
                except RecordBroken as error:
                    broken.append(error)
                else:
                    records += [record] if record else []
    return Every(tuple(sorted(records, key=lambda one: one.name)), tuple(broken))


def profiles() -> dict[str, Profile]:
    """The models that their user describes, by name."""
    described = (record for record in every().records if record.profile is not None)
    return {record.name: profile_of(record) for record in described}


def profile_of(record: Record) -> Profile:
    """The profile that its user gave it."""
    described = {**(record.profile or {}), "id": record.name, "source": "user"}
    described.setdefault("name", record.name)
    described.setdefault("date", (record.added_at or "")[:10])
    return catalogue.from_fields(described)


def add(record: Record, *, replacing: bool = False) -> None:
    """The record is there.

    Raises:
        RecordExists: there is one of this name, and it is not to be replaced.
        ProfileInvalid: what it says of the model is wrong.
        FileUnwritable: and nothing has changed.
    """
    _check_profile(record)
    path = file_of(record.name)
    with files.locked(path):
        if not replacing and path.exists():
            raise RecordExists(record.name)
        _write(path, record)


def update(name: str, change: Callable[[Record], Record]) -> Record:
    """The record after the change, made from what was there at that moment.

    Raises:
        RecordUnknown, RecordBroken, ProfileInvalid, FileUnwritable: and nothing has changed.
    """
    path = file_of(name)
    with files.locked(path):
        record = _read(path)
        if record is None:
            raise RecordUnknown(name)
        changed = change(record)
        _check_profile(changed)
        _write(path, changed)
    return changed


def used(name: str, *, latency_ms: float | None = None) -> Record:
    """The model was used once more. Raises: as `update`."""

    def counted(record: Record) -> Record:
        mean = record.average_latency_ms
        if latency_ms is not None:
            mean = latency_ms if mean is None else mean + (latency_ms - mean) / (record.usage_count + 1)
        return replace(record, usage_count=record.usage_count + 1, average_latency_ms=mean, last_used=now())

    return update(name, counted)


def remove(name: str) -> Record:
    """The record that was there; the model's files stay.

    Raises:
        RecordUnknown, FileUnwritable: and nothing has changed.
    """
    path = file_of(name)
    with files.locked(path):
        record = _read(path)
        if record is None:
            raise RecordUnknown(name)
        try:
            path.unlink()
        except OSError as error:
            raise FileUnwritable(str(path), error.strerror or str(error)) from error
    return record


def _check_profile(record: Record) -> None:
    if record.profile is not None:
        mistakes = catalogue.mistakes({"id": record.name, **record.profile})
        if mistakes:
            raise ProfileInvalid(record.name, tuple(mistakes))


def _write(path: Path, record: Record) -> None:
    said = {"schema_version": SCHEMA_VERSION, **{name: getattr(record, name) for name in _FIELDS}, **record.later}
    files.write(path, (json.dumps(said, indent=2) + "\n").encode())


def _read(path: Path) -> Record | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordBroken(str(path), error.strerror or str(error)) from error
    if len(content) > _LARGEST:
        raise RecordBroken(str(path), f"it has more than {_LARGEST} bytes")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordBroken(str(path), f"it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise RecordBroken(str(path), "it is no JSON object")
    return _record(path, said)


def _record(path: Path, said: dict[str, Any]) -> Record:
    """A field that is not there has its default: so were they all in version 1, which had fewer."""
    version = said.pop("schema_version", None)
    if type(version) is not int or version < 1:
        raise RecordBroken(str(path), "schema_version: a whole number from 1 was expected")
    later = {"schema_version": version} if version > SCHEMA_VERSION else {}
    known: dict[str, Any] = {}
    for name, one in _FIELDS.items():
        value = said.pop(name, None)
        if value is None:
            if one.default is MISSING:
                raise RecordBroken(str(path), f"{name} is missing")
            continue
        kinds = _TYPES.get(name, (str,))
        if type(value) not in kinds:
            raise RecordBroken(str(path), f"{name}: {kinds[-1].__name__} was expected, not {type(value).__name__}")
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                raise RecordBroken(str(path), f"{name}: a list of texts was expected")
            value = tuple(value)
        known[name] = value
    record = Record(**known, later={**said, **later})
    if record.profile is not None and (mistakes := _mistakes(record)):
        raise RecordBroken(str(path), f"profile.{mistakes[0][0]}: {mistakes[0][1]}")
    return record


def _mistakes(record: Record) -> list[tuple[str, str]]:
    try:
        return catalogue.mistakes({"id": record.name, **(record.profile or {})})
    except (TypeError, ValueError, OverflowError) as error:
        return [("", str(error))]
