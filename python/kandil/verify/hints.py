"""What to do about a result."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kandil.verify.item import Item
    from kandil.verify.result import Finding, Status

LOADED_ODDLY = "`kandil-sandbox load-test` shows what the loader says"
LOADED_BADLY = "do not load it: fetch it again; if it is still so, tell whoever published it"


def hint(status: Status, item: Item, worst: Finding | None = None, *, silent: bool = False) -> str | None:  # noqa: PLR0911
    """None where there is nothing to do. `worst` is the worst finding; `silent`: the disk or the memory is to blame."""
    match status:
        case "ok":
            return None
        case "unverified":
            return "put a SHA256SUMS beside it, or --pin its digest so that any change is noticed"
        case "suspicious":
            return "look at it with `kandil inspect --findings` before you load it"
        case "malicious":
            return "do not load it; delete it, and tell whoever published it"
        case "error":
            return _again(item) if item.fetch else "see that it is there and can be read, then run again"
        case "changed" if not silent:
            path = shlex.quote(os.fsdecode(item.path))
            return f"if the change is yours: kandil verify --pin {path}; otherwise restore it from where it came"
        case "malformed" if worst is not None and worst.id == "KG-SPLIT-MISSING":
            return "download the missing parts into the same folder"
        case _:
            return f"check the disk and the memory; {_again(item)}" if silent else _again(item)


def _again(item: Item) -> str:
    if item.fetch is None:
        return "delete it and download it again"
    if item.fetch.startswith("ollama") and item.stat is not None:
        # Ollama takes a blob for good that is there: server/images.go checks only what it has just downloaded.
        return f"delete it, then: {item.fetch}"
    return f"fetch it again: {item.fetch}"
