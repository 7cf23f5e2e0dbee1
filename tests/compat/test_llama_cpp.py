"""Weights, caches and buffers are what llama.cpp itself would allocate for files of published dimensions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import TypeAlias

import pytest

from kandil._core import Header
from kandil.compat import Report, assess
from kandil.profiles import Profile
from tests.support import llama_memory
from tests.support.gguf_models import MODELS
from tests.support.gguf_sized import Headers
from tests.support.gguf_sized_recurrent import SIZED, write
from tests.support.machines import machine, profile_of
from tests.support.runtimes import xllamacpp

Question: TypeAlias = tuple[int, str, str, bool, int]
Sizes: TypeAlias = dict[str, int]
Llama: TypeAlias = Callable[[str], dict[Question, Sizes]]

CONTEXTS = (512, 5000, 40960)
TYPES = (("f16", "f16"), ("q8_0", "q8_0"), ("q8_0", "q4_0"), ("f32", "bf16"), ("q5_1", "iq4_nl"), ("q4_1", "q5_0"))
QUESTIONS: tuple[Question, ...] = (
    *((context, *types, True, 1) for context, types in product(CONTEXTS, TYPES)),
    *((context, "f16", "f16", True, 4) for context in CONTEXTS),
    (1024, "f16", "f16", False, 1),
    *((context, *types, False, 1) for context, types in product(CONTEXTS, (("f16", "f16"), ("f32", "bf16")))),
)
WITH_FLASH, WITHOUT_FLASH = 0.04, 0.17
"""How far an estimated buffer for computing may be off."""
LATENT = {"deepseek_v2_lite", "deepseek_v3", "kimi_linear_48b"}
TOO_MUCH = {("deepseek_v3", (512, "f16", "f16", False, 1))}
"""Estimated by a third too high: scores of few tokens lie where queries were."""


def asked(path: Path, *options: str) -> dict[Question, Sizes]:
    """Bytes by question; without those that llama.cpp refuses."""
    keys = ("context", "key_type", "value_type", "flash", "sequences")
    lines = "\n".join(json.dumps(dict(zip(keys, question, strict=True))) for question in QUESTIONS)
    command = [sys.executable, llama_memory.__file__, str(xllamacpp()), str(path), *options]
    environment = os.environ | {"GGML_NO_BACKTRACE": "1"}
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=False, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {question: answer["CPU"] for question, answer in zip(QUESTIONS, answers, strict=True) if answer}


@pytest.fixture(scope="session")
def llama(folder: Path) -> Llama:
    return cache(lambda name: asked(write(name, folder)))


def assessed(model: Header | Profile, question: Question) -> Report:
    context, keys, values, flash, sequences = question
    return assess(
        model,
        machine(1000),
        context=context,
        kv_type=(keys, values),
        flash_attention=flash,
        sequences=sequences,
    )


@pytest.mark.parametrize("name", SIZED)
def test_weights_are_those_that_llama_cpp_allocates(name: str, header: Headers, llama: Llama) -> None:
    for question, sizes in llama(name).items():
        assert assessed(header(name), question).ram.weights_bytes == sizes["weights"], question


@pytest.mark.parametrize("name", SIZED)
def test_cache_is_the_one_that_llama_cpp_allocates(name: str, header: Headers, llama: Llama) -> None:
    for question, sizes in llama(name).items():
        report = assessed(header(name), question)
        assert (report.basis, report.ram.cache_bytes) == ("header", sizes["context"]), question


@pytest.mark.parametrize("name", SIZED)
def test_a_recorded_shape_gives_the_same_cache(name: str, header: Headers, llama: Llama) -> None:
    recorded = profile_of(header(name))
    for question, sizes in llama(name).items():
        report = assessed(recorded, question)
        assert (report.basis, report.ram.cache_bytes) == ("profile", sizes["context"]), question


@pytest.mark.parametrize("name", SIZED)
def test_buffer_for_computing_is_near_the_one_that_llama_cpp_allocates(
    name: str, header: Headers, llama: Llama
) -> None:
    for question, sizes in llama(name).items():
        bound = 0.35 if (name, question) in TOO_MUCH else WITH_FLASH if question[3] else WITHOUT_FLASH
        assert assessed(header(name), question).ram.compute_bytes == pytest.approx(sizes["compute"], rel=bound), (
            question
        )


@pytest.mark.parametrize("name", SIZED)
def test_what_llama_cpp_refuses_is_blocked_and_nothing_else(name: str, header: Headers, llama: Llama) -> None:
    answers = llama(name)
    for question in QUESTIONS:
        report = assessed(header(name), question)
        assert (report.verdict == "fits") is (question in answers), (question, report.reasons)
    assert (len(answers) < len(QUESTIONS)) is (name in LATENT)


@pytest.mark.parametrize(
    "name", ["llama_plain", "llama_grouped_heads_tied_output", "qwen2_bias", "gemma3_sliding_windows"]
)
def test_small_models_take_what_is_computed_when_they_are_loaded(name: str, tmp_path: Path) -> None:
    """Really allocated: what is foretold of the great ones is what the small ones get."""
    path = tmp_path / "model.gguf"
    path.write_bytes(MODELS[name]())
    answers = asked(path, "--allocate")
    assert answers
    for question, sizes in answers.items():
        need = assessed(Header.open(path), question).ram
        assert (need.weights_bytes, need.cache_bytes) == (sizes["weights"], sizes["context"]), question
