"""All sources at once: what they have that is like a name, and exactly what one of them has."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import trio

from kandil import http
from kandil.discovery import catalogue, huggingface, ollama, ollama_registry
from kandil.discovery.asking import Asker
from kandil.discovery.merging import merged, ranked
from kandil.discovery.names import is_safe
from kandil.discovery.offer import SOURCES, Offer, Source
from kandil.discovery.reference import Hub, Reference, Tag, Url, parsed
from kandil.download import Remote
from kandil.errors import KandilError, OfferUnknown, OfferUnsafe, ReferenceWrong, SourceSlow
from kandil.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.hardware import Hardware
    from kandil.secret import Secret

DEADLINE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What all sources have, and which of them said nothing."""

    offers: tuple[Offer, ...]
    """The best first."""
    failures: tuple[tuple[Source, KandilError], ...] = ()
    age_seconds: float = 0.0
    """Of the oldest answer that was kept from before."""


async def search(
    query: str,
    settings: Config,
    *,
    sources: Sequence[Source] = SOURCES,
    keys: Keys | None = None,
    hardware: Hardware | None = None,
    offline: bool = False,
    refresh: bool = False,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Found:
    """What the sources have that is like `query`, merged by the identity of the weights, and ranked by name, by how it
    fits `hardware`, and by trust.

    A source that fails, or is slow, is in `failures`, and the others' offers are there.

    Raises: ReferenceWrong.
    """
    exact = _parsed(query)
    async with _opened(settings, offline=offline, refresh=refresh) as asker:
        asked = _asked(asker, query, exact, keys)
        offers: dict[Source, list[Offer]] = {}
        failures: list[tuple[Source, KandilError]] = []

        async def ask(source: Source, look: Callable[[], Awaitable[list[Offer]]]) -> None:
            with trio.move_on_after(deadline_seconds) as scope:
                try:
                    offers[source] = await look()
                except OfferUnknown as error:
                    if exact is not None:
                        failures.append((source, error))
                except KandilError as error:
                    failures.append((source, error))
            if scope.cancelled_caught:
                failures.append((source, SourceSlow(source, deadline_seconds)))

        async with trio.open_nursery() as nursery:
            for source in sources:
                if source in asked:
                    nursery.start_soon(ask, source, asked[source])
        age = asker.oldest_seconds
    found = merged([offer for source in SOURCES for offer in offers.get(source, [])])
    failures.sort(key=lambda one: SOURCES.index(one[0]))
    return Found(
        offers=tuple(ranked(found, query if exact is None else "", hardware)), failures=tuple(failures), age_seconds=age
    )


def _asked(
    asker: Asker, query: str, exact: Reference | None, keys: Keys | None
) -> dict[Source, Callable[[], Awaitable[list[Offer]]]]:
    """How each source that can know something is asked."""

    async def hub() -> list[Offer]:
        secret = await _secret(keys)
        if isinstance(exact, Hub):
            found = await huggingface.offers_of(asker, exact, secret)
            return [one for one in found if exact.quantization in (None, one.quantization)]
        return await huggingface.search(asker, query, secret)

    async def registry(tag: Tag) -> list[Offer]:
        return [await ollama_registry.offer(asker, tag)]

    async def here() -> list[Offer]:
        words = query.lower().split()
        return [one for one in await ollama.listed(asker) if all(word in one.name.lower() for word in words)]

    async def known() -> list[Offer]:
        return await trio.to_thread.run_sync(catalogue.search, query)

    if isinstance(exact, Hub):
        return {"huggingface": hub}
    if isinstance(exact, Tag):
        return {"ollama-registry": partial(registry, exact)}
    asked: dict[Source, Callable[[], Awaitable[list[Offer]]]] = {"catalogue": known, "ollama": here, "huggingface": hub}
    try:
        tag = parsed(f"ollama:{query.strip().lower()}")
    except ValueError:
        tag = None
    if isinstance(tag, Tag):
        asked["ollama-registry"] = partial(registry, tag)
    return asked


async def files_of(
    reference: str | Reference | Profile,
    settings: Config,
    *,
    keys: Keys | None = None,
    sha256: str | None = None,
    newest: bool = False,
    offline: bool = False,
    refresh: bool = False,
) -> Offer:
    """Exactly what the reference names, with every file's address, size and digest.

    Of a profile: what the catalogue has pinned, or with `newest` what its source has now. `sha256`: of a URL's file.

    Raises: ReferenceWrong, OfferUnknown, OfferUnsafe, SourceRefused, ReplyUnreadable, NetworkError, NotCached.
    """
    profile = reference if isinstance(reference, Profile) else None
    exact: Reference | None
    if profile is not None:
        exact = catalogue.reference(profile, newest=newest)
    else:
        exact = _parsed(reference) if isinstance(reference, str) else reference  # type: ignore[assignment]
    if exact is None:
        raise OfferUnknown(profile.id if profile else str(reference), "nobody says where its files are")
    async with _opened(settings, offline=offline, refresh=refresh) as asker:
        if isinstance(exact, Url):
            return _of_url(exact, sha256)
        if isinstance(exact, Tag):
            offer = await ollama_registry.offer(asker, exact)
        else:
            offer = await huggingface.offer(asker, exact, await _secret(keys))
    return offer if profile is None else _pinned(offer, profile, newest=newest)


def _pinned(offer: Offer, profile: Profile, *, newest: bool) -> Offer:
    """As the catalogue knows it. Raises: OfferUnsafe: what is there is not what the catalogue has."""
    weights = profile.weights
    known = weights.sha256 if weights else None
    same = known is not None and known == offer.sha256
    if weights and weights.revision and known and not newest and not same:
        raise OfferUnsafe(
            profile.id, f"its file has the digest {offer.sha256} at {offer.host}, and {known} in the catalogue"
        )
    return replace(offer, profile_id=profile.id, verified=same and catalogue.offered(profile).verified)


def _of_url(exact: Url, sha256: str | None) -> Offer:
    parts = urlsplit(exact.url)
    name = unquote(parts.path.rpartition("/")[2])
    if not is_safe(name) or not name.lower().endswith(".gguf"):
        raise OfferUnknown(exact.url, "it does not end in the name of a GGUF file")
    remote = Remote(
        url=exact.url, name=name, sha256=sha256, digest_source="--sha256" if sha256 else None, key_name=None
    )
    return Offer(source="url", reference=exact.url, name=name, host=parts.netloc, weights=(remote,), sha256=sha256)


def _parsed(text: str) -> Reference | None:
    try:
        return parsed(text.strip())
    except ValueError as error:
        raise ReferenceWrong(text, str(error)) from None


async def _secret(keys: Keys | None) -> Secret | None:
    """Hugging Face's, where one is kept. Without it, what is public is there all the same."""
    if keys is None:
        return None
    try:
        return await keys.find(huggingface.KEY)
    except KandilError:
        return None


@asynccontextmanager
async def _opened(settings: Config, *, offline: bool, refresh: bool) -> AsyncGenerator[Asker]:
    async with http.open_client() as client:
        yield Asker(client=client, settings=settings, offline=offline, refresh=refresh)
