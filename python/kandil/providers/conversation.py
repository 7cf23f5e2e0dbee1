"""What a model is asked, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: its bytes, and their type as ``image/png``."""

    content: bytes = field(repr=False)
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Images are the user's alone; they go before the text."""

    role: Literal["user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A conversation to be gone on with. None leaves a setting to the provider."""

    messages: tuple[Message, ...]
    """The last one is the user's."""
    system: str | None = None
    max_tokens: int | None = None
    """The longest answer; reasoning counts."""
    temperature: float | None = None
    top_p: float | None = None
    json_schema: Mapping[str, Any] | None = None
    """The answer is to be JSON of this JSON Schema."""
    context_tokens: int | None = None
    """The context that a local server loads the model with: Ollama's ``num_ctx``. Providers in the cloud have none."""
    stream: bool = True
