"""What is known of a model's needs, from the best source that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kandil.compat.architectures import UNMODELLED
from kandil.compat.cache import Cache, cache_of
from kandil.compat.shape import Numbers, Shape, ShapeUnusable, architecture_of, shape_of
from kandil.compat.weights import Weights, weights_like, weights_of
from kandil.profiles import Profile

if TYPE_CHECKING:
    from kandil._core import Header
    from kandil.compat.report import Basis


@dataclass(frozen=True, slots=True)
class Known:
    """Of the architecture, all or nothing: then the size remains, if that is known."""

    name: str
    basis: Basis
    size_bytes: int | None
    trained_context: int | None
    architecture: str = ""
    numbers: Numbers | None = None
    cache: Cache | None = None
    weights: Weights | None = None
    warnings: tuple[str, ...] = ()


def known(model: Profile | Header | Sequence[Header]) -> Known:
    """Of a profile, a file's header, or the headers of all of a model's files, the first first."""
    if isinstance(model, Profile):
        return _of_profile(model)
    return _of_headers(model if isinstance(model, Sequence) else (model,))


def coarser(found: Known, why: str) -> Known:
    """Its size alone, with the reason as a warning."""
    said = f"only the size of the file is used: {why}"
    return Known(
        found.name,
        "size",
        found.size_bytes,
        found.trained_context,
        found.architecture,
        warnings=(*found.warnings, said),
    )


def _of_headers(headers: Sequence[Header]) -> Known:
    if not headers:
        raise ValueError("a model has a file")
    first = headers[0]
    title = first.kept("general.name")
    architecture = architecture_of(first) or ""
    name = title if isinstance(title, str) and title else architecture or "unnamed"
    found = Known(name, "header", sum(header.file_size_bytes for header in headers), None, architecture)
    try:
        found = _with_shape(found, shape_of(first))
        assert found.numbers is not None
        weights = _weights_in(headers, found, found.numbers)
    except (OSError, ValueError) as error:
        return coarser(found, str(error))
    return replace(found, weights=weights)


def _weights_in(headers: Sequence[Header], found: Known, numbers: Numbers) -> Weights:
    """By the tensors, or where they were not kept, by the files' sizes. Raises ShapeUnusable."""
    if any(header.data_offset is None for header in headers):
        raise ShapeUnusable("it is broken")
    layers = numbers.one("block_count")
    if any(header.tensor_count and not header.tensors for header in headers):
        return weights_like(found.size_bytes or 0, numbers, layers, None)
    return weights_of(headers, found.architecture, numbers, layers)


def _of_profile(profile: Profile) -> Known:
    weights = profile.weights
    if weights is None:  # the profile is not local
        return Known(profile.id, "cloud", None, profile.context_window)
    size = weights.size_bytes
    found = Known(profile.id, "size", size, profile.context_window)
    if size is None:
        return found
    if not weights.size_exact:
        found = replace(found, warnings=("the size of the file is rounded",))
    if weights.shape is None or weights.architecture is None:
        return found
    found = replace(found, basis="profile", architecture=weights.architecture)
    try:
        found = _with_shape(found, weights.shape)
        assert found.numbers is not None
        layers = found.numbers.one("block_count")
        return replace(found, weights=weights_like(size, found.numbers, layers, weights.parameters))
    except ShapeUnusable as error:
        return coarser(found, str(error))


def _with_shape(found: Known, shape: Shape) -> Known:
    """Raises ShapeUnusable."""
    numbers = Numbers(shape)
    cache = cache_of(found.architecture, numbers)
    trained = [context for context in (numbers.one("context_length", 0), found.trained_context) if context]
    warnings = found.warnings
    if found.architecture in UNMODELLED:
        warnings += (f"how llama.cpp caches {found.architecture} is not known here: counted as full attention",)
    return replace(found, numbers=numbers, cache=cache, trained_context=min(trained, default=None), warnings=warnings)
