"""What an assessment says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Basis = Literal["header", "profile", "size", "cloud"]
Verdict = Literal["fits", "pages", "blocked", "unknown"]


@dataclass(frozen=True, slots=True)
class Need:
    """Memory, in bytes."""

    weights_bytes: int = 0
    cache_bytes: int = 0
    """Keys, values and recurrent states."""
    compute_bytes: int = 0
    """An estimate: see `kandil.compat.compute`. By the coarse rule it stands for the cache too."""

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes + self.compute_bytes

    def __add__(self, other: Need) -> Need:
        return Need(
            self.weights_bytes + other.weights_bytes,
            self.cache_bytes + other.cache_bytes,
            self.compute_bytes + other.compute_bytes,
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What one GPU gets."""

    name: str
    layers: int
    """Whole layers, the output layer among them."""
    need: Need
    usable_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Whether a model fits a machine, and with how much context. Tokens and bytes; None is not known."""

    model: str
    basis: Basis
    """What the numbers are from: the file's header, the shape that a profile records, or the size of the file alone
    (memory is then 1.5 times that). A cloud model needs nothing here."""
    verdict: Verdict
    """``fits``: memory holds it all, with the reserve untouched. ``pages``: memory holds all but the weights, so that
    llama.cpp runs it from mapped files, but reads weights from the disk again for each token: a warning, and no fit.
    ``blocked``: see `reasons`. ``unknown``: how much memory is free, or how much it needs, is not known."""
    reasons: tuple[str, ...] = ()
    """Why it is blocked."""
    warnings: tuple[str, ...] = ()
    forced: bool = False
    """The caller goes on whatever the verdict is, which stays as it was."""
    context: int | None = None
    """That the needs are for."""
    trained_context: int | None = None
    largest_context: int | None = None
    """The most that fits, a multiple of 256 and never above the trained one (which may be less); 0 where none does."""
    key_type: str = "f16"
    value_type: str = "f16"
    ram: Need = field(default_factory=Need)
    vram: Need = field(default_factory=Need)
    """Of all GPUs together."""
    gpus: tuple[Share, ...] = ()
    layers: int | None = None
    """All that llama.cpp's ``n_gpu_layers`` counts: the model's and the output layer."""
    gpu_layers: int | None = None
    """The value for ``n_gpu_layers`` that the needs are for: so many of the last layers lie on GPUs."""
    ram_usable_bytes: int | None = None
    """What is free, less the reserve."""
    vram_usable_bytes: int = 0
    disk_needed_bytes: int = 0
    """What is still to be downloaded."""
    disk_free_bytes: int | None = None

    @property
    def fits(self) -> bool:
        return self.verdict == "fits"

    @property
    def blocked(self) -> bool:
        """It must not be started; False where the caller forces it."""
        return self.verdict == "blocked" and not self.forced


def gib(size_bytes: int) -> str:
    """`4.4 GiB`: memory is counted in powers of two."""
    return f"{size_bytes / (1 << 30):.1f} GiB"
