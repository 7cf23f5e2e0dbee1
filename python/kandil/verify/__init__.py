"""Verification: is every model file's content what was published, and is its structure sound?"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
import sys
from pathlib import Path
from stat import S_ISREG
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from kandil import _core
from kandil.errors import LedgerTooNew
from kandil.verify.ledger import Ledger
from kandil.verify.plan import LoadOptions, Request, Weights
from kandil.verify.progress import Lane, Progress
from kandil.verify.result import FileResult, Finding, Severity, Status, Summary, good_statuses
from kandil.verify.run import Verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "FileResult",
    "Finding",
    "Lane",
    "LoadOptions",
    "Progress",
    "Severity",
    "Status",
    "Summary",
    "Verification",
    "good_statuses",
    "known_digest",
    "sha256_files",
    "verify",
]


def verify(
    paths: Sequence[str | bytes | os.PathLike[str]] | None = None,
    *,
    full: bool = False,
    sha256: bool = False,
    scrub: float = 0.0,
    expect: str | None = None,
    pin: bool = False,
    check: str | bytes | os.PathLike[str] | None = None,
    trust_keys: Sequence[str | os.PathLike[str]] = (),
    load: LoadOptions | None = None,
    scan_only: bool = False,
    strict: bool = False,
    weights: Weights | None = None,
    jobs: int = 0,
    max_memory_bytes: int | None = None,
    max_rate_bytes: int | None = None,
    drop_cache: bool | None = None,
    every_file: bool = False,
    ledger: Path | None = None,
) -> Verification:
    """A verification of files, folders and patterns, or of every store on this machine; it begins when it is iterated.

    Args:
        paths: files, patterns, and folders: their ``*.gguf`` and ``*.safetensors``, what lists of digests in them name,
            and stores.
        full: reads unchanged files anew too; compares their BLAKE3 where it is known.
        sha256: reads every file and takes its SHA-256.
        scrub: reads this share (0 to 1) of the unchanged files anew, chosen at random.
        expect: the SHA-256 that the one file must have.
        pin: from now on each file is expected to be as it is. A pinned file that has changed is only pinned anew when
            it is named itself.
        check: a list as `sha256sum` writes it; without `paths`, what it lists is verified.
        trust_keys: PEM files of public keys whose signatures are believed in this run, beside the publishers'.
        load: loads each sound GGUF file in the sandbox, with the llama.cpp that is found here.
        scan_only: looks at the structure of headers only; no digests, nothing is kept.
        strict: a suspicious file is not good: the summary's exit code is 8, and nothing pins it.
        weights: also looks for NaN and infinity in the tensors of GGUF files, in a sample of each (`"sample"`) or in
            all of it (`"full"`), which reads the files once more; what the ledger knows is looked at too.
        jobs: threads; 0 is one for each usable CPU.
        max_memory_bytes: for buffers.
        max_rate_bytes: a second, over all threads.
        drop_cache: what was read is dropped from the page cache; None: where more is to be read than there is memory.
        every_file: in folders every regular file, whatever its name.
        ledger: where to keep what was read; None: in kandil's data folder.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError("paths is a sequence of paths: [path] for one")
    return Verification(
        Request(
            paths=None if paths is None else tuple(os.fsencode(path) for path in paths),
            full=full,
            sha256=sha256,
            scrub=scrub,
            expect=expect,
            pin=pin,
            check=None if check is None else Path(os.fsdecode(check)),
            trust_keys=tuple(map(Path, trust_keys)),
            load=load,
            scan_only=scan_only,
            strict=strict,
            weights=weights,
            jobs=jobs,
            max_memory_bytes=max_memory_bytes,
            max_rate_bytes=max_rate_bytes,
            drop_cache=drop_cache,
            every_file=every_file,
            ledger=ledger,
        )
    )


def known_digest(path: str | bytes | os.PathLike[str], *, ledger: Path | None = None) -> str | None:
    """The SHA-256 that an earlier verification took of this file, if it has not changed since; lower-case hex."""
    given = os.fsencode(path)
    try:
        if not S_ISREG(os.stat(given).st_mode):
            return None
        stats = [entry.stat for entry in _core.walk([given], None) if entry.stat is not None]
        known = Ledger(ledger, read_only=True)
    except (OSError, ValueError, LedgerTooNew):
        return None
    try:
        facts = known.files([(os.path.abspath(given), stat) for stat in stats[:1]])
    finally:
        known.close()
    digest = next((one.sha256 for one in facts.values()), None)
    return digest.hex() if digest is not None else None


def sha256_files(paths: Iterable[str | bytes | os.PathLike[str]], *, jobs: int = 0) -> list[bytes]:
    """The SHA-256 of each file, 32 bytes, in the order of `paths`; `jobs` threads (0: one for each CPU).

    Raises:
        OSError: a file cannot be read; the others are given up.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError("paths is a sequence of paths: [path] for one")
    given = [os.fsencode(path) for path in paths]
    digests = [b""] * len(given)
    reading: list[tuple[bytes, int, Literal["sha256"]]] = [(path, os.stat(path).st_size, "sha256") for path in given]
    run = _core.Run(reading, threads=jobs, blake3="never")
    try:
        while not run.finished:
            for outcome in run.take(1.0):
                if outcome.sha256 is None:
                    raise OSError(f"{os.fsdecode(given[outcome.index])}: {outcome.error or 'it could not be read'}")
                digests[outcome.index] = outcome.sha256
    finally:
        run.cancel()
    return digests


class _Callable(ModuleType):
    """`kandil.verify` is this module and, called, `verify`: no order of imports makes a difference."""

    __call__ = staticmethod(verify)


__wrapped__ = verify  # what `inspect.signature` and `help` of the callable module look at

sys.modules[__name__].__class__ = _Callable
