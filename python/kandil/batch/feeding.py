"""Rows of a program's own, given to a run while it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from kandil.providers import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kandil import _core

Row = str | Mapping[str, Any] | Sequence[Message]
"""A prompt; a conversation; or an object as a line of `kandil batch run` has it."""
_STORE: Final = 2048
_CHUNK: Final = 256


@dataclass(slots=True)
class Feeding:
    """Gives rows to a run as fast as it takes them."""

    core: _core.BatchRun
    rows: Iterable[Row] | AsyncIterable[Row]
    fed: int = 0
    ended_rows: int = 0
    wanted: trio.Event = field(default_factory=trio.Event)
    names: set[str] = field(default_factory=set)
    failure: Exception | None = None
    """Why there are no more rows, though there should be."""

    async def feed(self) -> None:
        try:
            await self._feed()
        except Exception as error:  # noqa: BLE001 - it is raised where results are asked for
            self.failure = error
            self.core.stop()

    async def _feed(self) -> None:
        if isinstance(self.rows, AsyncIterable):
            async for row in self.rows:
                self.core.feed(0, [self._line(row)], ended=False)
                await self._room()
        else:
            rows = iter(self.rows)
            while chunk := [self._line(row) for row in islice(rows, _CHUNK)]:
                self.core.feed(0, chunk, ended=False)
                await self._room()
        self.core.feed(0, [], ended=True)

    async def _room(self) -> None:
        while self.fed - self.ended_rows >= _STORE:
            self.wanted = trio.Event()
            await self.wanted.wait()
        await trio.lowlevel.checkpoint()

    def _line(self, row: Row) -> bytes:
        self.fed += 1
        name = name_of(row, self.fed)
        if name in self.names:
            raise ValueError(f"two rows have the custom_id {name!r}")
        self.names.add(name)
        return _line(row, name)


def name_of(row: Row, number: int) -> str:
    given = row.get("custom_id") if isinstance(row, Mapping) else None
    return given if isinstance(given, str) else f"row-{number}"


def _line(row: Row, name: str) -> bytes:
    if isinstance(row, str):
        return msgspec.json.encode({"custom_id": name, "prompt": row})
    if isinstance(row, Mapping):
        return msgspec.json.encode({**row, "custom_id": name})
    messages = [{"role": turn.role, "content": turn.text} for turn in _turns(row)]
    return msgspec.json.encode({"custom_id": name, "messages": messages})


def _turns(row: Sequence[Message]) -> Iterator[Message]:
    for turn in row:
        if not isinstance(turn, Message):
            raise TypeError("a row is a prompt, an object or a sequence of kandil.Message")
        if turn.images:
            raise ValueError("pictures in rows are given as objects in OpenAI's form")
        yield turn
