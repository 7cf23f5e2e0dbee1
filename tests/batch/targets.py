"""Who answers a batch, of who answers a single call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kandil._core import BatchTarget

if TYPE_CHECKING:
    from kandil.providers import Endpoint

CHAT = "/v1/chat/completions"


def target(endpoint: Endpoint, context_tokens: int | None = None) -> BatchTarget:
    return BatchTarget(
        endpoint.protocol,
        endpoint.model,
        responses=endpoint.style == "responses",
        reasons=endpoint.reasons,
        temperature_allowed=endpoint.temperature_allowed,
        max_output_tokens=endpoint.max_output_tokens,
        context_tokens=context_tokens,
        lacks=sorted(endpoint.lacks),
    )
