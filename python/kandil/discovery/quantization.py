"""Which files of a repository are one model: its quantisation, its parts, and what goes with them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_QUANTIZATION: Final = re.compile(
    r"(?:^|[-._/])((?:UD-)?(?:I?Q[1-8](?:_[A-Z0-9]+)*|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32))(?=[-._/]|$)",
    re.IGNORECASE,
)
"""As llama.cpp names types of files (``llama_ftype``), and with the prefix of Unsloth's."""
_PART: Final = re.compile(r"-([0-9]{5})-of-([0-9]{5})\.gguf$", re.IGNORECASE)
_NO_MODEL: Final = re.compile(r"(?<![a-z])(?:mmproj|imatrix|lora)(?![a-z])[^/]*\.gguf$", re.IGNORECASE)
_PROJECTOR: Final = re.compile(r"(?<![a-z])mmproj(?![a-z])[^/]*\.gguf$", re.IGNORECASE)
MOST_PARTS: Final = 1000
USUAL: Final = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0")
"""What is taken where nobody says: what most people run, then what is nearest to it."""


def quantization(file: str) -> str | None:
    """Of a file's name: the last that it names. ``F16`` for ``fp16``."""
    found = _QUANTIZATION.findall(file)
    return re.sub(r"^FP(?=\d)", "F", found[-1].upper()) if found else None


def stem(file: str) -> str:
    """What a model is called, without the number of a part."""
    return _PART.sub("", file) if _PART.search(file) else file[: -len(".gguf")]


def models(files: Iterable[str]) -> list[tuple[str, ...]]:
    """Of the GGUF files those that are models, each with all its parts in order. What lacks a part is left out."""
    found: Mapping[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for file in files:
        if not file.lower().endswith(".gguf") or _NO_MODEL.search(file):
            continue
        part = _PART.search(file)
        number, count = (int(part[1]), int(part[2])) if part else (0, 0)
        found[stem(file), count][number] = file
    return [
        tuple(parts[number] for number in sorted(parts))
        for (_, count), parts in found.items()
        if count == 0 or (len(parts) == count == max(parts) and min(parts) == 1)
    ]


def parts(file: str) -> tuple[str, ...]:
    """The names of all parts of the model that `file` is one part of: itself, where it is whole.

    Raises: ValueError: there is no such part, or there are too many.
    """
    part = _PART.search(file)
    if part is None:
        return (file,)
    number, count = int(part[1]), int(part[2])
    if not 1 <= number <= count <= MOST_PARTS:
        raise ValueError(f"{file} is no part of a model")
    return tuple(f"{stem(file)}-{at:05}-of-{count:05}{part[0][-len('.gguf') :]}" for at in range(1, count + 1))


def projectors(files: Iterable[str]) -> dict[str, str]:
    """What makes pictures into tokens for the models beside it, by folder; the one with 16 bits, of several."""
    found: dict[str, str] = {}
    for file in sorted(filter(_PROJECTOR.search, files)):
        folder = file.rpartition("/")[0]
        if folder not in found or (quantization(file) == "F16" != quantization(found[folder])):
            found[folder] = file
    return found
