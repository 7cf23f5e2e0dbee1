"""Hugging Face's hub: repositories of GGUF files, by its HTTP API.

Source: https://huggingface.co/docs/hub/api and ``src/huggingface_hub/hf_api.py`` of huggingface_hub (``model_info``,
``list_models``, ``list_repo_tree``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec

from kandil.discovery import quantization
from kandil.discovery.names import is_safe
from kandil.discovery.offer import Offer
from kandil.discovery.reference import Hub
from kandil.download import Remote
from kandil.errors import OfferUnknown, OfferUnsafe, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kandil.discovery.asking import Asker
    from kandil.secret import Secret

NAME: Final = "Hugging Face"
KEY: Final = "huggingface"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MOST_FOUND: Final = 12
_DETAILED: Final = 4
"""Of so many repositories a search asks for sizes."""


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
        size = self.lfs.size if self.lfs and self.lfs.size is not None else self.size
        return size if size is not None and size >= 0 else None


class _Repository(msgspec.Struct, rename="camel"):
    id: str = ""
    sha: str | None = None
    last_modified: str | None = None
    downloads: int | None = None
    gated: bool | str = False
    tags: list[str] = []
    siblings: list[_File] = []

    @property
    def license(self) -> str | None:
        return next((tag.removeprefix("license:") for tag in self.tags if tag.startswith("license:")), None)


async def search(asker: Asker, query: str, secret: Secret | None) -> list[Offer]:
    """Repositories whose names are like the query; of the most downloaded ones every quantisation.

    Raises: SourceRefused, ReplyUnreadable, NetworkError, NotCached.
    """
    import trio  # noqa: PLC0415 - with the nursery alone

    asked = f"search={quote(query, safe='')}&filter=gguf&sort=downloads&direction=-1&limit={_MOST_FOUND}&full=true"
    page = await asker.get(f"{asker.base_url(KEY)}/api/models?{asked}", name=NAME, secret=secret)
    found = page.decoded(list[_Repository], NAME)
    offers: dict[str, list[Offer]] = {}

    async def look(repo: str) -> None:
        try:
            offers[repo] = list(_offers(asker, await _repository(asker, Hub(repo=repo), secret)))
        except SourceRefused:  # one that is private, or has just gone
            offers[repo] = []

    async with trio.open_nursery() as nursery:
        for one in found[:_DETAILED]:
            nursery.start_soon(look, one.id)
    for one in found[_DETAILED:]:
        offers[one.id] = list(_offers(asker, one))
    return [offer for one in found for offer in offers[one.id]]


async def offers_of(asker: Asker, reference: Hub, secret: Secret | None) -> list[Offer]:
    """All that a repository has. Raises: as `search`; OfferUnknown, OfferUnsafe."""
    return list(_offers(asker, await _described(asker, reference, secret)))


async def offer(asker: Asker, reference: Hub, secret: Secret | None) -> Offer:
    """What the reference names, with the address, size and digest of each file; without a quantisation the usual one.

    Raises: as `offers_of`.
    """
    described = await _described(asker, reference, secret)
    found = list(_offers(asker, described))
    if not found:
        raise OfferUnknown(str(reference), "there is no whole GGUF model in it")
    if reference.file is not None:
        for one in found:
            if reference.file in {remote.name for remote in one.weights}:
                return one
        raise OfferUnknown(str(reference), "it has no such file", _candidates(found))
    if reference.quantization is None:
        usual = {one.quantization: one for one in reversed(found)}
        return next((usual[name] for name in quantization.USUAL if name in usual), found[0])
    wanted = reference.quantization.upper()
    matching = [one for one in found if one.quantization == wanted]
    if len(matching) != 1:
        many = "several of its files have this quantisation" if matching else "it has no such quantisation"
        raise OfferUnknown(str(reference), many, _candidates(matching or found))
    return matching[0]


def _candidates(offers: Sequence[Offer]) -> tuple[str, ...]:
    return tuple(one.reference for one in offers[:12])


async def _described(asker: Asker, reference: Hub, secret: Secret | None) -> _Repository:
    try:
        return await _repository(asker, reference, secret)
    except SourceRefused as error:
        if error.status == 404 or (error.status == 401 and secret is None):  # noqa: PLR2004 - the hub hides what is private
            reason = "there is no such repository, or it is private: `kandil auth set huggingface` keeps a key"
            code = error.header("x-error-code")
            raise OfferUnknown(
                str(reference), "it has no such revision" if code == "RevisionNotFound" else reason
            ) from None
        raise


async def _repository(asker: Asker, reference: Hub, secret: Secret | None) -> _Repository:
    """With sizes and digests, which some servers give in its tree alone."""
    base = f"{asker.base_url(KEY)}/api/models/{reference.repo}"
    at = f"/revision/{quote(reference.revision, safe='')}" if reference.revision else ""
    page = await asker.get(f"{base}{at}?blobs=true", name=NAME, secret=secret)
    found = page.decoded(_Repository, NAME)
    models = [file for file in found.siblings if file.name.endswith(".gguf")]
    revision = found.sha or reference.revision or "main"
    if models and any(file.sha256 is None or file.size_bytes is None for file in models):
        tree = await asker.get(f"{base}/tree/{quote(revision, safe='')}?recursive=true", name=NAME, secret=secret)
        files = tree.decoded(list[_File], NAME)
        found.siblings = [file for file in files if file.type == "file"]
    found.id, found.sha = reference.repo, revision
    return found


def _offers(asker: Asker, repository: _Repository) -> Iterable[Offer]:
    """Of each model in it, the smallest first. Raises: OfferUnsafe."""
    files = {file.name: file for file in repository.siblings}
    projector = quantization.projector(files)
    found = []
    for stem, parts in quantization.models(files).items():
        quant = quantization.quantization(parts[0])
        weights = tuple(_remote(asker, repository, files[part]) for part in parts)
        sizes = [one.size_bytes for one in weights]
        exact = Hub(repo=repository.id, quantization=quant) if quant else Hub(repo=repository.id, file=parts[0])
        found.append(
            Offer(
                source="huggingface",
                reference=str(exact),
                name=f"{repository.id}/{stem}",
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
    return sorted(_told_apart(found), key=lambda one: (one.size_bytes or 0, one.name))


def _told_apart(offers: list[Offer]) -> list[Offer]:
    """Where several models have one quantisation, each is named by its file."""
    from dataclasses import replace  # noqa: PLC0415

    names = [one.reference for one in offers]
    return [
        replace(one, reference=str(Hub(repo=_repo(one), file=one.weights[0].name)))
        if names.count(one.reference) > 1
        else one
        for one in offers
    ]


def _repo(offer: Offer) -> str:
    return "/".join(offer.name.split("/")[:2])


def _remote(asker: Asker, repository: _Repository, file: _File) -> Remote:
    if not is_safe(file.name):
        raise OfferUnsafe(f"hf:{repository.id}", f"a file in it is called {file.name!r}")
    base = asker.base_url(KEY)
    revision = repository.sha or "main"
    return Remote(
        url=f"{base}/{repository.id}/resolve/{quote(revision, safe='')}/{quote(file.name)}",
        name=file.name,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        digest_source=urlsplit(base).netloc if file.sha256 else None,
        revision=repository.sha,
        key_name=KEY,
    )
