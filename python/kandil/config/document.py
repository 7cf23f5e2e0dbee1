"""One file of settings, read and checked: which settings it says, and where."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kandil import files
from kandil.config import keys
from kandil.config.positions import line_and_column, places
from kandil.config.values import is_valid, mistaken, shown
from kandil.errors import ConfigInvalid, ConfigTooNew, SecretInConfig
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kandil.config.keys import Value
    from kandil.config.positions import KeyPath

LARGEST_BYTES: Final = 1 << 20
_LAST_VERSION: Final = 1_000_000  # what is larger is no version
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_SECRET_NAMES: Final = re.compile(r"(?:api_?|auth_?|access_?|secret_?)?(?:key|token|secret|password)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """A file that is TOML of a version that is known; what stands in it has yet to be checked."""

    file: Path
    text: str
    """Without the mark that some editors put before UTF-8."""
    data: Mapping[str, Any]
    version: int

    def place(self, path: KeyPath, *, value: bool = False) -> tuple[int, int]:
        """Line and column of the key, or of its value."""
        place = places(self.text)[path]
        return line_and_column(self.text, place.value if value else place.key)

    def invalid(self, path: KeyPath, reason: str, *, value: bool = False) -> ConfigInvalid:
        line, column = self.place(path, value=value)
        return ConfigInvalid(str(self.file), keys.key_text(path), reason, line=line, column=column)


@dataclass(frozen=True, slots=True)
class Note:
    """What in a file has no effect, and why."""

    path: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.key}: {self.message}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says: a value by setting, beside the key that it has in the file."""

    values: Mapping[KeyPath, tuple[Value, KeyPath]]
    notes: tuple[Note, ...]


def read(file: Path) -> Document:
    """The file's document; an empty one of the newest version where there is no file.

    Raises:
        ConfigInvalid: it cannot be read, or is no TOML.
        ConfigTooNew: a later kandil wrote it.
    """
    content = content_of(file)
    return Document(file, "", {}, keys.VERSION) if content is None else decoded(file, content)


def content_of(file: Path) -> bytes | None:
    """What is in the file, whatever that is; None where there is no file. Raises: ConfigInvalid."""
    try:
        return files.read(file, LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigInvalid(str(file), "", f"cannot be read: {error.strerror}") from error


def decoded(file: Path, content: bytes) -> Document:
    """The document that `content` would be as that file. Raises: as `read`."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line, column = line_and_column(content[: error.start].decode(), error.start)
        raise ConfigInvalid(str(file), "", "is not UTF-8", line=line, column=column) from error
    return parse(file, text)


def parse(file: Path, text: str) -> Document:
    """The document that `text` would be as that file. Raises: as `read`."""
    text = text.removeprefix("\ufeff")
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigInvalid(str(file), "", "is nested too deeply") from error
    except ValueError as error:
        raise _broken(file, text, str(error)) from error
    document = Document(file, text, data, keys.VERSION)
    version = data.get("version", 1 if data else keys.VERSION)
    if type(version) is not int or not 0 < version <= _LAST_VERSION:
        raise document.invalid(("version",), f"expected {keys.VERSION}, not {shown(version)}", value=True)
    if version > keys.VERSION:
        raise ConfigTooNew(str(file), version, keys.VERSION)
    return Document(file, text, data, version)


def _broken(file: Path, text: str, message: str) -> ConfigInvalid:
    at = _AT.search(message)
    if at is None:  # a number or a date that is none
        return ConfigInvalid(str(file), "", message)
    line, column = map(int, at.groups()) if at[1] else line_and_column(text, len(text.rstrip()))
    return ConfigInvalid(str(file), "", f"no TOML: {message[: at.start()]}", line=line, column=column)


def said(document: Document, *, project: bool = False) -> Said:
    """Every setting in the document. In a `project`'s file, those that it may not say are left out, with a note.

    Raises:
        ConfigInvalid: a value is not what its setting takes.
        SecretInConfig: something looks like an API key.
    """
    values: dict[KeyPath, tuple[Value, KeyPath]] = {}
    notes: list[Note] = []
    for path, value in _leaves(document.data, ()):
        _refuse_secrets(document, path, value)
        if path == ("version",):
            continue
        key = _today(document, path)
        setting = keys.setting_at(key)
        if setting is None:
            notes.append(_unknown(document, path))
        elif project and not setting.project:
            notes.append(_note(document, path, "is not taken from a project's file: set it in your own config.toml"))
        elif not is_valid(setting, value):
            raise document.invalid(path, mistaken(setting, value), value=True)
        else:
            values[key] = value, path
    return Said(values, tuple(notes))


def _leaves(table: Mapping[str, Any], above: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """What is no table of settings: settings, and whatever is unknown."""
    for name, value in table.items():
        path = (*above, name)
        if isinstance(value, dict) and keys.is_table(path):
            yield from _leaves(value, path)
        else:
            yield path, value


def _today(document: Document, path: KeyPath) -> KeyPath:
    """What this version calls the setting that the document has at `path`."""
    renamed = keys.RENAMED.get(".".join(path)) if document.version == 1 else None
    if renamed is None:
        return path
    table, name = renamed.split(".")
    if name in document.data[table]:
        raise document.invalid(path, f"is what {renamed} was called before: keep one of them")
    return table, name


def _unknown(document: Document, path: KeyPath) -> Note:
    if keys.is_table(path):
        raise document.invalid(path, "expected a table of settings", value=True)
    near = keys.nearest(path)
    return _note(document, path, "is no setting" + (f"; did you mean {near[0]}?" if near else ""))


def _note(document: Document, path: KeyPath, message: str) -> Note:
    line, column = document.place(path)
    return Note(str(document.file), line, column, keys.key_text(path), message)


def secrets(document: Document) -> Iterator[SecretInConfig]:
    """Each place where something looks like an API key, whatever else is wrong with the document."""
    for path, value in _leaves(document.data, ()):
        try:
            _refuse_secrets(document, path, value)
        except SecretInConfig as error:
            yield error


def _refuse_secrets(document: Document, path: KeyPath, value: object) -> None:
    named = keys.setting_at(path) is None and _SECRET_NAMES.fullmatch(path[-1]) and isinstance(value, str) and value
    hidden = next((depth for depth, part in enumerate(path) if looks_like_key(part)), None)
    if not (named or hidden is not None or any(map(looks_like_key, _texts(value)))):
        return
    line, column = document.place(path, value=hidden is None)
    provider = path[1] if path[0] == "api" and len(path) > 1 + 1 and hidden is None else None
    raise SecretInConfig(str(document.file), keys.key_text(path[:hidden]), provider, line=line, column=column)


def _texts(value: object) -> Iterator[str]:
    """Every text in a value, keys of tables too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
