"""How far a batch is, in a small file beside its output: for whoever asks from another terminal."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any, Final, Literal

from kandil import files
from kandil.batch import order as orders
from kandil.errors import BatchUnusable, FileUnreadable, FileUnwritable

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA: Final = "kandil.batch-state/1"
_LARGEST_BYTES: Final = 1 << 20
End = Literal["running", "killed", "done", "failed-in-part", "stopped", "budget", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, by its number and when it began: numbers are used again."""

    pid: int
    began: float

    @classmethod
    def this(cls) -> Owner:
        import psutil  # noqa: PLC0415 (it is slow to import)

        return cls(pid=os.getpid(), began=psutil.Process().create_time())

    def lives(self) -> bool:
        import psutil  # noqa: PLC0415

        with suppress(psutil.Error):
            began: float = psutil.Process(self.pid).create_time()
            return abs(began - self.began) < 1
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the file has. `progress` are the fields of `Progress`."""

    input: str
    output: str
    errors: str
    models: tuple[str, ...]
    owner: Owner
    end: End
    why: str | None
    changed: str
    """RFC 3339, UTC."""
    progress: dict[str, Any]


def write(path: Path, state: State) -> None:
    """Never raises: that a batch cannot say how far it is does not stop it. A folder that is gone stays gone."""
    if not path.parent.is_dir():
        return
    with suppress(FileUnwritable):
        files.write(path, json.dumps({"schema": _SCHEMA, **asdict(state)}).encode())


def clear(output: Path, kept: Path) -> None:
    """What killed runs have left half written beside the output goes, but for the file `kept`. Never raises."""
    left = re.compile(rf"\.{re.escape(output.name)}\.(state\.json\.\w{{8}}|\w{{8}}\.rows)")
    with suppress(OSError):
        for path in output.parent.iterdir():
            if left.fullmatch(path.name) and path.name != kept.name:
                path.unlink()


def read(output: Path) -> State:
    """How far the batch is that writes, or wrote, to `output`; one whose process is gone was killed.

    Raises: FileUnreadable, BatchUnusable.
    """
    path = orders.state_file(output)
    try:
        fields = json.loads(files.read(path, _LARGEST_BYTES))
        known = {one.name for one in dataclass_fields(State)} | {"schema"}
        if fields.keys() != known or fields.pop("schema") != _SCHEMA:
            fields = {}
        fields["owner"] = Owner(**fields["owner"])
        fields["models"] = tuple(fields["models"])
        found = State(**fields)
    except OSError as error:
        raise FileUnreadable(
            str(path), error.strerror or str(error), hint="`status` and `cancel` take the output of `kandil batch run`"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BatchUnusable(path, "it is no state of a batch that this kandil knows") from None
    if found.end == "running" and not found.owner.lives():
        return replace(found, end="killed")
    return found


def cancel(found: State) -> bool:
    """The run stops as by Ctrl-C, and what is under way is waited for. False: it does not run."""
    if found.end != "running":
        return False
    os.kill(found.owner.pid, signal.SIGTERM)
    return True
