"""The files of a refactoring, as they are on disk and as they are to be."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kandil.assist import structure
from kandil.assist.changes import Change
from kandil.assist.refactor.blocks import Block, Refused, applied, created, parsed
from kandil.assist.secret_scan import secret_name
from kandil.errors import FilesDiffer

if TYPE_CHECKING:
    from collections.abc import Collection

    from kandil.assist.sources import Sources


@dataclass(slots=True)
class Texts:
    """What each file has now, in memory. A new file has no `before`."""

    root: Path
    before: dict[str, bytes] = field(default_factory=dict)
    now: dict[str, str] = field(default_factory=dict)

    def take(self, answer: str, shown: Collection[str]) -> bool:
        """The edits of an answer to files that were shown, and its new files, are made: all of them, or none.

        A text that parsed still does. Returns whether there were any. Raises: Refused.
        """
        made: dict[str, str] = {}
        blocks = parsed(answer, shown)
        for block in blocks:
            if block.path in shown or block.path in made:
                made[block.path] = applied(made.get(block.path, self.now.get(block.path, "")), block)
            else:
                made[block.path] = self._new(block)
        for path, text in made.items():
            fault = structure.fault(path, text)
            if fault is not None and (path not in self.before or structure.fault(path, self.original(path)) is None):
                raise Refused(f"with your blocks {path} would not parse: line {fault.line}: {fault.reason}")
        self.now.update(made)
        return bool(blocks)

    def original(self, path: str) -> str:
        """What the file has on disk."""
        return self.before[path].decode("utf-8-sig")

    def changes(self) -> tuple[Change, ...]:
        """What is to be written."""
        found = []
        for path, text in sorted(self.now.items()):
            before = self.before.get(path)
            mark = codecs.BOM_UTF8 if before is not None and before.startswith(codecs.BOM_UTF8) else b""
            after = mark + text.encode()
            if after != before:
                found.append(Change(path=path, before=before, after=after))
        return tuple(found)

    def _new(self, block: Block) -> str:
        path = block.path
        parts = PurePosixPath(path).parts
        if not path.isprintable() or path.startswith("/") or "\\" in path or "//" in path or "." in path.split("/"):
            raise Refused(f"{path!r} is no path of a file in this folder")
        if any(part.startswith(".") for part in parts) or secret_name(path):
            raise Refused(f"{path} cannot be made: no file or folder that is hidden, or has a secret's name")
        if os.path.lexists(self.root / path) or path in self.now:
            raise Refused(f"{path} is none of the files that were shown")
        if any((self.root / parent).is_symlink() for parent in PurePosixPath(path).parents):
            raise Refused(f"{path} cannot be made: a link leads there")
        return created(block)


def read(sources: Sources) -> Texts:
    """Raises: FilesDiffer: a file has changed since it was looked at."""
    texts = Texts(sources.root)
    for source in sources.files:
        try:
            content = (sources.root / source.name).read_bytes()
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise FilesDiffer((source.name,), None) from error
        if tuple(line.removesuffix("\r") for line in text.split("\n")) != source.lines:
            raise FilesDiffer((source.name,), None)
        texts.before[source.name], texts.now[source.name] = content, text
    return texts
