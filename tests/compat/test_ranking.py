"""What is proposed: made for the task, fitting, one of each model, the most capable first."""

from __future__ import annotations

import pytest

from kandil import profiles
from kandil.compat import TASKS, Task, fits
from kandil.compat.ranking import suits
from kandil.hardware import Hardware
from tests.support.machines import machine

GIB = 1 << 30


def on(ram_gib: int, **asked: object) -> list[str]:
    found = fits(profiles.every(), HARDWARE, ram_bytes=ram_gib * GIB, **asked)  # type: ignore[arg-type]
    assert all(fit.report.fits for fit in found)
    return [fit.profile.id for fit in found]


HARDWARE: Hardware = machine(1024, disk_gib=4096)


def test_more_memory_never_takes_a_proposal_away() -> None:
    sizes = [2, 8, 24, 64]
    families = [{one.partition(":")[0].partition("@")[0] for one in on(size)} for size in sizes]
    assert [len(on(size)) for size in sizes] == sorted(len(on(size)) for size in sizes)
    assert "qwen2.5-coder" in families[1] & families[3]


def test_larger_memory_is_offered_larger_models() -> None:
    def first(ram_gib: int) -> int:
        profile = profiles.find(on(ram_gib)[0])
        assert profile is not None
        assert profile.weights is not None
        return profile.weights.size_bytes or 0

    assert first(4) < first(16) < first(64)


def test_context_is_room_that_must_fit() -> None:
    assert len(on(8, context=65536)) < len(on(8, context=2048))
    found = fits(profiles.every(), HARDWARE, ram_bytes=8 * GIB, context=65536)
    assert all(fit.report.largest_context is None or fit.report.largest_context >= 65536 for fit in found)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_proposed_is_made_for_the_task(task: Task) -> None:
    proposed = [profiles.find(one) for one in on(32, task=task)]
    assert proposed
    assert all(one and suits(one, task) and one.local and one.status != "retired" for one in proposed)


@pytest.mark.parametrize(
    ("profile_id", "task", "suited"),
    [
        ("qwen2.5-coder:7b", "code", True),
        ("qwen2.5-coder:7b", "chat", True),
        ("llama3.1:8b", "code", False),
        ("llava:7b", "vision", True),
        ("llama3.1:8b", "vision", False),
        ("all-minilm:22m", "chat", False),
        ("all-minilm:22m", "embedding", True),
        ("llama3:text", "chat", False),
        ("qwen2.5-coder:7b-base", "code", False),
        ("bge-reranker-v2-m3-q4_k_m@gpustack", "embedding", False),
        ("qwen3:8b", "reasoning", True),
    ],
)
def test_a_profile_suits_a_task(profile_id: str, task: Task, *, suited: bool) -> None:
    profile = profiles.find(profile_id)
    assert profile is not None
    assert suits(profile, task) is suited


def test_one_file_of_each_model_and_size() -> None:
    proposed = on(64)
    assert sum(one.startswith("qwen2.5-coder:7b") for one in proposed) == 1
    assert {"qwen2.5-coder:7b", "qwen2.5-coder:14b", "qwen2.5-coder:32b"} <= set(proposed)


def test_another_spelling_of_a_model_is_no_other_model() -> None:
    proposed = on(64)
    assert "gemma3:27b" in proposed
    assert not [one for one in proposed if one.startswith(("gemma-3-27b", "gemma-4-31b", "meta-llama-3.1-8b"))]


def test_a_file_with_more_bits_is_no_more_capable() -> None:
    """A tag whose name has its effective size alone."""
    proposed = on(64)
    assert proposed.index("gemma4:12b-it-qat") < proposed.index("gemma4:e4b")
    assert "gemma4:e4b-it-q8_0" not in proposed
