"""`Header.open` on a header of about 6 MB, and the values that are read from it afterwards."""

import os
from pathlib import Path
from typing import Any

import pytest
from peers import gguf_models

import kandil


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gguf") / "model.gguf"
    file.write_bytes(gguf_models.model())
    return file


def bench_header_open(benchmark: Any, path: Path) -> None:
    benchmark.extra_info["bytes"] = path.stat().st_size
    assert len(benchmark(kandil.Header.open, os.fsencode(path)).tensors) == gguf_models.TENSORS


def bench_header_one_string(benchmark: Any, path: Path) -> None:
    header = kandil.Header.open(os.fsencode(path))
    assert benchmark(lambda: header["general.architecture"]) == "llama"


def bench_header_all_tokens(benchmark: Any, path: Path) -> None:
    header = kandil.Header.open(os.fsencode(path))
    assert len(benchmark(lambda: header["tokenizer.ggml.tokens"])) == gguf_models.TOKENS
