"""Tests, run in the sandbox, on a copy of the project: how they ended, and which lines of the tested file ran."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import trio

from kandil.assist.testing import copies
from kandil.errors import NoInterpreter
from kandil.sandbox.program import Access, Bounds, run_program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from kandil.assist.testing.interpreter import Interpreter
    from kandil.sandbox.program import ProgramEnd

Outcome = Literal["passed", "failed", "skipped", "not-run", "not-imported", "timed-out"]
_OBSERVER: Final = Path(__file__).with_name("observer.py")
_NAME: Final = "kandil_observer"
_MEMORY_BYTES: Final = 4 << 30
_PROBE: Final = "import sys, pytest; print(*sys.version_info[:2], pytest.__version__)"
_SAID: Final = re.compile(r"(\d+) (\d+) (\S+)\s*")
_IMPORT_MODE: Final = re.compile(r"--import-mode[= ](\w+)")
_SETTINGS: Final = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_OF_PYTEST: Final = (
    *("-p", _NAME),
    *("-p", "no:cacheprovider"),
    *("-p", "no:randomly"),
    *("-o", "addopts="),
    *("-q", "--color=no", "--tb=short"),
)
_TAIL_LINES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """The code under test: a file of the project, and how it is imported."""

    path: str
    """From the top of the copy, with ``/``."""
    name: str
    """With dots."""
    import_root: str
    """The folder that the name starts from."""
    project: str
    """The folder that its tests run in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What may differ between runs without a difference to a good test."""

    seed: int = 0
    zone: str = "UTC"
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How it ended. `outcome` is `passed` where every test did; what there is to say of another is in `detail`.

    `lines` are those of the module's file that ran at all, `ran` those of its functions that ran within a test.
    """

    outcome: Outcome
    detail: str = ""
    failed: tuple[str, ...] = ()
    """The tests that did not pass, as pytest names them."""
    lines: frozenset[int] = field(default_factory=frozenset)
    ran: frozenset[int] = field(default_factory=frozenset)
    executable: frozenset[int] = field(default_factory=frozenset)
    began: bool = False
    """The module was imported, and a test begun."""
    network: bool = False
    """A test has tried to use it."""
    seconds: float = 0.0


class Copy:
    """A copy of the project, for one run after the other. Programs in the sandbox cannot write to it."""

    def __init__(self, folder: Path, interpreter: Interpreter, *, timeout_seconds: float, allow_weaker: bool) -> None:
        self.folder = folder
        self._interpreter, self._timeout_seconds, self._allow_weaker = interpreter, timeout_seconds, allow_weaker

    @contextmanager
    def file(self, path: str, text: str) -> Iterator[None]:
        """The copy has this file, for as long as this is open."""
        place = self.folder / path
        before = place.read_bytes() if place.exists() else None
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")
        try:
            yield
        finally:
            if before is None:
                place.unlink()
            else:
                place.write_bytes(before)

    async def run(
        self,
        tests: Sequence[str],
        module: Module,
        conditions: Conditions | None = None,
        *,
        seconds: float | None = None,
    ) -> Run:
        """Tests of these files, ended after so many seconds, or as many as all may take. Raises: SandboxUnavailable."""
        conditions = conditions or Conditions()
        mark = f"\x1e{secrets.token_hex(16)} "
        order = {
            "mark": mark,
            "module": module.name,
            "file": str(self.folder / module.path),
            "reverse": conditions.reverse,
        }
        command = [
            "-m",
            "pytest",
            *_OF_PYTEST,
            *self._import_mode(module),
            "--",
            *(str(self.folder / t) for t in tests),
        ]
        environment = {
            "KANDIL_OBSERVER": json.dumps(order),
            "PYTHONHASHSEED": str(conditions.seed),
            "TZ": conditions.zone,
            "PYTHONPATH": os.pathsep.join(self._import_path(module)),
        }
        ended = await self._python(command, environment, self.folder / module.project, seconds)
        return _run(ended, mark)

    async def versions(self) -> tuple[str, str]:
        """Python's and pytest's. Raises: NoInterpreter, SandboxUnavailable."""
        ended = await self._python(["-c", _PROBE], {}, self.folder, None)
        said = _SAID.fullmatch(ended.output.decode(errors="replace"))
        if said is None:
            lines = ended.errors.decode(errors="replace").strip().split("\n")
            raise NoInterpreter(self._interpreter.executable, lines[-1] or "it says nothing")
        return f"{said[1]}.{said[2]}", said[3]

    async def _python(
        self, command: Sequence[str], environment: dict[str, str], folder: Path, seconds: float | None
    ) -> ProgramEnd:
        python = self._interpreter.executable
        seconds = min(seconds or self._timeout_seconds, self._timeout_seconds)
        with tempfile.TemporaryDirectory(prefix="kandil-", ignore_cleanup_errors=True) as scratch:
            usual = {
                "PATH": f"{Path(python).parent}:/usr/bin:/bin",
                "HOME": scratch,
                "TMPDIR": scratch,
                "USER": "nobody",
                "LC_ALL": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONNOUSERSITE": "1",
            }
            return await run_program(
                [python, *command],
                usual | environment,
                folder,
                Access(readable=(*self._interpreter.readable, str(self.folder.parent)), writable=(scratch,)),
                Bounds(memory_bytes=_MEMORY_BYTES, cpu_seconds=ceil(seconds), seconds=seconds),
                allow_weaker=self._allow_weaker,
            )

    def _import_path(self, module: Module) -> list[str]:
        """The copy's own folders come first, so that nothing that is installed is tested in its place."""
        roots = (module.import_root, module.project, f"{module.project}/src", "", "src")
        folders = dict.fromkeys(os.path.normpath(self.folder / root) for root in roots)
        return [str(self.folder.parent / _NAME), *(folder for folder in folders if Path(folder).is_dir())]

    def _import_mode(self, module: Module) -> list[str]:
        """The project's other options are for its whole suite: coverage, processes, reports."""
        for name in _SETTINGS:
            path = self.folder / module.project / name
            if path.is_file() and not path.is_symlink():
                said = _IMPORT_MODE.search(path.read_text(errors="replace"))
                return [f"--import-mode={said[1]}"] if said else []
        return []


