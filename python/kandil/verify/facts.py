"""What was found out about the bytes of one file: never a verdict, which depends on what is expected today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from kandil import _core
from kandil.verify.result import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY_NS = 86_400_000_000_000
RULES_VERSION = _core.__version__
"""The rules that today's findings come from: each release looks at headers anew."""


_OF_NAMES = frozenset({"KG-SPLIT-NAME"})
"""Findings about one name of a file, of which it may have others: `shards` has them, not the ledger."""


OF_DATA = frozenset({"KG-DATA-NAN", "KG-SLACK-GAP"})
"""Findings about what stands behind the header, which a reading of the header alone does not see."""


@dataclass(slots=True)
class Facts:
    """One state of one file. Digests are bytes; times are nanoseconds since the epoch."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    sha256: bytes | None = None
    blake3: bytes | None = None
    sha256_ns: int = 0
    """When `sha256` was taken, and `blake3` with it."""
    git_id: str | None = None
    is_gguf: bool = False
    split_no: int | None = None
    split_count: int | None = None
    split_tensors: int | None = None
    tensors: int | None = None
    architecture: str | None = None
    findings: tuple[Finding, ...] = ()
    rules: str = RULES_VERSION
    read_ns: int = 0

    def same_state(self, stat: _core.Stat) -> bool:
        return (
            self.size_bytes == stat.size_bytes
            and self.mtime_ns == stat.mtime_ns
            and self.ctime_ns == stat.ctime_ns
            and self.inode == stat.inode
            and self.device == stat.device
        )


def of_outcome(outcome: _core.Outcome, stat: _core.Stat, started_ns: int) -> Facts:
    """What one job of a run found out; `started_ns` is before its first read."""
    facts = Facts(stat.size_bytes, stat.mtime_ns, stat.ctime_ns, stat.inode, stat.device, read_ns=started_ns)
    facts.sha256, facts.blake3 = outcome.sha256, outcome.blake3
    facts.sha256_ns = started_ns if outcome.sha256 is not None else 0
    facts.findings = tuple(
        Finding(one.id, one.severity, one.message, one.offset) for one in outcome.findings if one.id not in _OF_NAMES
    )
    header = outcome.header
    if header is not None:
        facts.is_gguf = True
        facts.architecture = _text(header, "general.architecture")
        facts.split_no, facts.split_count = _number(header, "split.no"), _number(header, "split.count")
        if facts.split_count:
            facts.split_tensors, facts.tensors = _number(header, "split.tensors.count"), header.tensor_count
    return facts


def _text(header: _core.Header, key: str) -> str | None:
    value = header.kept(key)
    return value if isinstance(value, str) else None


def _number(header: _core.Header, key: str) -> int | None:
    """None too for what no ledger can hold, as no split has such a number."""
    value = header.kept(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def pack(findings: Iterable[Finding]) -> str | None:
    """Findings as the ledger keeps them; None for none."""
    rows = [[one.id, one.severity, one.message, one.offset] for one in findings]
    return json.dumps(rows, ensure_ascii=True) if rows else None


@lru_cache(maxsize=256)  # files of one maker have the same findings
def unpack(text: str | None) -> tuple[Finding, ...]:
    return tuple(Finding(*row) for row in json.loads(text)) if text else ()


def day(time_ns: int) -> str:
    """The UTC date of a time, as results name it."""
    return _day(time_ns // DAY_NS)


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY_NS / 1e9, UTC).strftime("%Y-%m-%d")
