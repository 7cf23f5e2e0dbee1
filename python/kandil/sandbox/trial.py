"""Loads a file in the sandbox with the loaders that this machine has, and says what came of it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from kandil.errors import ExtraMissing, RuntimeNotFound
from kandil.sandbox.loading import CONTEXT_BYTES, OUT_OF_MEMORY
from kandil.sandbox.model import opened
from kandil.sandbox.result import (
    Level,
    LevelName,
    LevelResult,
    LoadFinding,
    LoadReport,
    ReportInvalid,
    Status,
    finding,
    parse,
)
from kandil.sandbox.runtimes import Runtime, find
from kandil.sandbox.supervisor import ChildEnd, Limits, run_child

HINT = "pip install 'kandil[local]' brings a llama.cpp"

_SPARE_BYTES = 1 << 30
_REFERENCE_BYTES = 4 << 30  # two objects of Python for each string
_REFERENCE_TIMES = 6  # how much slower than a loader: 30 s for the largest vocabularies
_UNUSABLE = "LibraryUnusable: "
_LAST_WORDS = 300
_NAMES: Mapping[str, LevelName] = {"header": "header", "model": "model", "reference": "reference"}


async def load_test(
    path: str | os.PathLike[str],
    *,
    timeout_seconds: float = 30,
    memory_bytes: int | None = None,
    allow_weaker: bool = False,
    cross_check: bool = False,
    runtime: str | os.PathLike[str] | None = None,
    level: int = 2,
) -> LoadReport:
    """What came of loading `path` where it can do no harm. Whatever the file does is in the report, and no error.

    Level 1 reads the header with the loader's parser; level 2 also loads all of it and decodes a few tokens.
    `cross_check` adds the gguf package's reader, of which a large vocabulary needs half a minute. `memory_bytes` is
    for the child alone (None: what the file and a small context need, as far as the machine has it). `runtime` is a
    library, or a folder with one, to use instead of what `kandil.sandbox.runtimes` finds.

    Raises: FileUnreadable; RuntimeNotFound where `runtime` is none; ExtraMissing where `cross_check` needs a package.
    """
    began = time.perf_counter()
    if cross_check and find_spec("gguf") is None:
        raise ExtraMissing("the reference reader", "reference")
    runtimes, refused = find(runtime)
    if runtime is not None and not runtimes:
        raise RuntimeNotFound(os.fspath(runtime), refused[0].reason if refused else "no library of llama.cpp is there")
    trial = _Trial(refused={one.path: one.reason for one in refused})
    with opened(path) as fd:
        size = os.fstat(fd).st_size
        memory = memory_bytes if memory_bytes is not None else _memory(size)
        limits = Limits(memory_bytes=memory, cpu_seconds=math.ceil(timeout_seconds) + 1, allow_weaker=allow_weaker)
        await trial.load(fd, runtimes, limits, _task(size, memory, level), timeout_seconds)
        if cross_check and trial.sandbox_reason is None:
            await trial.cross_check(fd, limits, timeout_seconds * _REFERENCE_TIMES)
    return trial.report(os.fspath(path), (time.perf_counter() - began) * 1000)


def _memory(size: int) -> int:
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(size + _SPARE_BYTES, has)


def _task(size: int, memory: int, level: int) -> dict[str, object]:
    needed = size + CONTEXT_BYTES
    sizes = f"it needs about {needed >> 20} MiB, and {memory >> 20} MiB were given (--memory)"
    too_large = sizes if needed > memory else None
    return {"levels": ["header", "model"][:level], "model_not_possible": too_large}


@dataclass(slots=True)
class _Trial:
    """What is known so far."""

    refused: dict[str, str]
    levels: list[Level] = field(default_factory=list)
    findings: list[LoadFinding] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)
    runtime: Runtime | None = None
    last_step: str | None = None
    sandbox_reason: str | None = None
    """Why nothing is run at all: the sandbox is not what it must be."""

    async def load(
        self, fd: int, runtimes: list[Runtime], limits: Limits, task: dict[str, object], seconds: float
    ) -> None:
        """With the first of `runtimes` that can be opened."""
        for runtime in runtimes:
            order = {**task, "library": runtime.path, "backends": list(runtime.backends)}
            end = await run_child(fd, "kandil.sandbox.work", order, limits, timeout_seconds=seconds)
            if reason := _not_started(end):
                self.refused[runtime.path] = reason
                continue
            self.runtime = runtime
            self._take(end, tuple(task["levels"]))  # type: ignore[arg-type]  # as `_task` writes it
            return

    async def cross_check(self, fd: int, limits: Limits, seconds: float) -> None:
        """With the gguf package's reader."""
        more = Limits(
            memory_bytes=limits.memory_bytes + _REFERENCE_BYTES,
            cpu_seconds=math.ceil(seconds) + 1,
            allow_weaker=limits.allow_weaker,
        )
        end = await run_child(fd, "kandil.sandbox.reference", {}, more, timeout_seconds=seconds)
        reason = end.reason if end.how == "refused" else _not_started(end)
        if reason is None:
            self._take(end, ("reference",))
        else:
            self.levels.append(Level("reference", "not-possible", reason, None))

    def _take(self, end: ChildEnd, asked: Sequence[LevelName]) -> None:
        self.layers = self.layers or end.layers
        if end.how == "refused":
            self.sandbox_reason = end.reason
            return
        self.last_step = end.step
        if end.how == "reported":
            try:
                levels, findings, versions = parse(end.report, asked)
            except ReportInvalid as error:
                self._ended(end, finding("KG-LOAD-GARBAGE", f"the report is none: {error}"))
                return
            self.levels += levels
            self.findings += findings
            self.versions |= versions
        else:
            self._ended(end, _why(end))

    def _ended(self, end: ChildEnd, found: LoadFinding) -> None:
        """The child has come to no report: the levels before the last step's have passed, since it went on."""
        name = _NAMES.get((end.step or "").split(":", 1)[0], "header")
        if name == "model":
            self.levels.append(Level("header", "passed", None, None))
        self.levels.append(Level(name, "failed", None, None))
        self.findings.append(found)

    def report(self, path: str, milliseconds: float) -> LoadReport:
        """What is to be said of it all."""
        status, reason, hint = self._status()
        return LoadReport(
            path=path,
            status=status,
            reason=reason,
            hint=hint,
            levels=tuple(self.levels),
            findings=tuple(self.findings),
            runtime=self.runtime,
            versions=self.versions,
            layers=self.layers,
            last_step=self.last_step,
            milliseconds=milliseconds,
            refused_runtimes=self.refused,
        )

    def _status(self) -> tuple[Status, str | None, str | None]:
        results: dict[LevelResult, Level] = {level.result: level for level in self.levels}
        if "failed" in results:
            return "failed", next(found.message for found in self.findings if found.severity != "note"), None
        if "passed" in results:
            return "passed", None, None if self.runtime else HINT
        if self.sandbox_reason is not None:
            return "not-tested", self.sandbox_reason, "`kandil-sandbox self-test` says what is missing"
        if self.levels:
            return "not-tested", self.levels[0].reason, None
        nothing = "none of the loaders on this machine can be used" if self.refused else "no loader is on this machine"
        return "not-tested", nothing, HINT


