"""Hugging Face's hub: repositories of GGUF files, by its HTTP API.

Source: https://huggingface.co/docs/hub/api and ``src/huggingface_hub/hf_api.py`` of huggingface_hub (``model_info``,
``list_models``, ``list_repo_tree``).
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec
import trio

from kandil.discovery import quantization
from kandil.discovery.asking import HIDDEN
from kandil.discovery.names import is_safe, is_size
from kandil.discovery.offer import Offer
from kandil.discovery.reference import Hub, is_repository
from kandil.download import Remote
from kandil.errors import KandilError, OfferUnknown, OfferUnsafe, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.discovery.asking import Asker

NAME: Final = "Hugging Face"
KEY: Final = "huggingface"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAIN: Final = "main"
_MOST_FOUND: Final = 12
_NOT_SEEN: Final = "there is no such repository, or it is private, and needs a key: `kandil auth set huggingface`"


class _Large(msgspec.Struct):
    sha256: str | None = None
    oid: str | None = None
    size: int | None = None


class _File(msgspec.Struct):
    """`rfilename` in a repository's own description, `path` in its tree."""

    rfilename: str = ""
    path: str = ""
    type: str = "file"
    size: int | None = None
    lfs: _Large | None = None

    @property
    def name(self) -> str:
        return self.rfilename or self.path

    @property
    def sha256(self) -> str | None:
        digest = (self.lfs.sha256 or self.lfs.oid or "") if self.lfs else ""
        return digest if _DIGEST.fullmatch(digest) else None

    @property
    def size_bytes(self) -> int | None:
        return self.lfs.size if self.lfs and self.lfs.size is not None else self.size


class _Repository(msgspec.Struct, rename="camel"):
    id: str = ""
    sha: str | None = None
    last_modified: str | None = None
    downloads: int | None = None
    gated: bool | str = False
    tags: list[str] = []
    siblings: list[_File] = []

    @property
    def revision(self) -> str | None:
        """The commit; None, too, where that is said to be what is none."""
        return self.sha if self.sha and _COMMIT.fullmatch(self.sha) else None

    @property
    def license(self) -> str | None:
        return next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)


async def search(asker: Asker, query: str, found: list[Offer]) -> None:
    """Appends what the most downloaded repositories have whose names are like the query, each as soon as it is known.

    Raises: SourceRefused, ReplyUnreadable, NetworkError, NotCached; what came before is in `found`.
    """
    words = quote(query.replace(":", " "), safe="")  # as Ollama writes what is no part of the name here
    asked = f"search={words}&filter=gguf&sort=downloads&direction=-1&limit={_MOST_FOUND}&full=true"
    page = await asker.get(f"{asker.base_url(KEY)}/api/models?{asked}", name=NAME, key=KEY)
    listed = [one for one in page.decoded(list[_Repository], NAME) if is_repository(one.id)][:_MOST_FOUND]
    failures: list[KandilError] = []

    async def look(one: _Repository) -> None:
        try:
            found.extend(_offers(asker, await _repository(asker, Hub(repo=one.id))))
        except OfferUnsafe:
            return
        except KandilError as error:
            if isinstance(error, SourceRefused) and error.status in HIDDEN:
                return  # it has just gone, or it is not for everybody
            failures.append(error)
            with suppress(OfferUnsafe):
                found.extend(_offers(asker, one))  # as listed: as a rule without sizes and digests

    try:
        async with trio.open_nursery() as nursery:
            for one in listed:
                nursery.start_soon(look, one)
    finally:
        order = {one.id: at for at, one in enumerate(listed)}
        found.sort(key=lambda offer: order[_repo(offer)])
    if failures:
        raise failures[0]


async def offers_of(asker: Asker, reference: Hub) -> list[Offer]:
    """What the reference names: all that a repository has, or one file or quantisation of it.

    Raises: as `search`; OfferUnsafe; OfferUnknown, with what it has in its place.
    """
    try:
        described = await _repository(asker, reference)
    except SourceRefused as error:
        if error.status not in HIDDEN:
            raise
        missing = "it has no such revision" if error.header("x-error-code") == "RevisionNotFound" else _NOT_SEEN
        raise OfferUnknown(str(reference), missing) from None
    found = _offers(asker, described)
    if not found:
        raise OfferUnknown(str(reference), "there is no whole GGUF model in it")
    if reference.file is not None:
        named = [one for one in found if reference.file in {remote.name for remote in one.weights}]
    elif reference.quantization is not None:
        named = [one for one in found if one.quantization == reference.quantization.upper()]
    else:
        named = found
    if not named:
        what = "quantisation" if reference.quantization else "file"
        raise OfferUnknown(str(reference), f"it has no such {what}", _nearest(found, reference))
    return named


