"""How a model fits, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kandil.compat import Report

_MIB = 1 << 20
_GIB = 1 << 30


def human_bytes(size_bytes: int) -> str:
    """`4.4 GiB`, `44 MiB`, `255 KiB`: memory is counted in powers of two."""
    from kandil.compat.report import gib

    if round(size_bytes / _GIB, 1):
        return gib(size_bytes)
    return f"{size_bytes / _MIB:.0f} MiB" if size_bytes >= _MIB else f"{size_bytes / 1024:.0f} KiB"


def where(report: Report) -> str:
    """`GPU`, `CPU`, or how many layers the GPU takes."""
    if report.gpu_layers is None or report.layers is None:
        return "CPU" if not report.vram.total_bytes else "GPU"
    if report.gpu_layers == 0:
        return "CPU"
    return "GPU" if report.gpu_layers >= report.layers else f"GPU, {report.gpu_layers} of {report.layers} layers"


def verdict(report: Report) -> str:
    """One sentence: does it fit, with what."""
    basis = {
        "header": "by the file's header",
        "profile": "by its architecture's numbers",
        "size": "roughly, by 1.5 times the file",
        "cloud": "",
    }[report.basis]
    if report.basis == "cloud":
        return "it runs elsewhere"
    needed = report.ram.total_bytes + report.vram.total_bytes
    if report.verdict == "unknown" and not needed:
        return "nobody can say: the size of its file is not known"
    need = human_bytes(needed)
    tokens = f" with {report.context:,} tokens of context" if report.context else ""
    said = {
        "fits": f"fits on the {where(report)}: needs {need}{tokens}",
        "pages": f"runs, but slowly, as its weights are read from the disk for each token: needs {need}{tokens}",
        "blocked": f"does not fit: {'; '.join(report.reasons)}",
        "unknown": f"nobody can say: needs {need}{tokens}, and the free memory is not known",
    }[report.verdict]
    most = f"; at most {report.largest_context:,} tokens" if report.largest_context else ""
    return f"{said}{most} ({basis})"


def report_fields(report: Report) -> dict[str, Any]:
    """For JSON; sums beside the parts."""
    from dataclasses import asdict

    fields = asdict(report)
    for name, need in (("ram", report.ram), ("vram", report.vram)):
        fields[name]["total_bytes"] = need.total_bytes
    return {**fields, "fits": report.fits}
