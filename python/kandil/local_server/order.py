"""What a server is started with."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A model and how it is loaded; everything but the key."""

    model: str
    """The first of its files."""
    projector: str | None
    context_tokens: int
    gpu_layers: int | None
    """None: llama.cpp puts on the GPUs what they hold."""
    threads: int | None
    """None: one for each core of the processor."""
    memory_bytes: int | None
    """What it is thought to need, weights and context. None is not known."""
    keep_alive_seconds: float | None
    slots: int
    """Requests at once, each with a context of its own."""
    files: tuple[tuple[str, int, int, int, int], ...]
    """Each with device, inode, size and modification time: another file is another model."""

    @property
    def size_bytes(self) -> int:
        return sum(size for _, _, _, size, _ in self.files)

    @property
    def fields(self) -> dict[str, Any]:
        """For the child."""
        alias = os.path.basename(self.model)
        return {name: getattr(self, name) for name in self.__slots__} | {"alias": alias}

    @property
    def identity(self) -> str:
        """Of the model as it is on the disk: 32 hexadecimal digits."""
        return hashlib.blake2b(json.dumps(self.files).encode(), digest_size=16).hexdigest()


def known(files: Iterable[Path], verified: Mapping[Path, os.stat_result]) -> tuple[tuple[str, int, int, int, int], ...]:
    """`Order.files`: as they were when they were verified, or else as they are now."""
    stats = {str(path): verified.get(path) or os.stat(path) for path in files}
    return tuple((path, one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) for path, one in stats.items())