async def offer(asker: Asker, reference: Hub) -> Offer:
    """The one that the reference names; where it names no quantisation, the usual one.

    Raises: as `offers_of`.
    """
    found = await offers_of(asker, reference)
    if reference.file is None and reference.quantization is None:
        found = next((alike for usual in quantization.USUAL if (alike := _of(found, usual))), found[:1])
    if len(found) > 1:
        raise OfferUnknown(str(reference), "several of its files have this quantisation", _nearest(found, reference))
    return found[0]


def _repo(offer: Offer) -> str:
    return "/".join(offer.name.split("/")[:2])


def _of(offers: Sequence[Offer], quantization: str) -> list[Offer]:
    return [one for one in offers if one.quantization == quantization]


def _nearest(offers: Sequence[Offer], reference: Hub) -> tuple[str, ...]:
    """References to a few of them, those first that have as many bits as was asked for."""
    wanted = (reference.quantization or quantization.quantization(reference.file or "") or "").upper()
    ordered = sorted(offers, key=lambda one: not (one.quantization or "").startswith(wanted[:3]))
    return tuple(one.reference for one in ordered[:_MOST_FOUND])


async def _repository(asker: Asker, reference: Hub) -> _Repository:
    """With sizes and digests, which some servers give in its tree alone."""
    base = f"{asker.base_url(KEY)}/api/models/{reference.repo}"
    at = f"/revision/{quote(reference.revision, safe='')}" if reference.revision else ""
    page = await asker.get(f"{base}{at}?blobs=true", name=NAME, key=KEY)
    found = page.decoded(_Repository, NAME)
    found.id = reference.repo
    if (
        reference.revision
        and _COMMIT.fullmatch(reference.revision)
        and found.revision not in (None, reference.revision)
    ):
        raise OfferUnsafe(str(reference), f"it is answered with the commit {found.revision}")
    revision = found.revision or reference.revision or _MAIN
    models = [file for file in found.siblings if file.name.lower().endswith(".gguf")]
    if any(file.sha256 is None or file.size_bytes is None for file in models):
        tree = f"{base}/tree/{quote(revision, safe='')}?recursive=true"
        pages = await asker.pages(tree, name=NAME, key=KEY)
        files = [file for page in pages for file in page.decoded(list[_File], NAME)]
        found.siblings = [file for file in files if file.type == "file"]
    found.sha = revision
    return found


def _offers(asker: Asker, repository: _Repository) -> list[Offer]:
    """Of each model in it, the smallest first. Raises: OfferUnsafe."""
    files = {file.name: file for file in repository.siblings}
    projectors = quantization.projectors(files)
    found = []
    for parts in quantization.models(files):
        quant = quantization.quantization(parts[0])
        weights = tuple(_remote(asker, repository, files[part]) for part in parts)
        sizes = [one.size_bytes for one in weights]
        projector = projectors.get(parts[0].rpartition("/")[0]) or projectors.get("")
        exact = Hub(repo=repository.id, quantization=quant) if quant else Hub(repo=repository.id, file=parts[0])
        found.append(
            Offer(
                source="huggingface",
                reference=str(exact),
                name=f"{repository.id}/{quantization.stem(parts[0])}",
                host=urlsplit(asker.base_url(KEY)).netloc,
                weights=weights,
                others=(("projector", _remote(asker, repository, files[projector])),) if projector else (),
                quantization=quant,
                size_bytes=sum(size or 0 for size in sizes) if None not in sizes else None,
                sha256=weights[0].sha256 if len(weights) == 1 else None,
                revision=repository.sha,
                updated=repository.last_modified,
                license=repository.license,
                publisher=repository.id.partition("/")[0],
                downloads=repository.downloads,
                gated=bool(repository.gated),
            )
        )
    return sorted(_told_apart(found, repository.id), key=lambda one: (one.size_bytes or 0, one.name))


def _told_apart(offers: list[Offer], repo: str) -> list[Offer]:
    """Where several models have one quantisation, each is named by its file."""
    count = Counter(one.reference for one in offers)
    return [
        replace(one, reference=str(Hub(repo=repo, file=one.weights[0].name))) if count[one.reference] > 1 else one
        for one in offers
    ]


def _remote(asker: Asker, repository: _Repository, file: _File) -> Remote:
    if not is_safe(file.name):
        raise OfferUnsafe(f"hf:{repository.id}", f"a file in it is called {file.name!r}")
    if file.size_bytes is not None and not is_size(file.size_bytes):
        raise OfferUnsafe(f"hf:{repository.id}", f"{file.name} is said to have {file.size_bytes} bytes")
    base = asker.base_url(KEY)
    revision = repository.sha or _MAIN
    return Remote(
        url=f"{base}/{repository.id}/resolve/{quote(revision, safe='')}/{quote(file.name)}",
        name=file.name,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        digest_source=urlsplit(base).netloc if file.sha256 else None,
        revision=repository.sha,
        key_name=KEY,
    )
