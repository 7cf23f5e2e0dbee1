"""Which models this machine can run, the most capable first."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil.compat.assess import assess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.compat.assess import Types
    from kandil.compat.report import Report
    from kandil.hardware import Hardware
    from kandil.profiles import Profile

Task = Literal["chat", "code", "vision", "tools", "reasoning", "embedding"]
TASKS: Final[tuple[Task, ...]] = ("chat", "code", "vision", "tools", "reasoning", "embedding")
_CODE: Final = ("code", "coder", "codestral", "devstral", "deepswe", "sqlcoder", "-codex")
"""Parts of the names of models that were made for programs; the catalogue has no field for that."""
_UNTALKATIVE: Final = re.compile(r"[:-](base|text|code|completion)\b|guard|shieldgemma|nsql|ocr")
"""Parts of names that say: not tuned to answer, or made to answer one question."""
_USEFUL_CONTEXT: Final = 4096
"""A model that does not fit with so many tokens, or all that it was trained with, is not proposed."""
_ENOUGH_BITS: Final = 4.0
"""A weight. Below, a model loses more than a smaller one has less: the tables of llama.cpp's pull request 1684."""
_USUAL_BITS: Final = 4.8
"""Of Q4_K_M, for files whose number of parameters nobody gives."""
_SIZE: Final = re.compile(r"(?<![\d.a-z])e?(\d+(?:\.\d+)?)b(?![a-z])")
"""``7b``; ``e4b``: as capable as that."""
_SEPARATORS: Final = re.compile(r"[-_: ]")


@dataclass(frozen=True, slots=True)
class Fit:
    """A profile and what was found of it."""

    profile: Profile
    report: Report


def fits(
    profiles: Iterable[Profile],
    hardware: Hardware,
    *,
    task: Task = "chat",
    context: int | None = None,
    kv_type: Types = "f16",
    ram_bytes: int | None = None,
    vram_bytes: int | None = None,
    disk_bytes: int | None = None,
) -> list[Fit]:
    """The local profiles that are made for the task and fit, the most capable first.

    One for each model and size: the smallest with four bits a weight or more, if one fits. `context`: so many
    tokens must fit too.

    Capability is taken from size and age alone: a model counts as one of twice its parameters did a year before.
    That is a cautious reading of C. Xiao et al., "Densing Law of LLMs" (2024), where parameters for the same results
    halve every 3.3 months. It is a proposal, and no measurement.
    """
    best: dict[tuple[str, float], Fit] = {}
    for profile in profiles:
        if profile.local and profile.status != "retired" and suits(profile, task):
            report = assess(
                profile,
                hardware,
                context=context,
                kv_type=kv_type,
                ram_bytes=ram_bytes,
                vram_bytes=vram_bytes,
                disk_bytes=disk_bytes,
            )
            if report.fits and _is_useful(report, context):
                key = _family(profile)
                other = best.get(key)
                if other is None or _preference(profile) > _preference(other.profile):
                    best[key] = Fit(profile, report)
    return sorted(best.values(), key=lambda fit: (-_capability(fit.profile), fit.profile.id))


def suits(profile: Profile, task: Task) -> bool:
    """The profile says that it can do this."""
    if profile.kind != "chat" or task == "embedding":
        return task == profile.kind
    name = profile.id.lower()
    if _UNTALKATIVE.search(name.partition("@")[0]):
        return False
    can = {
        "code": any(part in name for part in _CODE),
        "vision": profile.supports_vision,
        "tools": profile.supports_tools,
        "reasoning": profile.supports_reasoning,
    }
    return can.get(task, True) is True


def _is_useful(report: Report, context: int | None) -> bool:
    least = context or min(_USEFUL_CONTEXT, report.trained_context or _USEFUL_CONTEXT)
    return report.largest_context is None or report.largest_context >= least


def _family(profile: Profile) -> tuple[str, float]:
    """The model, without size, quantisation, publisher and separators (``gemma-4`` is ``gemma4``), and its size."""
    name = profile.id.lower().partition("@")[0]
    size = _SIZE.search(name)
    name = name[: size.start()] if size else name.partition(":")[0]
    return _SEPARATORS.sub("", name.removeprefix("meta-")), round(_parameters(profile) / 1e9, 1)


def _parameters(profile: Profile) -> float:
    weights = profile.weights
    assert weights is not None
    if weights.parameters:
        return weights.parameters
    named = _SIZE.search(profile.id.lower())
    return float(named[1]) * 1e9 if named else (weights.size_bytes or 0) * 8 / _USUAL_BITS


def _preference(profile: Profile) -> tuple[bool, bool, float]:
    """Enough bits first; then a tag of Ollama's before a file; then, of those with enough, the fewest bits."""
    weights = profile.weights
    bits = 8 * (weights.size_bytes or 0) / max(_parameters(profile), 1) if weights else 0.0
    enough = bits >= _ENOUGH_BITS
    return enough, profile.source != "gguf", round(-bits if enough else bits, 1)


def _capability(profile: Profile) -> float:
    year, _, month = (profile.updated or "2023-01")[:7].partition("-")
    return math.log2(max(_parameters(profile), 1)) + int(year) + (int(month) - 1) / 12
