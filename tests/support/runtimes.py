"""Loaders that tests use: those of the packages in requirements-dev.txt."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.support import parts


@cache
def xllamacpp() -> Path:
    """A whole llama.cpp, of its package. Skips the test without it, or fails it with CI=true."""
    parts.need_package("xllamacpp")
    spec = find_spec("xllamacpp")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("xllamacpp*.so"))
