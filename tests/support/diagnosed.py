"""What `kandil doctor` finds, by the check's id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from kandil import profiles
from kandil.registry.diagnosis import Check, Surroundings, diagnose
from kandil.verify.stores import Machine
from tests.support import recorded


async def checks(*sections: str, check: bool = False, around: Surroundings | None = None) -> dict[str, list[Check]]:
    """Each id of the sections, with what came of it."""
    found: dict[str, list[Check]] = {}
    for one in await diagnose(sections, check=check, around=around):
        found.setdefault(one.id, []).append(one)
    return found


async def sole(check_id: str, section: str, *, check: bool = False, around: Surroundings | None = None) -> Check:
    """What came of a check that finds one thing."""
    [one] = (await checks(section, check=check, around=around))[check_id]
    return one


def machine(folder: Path, files: Mapping[str, str | bytes], *, system: str = "linux") -> Surroundings:
    """A recorded one."""
    return Surroundings(roots=recorded.grown(folder, files), system=system)


def leave(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Whoever runs the tests may have keys in the environment, a proxy, and stores of the whole machine's."""
    for name in [name for provider in profiles.providers() for name in provider.env_vars]:
        patch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        patch.delenv(name, raising=False)
    patch.setattr(Machine, "here", classmethod(lambda cls: cls(os.environ, home, "elsewhere")))
