"""Folders of files to measure with: sound GGUF files whose data does not compress. Made here, removed at the end."""

from __future__ import annotations

import os
import random
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from peers.machine import available_memory_bytes

_POOL = os.urandom(4 << 20)
_I8 = 24


def header(data_bytes: int) -> bytes:
    """A sound GGUF file of one tensor of 8-bit integers, up to where its data begins."""

    def string(text: bytes) -> bytes:
        return struct.pack("<Q", len(text)) + text

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += string(b"general.architecture") + struct.pack("<I", 8) + string(b"llama")
    head += string(b"token_embd.weight") + struct.pack("<IQIQ", 1, data_bytes, _I8, 0)
    return head + bytes(-len(head) % 32)


def write_model(path: Path, size_bytes: int, seed: int) -> None:
    """A file of exactly this size (a multiple of 32 of at least 160) that no other seed's file equals."""
    size_bytes = max(size_bytes // 32 * 32, 160)
    head = header(0)
    head = header(size_bytes - len(head))
    left = size_bytes - len(head)
    with path.open("wb", buffering=0) as file:
        file.write(head)
        place = seed * 4099
        while left > 0:
            place = (place * 31 + 7) % (len(_POOL) - 4096)
            piece = min(left, len(_POOL) - place)
            file.write(memoryview(_POOL)[place : place + piece])
            left -= piece


@contextmanager
def library(parent: Path, name: str, sizes: Sequence[int]) -> Iterator[list[Path]]:
    """A folder with a file of each size; gone afterwards."""
    total = sum(sizes)
    free = shutil.disk_usage(parent).free
    if total > free * 0.8:
        raise SystemExit(f"{parent} has {free >> 20} MiB free; {name!r} needs {total >> 20}: take --scale or --dir")
    if available_memory_bytes() and total > available_memory_bytes() * 0.7:
        print(f"!! {name}: {total >> 20} MiB do not fit into the page cache well; take a smaller --scale", flush=True)
    folder = parent / name
    folder.mkdir()
    try:
        paths = []
        for number, size in enumerate(sizes):
            paths.append(folder / f"model-{number:05}.gguf")
            write_model(paths[-1], size, number)
        os.sync()  # the peers' runs are not slowed by writing back
        yield paths
    finally:
        shutil.rmtree(folder)


def log_normal(count: int, total_bytes: int, *, seed: int = 7) -> list[int]:
    """Sizes as libraries have them: log-normal, cut to 0.1 to 40 times a unit, scaled to the total."""
    rng = random.Random(seed)
    sizes: list[float] = []
    while len(sizes) < count:
        size = rng.lognormvariate(1.0, 1.2)
        if 0.1 <= size <= 40:
            sizes.append(size)
    scale = total_bytes / sum(sizes)
    return [int(size * scale) for size in sizes]


def forget(paths: Sequence[Path]) -> None:
    """These files are no longer in the page cache (of this system; a host or a disk may have one of its own)."""
    os.sync()
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if os.geteuid() == 0:
        with suppress(OSError):  # in a container; the advice above has done what matters
            Path("/proc/sys/vm/drop_caches").write_text("3\n")
