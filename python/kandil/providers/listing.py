"""The models that a provider lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kandil.errors import ReplyUnreadable
from kandil.providers.fields import decoded, shown, text

if TYPE_CHECKING:
    from kandil.providers.endpoint import Endpoint


def listed_models(endpoint: Endpoint, body: bytes) -> tuple[str, ...]:
    """The models' names as they stand in requests, in the provider's order, each once.

    Raises:
        ReplyUnreadable: `body` is no list of models.
    """
    rows = _rows(decoded(body, endpoint.provider))
    if rows is None:
        raise ReplyUnreadable(endpoint.provider, "it is no list of models", begins=shown(body))
    names = (_name(row) for row in rows if isinstance(row, dict))
    return tuple(dict.fromkeys(name.removeprefix("models/") for name in names if name))


def _rows(found: Any) -> list[Any] | None:  # noqa: ANN401 (it is JSON)
    """``data`` of OpenAI and Anthropic, ``models`` of Gemini, Ollama and Cohere, or the list itself (Together's)."""
    if isinstance(found, dict):
        found = found.get("data", found.get("models"))
    return found if isinstance(found, list) else None


def _name(row: dict[str, Any]) -> str:
    return text(row, "id") or text(row, "model") or text(row, "name")
