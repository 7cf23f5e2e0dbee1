"""What comes back, the same for every provider: an answer is a sequence of these, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of what the model thinks before it answers, where the provider shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool, whole: kandil runs none, and shows what was asked."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it: it may be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the provider counted, in tokens, so far: a later one takes this one's place. None is not said."""

    input_tokens: int | None = None
    """All of the prompt, with what came from a cache."""
    output_tokens: int | None = None
    """All that was generated, with the reasoning."""
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    """Of `input_tokens`: read from the provider's cache."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the answer ended. The last event but for `Usage`."""

    reason: Literal["end", "length", "tool", "refusal", "filter", "other"]
    said: str
    """The provider's own word."""


Event = Text | Reasoning | ToolCall | Usage | Stop
