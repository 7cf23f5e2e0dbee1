"""Changes to ``config.toml`` that leave the rest of it as its user wrote it: comments, order, quotes, line endings.

A change is made under a lock, from what is in the file then, checked whole before it is written, and written whole.
What tomlkit makes of the file is read again by tomllib: unless exactly the one setting has changed, nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kandil import files, paths
from kandil.config import keys, values
from kandil.config.document import Document, content_of, decoded, parse, read, said
from kandil.config.migration import back_up, has_crlf, migrated, with_version
from kandil.config.publisher import of_document
from kandil.errors import ConfigInvalid, SecretInConfig, SettingInvalid, SettingUnknown
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping
    from pathlib import Path

    from kandil.config.keys import Setting, Value
    from kandil.config.positions import KeyPath

_HALF: Final = re.compile("[\ud800-\udfff]")
"""What stands in an argument, or in the name of a file, for a byte that is no UTF-8."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to the file, or would be."""

    file: Path
    key: KeyPath
    before: Value | dict[str, Any] | None
    """What the file said; a table's content, where a whole table goes. None: nothing."""
    after: Value | None
    backup: Path | None
    """The file as it was, where it was of an older version."""
    migrated: bool

    @property
    def changes(self) -> bool:
        return type(self.before) is not type(self.after) or self.before != self.after  # True == 1


def parsed(path: KeyPath, text: str) -> Value:
    """The value that `text` is for this setting.

    Raises:
        SettingUnknown: there is no such setting.
        SettingInvalid: it does not take this.
        SecretInConfig: it looks like an API key.
    """
    setting = keys.setting_at(path)
    if looks_like_key(text):
        provider = path[1] if path[0] == "api" and len(path) > 1 else None
        raise SecretInConfig("the command line", keys.key_text(path), provider)
    if setting is None:
        raise SettingUnknown(keys.key_text(path), keys.nearest(path))
    return _parsed(setting, path, text)


def _parsed(setting: Setting, path: KeyPath, text: str) -> Value:
    try:
        return values.parsed(setting, text)
    except ValueError as error:
        raise SettingInvalid(keys.key_text(path), str(error)) from error


def assign(path: KeyPath, value: Value, *, file: Path | None = None, dry_run: bool = False) -> Change:
    """The file says this value for this setting; tables that it needs are made.

    Raises:
        ConfigInvalid: the file cannot be used, or could not with the change.
        SettingInvalid: it is no text.
        FileUnwritable: and the file is what it was.
    """
    return _change(file or paths.config_file(), path, value, dry_run=dry_run)


def remove(path: KeyPath, *, file: Path | None = None, dry_run: bool = False) -> Change:
    """The file does not say this setting, or has not this table. Raises: as `assign`, and SettingUnknown."""
    return _change(file or paths.config_file(), path, None, dry_run=dry_run)


def migrate(*, file: Path | None = None, dry_run: bool = False) -> Path | None:
    """The file is of this version. Where it was older, the copy that was kept of it. Raises: as `assign`."""
    file = file or paths.config_file()
    if read(file).version == keys.VERSION:
        return None
    with _alone(file, dry_run=dry_run):
        before = read(file)
        after = migrated(before)
        check(after)
        if before.version == keys.VERSION or dry_run:
            return None
        copy = back_up(before)
        _write(after)
        return copy


def replace(file: Path, content: bytes, *, seen: bytes | None) -> None:
    """The file has this content, if it still has what was `seen` (None: there was no file), even something broken.

    Content of an older version is migrated, and the file kept as it was.

    Raises:
        ConfigInvalid: the content could not be used, or the file has changed meanwhile.
        FileUnwritable: and the file is what it was.
    """
    with files.locked(file):
        if content_of(file) != seen:
            raise ConfigInvalid(str(file), "", "something else has changed it meanwhile")
        after = decoded(file, content)
        check(after)
        if after.version == keys.VERSION:
            files.write(file, content)
            return
        if seen:
            back_up(after)
        _write(migrated(after))


def template() -> str:
    """A file to begin with: it says nothing but its version, and names what it could say."""
    lines = [
        f"version = {keys.VERSION}",
        "",
        "# `kandil config keys` explains every setting; more can be set than these.",
    ]
    table = ""
    for setting in keys.SETTINGS:
        section, _, name = setting.key.partition(".")
        if setting.variable and setting.default is not None:
            lines += ["", f"[{section}]"] if section != table else []
            lines.append(f"# {name} = {values.written(setting.default)}")
            table = section
    return "\n".join([*lines, ""])


def check(document: Document) -> None:
    """Raises: ConfigInvalid where the document has anything that kandil refuses."""
    said(document)
    of_document(document)


