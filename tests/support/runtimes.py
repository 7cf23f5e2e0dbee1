"""Loaders that tests use: those of the packages in requirements-dev.txt."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest


@cache
def xllamacpp() -> Path:
    """A whole llama.cpp, of its package. Skips the test without it, or fails it with CI=true."""
    spec = find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        missing("the package xllamacpp")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("xllamacpp*.so"))


def missing(what: str) -> None:
    """Says that a test needs what is not here."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not here, and CI needs it")
    pytest.skip(f"{what} is not here")
