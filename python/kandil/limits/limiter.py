"""The limits of a run: a bucket for each model, a breaker for each server."""

from __future__ import annotations

import hashlib
import os
import random
import re
from typing import TYPE_CHECKING, Final, TypeVar

from kandil import _core, paths
from kandil.limits.breaker import Breaker, Circuit
from kandil.limits.bucket import Bucket, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_VERSION: Final = 1
"""Of the files. Another version has other names, so that two kandils do not break each other's."""
_UNNAMED: Final = re.compile(r"[^a-z0-9.]+")
_Core = TypeVar("_Core", _core.Bucket, _core.Breaker)


class Limiter:
    """One per run. Its files are in `folder`; None: ``limits`` in the state folder.

    `clock_ns` (None: the system's) and `draw` (from 0 to 1) are time and chance. Who shares a folder shares the clock.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        shared: bool = True,
        clock_ns: Callable[[], int] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.unshared: str | None = None if shared else "it was not asked for"
        """Why limits are this process's alone, as on a file system without locks; None: they are not."""
        self._folder = folder or paths.state_dir() / "limits"
        self._clock_ns, self._draw = clock_ns, draw
        self._buckets: dict[str, Bucket] = {}
        self._breakers: dict[str, Breaker] = {}

    def bucket(self, name: str, listed: Limits | None = None) -> Bucket:
        """The bucket of this name, ``provider/model``, always the same one. `listed` is what is known beforehand."""
        bucket = self._buckets.get(name)
        if bucket is None:
            core = self._opened(_core.Bucket, "bucket", name)
            bucket = self._buckets[name] = Bucket(name, core, self._draw)
            bucket.list_limits(listed or Limits())
        return bucket

    def breaker(self, origin: str) -> Breaker:
        """The breaker of this origin, always the same one."""
        breaker = self._breakers.get(origin)
        if breaker is None:
            core = self._opened(_core.Breaker, "breaker", origin)
            breaker = self._breakers[origin] = Breaker(origin, core)
        return breaker

    def circuit(self, origin: str) -> Circuit:
        """The state of an origin's breaker. Nothing is made or changed."""
        known = origin in self._breakers or os.path.exists(self._file("breaker", origin))
        return self.breaker(origin).circuit if known else Circuit("closed")

    def _opened(self, kind: type[_Core], prefix: str, name: str) -> _Core:
        """In its file; where there can be none, in this process."""
        if self.unshared is None:
            try:
                paths.make_private(self._folder)
                return kind(os.fsencode(self._file(prefix, name)), self._clock_ns)
            except OSError as error:
                self.unshared = f"{self._folder}: {error.strerror or error}"
        return kind(None, self._clock_ns)

    def _file(self, prefix: str, name: str) -> Path:
        """Readable, and no two names have the same."""
        words = _UNNAMED.sub("-", name.lower()).strip("-.")[:40]
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        return self._folder / f"{prefix}{_VERSION}-{words}-{digest}"
