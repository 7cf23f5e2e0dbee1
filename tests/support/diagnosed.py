"""What `kandil doctor` finds, by the check's id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kandil.registry.diagnosis import Check, Surroundings, diagnose
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
