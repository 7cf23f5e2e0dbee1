"""Looks for model files in the stores that `kandil verify` knows, and says what its ledger has of them.

No file of a model is read: names, sizes, manifests and kandil's ledger say it all.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kandil import profiles
from kandil.profiles import Profile, Weights
from kandil.registry.inventory import Inventory, LocalModel, Placement, Role, Runs
from kandil.verify import stores
from kandil.verify.judge import Reading, judge
from kandil.verify.ledger import Ledger
from kandil.verify.plan import Plan, Request, make_plan
from kandil.verify.selection import MODEL_SUFFIXES
from kandil.verify.stores import huggingface, ollama

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kandil.compat import Report
    from kandil.hardware import Hardware
    from kandil.verify.facts import Facts
    from kandil.verify.item import Item

_MOST_FOLDERS: Final = 20_000
"""So many folders of a store are watched; changes in others are seen when the look is too old."""
_WORST_FIRST: Final = (
    *("malicious", "mismatch", "changed", "malformed", "error", "suspicious"),
    *("modified", "new", "unverified", "ok"),
)
_PART: Final = re.compile(r"-\d{5}-of-\d{5}(?=\.(?:gguf|safetensors)$)", re.IGNORECASE)


@dataclass(slots=True)
class _Seen:
    """One file of a model."""

    path: bytes
    size_bytes: int
    identity: object
    state: str
    message: str | None
    facts: Facts | None
    digest: str | None = None
    """The SHA-256 that was taken, or that its store says it has."""
    part: str = "model"


@dataclass(slots=True)
class _Group:
    """The files of one model."""

    store: str
    name: str
    revision: str = ""
    files: list[_Seen] = field(default_factory=list)


def folders() -> list[str]:
    """Every folder in which a new model may appear, and where stores may appear."""
    found: list[str] = []
    for store in stores.candidates(stores.Machine.here()):
        found.append(os.fspath(store.root))
        for at, (folder, below, _) in enumerate(os.walk(store.root)):
            found += [os.path.join(folder, name) for name in below]
            if at >= _MOST_FOLDERS:
                break
    return list(dict.fromkeys(found))


def models(recorded: Sequence[str]) -> Inventory:
    """All models in stores, and the `recorded` files of the user's records, without where they would run.

    Raises:
        LedgerTooNew: a later version of kandil wrote the ledger.
        ConfigInvalid: whom to trust cannot be read.
    """
    ledger = Ledger(read_only=True)
    try:
        plan = make_plan(Request(), ledger)
        groups = list(_grouped(plan, ledger))
        known = {file.path for group in groups for file in group.files}
        others = [path for path in map(os.fsencode, recorded) if path not in known]
        if others:
            extra = make_plan(Request(paths=tuple(others)), ledger)
            groups += [_Group("record", os.fsdecode(file.path), files=[file]) for _, file in _seen(extra, ledger)]
    finally:
        ledger.close()
    by_digest = {one.weights.sha256: one.id for one in profiles.every() if one.weights and one.weights.sha256}
    found = sorted((_model(group, by_digest) for group in _named_apart(groups)), key=lambda one: (one.name, one.store))
    return Inventory(taken_at="", models=tuple(found), warnings=(*plan.warnings, *ledger.warnings))


def _seen(plan: Plan, ledger: Ledger) -> Iterator[tuple[Item, _Seen]]:
    """Every name with what the ledger has of it."""
    unread = [item.key for target in plan.targets if target.facts is None for item in target.items]
    before = ledger.recorded(unread)
    for target in plan.targets:
        for item in target.items:
            assert item.stat is not None
            state, message = "modified" if item.key in before else "new", None
            parts = plan.parts.get(id(item))
            if target.facts is not None:
                found = parts.findings()[parts.number(item)] if parts else []
                result = judge(item, Reading(target.facts, target.checked), tuple(found))
                state, message = result.status, result.message
            elif parts and (missing := parts.missing()[0]):
                state, message = "malformed", f"{missing} of {parts.count} parts are missing"
            identity = (item.stat.device, item.stat.inode) if item.stat.inode else item.key
            digest = _digest(item, target.facts)
            yield item, _Seen(item.key, item.stat.size_bytes, identity, state, message, target.facts, digest)
    for item in plan.failed:
        yield item, _Seen(item.key, 0, item.key, "error", item.error, None)


def _digest(item: Item, facts: Facts | None) -> str | None:
    if facts is not None and facts.sha256 is not None:
        return facts.sha256.hex()
    said = item.expected
    return said.digest if said is not None and said.algorithm == "sha256" and said.binding and not said.local else None


def _grouped(plan: Plan, ledger: Ledger) -> Iterator[_Group]:
    """Files of one model together: shards, and the layers of an Ollama tag."""
    known = [(store.kind, os.path.abspath(os.fsencode(store.root))) for store in stores.find()]
    needs = {root: ollama.needs(root)[0] for kind, root in known if kind == "ollama"}
    groups: dict[tuple[bytes, str, str], _Group] = {}
    for item, seen in _seen(plan, ledger):
        kind, root = next(
            ((kind, root) for kind, root in known if item.key.startswith(os.path.join(root, b""))), ("record", b"")
        )
        for name, revision in _names(item, kind, root, needs.get(root, {})):
            group = groups.setdefault((root, name, revision), _Group(kind, name, revision))
            group.files.append(replace(seen, part=_part(item, seen, needs.get(root))))
    yield from groups.values()


def _names(item: Item, kind: str, root: bytes, needs: ollama.Needs) -> list[tuple[str, str]]:
    """What the store calls the models that the file is of, with their revision where it keeps several."""
    if kind == "ollama":
        need = needs.get(ollama.digest_of(item.key) or "")
        return [(name, "") for name in (need.names if need else [item.name] if item.name else [])]
    path = os.fsdecode(item.key)
    if not path.lower().endswith(MODEL_SUFFIXES):
        return []
    place = huggingface.PLACE.search(item.key) if kind == "huggingface" else None
    if place is None:
        return [(_PART.sub("", os.fsdecode(os.path.relpath(item.key, root))), "")] if root else []
    if place[4] is None:
        return []
    inside = _PART.sub("", os.fsdecode(place[5]))
    if inside.endswith("model.safetensors"):  # the repository is the model, as its users name it
        inside = os.path.dirname(inside)
    return [("/".join(filter(None, (item.name, inside))), os.fsdecode(place[4]))]


def _part(item: Item, seen: _Seen, needs: ollama.Needs | None) -> str:
    if needs is not None:
        need = needs.get(ollama.digest_of(item.key) or "")
        kinds = need.parts if need else set()
        return next((part for part in ("model", "projector", "adapter") if part in kinds), "other")
    base = os.path.basename(item.key).lower()
    if b"mmproj" in base or (seen.facts is not None and seen.facts.architecture == "clip"):
        return "projector"
    return "adapter" if b"lora" in base or base.startswith(b"adapter") else "model"


def _named_apart(groups: list[_Group]) -> Iterator[_Group]:
    """Revisions with the same files once, others with the revision in their name."""
    by_name: dict[tuple[str, str], list[_Group]] = {}
    for group in groups:
        alike = by_name.setdefault((group.store, group.name), [])
        if all({file.identity for file in one.files} != {file.identity for file in group.files} for one in alike):
            alike.append(group)
    for alike in by_name.values():
        for group in alike:
            revision = f"@{group.revision[:7]}" if len(alike) > 1 and group.revision else ""
            yield replace(group, name=group.name + revision)


def _model(group: _Group, by_digest: dict[str, str]) -> LocalModel:
    worst = min(group.files, key=lambda file: _WORST_FIRST.index(file.state))
    parts = [file.part for file in group.files]
    role: Role = "model" if "model" in parts else "projector" if "projector" in parts else "adapter"
    weights = [file for file in group.files if file.part == role]
    sha256 = weights[0].digest if len(weights) == 1 else None
    read = [file.facts.sha256_ns for file in group.files if file.facts and file.facts.sha256_ns]
    return LocalModel(
        name=group.name,
        store=group.store,
        role=role if weights else "model",
        also=tuple(sorted({part for part in parts if part in ("projector", "adapter") and part != role})),
        size_bytes=sum({file.identity: file.size_bytes for file in group.files}.values()),
        files=tuple(os.fsdecode(file.path) for file in group.files),
        state=worst.state,
        verified_at=_moment(min(read)) if len(read) == len(group.files) else None,
        message=worst.message,
        sha256=sha256,
        profile=by_digest.get(sha256 or ""),
    )


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")


async def placed(found: Inventory) -> Inventory:
    """The models with where they would run by the memory that is free now."""
    if not found.models:
        return found
    from kandil.hardware import detect  # noqa: PLC0415 - slow, and nothing to ask it of an empty disk

    hardware = await detect()
    return replace(
        found,
        models=tuple(replace(model, placement=_placement(model, hardware)) for model in found.models),
        ram_available_bytes=hardware.memory.available_bytes if hardware.memory else None,
        gpus=tuple((gpu.name, gpu.free_bytes) for gpu in hardware.gpus),
    )


def _placement(model: LocalModel, hardware: Hardware) -> Placement | None:
    from kandil.compat import assess  # noqa: PLC0415

    runnable = model.store == "ollama" or all(path.lower().endswith(".gguf") for path in model.files)
    if model.role != "model" or not model.size_bytes or not runnable:
        return None
    profile = profiles.find(model.profile) if model.profile else None
    report = assess(profile or _sized(model), hardware, present_bytes=model.size_bytes)
    return Placement(
        runs=_runs(report),
        basis=report.basis,
        gpu_layers=report.gpu_layers,
        layers=report.layers,
        needed_bytes=report.ram.total_bytes + report.vram.total_bytes,
        reasons=report.reasons,
    )


def _sized(model: LocalModel) -> Profile:
    """Of a file of which no profile knows more than its size."""
    weights = Weights(size_bytes=model.size_bytes)
    return Profile(
        id=model.name, name=model.name, source="gguf", provider="local", protocol="openai", api_model=model.name,
        weights=weights,
    )  # fmt: skip


def _runs(report: Report) -> Runs:
    if report.verdict != "fits":
        return report.verdict
    if not report.vram.total_bytes:
        return "cpu"
    return "partly" if report.layers and (report.gpu_layers or 0) < report.layers else "gpu"
