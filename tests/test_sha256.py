"""SHA-256 beside hashlib, for every set of kernels that this machine has."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import kandil

CHUNK = 65_536
EDGES = [*range(301), *(CHUNK + edge for edge in (-65, -64, -1, 0, 1, 63, 64)), 2 * CHUNK, 3 * CHUNK + 5]
EVERY_SET = ["portable", "shani", "avx2", "avx512", "neon"]


def check_all(folder: Path) -> None:
    """Run in a process of its own: the kernels are chosen once."""
    data = random.Random(1).randbytes(max(EDGES))
    for length in EDGES:
        assert kandil.sha256(data[:length]) == hashlib.sha256(data[:length]).digest(), length
    paths = []
    for number, length in enumerate(EDGES):
        path = folder / str(number)
        path.write_bytes(data[:length])
        paths.append(path)
    expected = [hashlib.sha256(data[:length]).digest() for length in EDGES]
    for jobs in (1, 2, 5):
        assert kandil.sha256_files(paths, jobs=jobs) == expected, jobs


@pytest.mark.parametrize("kernels", EVERY_SET)
def test_digests_are_hashlibs(kernels: str, tmp_path: Path) -> None:
    command = [sys.executable, __file__, str(tmp_path)]
    subprocess.run(command, env=os.environ | {"KANDIL_SHA256": kernels}, check=True)


def test_a_stream_is_like_hashlibs() -> None:
    ours, theirs = kandil.Sha256(), hashlib.sha256()
    assert (ours.name, ours.digest_size, ours.block_size) == (theirs.name, theirs.digest_size, theirs.block_size)
    for piece in (b"", b"abc", bytearray(200), memoryview(b"x" * 5000)[7:4000]):
        ours.update(piece)
        theirs.update(piece)
        copy = ours.copy()
        copy.update(b"more")
        assert ours.digest() == theirs.digest()
        assert ours.hexdigest() == theirs.hexdigest()
        assert copy.digest() != ours.digest()
    for wrong in ("text", 7, memoryview(b"abcdef")[::2]):
        with pytest.raises((TypeError, BufferError)):
            ours.update(wrong)  # type: ignore[arg-type]
    assert ours.digest() == theirs.digest()


def test_threads_may_share_a_stream() -> None:
    ours = kandil.Sha256()

    def update() -> None:
        for _ in range(50):
            ours.update(bytes(4096))

    threads = [threading.Thread(target=update) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ours.digest() == hashlib.sha256(bytes(4096 * 200)).digest()


if __name__ == "__main__":
    check_all(Path(sys.argv[1]))
