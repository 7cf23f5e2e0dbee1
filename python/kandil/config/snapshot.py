"""What the user's file said when `kandil config reload` last read it, so that the next one can say what has changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kandil import files, paths
from kandil.config.document import LARGEST_BYTES, read, said
from kandil.config.keys import key_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA: Final = "kandil.config-seen/1"


def current(file: Path) -> dict[str, Any]:
    """What the file says, by key. Raises: as `kandil.config.load`."""
    return {key_text(path): value for path, (value, _) in said(read(file)).values.items()}


def last(file: Path) -> dict[str, Any] | None:
    """What the file said at the last `keep`; None where nothing is known of that."""
    try:
        seen = json.loads(files.read(_place(), 4 * LARGEST_BYTES))  # JSON escapes what TOML does not
    except (OSError, ValueError, RecursionError):  # it is only a convenience: a lost or broken one is as good as none
        return None
    known = isinstance(seen, dict) and seen.get("schema") == SCHEMA and seen.get("file") == str(file)
    values = seen.get("values") if known else None
    return values if isinstance(values, dict) else None


def keep(file: Path, values: Mapping[str, object]) -> None:
    """`last` is these values. Raises: FileUnwritable."""
    files.write(_place(), json.dumps({"schema": SCHEMA, "file": str(file), "values": values}).encode())


def _place() -> Path:
    return paths.state_dir() / "config-seen.json"
