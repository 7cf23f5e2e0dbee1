"""All sources at once: what they have that is like a name, and exactly what one of them has."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, unquote

import trio

from kandil import http
from kandil.discovery import catalogue, huggingface, ollama, ollama_registry, quantization
from kandil.discovery.asking import Asker
from kandil.discovery.merging import known, merged, of_each_repository, ranked
from kandil.discovery.names import is_safe
from kandil.discovery.offer import SOURCES, Offer, Source
from kandil.discovery.reference import Hub, Reference, Tag, Url, parsed
from kandil.download import Remote
from kandil.errors import KandilError, NotCached, OfferUnknown, OfferUnsafe, ReferenceWrong, SourceSlow
from kandil.http import urls
from kandil.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.hardware import Hardware

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
Look: TypeAlias = Callable[[list[Offer]], Awaitable[None]]
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
    fits `hardware`, and by trust. Of each repository there is one quantisation: the one to recommend.

    Of a reference: all that it may name. A source that fails, or is slower than the deadline, is in `failures`; what it
    said before that, and what the others say, is there.

    Raises: ReferenceWrong.
    """
    exact = _parsed(query)
    if isinstance(exact, Url):
        raise ReferenceWrong(query, "this names one file already: `kandil model add` takes it")
    offers: dict[Source, list[Offer]] = {source: [] for source in SOURCES}
    failures: list[tuple[Source, KandilError]] = []

    async def ask(source: Source, look: Look) -> None:
        with trio.move_on_after(deadline_seconds if exact is None else math.inf) as scope:
            try:
                await look(offers[source])
            except KandilError as error:
                failures.append((source, error))
        if scope.cancelled_caught:
            failures.append((source, SourceSlow(source, deadline_seconds)))

    async with _opened(settings, keys=keys, offline=offline, refresh=refresh) as asker:
        asked = _asked(asker, query, exact)
        async with trio.open_nursery() as nursery:
            for source in asked.keys() & set(sources):
                nursery.start_soon(ask, source, asked[source])
        age = asker.oldest_seconds
    found = await trio.to_thread.run_sync(
        _best, [one for each in offers.values() for one in each], query, exact, hardware
    )
    failures.sort(key=lambda one: SOURCES.index(one[0]))
    return Found(offers=tuple(found), failures=tuple(failures), age_seconds=age)


def _best(offers: list[Offer], query: str, exact: Reference | None, hardware: Hardware | None) -> list[Offer]:
    if exact is not None:
        return ranked(merged(offers), "", hardware)
    return of_each_repository(ranked(merged(offers), query, hardware))


