"""A device that models run on, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or one instance of a GPU that is divided (MIG). What is not known is None."""

    vendor: str
    """`nvidia`, `amd`, `intel` or `apple`."""
    name: str
    total_bytes: int | None = None
    free_bytes: int | None = None
    unified: bool = False
    """It has no memory of its own: `total` and `free` are the most that it may take of the machine's RAM."""
    index: int | None = None
    """The vendor's own numbering, from 0; of an instance: its GPU's."""
    uuid: str | None = None
    pci_address: str | None = None
    driver: str | None = None
    compute_capability: tuple[int, int] | None = None
    """CUDA's, as (8, 9)."""
    mig: bool | None = None
    """Whether it is divided, or can be (False); None where this GPU cannot."""
    instance: int | None = None
    """The number of the instance within its GPU; None where this is a whole one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one source knows: GPUs, and why there may be more, or more to say about these."""

    gpus: tuple[Gpu, ...] = ()
    problems: tuple[str, ...] = ()
