from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil._core import Header, Run
from kandil.compat import assess, shape_of
from kandil.compat.architectures import BOTH, NO_CACHE, RECURRENT, UNMODELLED, WINDOWS
from tests.support import (
    gguf_hostile,
    gguf_hostile_metadata,
    gguf_hostile_models,
    gguf_hostile_tensors,
    gguf_hostile_vocabulary,
    loadable,
)
from tests.support.gguf_architectures import MODELS
from tests.support.machines import GIB, machine, profile

NAMES = (
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.key_length_mla", "attention.sliding_window",
    "attention.sliding_window_pattern", "attention.recurrent_layers", "attention.shared_kv_layers",
    "attention.indexer.key_length", "context_length", "feed_forward_length", "expert_used_count",
    "expert_feed_forward_length", "full_attention_interval", "kda.head_dim", "leading_dense_block_count",
    "nextn_predict_layers", "num_loops", "shortconv.l_cache", "ssm.conv_kernel", "ssm.group_count",
    "ssm.inner_size", "ssm.state_size", "token_shift_count", "vocab_size", "wkv.head_size",
)  # fmt: skip
"""Every name that is read."""
ARCHITECTURES = sorted(
    {"llama", "nemotron_h", "jamba", "qwen3next", "nanbeige", "deepseek32", "lfm2", "grok"}
    | {*WINDOWS, *NO_CACHE, *RECURRENT, *BOTH, *UNMODELLED}
)

HOSTILE = (
    gguf_hostile.HOSTILE
    | gguf_hostile_metadata.HOSTILE
    | gguf_hostile_models.HOSTILE
    | gguf_hostile_tensors.HOSTILE
    | gguf_hostile_vocabulary.HOSTILE
)

numbers = st.one_of(st.integers(0, 64), st.integers(-(2**70), 2**70), st.booleans(), st.floats())
values = st.one_of(numbers, st.lists(st.integers(-1, 300), max_size=40), st.lists(st.booleans(), max_size=40))
shapes = st.dictionaries(st.sampled_from(NAMES), values)
sane = st.fixed_dictionaries(
    {"block_count": st.integers(1, 40), "embedding_length": st.integers(1, 8192)},
    optional=dict.fromkeys(NAMES[2:], st.integers(0, 4096)),
)


def test_shape_has_the_architectures_numbers(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(MODELS["jamba_layers_without_heads"]())
    shape = shape_of(Header.open(tmp_path / "model.gguf"))
    assert shape["block_count"] == 2
    assert shape["attention.head_count_kv"] == (0, 2)
    assert shape["attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)
    assert not any(name.startswith(("jamba", "general", "tokenizer")) for name in shape)


def test_shape_counts_the_tokens(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(loadable.model())
    assert shape_of(Header.open(tmp_path / "model.gguf"))["vocab_size"] == len(loadable.WORDS)


def test_a_header_of_a_run_has_no_tensors_and_its_files_size(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(loadable.model())
    run = Run([(bytes(path), path.stat().st_size, "scan")])
    (outcome,) = run.take(30)
    assert outcome.header is not None
    kept, whole = assess(outcome.header, machine(16)), assess(Header.open(path), machine(16))
    assert (kept.basis, kept.ram.weights_bytes) == ("header", path.stat().st_size)
    assert kept.ram.cache_bytes == whole.ram.cache_bytes > 0


def test_a_broken_header_leaves_the_size(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(HOSTILE["cut_in_a_tensor"][0]())
    report = assess(Header.open(path), machine(16))
    assert report.basis == "size"
    assert report.warnings


@pytest.mark.parametrize("name", MODELS)
def test_every_small_model_is_assessed(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(MODELS[name]())
    report = assess(Header.open(tmp_path / "model.gguf"), machine(16))
    assert report.verdict == "fits"
    assert report.basis in ("header", "size")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_file_is_more_than_a_report(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(HOSTILE[name][0]())
    report = assess(Header.open(tmp_path / "model.gguf"), machine(16, 8))
    assert report.ram.total_bytes >= 0


def assert_sane(shape: Mapping[str, int], architecture: str) -> None:
    model = profile(size_bytes=GIB, architecture=architecture, shape=shape)
    report = assess(model, machine(64, 8, 4))
    needs = [report.ram, *(share.need for share in report.gpus)]
    assert all(min(need.weights_bytes, need.cache_bytes, need.compute_bytes) >= 0 for need in needs)
    assert report.basis == "profile" or report.warnings


@given(shape=shapes, architecture=st.sampled_from(ARCHITECTURES))
def test_any_shape_is_a_report(shape: Mapping[str, int], architecture: str) -> None:
    assert_sane(shape, architecture)


@given(shape=sane, architecture=st.sampled_from(ARCHITECTURES))
def test_any_shape_with_layers_is_a_report(shape: Mapping[str, int], architecture: str) -> None:
    assert_sane(shape, architecture)


@given(
    shape=sane,
    architecture=st.sampled_from(ARCHITECTURES),
    contexts=st.lists(st.integers(1, 2**21), min_size=2, max_size=2).map(sorted),
    flash=st.booleans(),
)
def test_more_context_never_needs_less(
    shape: Mapping[str, int], architecture: str, contexts: list[int], flash: bool
) -> None:
    model = profile(size_bytes=GIB, architecture=architecture, shape=shape)
    less, more = (assess(model, machine(64), context=context, flash_attention=flash).ram for context in contexts)
    assert less.weights_bytes == more.weights_bytes
    assert less.cache_bytes <= more.cache_bytes
    assert less.compute_bytes <= more.compute_bytes


@given(shape=sane, architecture=st.sampled_from(ARCHITECTURES), free=st.integers(1, 64), vram=st.integers(1, 32))
def test_the_largest_context_fits(shape: Mapping[str, int], architecture: str, free: int, vram: int) -> None:
    model = profile(size_bytes=2 * GIB, architecture=architecture, shape=shape)
    for one in (machine(free), machine(free, vram), machine(free, vram, 4)):
        largest = assess(model, one).largest_context
        if largest:
            assert largest <= shape["context_length"]
            assert assess(model, one, context=largest).fits
