"""The model files on this machine, as they were when somebody last looked: what `kandil model list` shows at once.

A look is kept in the cache folder. It is used again while it is younger than ``cache.ttl_seconds`` and nothing that it
depends on has changed: the folders of the stores, the files found there, kandil's ledger, the environment's variables
that say where stores are, and the files of the user's records. No file of a model is read.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from kandil import _core, files, paths
from kandil.errors import FileUnwritable
from kandil.registry import records, store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kandil.config import Cache

_SCHEMA: Final = "kandil.inventory/1"
_MEGABYTE: Final = 1_000_000
_VARIABLES: Final = (
    *("HOME", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_DATA_HOME", "KANDIL_DATA_DIR", "OLLAMA_MODELS"),
    *("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "JAN_DATA_FOLDER"),
)
"""Those that `kandil.verify.stores` and `kandil.paths` read; no others, which may be secret."""

Role = Literal["model", "projector", "adapter"]
Runs = Literal["gpu", "partly", "cpu", "pages", "blocked", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model would run, by the memory that was free at the look."""

    runs: Runs
    """``partly``: some layers on the GPU. ``pages``: on the CPU, its weights read from the disk again and again.
    ``blocked``: it does not fit."""
    basis: str
    """As `kandil.compat.Report.basis`."""
    gpu_layers: int | None = None
    layers: int | None = None
    needed_bytes: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """All parts of a model, or all layers of an Ollama tag. Paths that are not text have surrogates."""

    name: str
    """As its store calls it."""
    store: str
    """A `kandil.verify.stores.Kind`, or ``record`` for files that only a record names."""
    role: Role = "model"
    also: tuple[str, ...] = ()
    """What comes with it: ``projector``, ``adapter``."""
    size_bytes: int = 0
    files: tuple[str, ...] = ()
    state: str = "new"
    """A `kandil.verify.Status` as kandil's ledger has it, ``new``: never verified, or ``modified``: since it was."""
    verified_at: str | None = None
    """When the file, or the one of them that was read first, was read."""
    message: str | None = None
    sha256: str | None = None
    """Of the one file with weights: as it was taken, or as its store has it."""
    profile: str | None = None
    """The `id` of the profile with this digest."""
    placement: Placement | None = None
    """None for what llama.cpp does not run by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All models on this machine at one moment."""

    taken_at: str
    models: tuple[LocalModel, ...] = ()
    ram_available_bytes: int | None = None
    """At that moment, as all `placement`s."""
    gpus: tuple[tuple[str, int | None], ...] = ()
    """Names and free bytes."""
    warnings: tuple[str, ...] = ()


def file() -> Path:
    """Where the last look is kept."""
    return paths.cache_dir() / "inventory.json"


def cached(settings: Cache, *, now: float | None = None) -> Inventory | None:
    """The last look; None where it cannot be used. `now`: seconds since the epoch."""
    kept = _read(settings)
    if kept is None:
        return None
    age = (time.time() if now is None else now) - kept["time"]
    if not 0 <= age < settings.ttl_seconds or kept["given"] != _given():
        return None
    if kept["stamps"] != _stamps(kept["stamps"]):
        return None
    try:
        return _decoded(kept["inventory"])
    except (KeyError, TypeError):  # another build of this very version wrote it
        return None


async def look(settings: Cache, *, now: float | None = None) -> Inventory:
    """Looks at the disk and at the machine's memory, and keeps what it finds."""
    import trio  # noqa: PLC0415 - what is kept needs none of this

    from kandil.registry import on_disk  # noqa: PLC0415

    given = _given()
    folders = await trio.to_thread.run_sync(on_disk.folders, abandon_on_cancel=True)
    stamps = _stamps(folders)
    found = await trio.to_thread.run_sync(on_disk.models, given["records"], abandon_on_cancel=True)
    taken = replace(await on_disk.placed(found), taken_at=records.now())
    stamps |= _stamps(path for model in taken.models for path in model.files)
    kept = {
        "time": time.time() if now is None else now,
        "given": given,
        "stamps": stamps,
        "inventory": asdict(taken),
    }
    try:
        _write(kept, settings)
    except FileUnwritable as error:
        return replace(taken, warnings=(*taken.warnings, f"{error.message}: every list looks at the disk again"))
    return taken


def _given() -> dict[str, Any]:
    """What a look depends on beside the folders; as JSON has it."""
    ledger = str(paths.ledger_file())
    return {
        "environment": [os.environ.get(name) for name in _VARIABLES],
        "records": sorted({path for record in store.every().records for path in record.files}),
        "ledger": [_stamp(ledger), _stamp(f"{ledger}-wal")],
    }


def _stamps(places: Iterable[str]) -> dict[str, list[int] | list[str] | None]:
    """By path. Of the folder of records, their names: each use of a model writes one anew."""
    found: dict[str, list[int] | list[str] | None] = {path: _stamp(path) for path in places}
    folder = str(paths.models_dir())
    if found.get(folder):
        found[folder] = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    return found


def _stamp(path: str) -> list[int] | None:
    """What changes when the file or folder does; None: it is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if path.endswith("-wal") and not status.st_size:  # SQLite makes an empty one to read
        return None
    return [status.st_size, status.st_mtime_ns]


def _read(settings: Cache) -> dict[str, Any] | None:
    """A line with what it is and the checksum of the next: so nothing in a broken or foreign file is believed."""
    try:
        head, _, body = files.read(file(), settings.max_size_mb * _MEGABYTE).partition(b"\n")
        if head != _head(body):
            return None
        kept = json.loads(body)
    except (OSError, ValueError, RecursionError):
        return None
    return kept if isinstance(kept, dict) else None


def _write(kept: dict[str, Any], settings: Cache) -> None:
    """Raises: FileUnwritable."""
    body = json.dumps(kept).encode()
    content = _head(body) + b"\n" + body
    if len(content) <= settings.max_size_mb * _MEGABYTE:
        files.write(file(), content)


def _head(body: bytes) -> bytes:
    return f"{_SCHEMA} {_core.__version__} {zlib.crc32(body):08x}".encode()


def _decoded(said: dict[str, Any]) -> Inventory:
    models = tuple(
        LocalModel(**_frozen({**one, "placement": one["placement"] and Placement(**_frozen(one["placement"]))}))
        for one in said["models"]
    )
    gpus = tuple((name, free) for name, free in said["gpus"])
    return Inventory(**{**_frozen(said), "models": models, "gpus": gpus})


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
