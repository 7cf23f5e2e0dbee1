"""Readers on noise: each gives a value or an error that it names, and no reader waits."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.hardware import Roots, amd, apple, cgroup, cpu, drm, intel, memory, nvidia, roots
from tests.support import recorded

_WORDS = st.sampled_from(
    [
        "MemTotal:",
        "0::/",
        " - cgroup2 ",
        "max",
        "-1",
        "processor\t: 0",
        "flags\t: avx2",
        "0x1002",
        "0x8086",
        "0-3",
        "\n",
    ]
)
_NOISE = st.one_of(
    st.binary(max_size=300), st.lists(_WORDS | st.text(max_size=9)).map(lambda words: " ".join(words).encode())
)
_READ = sorted(
    {path for machine in recorded.EVERY for path, value in machine().items() if not str(value).startswith("->")}
)


@given(st.sampled_from(recorded.EVERY), st.dictionaries(st.sampled_from(_READ), _NOISE, max_size=12))
def test_noise_is_read_or_refused(machine: recorded.Machine, noise: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = machine()
        seen = recorded.grown(Path(folder), {path: noise.get(path, value) for path, value in files.items()})
        for reader in (cpu.read, memory.read, cgroup.read, amd.read, intel.read, nvidia.read):
            with contextlib.suppress(OSError, ValueError):
                assert reader(seen) is not None


@given(st.text(max_size=200), st.dictionaries(st.text(max_size=20), st.text(max_size=20)))
def test_noise_from_the_mac_is_read_or_refused(text: str, known: dict[str, str]) -> None:
    assert isinstance(apple.settings(text), dict)
    with contextlib.suppress(ValueError):
        apple.gpus(text, known)
    with contextlib.suppress(ValueError):
        apple.cpu(known)


@given(st.binary(max_size=400))
def test_noise_from_a_driver_is_read_or_refused(answer: bytes) -> None:
    for read in (drm.xe_regions, drm.i915_regions):
        with contextlib.suppress(ValueError):
            total, free = read(answer)
            assert total > 0
            assert free is None or 0 <= free <= total


@given(st.text(max_size=30))
def test_a_list_of_processors_is_one_or_none(text: str) -> None:
    found = roots.numbers(text)
    assert found is None or all(0 <= cpu < 1 << 16 for cpu in found)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meminfo")
    with pytest.raises(OSError, match="not a regular file"):
        memory.read(Roots(proc=tmp_path))


def test_no_more_than_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(b"a" * (roots.MAX_BYTES + 1))
    assert len(roots.content(tmp_path / "endless")) == roots.MAX_BYTES


@pytest.mark.parametrize(
    ("word", "value"),
    [("12", 12), ("0x10de", 0x10DE), ("-1", None), ("", None), ("1" * 30, None), ("٣", None), (str(1 << 64), None)],
)
def test_whole_numbers(word: str, value: int | None) -> None:
    assert roots.whole(word) == value
