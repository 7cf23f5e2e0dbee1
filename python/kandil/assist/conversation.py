"""The last conversation of this terminal session: what `kandil ask --continue` goes on with."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kandil import files
from kandil.assist.prompt import Part, secrets
from kandil.errors import FileUnwritable, NothingToContinue
from kandil.providers.conversation import Message
from kandil.registry import session

if TYPE_CHECKING:
    from kandil.assist.question import Question

_LARGEST_BYTES: Final = 16 << 20
_SCHEMA: Final = "kandil.conversation/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Whom it was held with, and what was said; pictures are not kept."""

    model: str
    """A profile's id, or the absolute path of a GGUF file."""
    system: str | None
    messages: tuple[Message, ...]


def last() -> Conversation:
    """The one that `keep` kept last in this terminal session. Raises: NothingToContinue."""
    try:
        said = json.loads(files.read(_file(), _LARGEST_BYTES))
        return _read(said)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NothingToContinue from error


def keep(question: Question, answer: str) -> None:
    """The turn is kept, with those before it, in place of what was kept before; nothing where a key may be in it.

    Not being able to is no error: what was asked for has been done.
    """
    model = str(question.model.absolute()) if isinstance(question.model, Path) else question.model.id
    turns = (*question.history, question.message, Message("assistant", answer))
    with suppress(FileUnwritable):
        if secrets(Part("", turn.text) for turn in turns) or secrets([Part("", question.system or "")]):
            forget()
            return
        said: dict[str, Any] = {"schema": _SCHEMA, "model": model, "system": question.system}
        said["messages"] = [{"role": turn.role, "text": turn.text} for turn in turns]
        content = json.dumps(said).encode("ascii")
        if len(content) <= _LARGEST_BYTES:
            files.write(_file(), content)


def forget() -> None:
    """There is nothing to go on with."""
    with suppress(OSError):
        _file().unlink()


def _file() -> Path:
    return session.folder() / "conversation.json"


def _read(said: dict[str, Any]) -> Conversation:
    if said["schema"] != _SCHEMA or not isinstance(said["model"], str):
        raise ValueError("another kandil wrote it")
    messages = tuple(Message(turn["role"], str(turn["text"])) for turn in said["messages"])
    if any(turn.role not in ("user", "assistant") for turn in messages):
        raise ValueError("nobody has that role")
    system = said["system"]
    return Conversation(model=said["model"], system=system if isinstance(system, str) else None, messages=messages)
