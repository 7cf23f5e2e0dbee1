from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from kandil._core import Header
from tests.support.gguf_sized import Headers
from tests.support.gguf_sized_recurrent import write


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sized")


@pytest.fixture(scope="session")
def header(folder: Path) -> Headers:
    """The header of one of `gguf_sized_recurrent.SIZED`, by its name."""

    @cache
    def of(name: str) -> Header:
        return Header.open(write(name, folder))

    return of