def _check_change(before: Document, after: Document) -> None:
    """Raises: ConfigInvalid, which says whether it is the change that is wrong, or the file was before."""
    try:
        check(after)
    except ConfigInvalid as error:
        if not _is_sound(before):
            raise
        if isinstance(error, SecretInConfig):
            raise SecretInConfig(error.path, error.key, None) from error
        hint = "nothing was written; `kandil config edit` changes several settings at once"
        raise ConfigInvalid(error.path, error.key, f"with this change {error.reason}", hint=hint) from error


def _is_sound(document: Document) -> bool:
    try:
        check(document)
    except ConfigInvalid:
        return False
    return True


@contextmanager
def _alone(file: Path, *, dry_run: bool) -> Iterator[None]:
    if dry_run:  # what is only looked at needs no lock, and leaves no folder behind
        yield
        return
    with files.locked(file):
        yield


def _change(file: Path, path: KeyPath, value: Value | None, *, dry_run: bool) -> Change:
    with _alone(file, dry_run=dry_run):
        old = read(file)
        current = migrated(old)
        before = _at(current.data, path)
        known = before is not None or keys.setting_at(path) is not None or keys.is_table(path)
        if not known or path == ("version",):
            raise SettingUnknown(keys.key_text(path), keys.nearest(path))
        change = Change(file, path, before, value, None, old.version != keys.VERSION)
        if not change.changes:
            return change
        text = _edited(current, path, value)
        if not text.isascii() and _HALF.search(text):
            raise SettingInvalid(keys.key_text(path), "expected text, and there are bytes in it that are none")
        after = parse(file, text)
        _check_change(current, after)
        if dry_run:
            return change
        copy = back_up(old) if change.migrated else None
        _write(after)
        return Change(file, path, before, value, copy, change.migrated)


def _write(document: Document) -> None:
    before = content_of(document.file) or b""
    mark = BOM_UTF8 if before.startswith(BOM_UTF8) else b""
    files.write(document.file, mark + document.text.encode())


def _at(data: Mapping[str, Any], path: KeyPath) -> Value | dict[str, Any] | None:
    here: Any = data
    for part in path:
        if not isinstance(here, dict) or part not in here:
            return None
        here = here[part]
    found: Value | dict[str, Any] = here
    return found


def _edited(document: Document, path: KeyPath, value: Value | None) -> str:
    """The text with the one change. Raises: ConfigInvalid where tomlkit would change more than that."""
    import tomlkit  # noqa: PLC0415 - only what writes needs it
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    text = document.text if document.data else with_version(document.text)
    try:
        wanted: dict[str, Any] = deepcopy(dict(document.data)) or {"version": keys.VERSION}
        toml = tomlkit.parse(text)
        if value is None:
            _remove(toml, path)
            _remove(wanted, path)
        else:
            _set(toml, path, value)
            _set(wanted, path, value, plain=True)
        edited = toml.as_string()
        if has_crlf(text):
            edited = re.sub(r"(?<!\r)\n", "\r\n", edited)
        read_again = tomllib.loads(edited)
        # a table that dotted keys alone made goes with the last of them
        same = read_again == wanted if value is not None else _filled(read_again) == _filled(wanted)
    except (TOMLKitError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise _by_hand(document, path) from error
    if not same:
        raise _by_hand(document, path)
    return edited


def _filled(table: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty tables."""
    pruned = {key: _filled(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in pruned.items() if value != {}}


def _by_hand(document: Document, path: KeyPath) -> ConfigInvalid:
    reason = "cannot be changed without disturbing the rest of the file, so nothing was written"
    return ConfigInvalid(
        str(document.file), keys.key_text(path), reason, hint="change it by hand: `kandil config edit`"
    )


def _remove(table: MutableMapping[str, Any], path: KeyPath) -> None:
    for part in path[:-1]:
        table = table[part]
    del table[path[-1]]


def _set(table: MutableMapping[str, Any], path: KeyPath, value: Value, *, plain: bool = False) -> None:
    import tomlkit  # noqa: PLC0415
    from tomlkit.items import InlineTable  # noqa: PLC0415

    for depth, part in enumerate(path[:-1], 1):
        if part not in table:
            if plain:
                table[part] = {}
            elif isinstance(table, InlineTable):
                table[part] = tomlkit.inline_table()
            else:  # [models."x"] needs no [models] above it
                table[part] = tomlkit.table(is_super_table=depth < len(path) - 1)
        table = table[part]
    new = path[-1] not in table
    table[path[-1]] = value
    if new and not plain:
        _move_up(table, path[-1])


def _move_up(table: MutableMapping[str, Any], name: str) -> None:
    """A new key stands with the others, not behind the comments that are about the table below."""
    body = getattr(getattr(table, "value", None), "body", None)
    if body is None or not hasattr(table, "is_super_table"):
        return
    at = next(at for at, (key, _) in enumerate(body) if key is not None and key.key == name)
    start = at
    while start and body[start - 1][0] is None:
        start -= 1
    if start < at:
        body.insert(start, body.pop(at))
