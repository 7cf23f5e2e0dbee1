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
_NO_MODEL: Final = re.compile(r"(?:^|/)(?:mmproj|imatrix|[^/]*(?:imatrix|lora))[^/]*\.gguf$", re.IGNORECASE)
_PROJECTOR: Final = re.compile(r"(?:^|/)[^/]*mmproj[^/]*\.gguf$", re.IGNORECASE)
USUAL: Final = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0")
"""What is taken where nobody says: what most people run, then what is nearest to it."""


def quantization(file: str) -> str | None:
    """Of a file's name: the last that it names. ``F16`` for ``fp16``."""
    found = _QUANTIZATION.findall(file.removesuffix(".gguf"))
    return found[-1].upper().replace("FP", "F").replace("MXF4", "MXFP4").replace("NVF4", "NVFP4") if found else None


def models(files: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The GGUF files that are models, by what they are called without the number of a part; parts in order.

    What lacks a part is left out.
    """
    found: Mapping[str, dict[int, str]] = defaultdict(dict)
    counts: dict[str, int] = {}
    for file in files:
        if not file.lower().endswith(".gguf") or _NO_MODEL.search(file):
            continue
        part = _PART.search(file)
        stem = file[: part.start()] if part else file[: -len(".gguf")]
        number, count = (int(part[1]), int(part[2])) if part else (1, 1)
        found[stem][number] = file
        counts[stem] = count
    return {
        stem: tuple(parts[number] for number in sorted(parts))
        for stem, parts in found.items()
        if sorted(parts) == list(range(1, counts[stem] + 1))
    }


def projector(files: Iterable[str]) -> str | None:
    """What makes pictures into tokens for the models beside it: the one with 16 bits, where there are several."""
    found = sorted(file for file in files if _PROJECTOR.search(file))
    return next((file for file in found if "f16" in file.lower()), found[0] if found else None)
