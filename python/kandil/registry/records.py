"""What is kept of a model that the user has added, and how it is written: JSON, which a later version may add to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kandil import profiles
from kandil.profiles import Profile
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION: Final = 2
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HALF: Final = re.compile("[\ud800-\udfff]")
"""Of a surrogate pair: JSON can write one, and it is no text. Names of files have them for bytes that are none."""
_LONGEST_SHOWN: Final = 40
_IS_KEY: Final = "what looks like an API key is there, and keys are kept in no file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A model that the user has added. Times are RFC 3339 in UTC; None is not known."""

    name: str
    source: str = "unknown"
    """``manual``: its user describes it, in `profile`. Else where it came from."""
    sha256: str | None = None
    size_bytes: int | None = None
    verified_at: str | None = None
    capabilities: tuple[str, ...] = ()
    """``vision``, ``tools``, ``reasoning``, ``json``."""
    context_window: int | None = None
    """Tokens."""
    last_used: str | None = None
    usage_count: int = 0
    average_latency_ms: float | None = None
    latency_count: int = 0
    """So many latencies `average_latency_ms` is the mean of: not every use has one."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """As the provider last said: fields of `kandil.limits.Limits`."""
    added_at: str | None = None
    provider: str | None = None
    files: tuple[str, ...] = ()
    """Absolute paths of the model's files on this machine."""
    forced: bool = False
    """It was added although it does not fit this machine."""
    profile_id: str | None = None
    """The catalogue's profile, where the model has one."""
    profile: Mapping[str, Any] | None = None
    """What its user says of it: the fields of a `Profile`, checked as kandil's own are, but for its id."""
    provenance: Mapping[str, Any] | None = None
    """Where `files` come from and what was found of them: see `kandil.adding.provenance`."""
    benchmark: Mapping[str, Any] | None = None
    """What `kandil model benchmark` found last, with the fewest requests at once: see `kandil.benchmark.remember`."""
    later: Mapping[str, Any] = field(default_factory=dict)
    """Fields that this version does not know, kept as they are."""

    @property
    def tokens_per_second(self) -> float | None:
        """Of one answer, as it was measured last; None: it never was."""
        found = (self.benchmark or {}).get("tokens_per_second")
        return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None

    def described(self) -> Profile | None:
        """The profile that its user gave it, which `mistakes` is about, or that of its files; None: the catalogue's."""
        if self.profile is None:
            return self._of_files() if self.files and self.profile_id is None else None
        usual = {"name": self.name, "date": (self.added_at or "")[:10]}
        return profiles.from_fields({**usual, **_known(self.profile), "id": self.name, "source": "user"})

    def _of_files(self) -> Profile:
        """A model that nobody has described but its file."""
        return Profile(
            id=self.name,
            name=self.name,
            source="user",
            provider="local",
            protocol="openai",
            api_model=self.name,
            context_window=self.context_window,
            date=(self.added_at or "")[:10],
        )


def now() -> str:
    """This moment, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def mistakes(record: Record, *, strict: bool = False) -> list[tuple[str, str]]:
    """What is wrong with the user's description, as (field, what); of an address with a user or a query, not its text.

    A field that no profile of this version has is a mistake where it is `strict`; else a later version wrote it.
    """
    if record.profile is None:
        return []
    described = record.profile if strict else _known(record.profile)
    if secret := _keys(described):
        return [(name, _IS_KEY) for name in secret]
    try:
        found = profiles.mistakes({**described, "id": record.name})
    except OverflowError:
        return [("", "a number is too large: it has more than 64 bits")]
    except (TypeError, ValueError) as error:
        return [("", str(error))]
    if found and any(sign in str(record.profile.get("base_url")) for sign in "@?#"):
        bare = "the address alone is taken, without a user, a query or a fragment"
        found = [(where, bare if where == "base_url" else what) for where, what in found]
    if record.profile.get("provider") == "local":
        found.append(("provider", '"local" is for files that kandil runs by itself; name who answers at base_url'))
    return found


def _known(described: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name in _PROFILE_FIELDS}


def _keys(said: Mapping[str, Any]) -> list[str]:
    """The fields that hold what looks like an API key: their values are not repeated."""
    return [name for name, value in said.items() if isinstance(value, str) and looks_like_key(value)]


def decoded(content: bytes) -> Record:
    """The record of a file's bytes. What is not there has its default: version 1 had fewer fields.

    Raises:
        ValueError: it is no record, and why.
    """
    said = _object(content)
    version = said.pop("schema_version", None)
    if type(version) is not int or version < 1:
        raise ValueError("schema_version: a whole number from 1 was expected")
    for name in _keys({name: said[name] for name in _FIELDS if name in said}):
        raise ValueError(f"{name}: {_IS_KEY}")
    later = {"schema_version": version} if version > SCHEMA_VERSION else {}
    known: dict[str, Any] = {}
    for name, (kind, check) in _FIELDS.items():
        value = said.pop(name, None)
        if value is None:
            continue
        if not check(value):
            raise ValueError(f"{name}: {kind} was expected, not {_shown(value)}")
        known[name] = tuple(value) if isinstance(value, list) else value
    if "name" not in known:
        raise ValueError("name is missing")
    if "average_latency_ms" in known:
        known.setdefault("latency_count", known.get("usage_count", 0))
    record = Record(**known, later={**said, **later})
    for where, what in mistakes(record):
        raise ValueError(f"profile.{where}: {what}" if where else f"profile: {what}")
    return record


def encoded(record: Record) -> bytes:
    """The bytes of its file."""
    said = {"schema_version": SCHEMA_VERSION, **{name: getattr(record, name) for name in _FIELDS}, **record.later}
    return json.dumps(said, indent=2, allow_nan=False).encode() + b"\n"


def _object(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - of the file, not of the argument
    return said


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _HALF.search(value)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_counts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_count(item) for item in value.values())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_TEXT: Final = ("text", _is_text)
_COUNT: Final = ("a whole number from 0", _is_count)
_TEXTS: Final = ("a list of texts", _is_texts)
_MOMENT: Final = ("a time such as 2026-11-22T08:30:00Z", lambda value: _is_text(value) and _TIME.fullmatch(value))
_FIELDS: Final[Mapping[str, tuple[str, Any]]] = {
    "name": _TEXT,
    "source": _TEXT,
    "sha256": ("64 lower-case hexadecimal digits", lambda value: _is_text(value) and _DIGEST.fullmatch(value)),
    "size_bytes": _COUNT,
    "verified_at": _MOMENT,
    "capabilities": _TEXTS,
    "context_window": _COUNT,
    "last_used": _MOMENT,
    "usage_count": _COUNT,
    "average_latency_ms": (
        "a number from 0",
        lambda value: type(value) in (int, float) and 0 <= value < float("inf"),
    ),
    "latency_count": _COUNT,
    "limits": ("a table of whole numbers from 0", _is_counts),
    "added_at": _MOMENT,
    "provider": _TEXT,
    "files": _TEXTS,
    "forced": ("true or false", lambda value: isinstance(value, bool)),
    "profile_id": _TEXT,
    "profile": ("a table", lambda value: isinstance(value, dict)),
    "provenance": ("a table", lambda value: isinstance(value, dict)),
    "benchmark": ("a table", lambda value: isinstance(value, dict)),
}
"""The fields as they are written, each with what a value has to be."""
_PROFILE_FIELDS: Final = frozenset(one.name for one in fields(Profile))
