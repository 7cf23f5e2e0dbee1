"""GPUs: which there are, and what keeps models from them."""

from __future__ import annotations

import grp
import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kandil.compat.report import gib
from kandil.registry.diagnosis.check import Probe, command, ok, unknown, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kandil.hardware import Gpu
    from kandil.registry.diagnosis.check import Answer, Found, Surroundings

_TITLES: Final = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}
_MENDS: Final = {
    "nvidia": "install NVIDIA's driver with its library (`nvidia-smi` must work); in a container, `--gpus all`",
    "amd": "load the driver amdgpu; in a container, `--device /dev/dri --device /dev/kfd`",
    "intel": "load the driver i915 or xe; in a container, `--device /dev/dri`",
    "apple": None,
}
_NVIDIA_LOADED: Final = "driver/nvidia/version"


async def gpus(around: Surroundings) -> Answer:
    hardware = await around.hardware()
    if hardware.gpus:
        return [ok(_described(gpu)) for gpu in hardware.gpus]
    unsure = [source.name for source in hardware.sources if source.name in _MENDS and source.state == "unknown"]
    if unsure:
        return unknown(f"none that can be used; {', '.join(unsure)} did not tell all")
    return ok("none: models run on the processor")


def _described(gpu: Gpu) -> str:
    text = gpu.name if gpu.instance is None else f"{gpu.name} (instance {gpu.instance})"
    if gpu.unified:
        text += ", with the machine's memory"
    elif gpu.total_bytes is not None:
        free = f", {gib(gpu.free_bytes)} free" if gpu.free_bytes is not None else ""
        text += f", {gib(gpu.total_bytes)}{free}"
    return text + (f", driver {gpu.driver}" if gpu.driver else "")


async def vendor(around: Surroundings, *, name: str) -> Answer:
    """What the vendor's source could not tell, and why."""
    source = next((one for one in (await around.hardware()).sources if one.name == name), None)
    if source is None:
        return ok("not on this system")
    if source.state != "unknown":
        return ok("found" if source.state == "found" else "there is none")
    return [warn(reason, _MENDS[name]) for reason in source.reasons]


def nodes(around: Surroundings) -> Iterator[Found]:
    """The files through which GPUs are used: there, and to be opened by this user."""
    dev = around.roots.dev
    found = list(_nodes(dev))
    if (around.roots.proc / _NVIDIA_LOADED).exists() and not any(node.name.startswith("nvidia") for node in found):
        yield warn(
            f"NVIDIA's driver is loaded, and {dev / 'nvidiactl'} is not there",
            "sudo nvidia-modprobe -u -c=0; in a container, `--gpus all`",
        )
    closed = [node for node in found if not os.access(node, os.R_OK | os.W_OK)]
    yield from (warn(f"{node} may not be used by this user", _opened(node)) for node in closed)
    if not closed:
        yield ok(f"this user may use {len(found)}" if found else f"{dev} has none")


def _nodes(dev: Path) -> Iterable[Path]:
    for folder, patterns in ((dev, ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "kfd")), (dev / "dri", ("renderD*",))):
        for pattern in patterns:
            yield from sorted(folder.glob(pattern))


def _opened(node: Path) -> str:
    status = os.stat(node)
    if not status.st_mode & stat.S_IWGRP or status.st_gid == 0:  # root's group is for root
        return command("sudo", "chmod", "a+rw", node)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:  # in a container, the group is the host's
        return f"start the container with --group-add {status.st_gid}"
    return f'sudo usermod -aG {group} "$USER", and log in again'


PROBES: Final = (
    Probe("KD-GPU-001", "GPUs", "Which GPUs models can use", gpus),
    *(
        Probe(f"KD-GPU-00{number}", title, f"{title}'s GPUs have their driver", partial(vendor, name=name))
        for number, (name, title) in enumerate(_TITLES.items(), 2)
    ),
    Probe("KD-GPU-006", "devices", "This user may open the GPUs' devices", nodes),
)
