"""What has to be read, and what the ledger already knows."""

from __future__ import annotations

import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kandil.errors import ExpectNeedsOneFile, NotADigest
from kandil.verify import shards
from kandil.verify.facts import RULES_VERSION, Facts, day
from kandil.verify.item import Expected, Item
from kandil.verify.selection import Selection, select
from kandil.verify.signatures import Signatures

if TYPE_CHECKING:
    from kandil._core import Mode
    from kandil.verify.ledger import Ledger
    from kandil.verify.stores import Machine

DIGEST_HEX = 64
Weights = Literal["sample", "full"]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How files are loaded: `memory_bytes` is for all loads at once; None: half of the machine's."""

    memory_bytes: int | None = None
    allow_weaker: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `verify` asked for."""

    paths: tuple[bytes, ...] | None = None
    full: bool = False
    sha256: bool = False
    scrub: float = 0.0
    expect: str | None = None
    pin: bool = False
    check: Path | None = None
    scan_only: bool = False
    strict: bool = False
    weights: Weights | None = None
    every_file: bool = False
    jobs: int = 0
    max_memory_bytes: int | None = None
    max_rate_bytes: int | None = None
    drop_cache: bool | None = None
    ledger: Path | None = None
    trust_keys: tuple[Path, ...] = ()
    load: LoadOptions | None = None
    machine: Machine | None = None


@dataclass(slots=True)
class Target:
    """One file under all its names; the first is the one that is read."""

    items: list[Item]
    facts: Facts | None = None
    """What the ledger has for the file's present state."""
    mode: Mode | None = None
    """None: nothing is to be read."""

    @property
    def size_bytes(self) -> int:
        stat = self.items[0].stat
        return stat.size_bytes if stat is not None else 0

    @property
    def checked(self) -> str:
        """How the answer is known when the planned reading agrees."""
        if self.mode == "blake3" and self.facts is not None:
            return f"blake3, pinned {day(self.facts.sha256_ns)} by sha256"
        if self.facts is not None and self.mode in (None, "scan"):
            return f"ledger, read {day(self.facts.read_ns)}"
        return "structure only" if self.mode == "scan" else "sha256"


@dataclass(slots=True)
class Plan:
    """A verification before its first byte is read."""

    targets: list[Target]
    failed: list[Item]
    parts: dict[int, shards.PartSet]
    warnings: list[str]
    started_ns: int = 0

    @property
    def names(self) -> int:
        return sum(len(target.items) for target in self.targets) + len(self.failed)


def make_plan(request: Request, ledger: Ledger) -> Plan:
    """Finds the files, what is expected of them and what is known of them.

    Raises:
        NotADigest: `expect` is none.
        ConfigInvalid: whom to trust cannot be read.
        ExpectNeedsOneFile: `expect` is given for no file or for several.
        CheckListUnreadable: `check` cannot be read or lists nothing.
    """
    explicit = Expected(_digest(request.expect), "--expect", given=True) if request.expect is not None else None
    paths = list(request.paths) if request.paths is not None else None
    selection = select(paths, every_file=request.every_file, check=request.check, machine=request.machine)
    started_ns = time.time_ns()
    _resolve(selection.items)
    targets, failed = _targets(selection.items)
    if explicit is not None and (len(targets) != 1 or failed):
        raise ExpectNeedsOneFile(len(targets) + len(failed))
    pins = ledger.pins(list({path for item in selection.items for path in (item.key, item.real)}))
    signatures = _signatures(selection.items, request)
    for item in selection.items:
        if (pin := pins.get(item.key) or pins.get(item.real)) is not None:
            item.pin = Expected(pin[0].hex(), f"pinned {day(pin[1])}", pin=True)
        item.expected = explicit or _expected(item, selection)
    if not request.scan_only:
        _recall(targets, ledger)
    _choose(targets, request)
    warnings = (
        selection.warnings
        + signatures.warnings
        + [f"{os.fsdecode(path)}: {reason}; it is not used" for path, reason in selection.sidecars.unreadable]
    )
    return Plan(targets, failed, shards.group(selection.items), warnings, started_ns)


def _signatures(items: list[Item], request: Request) -> Signatures:
    signatures = Signatures(request.trust_keys)
    for item in items:
        signatures.around(item.key)
    for item in items:
        item.signed = signatures.by_path.get(item.key)
        forged = signatures.forged.get(item.key)
        item.notes = (forged,) if forged is not None else ()
    return signatures


def _digest(given: str) -> str:
    digest = given.strip().lower().removeprefix("sha256:").removeprefix("sha256-")
    if len(digest) != DIGEST_HEX or set(digest) - set("0123456789abcdef"):
        raise NotADigest(given)
    return digest


def _targets(items: list[Item]) -> tuple[list[Target], list[Item]]:
    by_file: dict[tuple[int, int], Target] = {}
    targets, failed = [], []
    for item in items:
        if item.stat is None or item.error is not None:
            failed.append(item)
            continue
        file = (item.stat.device, item.stat.inode)
        known = by_file.get(file) if item.stat.inode else None  # 0: a file system without inodes
        if known is not None:
            first = known.items[0]
            # A name that is no link is read: nobody can point it at another file meanwhile.
            known.items.insert(0 if item.key == item.real and first.key != first.real else len(known.items), item)
            continue
        by_file[file] = target = Target([item])
        targets.append(target)
    return targets, failed


def _resolve(items: list[Item]) -> None:
    """Each item's `real`: one look at a name, and one at each folder."""
    folders: dict[bytes, bytes] = {}
    for item in items:
        folder, base = os.path.split(item.key)
        try:
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            item.real = os.path.join(folders[folder], base)
            if os.path.islink(item.key):
                item.real = os.path.realpath(item.key)
        except (OSError, ValueError):  # ValueError: a NUL in the name
            item.real = item.key


def _expected(item: Item, selection: Selection) -> Expected | None:
    """Who is believed: `--expect`, `--check`, then the pin; then the store, the nearest list, what can only confirm.

    A pin is a condition beside what the others say: a pinned file with other bytes is changed, whoever confirms them,
    and one with the pinned bytes is still a mismatch where the store or a list says so.
    """
    if selection.check is not None and (listed := selection.check.expected(item.key)):
        return listed
    if item.expected is not None and item.expected.binding:
        return item.expected
    if (listed := selection.sidecars.by_path.get(item.key)) is not None:
        return listed
    return item.expected


def _recall(targets: list[Target], ledger: Ledger) -> None:
    wanted = [(target.items[0].key, target.items[0].stat) for target in targets]
    known = ledger.files([(key, stat) for key, stat in wanted if stat is not None])
    for target in targets:
        target.facts = known.get(target.items[0].key)


def _choose(targets: list[Target], request: Request) -> None:
    known = [target for target in targets if target.facts is not None and target.facts.sha256 is not None]
    sampled = set()
    if request.scrub > 0 and not request.full:
        count = min(len(known), math.ceil(len(known) * request.scrub))
        sampled = {id(target) for target in random.sample(known, count)}
    for target in targets:
        target.mode = _mode(target.facts, request, again=request.full or id(target) in sampled)


def _mode(facts: Facts | None, request: Request, *, again: bool) -> Mode | None:
    if request.scan_only:
        return "scan"
    if facts is None or facts.sha256 is None or request.sha256:
        return "sha256"
    if again:
        fast = facts.blake3 is not None and facts.rules == RULES_VERSION  # a BLAKE3 pass looks at no header
        return "blake3" if fast else "sha256"
    return None if facts.rules == RULES_VERSION else "scan"
