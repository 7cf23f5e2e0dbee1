"""What is new of the models that were added."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import discovery, profiles
from kandil.adding import removing
from kandil.adding.plan import AddPlan, plan
from kandil.errors import KandilError, NotUpdatable
from kandil.registry import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.hardware import Hardware
    from kandil.registry import Record

SOURCES = ("huggingface", "ollama-registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One model, and what its source has of it now."""

    record: Record
    plan: AddPlan | None = None
    """None: nothing is new."""
    error: KandilError | None = None
    """Why nothing is known."""

    @property
    def before(self) -> str | None:
        """The revision that is here."""
        return (self.record.provenance or {}).get("revision")


async def find_updates(
    records: Sequence[Record], settings: Config, hardware: Hardware, *, keys: Keys | None = None, force: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> list[Update]:  # fmt: skip
    """Of each record whether its source has another revision with other weights. One that fails keeps no other back."""
    return [await _update(one, settings, hardware, keys=keys, force=force, notice=notice) for one in records]


async def _update(
    record: Record, settings: Config, hardware: Hardware, *, keys: Keys | None, force: bool,
    notice: Callable[[str], None],
) -> Update:  # fmt: skip
    known = record.provenance or {}
    try:
        if known.get("source") not in SOURCES:
            raise NotUpdatable(record.name)
        profile = profiles.find(record.profile_id) if record.profile_id else None
        if profile is not None and profile.local:
            offer = await discovery.files_of(profile, settings, keys=keys, newest=True, refresh=True)
        else:
            reference = discovery.newest(known["reference"])
            offer = await discovery.files_of(reference, settings, keys=keys, refresh=True)
        digests = [one.get("sha256") for one in known.get("files", ())]
        if offer.revision == known.get("revision") or all(one.sha256 in digests for one in offer.weights if one.sha256):
            return Update(record=record)
        found = await plan(
            profile if profile is not None and profile.local else discovery.newest(known["reference"]),
            settings,
            hardware,
            name=record.name,
            keys=keys,
            newest=True,
            replacing=True,
            force=force,
            notice=notice,
        )
        return Update(record=record, plan=replace(found, profile=profile))
    except KandilError as error:
        return Update(record=record, error=error)


def prune(name: str) -> tuple[tuple[Path, ...], int]:
    """Files of earlier revisions that kandil fetched are gone: which, and how many bytes that frees.

    Raises: RecordUnknown, FileUnwritable.
    """
    record = store.existing(name)
    known = record.provenance or {}
    current = {os.path.realpath(file) for file in (*record.files, *(one["path"] for one in known.get("files", ())))}
    kept = current | removing.users(except_for=name).keys()
    earlier = [Path(one) for one in known.get("earlier_files", ())]
    gone = [one for one in earlier if os.path.lexists(one) and removing.is_own(one)]
    gone = [one for one in gone if os.path.realpath(one) not in kept]
    freed = sum(map(removing.freed_bytes, gone))
    removing.delete(gone)
    store.update(name, lambda one: replace(one, provenance={**(one.provenance or {}), "earlier_files": []}))
    return tuple(gone), freed
