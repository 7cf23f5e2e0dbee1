"""A model of a submission: its provider's batches, opened, and how its rows are written for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import _core, completions, profiles, registry, serving
from kandil.batch import provider_batches, provider_dialects
from kandil.batch.provider_calls import ProviderCalls
from kandil.completions import Target
from kandil.errors import BatchesElsewhere, BatchesNotOffered
from kandil.resolver import Names

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil import http
    from kandil.batch.provider_batches import Offer, ProviderBatches
    from kandil.batch.submitted import Batch
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.profiles import Profile
    from kandil.providers import Endpoint


async def endpoint_of(model: Profile | Path, settings: Config, notice: Callable[[str], None]) -> tuple[Endpoint, Offer]:
    """Raises: BatchesNotOffered: among them files and servers on this machine."""
    if isinstance(model, Path):
        raise BatchesNotOffered("local")
    found = (await serving.place(model, settings, notice)).endpoint
    if found is None:
        raise BatchesNotOffered(model.provider)
    curated = profiles.provider(found.provider) is not None
    return found, provider_batches.offer(found.provider, found.protocol, curated=curated)


def requests_of(endpoint: Endpoint, offer: Offer) -> _core.BatchSubmission:
    """How its rows are written, and its results read."""
    return _core.BatchSubmission(
        offer.dialect,
        model=endpoint.model,
        responses=endpoint.style == "responses",
        reasons=endpoint.reasons,
        temperature_allowed=endpoint.temperature_allowed,
        max_output_tokens=endpoint.max_output_tokens,
        lacks=sorted(endpoint.lacks),
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A model's batches at its provider; `requests` writes its rows for them, and reads their results."""

    batches: ProviderBatches
    requests: _core.BatchSubmission


@dataclass(frozen=True, slots=True)
class Access:
    """To the providers of a submission, with their keys, for as long as the connections live."""

    connections: http.Client
    settings: Config
    keys: Keys
    notice: Callable[[str], None]

    async def opened(self, batch: Batch) -> Opened:
        """Raises: BatchesElsewhere: its model is answered elsewhere now; BatchesNotOffered, KeyMissing, and what
        keyrings fail with.
        """
        profile = Names(registry.profiles(), self.settings.aliases).resolve(batch.model).profile
        endpoint, offer = await endpoint_of(profile, self.settings, self.notice)
        if (endpoint.provider, endpoint.origin) != (batch.provider, batch.origin):
            raise BatchesElsewhere(batch.model, batch.origin, endpoint.origin)
        headers = {"accept": "application/json", **endpoint.headers}
        if endpoint.provider == "openai" and (organisation := await self.keys.organisation("openai")):
            headers["openai-organization"] = organisation
        calls = ProviderCalls(
            self.connections,
            endpoint,
            provider_batches.base_url(endpoint, offer.dialect),
            headers=headers,
            secret=await completions.secret_for(Target(model=batch.model, endpoint=endpoint), self.keys),
            notice=self.notice,
        )
        return Opened(provider_dialects.OF_DIALECT[offer.dialect](calls), requests_of(endpoint, offer))
