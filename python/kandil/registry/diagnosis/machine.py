"""Processor and memory, as this process may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kandil.compat.report import gib
from kandil.registry.diagnosis.check import Probe, ok, unknown, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.hardware import Cpu
    from kandil.registry.diagnosis.check import Found, Surroundings

_FAST: Final = {"avx2", "fma", "f16c"}
"""What llama.cpp's fast paths for x86 need at the least (ggml/src/ggml-cpu/arch/x86)."""
_ARM_FAST: Final = {"dotprod"}
"""And for arm64 (ggml/src/ggml-cpu/arch/arm)."""
_LITTLE_BYTES: Final = 2 << 30
"""A model of 1.5 billion parameters in 4 bits needs as much."""
_GPU_SOURCES: Final = ("nvidia", "amd", "intel", "apple")


async def processor(around: Surroundings) -> Found:
    cpu = (await around.hardware()).cpu
    if cpu is None:
        return unknown("the processor is not known: KD-HW-005 says why")
    text = f"{cpu.model or 'a processor without a name'}, {_cores(cpu)}"
    if cpu.usable_cores < cpu.logical_cores:
        who = "the control group's quota" if cpu.usable_cores < cpu.allowed_cores else "its affinity"
        text += f", of which {who} leaves this process {cpu.usable_cores}"
    return ok(text)


def _cores(cpu: Cpu) -> str:
    return f"{cpu.logical_cores} logical cores" + (f", {cpu.physical_cores} physical" if cpu.physical_cores else "")


async def features(around: Surroundings) -> Found:
    cpu = (await around.hardware()).cpu
    if cpu is None or not cpu.features:
        return unknown("what the processor can do is not known")
    arm = "neon" in cpu.features
    missing = (_ARM_FAST if arm else _FAST) - cpu.features
    if missing:
        lacks = ", ".join(sorted(missing))
        return warn(
            f"without {lacks}: models run slower here", "in a virtual machine, pass the host's processor through"
        )
    return ok(", ".join(sorted(cpu.features)))


async def memory(around: Surroundings) -> Found:
    ram = (await around.hardware()).memory
    if ram is None:
        return unknown("the memory is not known: KD-HW-005 says why")
    if ram.limited_by is not None and ram.total_bytes < ram.host_total_bytes:
        text = f"{gib(ram.total_bytes)} of the machine's {gib(ram.host_total_bytes)}: a control group allows no more"
        return warn(text, f"if models need more, raise the limit of {ram.limited_by} (`docker run --memory`)")
    return ok(gib(ram.total_bytes))


async def available(around: Surroundings) -> Found:
    ram = (await around.hardware()).memory
    if ram is None:
        return unknown("the memory is not known: KD-HW-005 says why")
    text = f"{gib(ram.available_bytes)} of {gib(ram.total_bytes)} can be had now"
    if ram.available_bytes < _LITTLE_BYTES:
        return warn(f"{text}: too little for most models", "end programs that need much memory")
    return ok(text)


async def sources(around: Surroundings) -> Iterable[Found]:
    asked = [source for source in (await around.hardware()).sources if source.name not in _GPU_SOURCES]
    wrong = [
        unknown(f"{source.name}: {reason}")
        for source in asked
        if source.state == "unknown"
        for reason in source.reasons
    ]
    return wrong or [ok(f"all that were asked have told: {', '.join(source.name for source in asked)}")]


PROBES: Final = (
    Probe("KD-HW-001", "processor", "Which processor this is, and how much of it this process may use", processor),
    Probe("KD-HW-002", "instructions", "The processor has what fast paths of llama.cpp need", features),
    Probe("KD-HW-003", "memory", "No control group leaves less memory than the machine has", memory),
    Probe("KD-HW-004", "free memory", "Enough memory is free for a small model", available),
    Probe("KD-HW-005", "sources", "The system tells all that kandil asks of processor, memory and disk", sources),
)
