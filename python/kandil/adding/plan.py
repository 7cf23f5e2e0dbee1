"""What adding a model would do, found out before anything is done."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import trio

from kandil import _core, discovery, download, paths, profiles
from kandil.compat import assess
from kandil.discovery import Hub, Offer, Tag, Url
from kandil.discovery.merging import assessed
from kandil.errors import DoesNotFit, FileUnreadable, NameTaken, NoSpace, NotGguf, RecordExists
from kandil.profiles import Profile
from kandil.registry import inventory, store
from kandil.registry.names import checked
from kandil.resolver import Names
from kandil.serving import located
from kandil.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kandil.compat import Report
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.discovery import Reference
    from kandil.download import Remote
    from kandil.hardware import Hardware
    from kandil.registry import Record
    from kandil.registry.inventory import LocalModel

Way = Literal["in-place", "link", "copy"]
_REVISION: Final = 12
"""Digits of a revision or a digest that name a folder."""
_LARGE: Final = 1 << 30
"""Bytes whose reading takes so long that it is said."""
_NO_NAME: Final = re.compile(r"[^a-z0-9._+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPlan:
    """One model, and what is needed so that it can be used here."""

    name: str
    """Of its record."""
    profile: Profile | None
    """The catalogue's, where it has one."""
    offer: Offer | None = None
    """Who has it; None: it is given as files, or runs elsewhere."""
    folder: Path | None = None
    """Where its files are going to be; None: they stay where they are, or there are none."""
    files: tuple[Path, ...] = ()
    """Given: all parts, the first first."""
    way: Way = "in-place"
    """What becomes of `files`."""
    here: Mapping[str, Path] = field(default_factory=dict)
    """Of the offer's files, those of which this machine has one with that digest, by name."""
    report: Report | None = None
    """How it fits this machine; None: it runs elsewhere, or nobody knows its size."""
    forced: bool = False
    missing_bytes: int = 0
    """What is still to be fetched or copied."""
    free_bytes: int = 0
    """On the disk that it goes to."""
    key_for: str | None = None
    """The provider whose key is needed, and is not kept."""
    replaces: Record | None = None

    @property
    def fetched(self) -> tuple[Remote, ...]:
        """The files that are not here yet, or are begun."""
        return tuple(one for one in self.offer.files if one.name not in self.here) if self.offer else ()

    @property
    def is_local(self) -> bool:
        """It runs on this machine."""
        return bool(self.offer or self.files)


