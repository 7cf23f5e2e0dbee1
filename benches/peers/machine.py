"""What a figure depends on: the processor, the system, the load, the versions of all that was measured."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

LOUD_LOAD = 0.5
FLAGS = ("sha_ni", "avx2", "avx512f", "avx512vl", "avx512bw", "sha2", "asimd")
PACKAGES = ("kandil", "huggingface_hub", "gguf", "gguf-parser", "gguf-inspect", "xllamacpp")


def facts() -> dict[str, Any]:
    """Everything about this machine that a record keeps."""
    from kandil import _core

    model, flags = _processor()
    return {
        "cpu": model,
        "cpus": usable_cpus(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "virtual": "hypervisor" in flags,
        "kernels": _core.kernels(),
        "KANDIL_SHA256": os.environ.get("KANDIL_SHA256", ""),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "memory_bytes": _memory("MemTotal"),
        "load": load(),
        "versions": _versions(),
    }


def usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_sha_instructions() -> bool:
    return bool({"sha_ni", "sha2"} & _processor()[1])


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def warn_if_loaded() -> None:
    """A loaded machine is said aloud: what is measured on it is noise."""
    if (now := load()) > LOUD_LOAD:
        bar = "!" * 88
        print(f"{bar}\n!! LOAD {now:.2f}: something else is running here. These figures are NOISE.\n{bar}", flush=True)


def available_memory_bytes() -> int:
    return _memory("MemAvailable")


def describe(known: dict[str, Any]) -> list[str]:
    """The facts, as lines of Markdown."""
    virtual = ", virtual" if known["virtual"] else ""
    return [
        f"- CPU: {known['cpu']}, {known['cpus']} usable{virtual}; {' '.join(known['flags'])}",
        f"- kandil's kernels for 1, 2, … files: {', '.join(known['kernels'])}",
        f"- System: {known['system']}, Python {known['python']}, {known['memory_bytes'] / 2**30:.1f} GiB of memory",
        f"- Load average at the start: {known['load']:.2f}",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in known["versions"].items()),
    ]


def _processor() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(re.findall(r"^([^\t:]+)\s*: (.*)$", text.partition("\n\n")[0], re.MULTILINE))
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    family = f" (family {fields['cpu family']}, model {fields['model']})" if "cpu family" in fields else ""
    return fields.get("model name", platform.machine()) + family, flags


def _memory(field: str) -> int:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _versions() -> dict[str, str]:
    found = {}
    for name, argv in {
        "sha256sum": ("sha256sum", "--version"),
        "openssl": ("openssl", "version"),
        "node": ("node", "--version"),
        "rustc": ("rustc", "--version"),
    }.items():
        if shutil.which(argv[0]):
            out = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
            number = re.search(r"\d+(\.\d+)+", out)
            found[name] = number[0] if number else "?"
        else:
            found[name] = "missing"
    node = json.loads((Path(__file__).parent / "node" / "package.json").read_text())
    found |= node["dependencies"]
    if library := os.environ.get("ISAL_CRYPTO_LIB"):
        found["isa-l_crypto"] = Path(library).resolve().name
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
