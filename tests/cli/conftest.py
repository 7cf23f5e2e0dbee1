"""How the tests of the command line run it: as a process, as a person does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

type_of_run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> type_of_run:
    """`kandil ARGS` in `tmp_path`, without a terminal. What it printed and its exit code."""

    def run(*args: str | bytes | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kandil", *args],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )

    return run
