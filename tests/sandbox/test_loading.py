"""The forms of llama.cpp's parameters, as bytes."""

from __future__ import annotations

import struct

import pytest

from kandil.sandbox import loading
from kandil.sandbox.loading import CONTEXT_FORM, MODEL_FORMS, places

LAZY_MODE = struct.pack("@QQiiiiiQQQQ6B", 0, 0, -1, 1, -1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
LOAD_MODE = struct.pack("@QQiiiiQQQQ5B", 0, 0, -1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0)
BOOLS = struct.pack("@QQiiiQQQQ8B", 0, 0, -1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
FORMS = [LAZY_MODE, LOAD_MODE, BOOLS]


def padded(raw: bytes) -> bytes:
    """What stands behind the structure is nothing that is known."""
    return raw + b"\xaa" * (512 - len(raw))


@pytest.mark.parametrize("index", range(3))
def test_each_form_is_known_and_taken_for_no_other(index: int) -> None:
    assert [places(form, padded(FORMS[index])) is not None for form in MODEL_FORMS] == [
        place == index for place in range(3)
    ]


@pytest.mark.parametrize(
    ("raw", "offsets"),
    [
        (LAZY_MODE, {"n_gpu_layers": 16, "load_mode": 24, "lazy_mode": 28, "main_gpu": 32, "vocab_only": 72}),
        (LOAD_MODE, {"n_gpu_layers": 16, "load_mode": 24, "main_gpu": 28, "vocab_only": 64, "use_extra_bufts": 66}),
        (BOOLS, {"n_gpu_layers": 16, "main_gpu": 24, "vocab_only": 64, "use_mmap": 65, "use_extra_bufts": 69}),
    ],
)
def test_fields_are_where_a_compiler_puts_them(raw: bytes, offsets: dict[str, int]) -> None:
    found = next(filter(None, (places(form, padded(raw)) for form in MODEL_FORMS)))
    assert {name: found[name][1] for name in offsets} == offsets


@pytest.mark.parametrize("raw", FORMS)
def test_other_defaults_are_another_form(raw: bytes) -> None:
    for place in range(len(raw)):
        other = bytearray(padded(raw))
        other[place] ^= 0x40
        if any(places(form, bytes(other)) for form in MODEL_FORMS):
            # Padding, and what no form speaks of: the last bool of the newest.
            assert place in {*range(36, 40), 77} if raw is LAZY_MODE else place in range(28, 32) and raw is BOOLS


def test_the_context_is_known_by_its_first_fields() -> None:
    assert places(CONTEXT_FORM, struct.pack("@4I", 512, 2048, 512, 1)) is not None
    assert places(CONTEXT_FORM, struct.pack("@4I", 0, 512, 2048, 512)) is None


@pytest.mark.parametrize(
    ("numbers", "rule"),
    [
        ([0.5, 1.0, -2.0], None),
        ([0.5, float("-inf")], None),
        ([float("nan"), 1.0], "KG-LOAD-NAN"),
        ([float("inf"), 1.0], "KG-LOAD-NAN"),
        ([float("-inf"), float("-inf")], "KG-LOAD-NAN"),
        ([float("inf"), float("-inf"), float("nan")], "KG-LOAD-NAN"),
        ([3e38] * 4, "KG-LOAD-CONSTANT"),
        ([1.0], None),
    ],
)
def test_what_logits_say(numbers: list[float], rule: str | None) -> None:
    fault = loading._fault(numbers)
    assert (fault.rule if fault else None) == rule
