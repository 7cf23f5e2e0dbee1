"""The real llama.cpp server with a tiny model of known words: the protocols of OpenAI (both) and Anthropic."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import answering, parts
from tests.support.servers.process import printing

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHILD = Path(__file__).with_name("llama_child.py")


@dataclass(frozen=True, slots=True)
class Llama:
    """`url` ends before ``/v1``. `key` opens everything; nothing else does, ``/health`` aside."""

    url: str
    key: str
    answer: str


@contextmanager
def llama(folder: Path, *, answer: str = answering.ANSWER, endless: bool = False) -> Iterator[Llama]:
    """One that says `answer` to everything; the model is written into `folder`. Skips the test without xllamacpp."""
    parts.need_package("xllamacpp")
    path = folder / "answering.gguf"
    path.write_bytes(answering.model(answer, endless=endless))
    key = "sk-llama-" + "c0ffee" * 6
    command = [sys.executable, str(_CHILD), str(path)]
    with printing(r"listening on (\S+)", command, asked=f"{key}\n".encode()) as url:
        yield Llama(url, key, answer)
