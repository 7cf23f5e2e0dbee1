"""What a batch is asked to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kandil import _core, files
from kandil.errors import BatchUnusable, FileUnreadable, OutputBusy, OutputForeign, OutputUnwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.profiles import Profile

USUAL_RETRIES: Final = 5
USUAL_REASKS: Final = 2
PATIENCE_SECONDS: Final = 1800.0
FIRST_BYTE_SECONDS: Final = 600.0
_WHOLE: Final = 6
"""So many times as long as an answer may take to begin, it may take in all: one that drips for ever is none."""
LARGEST_ANSWER_BYTES: Final = 32 << 20
_LARGEST_SCHEMA_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is done to every row: how its line is read, and what is added to its body where it says nothing itself."""

    text: bool = False
    """Each line is a prompt."""
    template: str | None = None
    """``Translate: {{text}}``: a prompt of a row's fields; of a line of text, ``{{text}}``."""
    system: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the request, as ``max_tokens`` and ``temperature``."""
    json_schema: Mapping[str, Any] | None = None
    """Each answer is to be JSON of this JSON Schema; it is checked."""

    def form(self, model: str | None) -> _core.BatchForm:
        """Raises: ValueError: the template is none."""
        body = dict(self.body)
        if self.json_schema is not None:
            asked = {"name": "answer", "schema": self.json_schema}
            body.setdefault("response_format", {"type": "json_schema", "json_schema": asked})
        return _core.BatchForm(
            text=self.text,
            template=self.template,
            system=self.system,
            defaults=[(name, json.dumps(value)) for name, value in body.items()],
            model=model,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How rows are sent. None leaves it to kandil."""

    concurrency: int | None = None
    """Requests to one model at once, at most; it begins with so many."""
    most_retries: int = USUAL_RETRIES
    most_reasks: int = USUAL_REASKS
    budget_usd: float | None = None
    cache: bool = False
    """A row that was ever answered, in any batch with this set, is not sent again."""
    first_byte_seconds: float = FIRST_BYTE_SECONDS
    """An answer that has not begun after so long is asked for again."""
    patience_seconds: float = PATIENCE_SECONDS
    """A server that answers nothing for so long is given up."""

    @property
    def total_seconds(self) -> float:
        """An answer that is not whole after so long is asked for again."""
        return _WHOLE * self.first_byte_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A file of rows, and where their answers go."""

    input: Path
    output: Path
    errors: Path
    model: Profile | Path | None = None
    """Of all rows, whatever they say; None: each says its own."""
    filling: Filling = Filling()
    sending: Sending = Sending()
    shard: tuple[int, int] | None = None
    """The part of so many parts, from 0."""
    ordered: bool = False
    """The output is in the order of the input, and is there at the end."""
    shown: str | None = None
    """What the input is called, where it is not called as its file is."""

    @property
    def source(self) -> Path:
        """The input, as its user knows it."""
        return Path(self.shown or self.input)

    @property
    def written(self) -> Path:
        """Where answers go while they come."""
        return self._part if self.ordered else self.output

    @property
    def kept(self) -> Path:
        """Where the answers of former runs are, which may have been asked for in another order."""
        other = self.output if self.ordered else self._part
        return other if other.exists() and not self.written.exists() else self.written

    @property
    def _part(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part")

    @property
    def state(self) -> Path:
        """Where it stands how far the batch is."""
        return state_file(self.output)


def errors_file(output: Path) -> Path:
    """Where the errors go that belong to an output: ``results.jsonl`` has ``results.errors.jsonl``."""
    return output.with_name(f"{output.stem}.errors{output.suffix}")


def state_file(output: Path) -> Path:
    return output.with_name(f"{output.name}.state.json")


def locked(output: Path) -> _core.BatchLock:
    """Nobody else works on it until this is released. Raises: OutputBusy, OutputUnwritable."""
    try:
        return _core.BatchLock(output)
    except ValueError:
        raise OutputBusy(output) from None
    except OSError as error:
        raise OutputUnwritable(f"{error.filename}: {error.strerror}") from error


def recorded(output: Path, errors: Path, *, mend: bool) -> _core.BatchRecorded:
    """What a former run has left, with `mend` made whole. Raises: OutputForeign, FileUnreadable."""
    try:
        return _core.BatchRecorded.read(output, errors, mend=mend)
    except ValueError as error:
        path, line = error.args
        raise OutputForeign(Path(path), line) from None
    except OSError as error:
        raise FileUnreadable(str(error.filename), error.strerror or str(error)) from error


def schema(path: Path) -> dict[str, Any]:
    """The JSON Schema in a file. Raises: FileUnreadable, BatchUnusable."""
    try:
        said = json.loads(files.read(path, _LARGEST_SCHEMA_BYTES))
        _core.JsonSchema(json.dumps(said).encode())
    except OSError as error:
        raise FileUnreadable(str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise BatchUnusable(path, f"it is no JSON Schema: {error}") from None
    if not isinstance(said, dict):
        raise BatchUnusable(path, "a JSON Schema is an object")
    return said
