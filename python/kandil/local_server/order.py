"""What a server is started with."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    keep_alive_seconds: float | None
    files: tuple[tuple[str, int, int, int, int], ...]
    """Each with device, inode, size and modification time: another file is another model."""

    @classmethod
    def of(
        cls,
        files: Sequence[Path],
        context_tokens: int,
        gpu_layers: int | None,
        projector: Path | None,
        keep_alive_seconds: float | None,
    ) -> Self:
        every = [*map(str, files), *([str(projector)] if projector else [])]
        stats = [(path, os.stat(path)) for path in every]
        return cls(
            model=str(files[0]),
            projector=str(projector) if projector else None,
            context_tokens=context_tokens,
            gpu_layers=gpu_layers,
            keep_alive_seconds=keep_alive_seconds,
            files=tuple((path, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in stats),
        )

    @property
    def size_bytes(self) -> int:
        return sum(size for _, _, _, size, _ in self.files)

    @property
    def fields(self) -> dict[str, Any]:
        """For the child."""
        return {
            "model": self.model,
            "alias": os.path.basename(self.model),
            "projector": self.projector,
            "context_tokens": self.context_tokens,
            "gpu_layers": self.gpu_layers,
            "keep_alive_seconds": self.keep_alive_seconds,
        }

    @property
    def identity(self) -> str:
        """The same for a server that would do as well: 32 hexadecimal digits."""
        what = [self.files, self.context_tokens, self.gpu_layers]
        return hashlib.blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()
