"""What was submitted for an output: a file beside it that is written before and after every step.

``results.jsonl.batches.json`` says which provider's batches there are and how far each one is; in the folder
``results.jsonl.batches`` are the files of requests until they are sent, and the names of their rows until the results
are here. Whoever is killed between two steps leaves a state that says what may have happened.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from kandil import files
from kandil.batch import order as orders
from kandil.errors import BatchUnusable, FileUnreadable, FileUnwritable, SubmissionMissing
from kandil.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil import _core

_SCHEMA: Final = "kandil.batch-submission/1"
_LARGEST_BYTES: Final = 16 << 20
Stage = Literal["prepared", "creating", "created", "fetched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch at a provider, or one that is to be there."""

    number: int
    model: str
    """As kandil calls it."""
    provider: str
    origin: str
    """Where it is, and nowhere else."""
    kind: str
    """The URL that rows of this kind have in OpenAI's form."""
    endpoint: str
    """The URL that answers them."""
    rows: int
    size_bytes: int
    stage: Stage = "prepared"
    """``creating``: it was asked for, and nobody knows whether it is there."""
    asked: float = 0.0
    """When it was asked for first: seconds since the epoch."""
    file_id: str | None = None
    batch_id: str | None = None
    guessed: bool = False
    """`batch_id` was found by its size and time alone: its results will say whether it is the one."""
    status: str = ""
    """The provider's word."""
    done: int = 0
    """Requests with a result, good or bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Everything that was submitted at once. Paths are absolute."""

    id: str
    input: str
    output: str
    errors: str
    created: str
    """RFC 3339, UTC."""
    batches: tuple[Batch, ...]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.batches)

    @property
    def is_submitted(self) -> bool:
        """All of it is with its providers, or was given up before."""
        return all(one.batch_id or one.stage == "fetched" for one in self.batches)

    @property
    def is_fetched(self) -> bool:
        return all(one.stage == "fetched" for one in self.batches)

    def mark(self, batch: Batch) -> str:
        """By which the provider's batch is found again."""
        return f"kandil-{self.id}-{batch.number}"


def state_file(output: Path) -> Path:
    """``results.jsonl`` has ``results.jsonl.batches.json``."""
    return output.with_name(f"{output.name}.batches.json")


def folder(output: Path) -> Path:
    """Of requests, names of rows, and results on their way."""
    return output.with_name(f"{output.name}.batches")


def find(output: Path) -> Submission | None:
    """None: nothing was submitted for this output. Raises: FileUnreadable, BatchUnusable."""
    path = state_file(output)
    try:
        return _placed(_parsed(files.read(path, _LARGEST_BYTES)), Path(os.path.abspath(output)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnreadable(str(path), error.strerror or str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BatchUnusable(path, "it is no submission that this kandil knows") from None


def _parsed(content: bytes) -> Submission:
    fields = json.loads(content)
    if fields.pop("schema") != _SCHEMA:
        raise ValueError
    return Submission(**{**fields, "batches": tuple(Batch(**one) for one in fields["batches"])})


def _placed(found: Submission, output: Path) -> Submission:
    """Where its files are now: they may have been moved together."""
    before, errors = Path(found.output), Path(found.errors)
    if errors.parent == before.parent:
        errors = output.with_name(errors.name)
    return replace(found, output=str(output), errors=str(errors))


def pending(output: Path) -> Submission | None:
    """What was submitted for this output and is not fetched: its rows are not to be sent again."""
    found = find(output)
    return None if found is None or found.is_fetched else found


class Ledger:
    """A submission, which is on the disk at any moment as it is here."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission

    @classmethod
    def begun(cls, submission: Submission) -> Self:
        """Of one that is new. Raises: FileUnwritable."""
        made = cls(submission)
        made._write()
        return made

    @property
    def output(self) -> Path:
        return Path(self.submission.output)

    @property
    def folder(self) -> Path:
        return folder(self.output)

    def file(self, batch: Batch, what: str) -> Path:
        """Its ``requests``, its ``rows``."""
        return self.folder / f"{batch.number}.{what}"

    def set(self, batch: Batch, **changes: object) -> Batch:
        """The batch as it is now. Raises: FileUnwritable."""
        changed = replace(batch, **changes)  # type: ignore[arg-type] # its fields'
        if changed != batch:
            batches = tuple(changed if one.number == batch.number else one for one in self.submission.batches)
            self.submission = replace(self.submission, batches=batches)
            self._write()
        return changed

    def _write(self) -> None:
        said = {"schema": _SCHEMA, **asdict(self.submission)}
        files.write(state_file(self.output), f"{json.dumps(said, indent=1)}\n".encode())


@contextmanager
def held(output: Path, lock: _core.BatchLock | None = None) -> Iterator[None]:
    """The folder of the output's batches is there, and no other process works on either: `lock` is had already, or
    taken for as long. The folder goes when all is fetched.

    Raises: OutputBusy, OutputUnwritable, FileUnwritable.
    """
    with ExitStack() as stack:
        if lock is None:
            stack.callback(orders.locked(output).release)
        try:
            make_private(folder(output))
        except OSError as error:
            raise FileUnwritable(str(folder(output)), error.strerror or str(error)) from error
        try:
            yield
        finally:
            if pending(output) is None:
                shutil.rmtree(folder(output), ignore_errors=True)


def read(output: Path) -> Submission:
    """Raises: SubmissionMissing, FileUnreadable, BatchUnusable."""
    found = find(output)
    if found is None:
        raise SubmissionMissing(output)
    return found
