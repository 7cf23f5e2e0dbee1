from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from kandil import hardware
from kandil.compat import assess
from kandil.compat.room import VRAM_RESERVE_BYTES, ram_reserve_bytes
from tests.support.gguf_sized import Headers
from tests.support.machines import GIB, machine, profile, profile_of

MIB = 1 << 20


def llama_2_7b() -> dict[str, int]:
    return {"block_count": 32, "embedding_length": 4096, "attention.head_count": 32, "context_length": 4096}


@pytest.mark.parametrize(
    ("context", "kv_type", "size_gib"), [(131072, "f16", 16), (8192, "f16", 1), (131072, "q8_0", 8.5)]
)
def test_cache_of_llama_3_1_8b(context: int, kv_type: str, size_gib: float, header: Headers) -> None:
    """32 layers, 8 heads of keys and values, 128 numbers in a head."""
    report = assess(header("llama_3_1_8b"), machine(64), context=context, kv_type=kv_type)
    assert report.ram.cache_bytes == size_gib * GIB


def test_cache_of_llama_2_7b() -> None:
    """llama.cpp's log for it has said ``KV self size = 2048.00 MiB`` since 2023."""
    model = profile(size_bytes=4 * GIB, architecture="llama", shape=llama_2_7b())
    assert assess(model, machine(64), context=4096).ram.cache_bytes == 2048 * MIB


def test_latent_attention_is_a_tenth_of_the_uncompressed(header: Headers) -> None:
    latent, whole = (
        assess(header(name), machine(64), context=32768).ram.cache_bytes
        for name in ("deepseek_v2_lite", "deepseek_v2_lite_before_mla")
    )
    assert 8 * latent < whole < 10 * latent


def test_largest_context_fits_and_the_next_does_not(header: Headers) -> None:
    model, small = header("gemma3_12b"), machine(12)
    largest = assess(model, small).largest_context
    assert largest is not None
    assert largest % 256 == 0
    assert assess(model, small, context=largest).fits
    assert not assess(model, small, context=largest + 256).fits


def test_largest_context_is_never_above_the_trained_one(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(1000))
    assert report.largest_context == report.trained_context == 131072


def test_a_context_beyond_the_trained_one_is_a_warning(header: Headers) -> None:
    report = assess(header("gemma2_9b"), machine(1000), context=16384)
    assert report.fits
    assert ["8192" in warning for warning in report.warnings] == [True]


def test_trained_with_less_than_a_caches_least() -> None:
    model = profile(size_bytes=GIB, architecture="llama", shape=llama_2_7b() | {"context_length": 100})
    report = assess(model, machine(16))
    assert (report.context, report.largest_context, report.warnings) == (100, 100, ())


def test_more_weights_than_memory_page_and_do_not_fit(header: Headers) -> None:
    report = assess(header("qwen3_30b_a3b"), machine(8))
    assert (report.verdict, report.fits, report.blocked, report.largest_context) == ("pages", False, False, 0)
    assert any("disk" in warning for warning in report.warnings)


def test_more_cache_than_memory_is_blocked(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(8), context=131072)
    assert (report.verdict, report.blocked) == ("blocked", True)
    assert any("RAM" in reason for reason in report.reasons)


def test_force_goes_on_and_the_verdict_stays(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(8), context=131072, force=True)
    assert (report.verdict, report.blocked, report.forced) == ("blocked", False, True)
    assert report.reasons


def test_unknown_memory_is_unknown(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(None))
    assert (report.verdict, report.fits, report.largest_context) == ("unknown", False, None)
    assert report.ram.total_bytes > 4 * GIB


def test_the_reserve_is_left_to_the_system(header: Headers) -> None:
    model = header("mamba_2_8b")
    need = assess(model, machine(64)).ram.total_bytes
    free = machine(16)
    assert free.memory is not None
    reserve = ram_reserve_bytes(free.memory.total_bytes)
    enough = replace(free, memory=replace(free.memory, available_bytes=need + reserve))
    short = replace(free, memory=replace(free.memory, available_bytes=need + reserve - 1))
    assert [assess(model, one).verdict for one in (enough, short)] == ["fits", "pages"]


def test_what_the_caller_allows_is_taken_as_it_is(header: Headers) -> None:
    model = header("mamba_2_8b")
    need = assess(model, machine(64)).ram.total_bytes
    verdicts = [assess(model, machine(None), ram_bytes=ram).verdict for ram in (need, need - 1)]
    assert verdicts == ["fits", "pages"]