def _asked(asker: Asker, query: str, exact: Reference | None) -> dict[Source, Look]:
    """How each source that can know something is asked: it appends what it has."""

    async def repository(found: list[Offer]) -> None:
        assert isinstance(exact, Hub)
        found += await huggingface.offers_of(asker, exact)

    async def tag(found: list[Offer]) -> None:
        assert isinstance(exact, Tag)
        found.append(await ollama_registry.offer(asker, exact))

    async def guessed(found: list[Offer]) -> None:
        """It has no search. A tag that is not there is no failure."""
        with suppress(ReferenceWrong, OfferUnknown, NotCached):
            named = _parsed("ollama:" + "-".join(query.lower().split()))
            if isinstance(named, Tag) and named.host is None:
                found.append(await ollama_registry.offer(asker, named))

    async def here(found: list[Offer]) -> None:
        words = query.lower().split()
        found += [one for one in await ollama.listed(asker) if all(word in one.name.lower() for word in words)]

    async def listed(found: list[Offer]) -> None:
        found += await trio.to_thread.run_sync(catalogue.search, query)

    if isinstance(exact, Hub):
        return {"huggingface": repository}
    if isinstance(exact, Tag):
        return {"ollama-registry": tag}
    return {
        "catalogue": listed,
        "ollama": here,
        "huggingface": partial(huggingface.search, asker, query),
        "ollama-registry": guessed,
    }


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

    Of a profile: what the catalogue has pinned, or with `newest` what its source has now. `sha256` is what its one file
    must have, whatever its source says.

    Raises: ReferenceWrong, OfferUnknown, OfferUnsafe, SourceRefused, ReplyUnreadable, NetworkError, NotCached.
    """
    if isinstance(reference, Profile):
        exact = catalogue.reference(reference, newest=newest)
    else:
        exact = _parsed(reference) if isinstance(reference, str) else reference
    if exact is None:
        named = reference.id if isinstance(reference, Profile) else str(reference)
        raise OfferUnknown(named, "nobody says where its files are")
    async with _opened(settings, keys=keys, offline=offline, refresh=refresh) as asker:
        if isinstance(exact, Url):
            offer = _of_url(exact)
        elif isinstance(exact, Tag):
            offer = await ollama_registry.offer(asker, exact)
        else:
            offer = await huggingface.offer(asker, exact)
    if isinstance(reference, Profile):
        return _pinned(offer, reference, newest=newest)
    if sha256 is not None:
        offer = _expected(offer, sha256.lower(), "--sha256")
    return await trio.to_thread.run_sync(known, offer)


def _pinned(offer: Offer, profile: Profile, *, newest: bool) -> Offer:
    """As the catalogue knows it. A source that has gone on since is followed, unless the catalogue has a revision.

    Raises: OfferUnsafe: it has another file of that revision.
    """
    weights = profile.weights
    known = weights.sha256 if weights and len(offer.weights) == 1 else None
    if known and not newest and (offer.sha256 is None or (weights and weights.revision)):
        offer = _expected(offer, known, "kandil's catalogue")
    same = known is not None and known == offer.sha256
    return replace(offer, profile_id=profile.id, verified=same and catalogue.offered(profile).verified)


def _expected(offer: Offer, sha256: str, source: str) -> Offer:
    """With the digest that its one file must have, by another word than its source's.

    Raises: ReferenceWrong: no file can have it. OfferUnsafe: its source says otherwise.
    """
    if len(offer.weights) != 1 or not _DIGEST.fullmatch(sha256):
        why = f"it has {len(offer.weights)} files" if _DIGEST.fullmatch(sha256) else "a SHA-256 has 64 hex digits"
        raise ReferenceWrong(offer.reference, f"{source} gives one digest of one file, and {why}")
    (remote,) = offer.weights
    if remote.sha256 not in (None, sha256):
        said = f"its digest is {remote.sha256} by {remote.digest_source}, and {sha256} by {source}"
        raise OfferUnsafe(offer.reference, said)
    return replace(offer, weights=(replace(remote, sha256=sha256, digest_source=source),), sha256=sha256)


def _of_url(exact: Url) -> Offer:
    """All its parts, where it is one of several."""
    url = urls.parse(exact.url)
    path, mark, query = url.target.partition("?")
    folder, _, name = path.rpartition("/")
    name = unquote(name)
    if not is_safe(name) or not name.lower().endswith(".gguf"):
        raise OfferUnknown(exact.url, "it does not end in the name of a GGUF file")
    try:
        parts = quantization.parts(name)
    except ValueError as error:
        raise OfferUnknown(exact.url, str(error)) from None
    weights = tuple(Remote(url=f"{url.origin}{folder}/{quote(part)}{mark}{query}", name=part) for part in parts)
    return Offer(
        source="url",
        reference=exact.url,
        name=name,
        host=url.origin.partition("://")[2],
        weights=weights,
        quantization=quantization.quantization(name),
    )


def _parsed(text: str) -> Reference | None:
    try:
        return parsed(text.strip())
    except ValueError as error:
        raise ReferenceWrong(text, str(error)) from None


@asynccontextmanager
async def _opened(settings: Config, *, keys: Keys | None, offline: bool, refresh: bool) -> AsyncGenerator[Asker]:
    async with http.open_client() as client:
        yield Asker(client=client, settings=settings, keys=keys, offline=offline, refresh=refresh)
