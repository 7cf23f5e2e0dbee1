"""Changes of files as a diff: as `patch` takes it, or for a terminal."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from kandil.cli.escape import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.assist.changes import Change
    from kandil.cli.terminal import Paint

_ODD = re.compile(r"[^!#-\[\]-~]")
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def patch(changes: Sequence[Change]) -> str:
    """A unified diff, in git's form. The texts are UTF-8."""
    return "".join(_of_file(change) for change in changes)


def shown(changes: Sequence[Change], paint: Paint) -> str:
    """The same for people: nothing in it can move the cursor, or be unseen."""
    return "\n".join(_painted(line, paint) for line in patch(changes).split("\n")[:-1])


def counts(change: Change) -> dict[str, Any]:
    """What changes in a file, in lines."""
    lines = patch([change]).split("\n")
    body = lines[next((at for at, line in enumerate(lines) if line.startswith("@@")), len(lines)) :]
    kind = "added" if change.before is None else "removed" if change.after is None else "modified"
    return {
        "path": change.path,
        "kind": kind,
        "lines_added": sum(line.startswith("+") for line in body),
        "lines_removed": sum(line.startswith("-") for line in body),
    }


def _of_file(change: Change) -> str:
    old, new = (_lines(content) for content in (change.before, change.after))
    names = [_quoted(f"{side}/{change.path}") for side in "ab"]
    made = [f"diff --git {names[0]} {names[1]}\n"]
    if change.before is None:
        made.append("new file mode 100644\n")
        names[0] = "/dev/null"
    if change.after is None:
        made.append("deleted file mode 100644\n")
        names[1] = "/dev/null"
    diff = difflib.unified_diff(old, new, names[0], names[1])
    made += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff]
    return "".join(made)


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode(errors="surrogateescape")
    return [line + "\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])


def _quoted(path: str) -> str:
    """As git writes the names that `patch` could misread."""
    if not _ODD.search(path):
        return path
    return '"' + _ODD.sub(lambda one: "".join(f"\\{byte:03o}" for byte in one[0].encode()), path) + '"'


def _painted(line: str, paint: Paint) -> str:
    if line.startswith(("+++", "---", "diff ")):
        return paint("bold", printable(line))
    text = printable(line.expandtabs(4))
    return paint(_STYLES[line[0]], text) if line[:1] in _STYLES else text
