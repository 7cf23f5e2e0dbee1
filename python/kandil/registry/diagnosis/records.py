"""The models that the user has added."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from kandil import profiles
from kandil.registry.diagnosis.check import Probe, command, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.registry.diagnosis.check import Found, Surroundings
    from kandil.registry.records import Record

_QUOTED: Final = re.compile(r"""["'].*["'…]""", re.DOTALL)


async def readable(around: Surroundings) -> Iterable[Found]:
    """Reasons name fields and what was expected of them; values, which are in quotes or at the end, are cut."""
    records = await around.records()
    mend = "mend the file, or delete it and add the model again"
    found = [fail(f"{error.path}: {_without_values(error.reason)}", mend) for error in records.broken]
    count = len(records.records)
    return found or [ok(f"{count} can be used" if count else "you have added no models")]


def _without_values(reason: str) -> str:
    return _QUOTED.sub("…", reason.partition(", not ")[0])


async def files(around: Surroundings) -> Iterable[Found]:
    records = (await around.records()).records
    kept = [record for record in records if record.files]
    wrong = await around.in_thread(partial(_changed, kept))
    return wrong or [ok(f"those of {len(kept)} are there, as large as they were" if kept else "none has files here")]


def _changed(records: list[Record]) -> list[Found]:
    found = []
    for record in records:
        sizes = [_size_bytes(file) for file in record.files]
        gone = [file for file, size in zip(record.files, sizes, strict=True) if size is None]
        found += [
            fail(f"{record.name}: {file} is gone", command("kandil", "model", "rm", record.name)) for file in gone
        ]
        now = sum(size for size in sizes if size is not None)
        if not gone and record.size_bytes is not None and now != record.size_bytes:
            text = f"{record.name}: {now} bytes are there, where {record.size_bytes} were added"
            found.append(fail(text, command("kandil", "verify", *record.files)))
    return found


def _size_bytes(file: str) -> int | None:
    try:
        return os.stat(file).st_size
    except (OSError, ValueError):
        return None


async def verified(around: Surroundings) -> Iterable[Found]:
    """Files that are gone are for `files` to say."""
    records = (await around.records()).records
    fresh = await around.in_thread(
        lambda: [
            one for one in records if one.files and not one.verified_at and None not in map(_size_bytes, one.files)
        ]
    )
    found = [warn(f"{one.name} has not been verified", command("kandil", "verify", *one.files)) for one in fresh]
    return found or [ok("each with files here has been")]


async def offered(around: Surroundings) -> Iterable[Found]:
    records = (await around.records()).records
    wrong = []
    for record in records:
        profile = profiles.find(record.profile_id) if record.profile_id else None
        if profile is not None and profile.status == "retired":
            wrong.append(warn(f"{record.name}: {profile.ending()}", command("kandil", "model", "rm", record.name)))
    return wrong or [ok("none is of a model that was retired")]


PROBES: Final = (
    Probe("KD-REC-001", "records", "The records of models that you added can be used", readable),
    Probe("KD-REC-002", "files", "Their files are there, as large as they were", files),
    Probe("KD-REC-003", "verified", "Their files have been verified", verified),
    Probe("KD-REC-004", "offered", "None is of a model that was retired", offered),
)
