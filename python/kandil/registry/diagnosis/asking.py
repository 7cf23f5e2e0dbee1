"""All probes at once, each with its deadline and its own error."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, cast

import trio

from kandil.errors import KandilError
from kandil.registry.diagnosis import (
    configuration,
    disk,
    gpu,
    keys,
    library,
    machine,
    network,
    records,
    running,
    sandbox,
)
from kandil.registry.diagnosis.check import Check, Found, Probe, Surroundings, unknown
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.registry.diagnosis.check import Answer

SECTIONS: Final[Mapping[str, tuple[Probe, ...]]] = {
    "run": running.PROBES,
    "config": configuration.PROBES,
    "keys": keys.PROBES,
    "hardware": machine.PROBES,
    "gpu": gpu.PROBES,
    "disk": disk.PROBES,
    "library": library.PROBES,
    "records": records.PROBES,
    "sandbox": sandbox.PROBES,
    "network": network.PROBES,
}
ONLINE: Final = "network"
"""The section that asks others."""
DEADLINE_SECONDS: Final = 2.4
"""All probes run at once, so that this is for all of them, too."""


async def diagnose(
    sections: Iterable[str] = (), *, check: bool = False, around: Surroundings | None = None
) -> Sequence[Check]:
    """What is right and wrong with this machine and kandil's own files, in the order of `SECTIONS`. Nothing is changed.

    Without `sections`, all of them, ``network`` only with `check`: no other program is asked without it. No text has
    anything secret. It takes `DEADLINE_SECONDS` at the most, whatever hangs.

    Raises:
        KeyError: there is no such section.
    """
    asked = list(sections) or [name for name in SECTIONS if check or name != ONLINE]
    if unknown_ones := set(asked) - set(SECTIONS):
        raise KeyError(*sorted(unknown_ones))
    chosen = {name: probes for name, probes in SECTIONS.items() if name in asked}
    around = around or Surroundings()
    answers: dict[str, tuple[Found, ...]] = {}
    async with trio.open_nursery() as nursery:
        for name, probes in chosen.items():
            for probe in probes:
                if name == ONLINE and not check:
                    answers[probe.id] = (unknown("not checked without --check", "kandil doctor network --check"),)
                else:
                    nursery.start_soon(_ask, probe, around, answers)
    return [
        Check(probe.id, name, probe.name, one.state, _safe(one.text), _safe(one.mend) if one.mend else None)
        for name, probes in chosen.items()
        for probe in probes
        for one in answers[probe.id]
    ]


async def _ask(probe: Probe, around: Surroundings, answers: dict[str, tuple[Found, ...]]) -> None:
    with trio.move_on_after(DEADLINE_SECONDS) as deadline:
        try:
            if inspect.iscoroutinefunction(probe.ask):
                found = _every(await cast("Awaitable[Answer]", probe.ask(around)))
            else:
                found = await around.in_thread(lambda: _every(cast("Answer", probe.ask(around))))
        except Exception as error:  # noqa: BLE001 (one probe's failure, of whatever kind, is not the others')
            found = (unknown(_reason(error)),)
        answers[probe.id] = found
    if deadline.cancelled_caught:
        answers[probe.id] = (unknown(f"no answer within {DEADLINE_SECONDS:g} s"),)


def _every(answer: Answer) -> tuple[Found, ...]:
    return (answer,) if isinstance(answer, Found) else tuple(answer)


def _reason(error: Exception) -> str:
    """Only what is known to repeat nothing that stands in a file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, KandilError):
        return f"cannot be checked ({error.code})"
    return f"this check has failed: {type(error).__name__}"


def _safe(text: str) -> str:
    """The last guard: whatever looks like a key is not shown."""
    if not looks_like_key(text):
        return text
    return " ".join("****" if looks_like_key(word) else word for word in text.split(" "))
