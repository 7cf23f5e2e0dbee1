"""What Linux's drivers for Intel's cards answer: simulated answers, laid out as in their headers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kandil.hardware import drm, intel
from tests.support import recorded
from tests.support.recorded import GIB

_SYSTEM, _VIDEO = 0, 1


def _region(kind: int, first: int, second: int) -> bytes:
    """Class, instance, a number of 32 bits, two sizes, and what is not read."""
    return struct.pack("=HHIQQ", kind, 0, 4096, first, second).ljust(88, b"\0")


def _xe(*regions: bytes) -> bytes:
    return struct.pack("=II", len(regions), 0) + b"".join(regions)


def _i915(*regions: bytes) -> bytes:
    return struct.pack("=IIII", len(regions), 0, 0, 0) + b"".join(regions)


def test_simulated_xe_sums_its_tiles() -> None:
    answer = _xe(_region(_SYSTEM, 64 * GIB, GIB), _region(_VIDEO, 12 * GIB, GIB), _region(_VIDEO, 12 * GIB, 2 * GIB))
    assert drm.xe_regions(answer) == (24 * GIB, 21 * GIB)


def test_simulated_xe_that_tells_only_root_how_much_is_used() -> None:
    assert drm.xe_regions(_xe(_region(_VIDEO, 12 * GIB, 0))) == (12 * GIB, None)


@pytest.mark.parametrize(("free", "told"), [(15 * GIB, 15 * GIB), (16 * GIB, None), ((1 << 64) - 1, None)])
def test_simulated_i915(free: int, told: int | None) -> None:
    answer = _i915(_region(_SYSTEM, 64 * GIB, GIB), _region(_VIDEO, 16 * GIB, free))
    assert drm.i915_regions(answer) == (16 * GIB, told)


@pytest.mark.parametrize("answer", [b"", _xe(), _xe(_region(_SYSTEM, GIB, 0)), struct.pack("=II", 9, 0)])
def test_an_answer_without_memory_of_the_card_is_an_error(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"xe names no memory|cut"):
        drm.xe_regions(answer)


def test_a_simulated_card_that_cannot_be_asked_is_unknown(tmp_path: Path) -> None:
    files = recorded.arm_server()
    told = {path: value for path, value in files.items() if "lmem" not in path}
    found = intel.read(recorded.grown(tmp_path, told))
    assert [gpu.total_bytes for gpu in found.gpus] == [None]
    [problem] = found.problems
    assert "000c:03:00.0: No such file or directory" in problem
    assert "renderD129" in problem


def test_what_is_no_card_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "renderD128").write_bytes(b"")
    for driver in ("xe", "i915"):
        with pytest.raises(OSError, match="Inappropriate ioctl"):
            drm.video_memory(tmp_path / "renderD128", driver)


def test_a_simulated_early_xe_has_a_file_for_each_tile(tmp_path: Path) -> None:
    files = {path: value for path, value in recorded.arm_server().items() if "lmem" not in path}
    device = "sys/devices/pci0000:00/000c:03:00.0"
    tiles = {f"{device}/tile{tile}/physical_vram_size_bytes": f"{8 * GIB}\n" for tile in range(2)}
    found = intel.read(recorded.grown(tmp_path, files | tiles))
    assert [gpu.total_bytes for gpu in found.gpus] == [16 * GIB]
    assert found.problems == ()