def _not_started(end: ChildEnd) -> str | None:
    """Why a loader came to no file at all; None where it did, or where it is not the loader's fault.

    Until the layers are on, nothing has read the file: what ends the child before says nothing of it.
    """
    if end.how == "refused":
        reason = end.reason or ""
        return reason.removeprefix(_UNUSABLE) if reason.startswith(_UNUSABLE) else None
    if end.layers or end.how == "reported":
        return None
    if end.how == "timed-out":
        return f"it was not ready after {end.seconds:.1f} s"
    last_words = end.stderr.decode("utf-8", "replace").strip()[-_LAST_WORDS:]
    how = f"ended by {end.signal}" if end.signal else end.reason or f"ended {_with(end.exit_code)}"
    return f"it cannot be started: {how}{f': {last_words}' if last_words else ''}"


def _why(end: ChildEnd) -> LoadFinding:
    """What it says of a file that a child has ended without a report."""
    at = f"at step {end.step!r}" if end.step else "before the first step"
    if end.how == "timed-out" or end.signal == "SIGXCPU":
        return finding("KG-LOAD-TIMEOUT", f"the loader had not ended after {end.seconds:.1f} s, {at}")
    if _out_of_memory(end):
        return finding("KG-LOAD-MEMORY", f"the loader asked for more memory than it was given, {at}")
    if end.how in ("over-long", "invalid"):
        said = end.reason or "it says more than a report has"
        return finding("KG-LOAD-GARBAGE", f"what the loading process says is no report: {said}, {at}")
    how = f"ended by {end.signal}" if end.signal else end.reason or f"ended {_with(end.exit_code)}"
    forbidden = ", a system call that reading a model does not need," if end.signal == "SIGSYS" else ""
    return finding("KG-LOAD-CRASH", f"the loader was {how}{forbidden} {at}")


def _with(exit_code: int | None) -> str:
    return f"with exit code {exit_code}" if exit_code is not None else "for what it wrote"


def _out_of_memory(end: ChildEnd) -> bool:
    """Whether it ended as loaders without memory do. What it said counts only then: a file may make it say anything."""
    if end.signal == "SIGABRT":
        return any(sign.encode() in end.stderr for sign in OUT_OF_MEMORY)
    return end.signal == "SIGKILL" or (end.how == "failed" and (end.reason or "").startswith("MemoryError"))