@asynccontextmanager
async def copied(
    root: Path, count: int, interpreter: Interpreter, *, timeout_seconds: float, allow_weaker: bool
) -> AsyncGenerator[tuple[Copy, ...]]:
    """So many copies of the project, each for one run at a time; they are gone afterwards.

    Raises: GitFailed, NoInterpreter, SandboxUnavailable.
    """
    with tempfile.TemporaryDirectory(prefix="kandil-", ignore_cleanup_errors=True) as temporary:
        made = await trio.to_thread.run_sync(_copies, root, temporary, count)
        yield tuple(
            Copy(folder, interpreter, timeout_seconds=timeout_seconds, allow_weaker=allow_weaker) for folder in made
        )


def _copies(root: Path, top: str, count: int) -> list[Path]:
    """Each beside the observer. Raises: GitFailed."""
    made = [Path(top).resolve() / str(number) / "project" for number in range(count)]
    kept = copies.names(root)
    for folder in made:
        (folder.parent / _NAME).mkdir(parents=True)
        (folder.parent / _NAME / f"{_NAME}.py").write_bytes(_OBSERVER.read_bytes())
        copies.copy(root, kept, folder)
    return made


def _run(ended: ProgramEnd, mark: str) -> Run:
    text = ended.output.decode(errors="replace")
    told = _told(text, mark)
    printed = "\n".join(line for line in text.split("\n") if not line.startswith(mark))
    tail = _tail(str(told.get("detail") or printed + ended.errors.decode(errors="replace")))
    began = bool(told.get("began"))
    if ended.how == "timed-out" or ended.signal == "SIGXCPU":
        return Run(
            outcome="timed-out",
            detail=f"ended after {ended.seconds:.0f} seconds",
            began=began,
            network=bool(told.get("network")),
        )
    if "not_imported" in told:
        return Run(outcome="not-imported", detail=_tail(str(told["not_imported"])))
    if "tests" not in told:
        why = f"ended by {ended.signal}" if ended.signal else f"ended with exit code {ended.exit_code}"
        return Run(outcome="failed" if began else "not-run", detail=f"{tail}\n{why}".strip(), began=began)
    failed = tuple(name for name, outcome in told["tests"] if outcome != "passed")
    outcomes = {outcome for _, outcome in told["tests"]}
    return Run(
        outcome=_outcome(outcomes, ended.exit_code),
        detail=tail,
        failed=failed,
        lines=frozenset(told["lines"]),
        ran=frozenset(told["ran"]),
        executable=frozenset(told["executable"]),
        began=began,
        network=told["network"],
        seconds=ended.seconds,
    )


def _outcome(outcomes: set[str], exit_code: int | None) -> Outcome:
    if "failed" in outcomes:
        return "failed"
    if not outcomes:
        return "not-run"
    if outcomes != {"passed"}:
        return "skipped"
    return "passed" if exit_code == 0 else "failed"


def _told(text: str, mark: str) -> dict[str, Any]:
    """What the observer has said, as far as it is what it would say: a test runs in the same process."""
    told: dict[str, Any] = {}
    for line in text.split("\n"):
        if mark in line:
            try:
                said = json.loads(line.partition(mark)[2])
            except (ValueError, RecursionError):
                continue
            told |= said if isinstance(said, dict) else {}
    return told if "tests" not in told or _is_sound(told) else {}


def _is_sound(told: dict[str, Any]) -> bool:
    numbers = [told.get(name) for name in ("lines", "ran", "executable")]
    tests = told["tests"]
    return (
        all(isinstance(one, list) and all(isinstance(line, int) for line in one) for one in numbers)
        and isinstance(tests, list)
        and all(isinstance(one, list) and [type(word) for word in one] == [str, str] for one in tests)
        and isinstance(told.get("detail"), str)
        and isinstance(told.get("network"), bool)
    )


def _tail(text: str) -> str:
    lines = [line for line in text.rstrip().split("\n") if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])