def test_disk_counts_for_what_is_not_here_yet() -> None:
    model = profile(size_bytes=40 * GIB)
    report = assess(model, machine(100, disk_gib=30))
    assert (report.verdict, report.disk_needed_bytes, report.disk_free_bytes) == ("blocked", 40 * GIB, 30 * GIB)
    assert "disk" in report.reasons[0]
    assert assess(model, machine(100, disk_gib=30), present_bytes=10 * GIB).fits
    both = assess(model, machine(20, disk_gib=30)).reasons
    assert [reason.partition(":")[0] for reason in both] == ["RAM", "disk"]


def test_a_file_that_is_here_needs_no_disk(header: Headers) -> None:
    assert assess(header("llama_3_1_8b"), machine(64, disk_gib=0)).disk_needed_bytes == 0


def test_a_cloud_model_needs_nothing_here() -> None:
    report = assess(profile("claude-sonnet-5-5", cloud=True, context=200_000), machine(None))
    assert (report.basis, report.verdict, report.ram.total_bytes, report.trained_context) == (
        "cloud",
        "fits",
        0,
        200_000,
    )


def test_by_the_size_alone_memory_is_half_as_much_again() -> None:
    report = assess(profile(size_bytes=8 * GIB), machine(64))
    assert (report.basis, report.verdict, report.ram.total_bytes) == ("size", "fits", 12 * GIB)
    assert report.ram.weights_bytes == 8 * GIB
    assert report.largest_context is None
    assert [assess(profile(size_bytes=8 * GIB), machine(free)).verdict for free in (10, 3)] == ["pages", "blocked"]


def test_without_a_size_nothing_is_known() -> None:
    assert assess(profile(parameters=7_000_000_000), machine(64)).verdict == "unknown"


def test_a_shape_that_is_none_leaves_the_size() -> None:
    model = profile(size_bytes=8 * GIB, architecture="llama", shape=llama_2_7b() | {"block_count": 0})
    report = assess(model, machine(64))
    assert (report.basis, report.ram.total_bytes) == ("size", 12 * GIB)
    assert "block_count" in report.warnings[0]


def test_an_architecture_with_a_cache_of_its_own_is_a_warning() -> None:
    model = profile(size_bytes=8 * GIB, architecture="deepseek4", shape=llama_2_7b())
    report = assess(model, machine(64))
    assert report.basis == "profile"
    assert "deepseek4" in report.warnings[0]