async def plan(
    what: Profile | Reference | Path,
    settings: Config,
    hardware: Hardware,
    *,
    name: str | None = None,
    keys: Keys | None = None,
    sha256: str | None = None,
    way: Way = "in-place",
    newest: bool = False,
    replacing: bool = False,
    force: bool = False,
    offline: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> AddPlan:
    """What adding this does: a profile's model, what a reference names, or a file with the parts beside it.

    Sources are asked; nothing is fetched or changed. `newest` takes what a profile's source has now, instead of what
    the catalogue has pinned.

    Raises:
        RecordExists: there is another model of this name, and it is not to be replaced.
        NameTaken: a model of the catalogue, or an alias, has the name.
        NameUnusable, OfferUnknown, OfferUnsafe, NotGguf, FileUnreadable.
        DoesNotFit: not on this machine, unless by `force`.
        NoSpace: not on this disk.
        NetworkError, SourceRefused, ReplyUnreadable: its source does not answer.
    """
    if isinstance(what, Path):
        found = await _of_files(what, hardware, name, way, notice)
    elif isinstance(what, Profile) and not what.local:
        found = AddPlan(name=checked(name or what.id), profile=what, key_for=await _missing_key(what, keys))
    else:
        found = await _of_offer(
            what, settings, hardware, name, keys=keys, sha256=sha256, newest=newest, offline=offline
        )
    found, before = _named(found, settings, given=name is not None)
    if before is not None and not replacing and not is_same(before, found):
        raise RecordExists(found.name, before.added_at)
    if found.report is not None and found.report.blocked:
        if not force:
            raise DoesNotFit(found.name, found.report.reasons, found.report.largest_context)
        notice(f"warning: it does not fit this machine: {'; '.join(found.report.reasons)}")
    found = replace(found, replaces=before, forced=bool(found.report and found.report.blocked))
    if found.missing_bytes > found.free_bytes:
        assert found.folder is not None
        raise NoSpace(found.folder, found.missing_bytes, found.free_bytes)
    return found


def _named(found: AddPlan, settings: Config, *, given: bool) -> tuple[AddPlan, Record | None]:
    """Under a name that means nothing else yet, and the record that has it. Raises: NameTaken."""
    before = store.find(found.name)
    meant = next((one.ids for _, one in Names().steps(found.name) if one.ids), ())
    meant += tuple(
        of for alias, of in settings.aliases.items() if _core.normal_name(alias) == _core.normal_name(found.name)
    )
    if before is not None or not meant or (found.profile is not None and found.profile.id in meant):
        return found, before
    if not given and found.offer is not None and found.offer.publisher:
        return _named(replace(found, name=f"{found.offer.publisher.lower()}/{found.name}"), settings, given=True)
    raise NameTaken(found.name, meant[0], hint="say how it is to be called instead: --name NAME")


def is_same(before: Record, found: AddPlan) -> bool:
    """The record is of the very same: adding it again goes on from wherever it was, and brings back what is lost."""
    known = before.provenance or {}
    if found.offer is not None:
        digests = {one["sha256"] for one in known.get("files", ())}
        unknown = any(one.sha256 is None for one in found.offer.weights)
        return known.get("reference") == found.offer.reference if unknown else digests >= _digests(found.offer)
    if found.files:
        return bool(known.get("reference") == str(found.files[0]))
    return found.profile is not None and before.profile_id == found.profile.id and not before.files


def _digests(offer: Offer) -> set[str | None]:
    return {one.sha256 for one in offer.weights}


async def _missing_key(profile: Profile, keys: Keys | None) -> str | None:
    provider = profiles.provider(profile.provider)
    if provider is None or provider.auth is None or keys is None:
        return None
    return None if await keys.find(provider.id) is not None else provider.id


async def _of_offer(
    what: Profile | Reference,
    settings: Config,
    hardware: Hardware,
    name: str | None,
    *,
    keys: Keys | None,
    sha256: str | None,
    newest: bool,
    offline: bool,
) -> AddPlan:
    offer = await discovery.files_of(
        what, settings, keys=keys, sha256=sha256, newest=newest, offline=offline, refresh=True
    )
    offer = assessed(offer, hardware)
    profile = what if isinstance(what, Profile) else _catalogued(offer)
    folder = folder_of(offer)
    here = await _here(offer, settings)
    plan = AddPlan(
        name=checked(name or (profile.id if profile else name_of(what, offer))),
        profile=profile,
        offer=offer,
        folder=folder,
        here=here,
        report=assess(profile, hardware) if profile and profile.weights else offer.report,
    )
    missing = await trio.to_thread.run_sync(download.needed_bytes, plan.fetched, folder)
    return replace(plan, missing_bytes=missing, free_bytes=_free_bytes(folder))


def _catalogued(offer: Offer) -> Profile | None:
    """The catalogue's model of exactly these weights."""
    if offer.sha256 is None:
        return None
    return next((one for one in profiles.every() if one.weights and one.weights.sha256 == offer.sha256), None)


def folder_of(offer: Offer) -> Path:
    """Where the files of this revision are kept: another revision has another folder."""
    revision = (offer.revision or offer.sha256 or "latest")[:_REVISION]
    host = offer.host.replace(":", "_")
    if offer.source == "url":
        named = offer.sha256 or hashlib.sha256(offer.reference.encode()).hexdigest()
        return paths.models_dir() / host / named[:_REVISION]
    parts = re.split(r"[/:]", offer.name)
    if offer.source == "huggingface":
        parts = parts[:2]
    return paths.models_dir().joinpath(host, *map(_plain, parts), _plain(revision))


def _plain(part: str) -> str:
    return _NO_NAME.sub("_", part.lower()).strip("._") or "_"


def name_of(what: Reference | Profile, offer: Offer) -> str:
    """What a model is called that the catalogue does not know: short, and without what all such names have."""
    if isinstance(what, Tag):
        return offer.name.lower()
    if isinstance(what, Hub):
        stem = re.sub(r"[-_.]gguf$", "", what.repo.partition("/")[2].lower())
        quantization = (offer.quantization or "").lower()
        return f"{stem}:{quantization}" if quantization and quantization not in stem else stem
    stem = offer.name if isinstance(what, Url) else str(what)
    return _stem(stem)


def _stem(file: str) -> str:
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", os.path.basename(file), flags=re.IGNORECASE)
    return " ".join(stem.split()).lower()


async def _here(offer: Offer, settings: Config) -> dict[str, Path]:
    """The files of the offer that a store on this machine has: by their digests, which its owner gives."""
    wanted = {one.sha256: one.name for one in offer.weights if one.sha256}
    if not wanted:
        return {}
    models = (await inventory.look(settings.cache)).models
    found = await trio.to_thread.run_sync(_found, models, wanted)
    own = folder_of(offer)
    return {name: path for name, path in found.items() if path != own / name}


def _found(models: Sequence[LocalModel], wanted: Mapping[str, str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for model in models:
        if (
            model.sha256 is not None
            and model.sha256 in wanted
            and model.files
            and model.state not in ("mismatch", "changed", "malicious", "malformed")
        ):
            weights = [file for file in model.files if Path(file).suffix.lower() != ".json" and os.path.isfile(file)]
            largest = max(weights, key=os.path.getsize, default=None)
            if largest is not None:
                found[wanted[model.sha256]] = Path(largest)
    return found


def _free_bytes(folder: Path) -> int:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


async def _of_files(
    path: Path, hardware: Hardware, name: str | None, way: Way, notice: Callable[[str], None]
) -> AddPlan:
    """Of a GGUF file, with its other parts."""
    found = await trio.to_thread.run_sync(located.of_file, str(path))
    report = assess(found.headers, hardware)
    name = checked(name or _stem(str(path)))
    if way == "in-place":
        return AddPlan(name=name, profile=None, files=found.files, report=report)
    try:
        size = await trio.to_thread.run_sync(lambda: sum(map(os.path.getsize, found.files)))
    except OSError as error:
        raise FileUnreadable(str(path), error.strerror or str(error)) from error
    if size >= _LARGE:
        notice(f"reading {path}, as its digest names its folder")
    (result,) = [one async for one in verify([found.files[0]])]
    if result.sha256 is None:
        raise FileUnreadable(str(path), result.message or "its digest could not be taken")
    folder = paths.models_dir() / "local" / result.sha256[:_REVISION]
    return AddPlan(
        name=name,
        profile=None,
        files=found.files,
        way=way,
        folder=folder,
        report=report,
        missing_bytes=size if way == "copy" and not _all_there(folder, found.files) else 0,
        free_bytes=_free_bytes(folder),
    )


def _all_there(folder: Path, files: Sequence[Path]) -> bool:
    return all((folder / one.name).exists() for one in files)


def models_in(folder: Path) -> list[Path]:
    """The GGUF models in a folder and below: of a model in parts the first one. Raises: FileUnreadable, NotGguf."""
    found = []
    try:
        for parent, _, names in os.walk(folder, onerror=_raise):
            for name in sorted(names):
                part = re.search(r"-(\d{5})-of-\d{5}\.gguf$", name, re.IGNORECASE)
                if (
                    name.lower().endswith(".gguf")
                    and (part is None or int(part[1]) == 1)
                    and "mmproj" not in name.lower()
                ):
                    found.append(Path(parent, name))
    except OSError as error:
        raise FileUnreadable(str(folder), error.strerror or str(error)) from error
    if not found:
        raise NotGguf(str(folder), None)
    return found


def _raise(error: OSError) -> None:
    raise error
