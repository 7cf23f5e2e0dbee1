"""Which files of a repository are one model, by their names alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.discovery.names import is_safe
from kandil.discovery.quantization import models, parts, projectors, quantization
from kandil.discovery.reference import Hub, Tag, Url, parsed


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("mistral-7b-instruct-v0.2.Q6_K.gguf", "Q6_K"),
        ("ggml-model-q4_0.gguf", "Q4_0"),
        ("phi-4-fp16.gguf", "F16"),
        ("Q8_0/model-00001-of-00002.gguf", "Q8_0"),
        ("model-UD-Q4_K_XL-00001-of-00002.gguf", "UD-Q4_K_XL"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("DeepSeek-R1-IQ1_S.gguf", "IQ1_S"),
        ("BitNet-b1.58-TQ1_0.gguf", "TQ1_0"),
        ("BF16/model-BF16.gguf", "BF16"),
        ("tiny-F32.gguf", "F32"),
        ("qwen3-0.6b.gguf", None),
        ("Q-learning.gguf", None),
        ("model.gguf", None),
    ],
)
def test_a_quantisation_is_what_the_name_says_last(file: str, named: str | None) -> None:
    assert quantization(file) == named


def test_what_is_no_model_is_none() -> None:
    others = [
        "mmproj-F16.gguf",
        "x/mmproj-model.gguf",
        "x-lora-Q8_0.gguf",
        "imatrix.gguf",
        "model.safetensors",
        "a.gguf.txt",
    ]
    assert models([*others, "explorations-Q4_0.gguf", "floral.gguf"]) == [("explorations-Q4_0.gguf",), ("floral.gguf",)]


def test_parts_belong_together_and_to_nothing_else() -> None:
    two = ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")
    assert models([*reversed(two), "a.gguf"]) == [two, ("a.gguf",)]
    assert models([two[0], "a-00002-of-00003.gguf"]) == []
    assert models(["a-00000-of-00001.gguf", "a-00001-of-99999.gguf"]) == []
    assert parts(two[1]) == two
    assert parts("a.gguf") == ("a.gguf",)


@pytest.mark.parametrize("file", ["a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-00001-of-99999.gguf"])
def test_what_is_no_part(file: str) -> None:
    with pytest.raises(ValueError, match="is no part of a model"):
        parts(file)


def test_a_projector_belongs_to_its_folder() -> None:
    files = ["mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf", "7b/mmproj-Q8_0.gguf", "7b/model.gguf"]
    assert projectors(files) == {"": "mmproj-F16.gguf", "7b": "7b/mmproj-Q8_0.gguf"}


@given(st.text(max_size=40), st.sampled_from(["", "hf:", "hf:a/b", "ollama:", "https://huggingface.co/", "https://"]))
def test_whatever_is_typed_is_a_reference_that_says_itself_or_none(text: str, start: str) -> None:
    try:
        found = parsed(start + text)
    except ValueError:
        return
    if isinstance(found, Hub | Tag):
        assert parsed(str(found)) == found
    else:
        assert found is None or isinstance(found, Url)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b c", "-x", "~", "a:b", "é", "\n", "\u202e", "x."]), max_size=5))
def test_a_name_that_is_safe_stays_below_its_folder(names: list[str]) -> None:
    name = "/".join(names)
    wrong = {"..", ".", "", "-x", "~", "a:b", "\n", "\u202e", "x."}
    assert is_safe(name) == bool(names and not wrong.intersection(names))