def test_the_shards_of_a_model_are_one(header: Headers) -> None:
    first, second = header("llama_3_1_8b"), header("mamba_2_8b")
    both = assess([first, second], machine(64))
    alone = assess(first, machine(64))
    assert both.ram.cache_bytes == alone.ram.cache_bytes
    assert both.ram.weights_bytes > alone.ram.weights_bytes


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"kv_type": "q6_0"}, "q6_0"),
        ({"context": -1}, "context"),
        ({"sequences": 0}, "sequences"),
        ({"context": 0}, "c"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, int | str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        assess(profile(size_bytes=GIB), machine(8), **wrong)  # type: ignore[arg-type]


def test_quantized_values_need_flash_attention(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(64), kv_type="q8_0", flash_attention=False)
    assert (report.verdict, report.largest_context) == ("blocked", 0)
    assert "flash attention" in report.reasons[0]


def test_types_come_in_blocks_that_heads_must_fill() -> None:
    model = profile(size_bytes=GIB, architecture="llama", shape=llama_2_7b() | {"attention.key_length": 80})
    report = assess(model, machine(64), kv_type="q8_0")
    assert "80" in report.reasons[0]
    assert assess(model, machine(64), kv_type="f16").fits


def test_layers_fill_the_gpu_from_the_last(header: Headers) -> None:
    model = header("llama_3_1_8b")
    reports = [assess(model, machine(64, free)) for free in (1, 2, 3, 4, 5, 8, 24)]
    layers = [report.gpu_layers or 0 for report in reports]
    assert layers == sorted(layers)
    assert (layers[0], layers[-1], reports[-1].layers) == (0, 33, 33)
    assert all(report.vram.total_bytes <= report.vram_usable_bytes for report in reports)
    ram = [report.ram.weights_bytes for report in reports]
    assert ram == sorted(ram, reverse=True)


def test_one_layer_on_the_gpu_is_the_output(header: Headers) -> None:
    """``n_gpu_layers`` counts from the end, and the output layer is the last."""
    model = header("llama_3_1_8b")
    report = assess(model, machine(64, 24), offload=1)
    matrix, norm = 128256 * 4096 // 256 * 144, 4096 * 4
    assert (report.vram.weights_bytes, report.vram.cache_bytes) == (matrix + norm, 0)


def test_an_output_that_is_the_embedding_is_copied_to_the_gpu(header: Headers) -> None:
    model = header("gemma3_12b")
    alone, report = assess(model, machine(64)), assess(model, machine(64, 48))
    embedding = 262208 * 3840 // 256 * 144
    assert report.gpu_layers == report.layers
    assert report.ram.weights_bytes == embedding
    assert report.ram.weights_bytes + report.vram.weights_bytes == alone.ram.weights_bytes + embedding


def test_weights_and_cache_are_only_divided_among_gpus(header: Headers) -> None:
    model = header("qwen3_30b_a3b")
    alone = assess(model, machine(64), context=32768)
    report = assess(model, machine(64, 12, 24, 8), context=32768, offload=99)
    assert [share.layers for share in report.gpus] == [14, 27, 8]
    for part in ("weights_bytes", "cache_bytes"):
        assert getattr(report.ram, part) + getattr(report.vram, part) == getattr(alone.ram, part)


def test_offloading_more_than_the_gpu_holds_is_blocked(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(64, 4), offload=33)
    assert (report.verdict, report.gpu_layers) == ("blocked", 33)
    assert "GPU 0" in report.reasons[0]


def test_offloading_without_a_gpu_is_a_warning(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(16), offload=33)
    assert (report.verdict, report.gpu_layers) == ("fits", 0)
    assert "no GPU" in report.warnings[0]


def test_without_offloading_a_gpu_does_not_matter(header: Headers) -> None:
    model = header("llama_3_1_8b")
    report, alone = assess(model, machine(16, 24), offload=0), assess(model, machine(16))
    assert (report.ram, report.vram.total_bytes, report.largest_context) == (alone.ram, 0, alone.largest_context)


def test_a_gpu_keeps_its_reserve() -> None:
    assert assess(profile(size_bytes=GIB), machine(16, 4)).vram_usable_bytes == 4 * GIB - VRAM_RESERVE_BYTES


def test_a_gpu_whose_free_memory_is_unknown_is_not_counted_on(header: Headers) -> None:
    report = assess(header("llama_3_1_8b"), machine(64, None))
    assert (report.gpu_layers, report.vram.total_bytes) == (0, 0)
    assert "GPU 0" in report.warnings[0]


def test_a_unified_gpu_takes_the_machines_memory(header: Headers) -> None:
    model = header("qwen3_30b_a3b")
    own, unified = assess(model, machine(12, 24)), assess(model, machine(12, 24, unified=True))
    assert own.fits
    assert not unified.fits


def test_a_profile_is_near_the_file(header: Headers) -> None:
    """Only where the weights lie is not known, and how many bytes of a file are none."""
    for name in ("llama_3_1_8b", "gemma3_12b", "deepseek_v2_lite"):
        file, recorded = (assess(one, machine(64)) for one in (header(name), profile_of(header(name))))
        assert recorded.ram.total_bytes == pytest.approx(file.ram.total_bytes, rel=0.001)


def test_each_further_sequence_has_a_state_of_its_own(header: Headers) -> None:
    model = header("mamba_2_8b")
    sizes = [assess(model, machine(64), sequences=count).ram.cache_bytes for count in (1, 2, 3)]
    assert [after - before for before, after in pairwise(sizes)] == [sizes[0]] * 2


async def test_this_machine() -> None:
    """As it is found: a small model is judged by what is free."""
    found = await hardware.detect()
    report = assess(profile(size_bytes=1 << 20, architecture="llama", shape=llama_2_7b()), found, context=256)
    assert report.verdict == ("unknown" if found.memory is None else "fits")
    assert report.vram_usable_bytes >= 0


def test_a_source_of_gpus_that_failed_is_a_warning(header: Headers) -> None:
    failed = hardware.Source("nvidia", "unknown", ("no answer within 2 s",))
    report = assess(header("llama_3_1_8b"), replace(machine(64), sources=(failed,)))
    assert "nvidia" in report.warnings[0]
