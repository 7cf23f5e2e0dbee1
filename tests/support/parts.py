"""The real parts that tests run against. One that is missing skips its tests, or fails them with CI=true."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Never

import pytest

_AIMOCK = Path(__file__).resolve().parents[2] / ".venv/node/aimock/dist/cli.js"
_missing: set[str] = set()


def missing(part: str, how: str = "") -> Never:
    """Says that a test needs what is not here, and `how` it comes to be here."""
    _missing.add(part)
    said = f"{part} is not here{f': {how}' if how else ''}"
    if os.environ.get("CI"):
        pytest.fail(f"{said} (CI needs it)")
    pytest.skip(said, allow_module_level=True)


def need(*programs: str, package: str = "") -> None:
    """Programs on the PATH, of the system's `package` where it is named otherwise."""
    for program in programs:
        if shutil.which(program) is None:
            missing(program, f"make parts, or the package {package or program}")


def need_package(name: str) -> None:
    """A package of requirements-dev.txt."""
    if find_spec(name) is None:
        missing(f"the package {name}", "make test installs it")


def aimock() -> list[str]:
    """The command that runs it."""
    need("node", package="nodejs")
    if not _AIMOCK.is_file():
        missing("aimock", "make parts, where npm is")
    return ["node", str(_AIMOCK)]


def all_missing() -> list[str]:
    """Those that tests have asked for in vain, so far."""
    return sorted(_missing)
