"""Machines as Linux shows them: the files of /proc, /sys and /dev that kandil reads, by path.

Their texts are of the shape that the kernel writes on such machines, shortened to what is read. What begins with `->`
is a symbolic link.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from kandil.hardware import Roots

Files = dict[str, str | bytes]
Machine = Callable[[], Files]

GIB = 1 << 30
_NO_LIMIT_V1 = str((1 << 63) - 4096)
_X86 = "fpu sse sse2 pni ssse3 fma sse4_1 sse4_2 avx f16c avx2 bmi1 bmi2 sha_ni"
_ZEN5 = f"{_X86} avx512f avx512bw avx512vl avx512_bf16 avx512_vnni avx_vnni"
_SAPPHIRE = f"{_X86} avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8"
_V2 = "31 24 0:27 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot"
_V1 = "{number} 25 0:{number} {root} /sys/fs/cgroup/{controllers} ro,nosuid - cgroup cgroup rw,{controllers}"
_PCI_IDS = """# a comment
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]
\t\t1002 0e3b  RX 7900 GRE
\t150e  Strix [Radeon 880M / 890M]
10de  NVIDIA Corporation
\t2684  AD102 [GeForce RTX 4090]
8086  Intel Corporation
\t46a6  Alder Lake-P GT2 [Iris Xe Graphics]
\t56a0  DG2 [Arc A770]
"""


def grown(folder: Path, files: Mapping[str, str | bytes]) -> Roots:
    """The files below the folder."""
    for path, value in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, str) and value.startswith("->"):
            place.symlink_to(value.removeprefix("->"))
        else:
            place.write_bytes(value if isinstance(value, bytes) else value.encode())
    return Roots(folder / "proc", folder / "sys", folder / "sys/fs/cgroup", folder / "dev", folder / "usr/share")


def laptop() -> Files:
    """An Intel laptop: 4 cores with two threads and 4 without, 16 GiB, a GPU within, logged in on a desktop."""
    scope = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope"
    threads = ["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7", "8", "9", "10", "11"]
    return {
        **_processor("12th Gen Intel(R) Core(TM) i5-1240P", _X86, threads),
        **_memory(total=16 * GIB, available=9 * GIB, swap=8 * GIB),
        **_version2(scope, {level: {"memory.max": "max", "memory.high": "max"} for level in _levels(scope)}),
        **_pci("0000:00:02.0", 0x8086, 0x46A6, 0x030000, "i915", card=1),
        **_pci("0000:00:1f.3", 0x8086, 0x51C8, 0x040100, "snd_hda_intel"),
        "usr/share/hwdata/pci.ids": _PCI_IDS,
    }


def workstation() -> Files:
    """An AMD workstation with two NVIDIA cards, each with a sound card of its own; the driver is loaded."""
    return {
        **_processor("AMD Ryzen Threadripper PRO 7965WX 24-Cores", _ZEN5, _pairs(24)),
        **_memory(total=256 * GIB, available=240 * GIB),
        **_version2("/user.slice/user-1000.slice/session-3.scope", {}),
        **_pci("0000:01:00.0", 0x10DE, 0x2684, 0x030000, "nvidia", card=0),
        **_pci("0000:01:00.1", 0x10DE, 0x22BA, 0x040300, "snd_hda_intel"),
        **_pci("0000:41:00.0", 0x10DE, 0x2684, 0x030000, "nvidia", card=1),
        "usr/share/misc/pci.ids": _PCI_IDS,
    }


def radeons() -> Files:
    """An APU with 64 GiB, of which it may map half, and a Radeon card of 24 GiB beside it."""
    card, apu = "sys/devices/pci0000:00/0000:03:00.0", "sys/devices/pci0000:00/0000:c5:00.0"
    return {
        **_processor("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", _ZEN5, _pairs(12)),
        **_memory(total=62 * GIB, available=50 * GIB),
        **_version2("/init.scope", {}),
        **_pci("0000:03:00.0", 0x1002, 0x744C, 0x030000, "amdgpu", card=0),
        **_pool(card, "vram", 24 * GIB, 1 * GIB),
        **_pool(card, "gtt", 31 * GIB, 16 << 20),
        f"{card}/gpu_metrics": struct.pack("<HBB", 120, 1, 3),
        f"{card}/unique_id": "5f1c2d3e4a5b6c7d",
        **_pci("0000:c5:00.0", 0x1002, 0x150E, 0x038000, "amdgpu", card=1),
        **_pool(apu, "vram", 512 << 20, 256 << 20),
        **_pool(apu, "gtt", 31 * GIB, 1 * GIB),
        f"{apu}/gpu_metrics": struct.pack("<HBB", 264, 3, 0),
        "usr/share/hwdata/pci.ids": _PCI_IDS,
    }


def docker() -> Files:
    """`docker run --memory 4g --cpus 1.5` with version 2: a namespace, whose root is the container's group."""
    return {
        **_processor("Intel(R) Xeon(R) Platinum 8481C", _SAPPHIRE, _pairs(8)),
        **_memory(total=64 * GIB, available=60 * GIB),
        **_version2("/", {"/": _held(limit=4 * GIB, current=3 * GIB, inactive=1 * GIB) | {"cpu.max": "150000 100000"}}),
    }


def kubernetes() -> Files:
    """A pod with version 1 and no namespace: the group that is named lies outside of what is mounted.

    The container has no limit of its own; its pod's, which cannot be seen, is 2 GiB.
    """
    group = "/kubepods/burstable/pod8d5b/3f1e"
    memory, cpu = "sys/fs/cgroup/memory", "sys/fs/cgroup/cpu,cpuacct"
    mounts = [_V1.format(number=40, root=group, controllers="memory")]
    mounts.append(_V1.format(number=41, root=group, controllers="cpu,cpuacct"))
    return {
        **_processor("Intel(R) Xeon(R) CPU @ 2.20GHz", _X86, _pairs(2)),
        **_memory(total=16 * GIB, available=12 * GIB),
        "proc/self/cgroup": f"11:memory:{group}\n4:cpu,cpuacct:{group}\n1:name=systemd:{group}\n",
        "proc/self/mountinfo": "\n".join(mounts),
        f"{memory}/memory.limit_in_bytes": _NO_LIMIT_V1,
        f"{memory}/memory.usage_in_bytes": str(900 << 20),
        f"{memory}/memory.stat": f"cache 5\nhierarchical_memory_limit {2 * GIB}\ntotal_inactive_file {400 << 20}\n",
        f"{cpu}/cpu.cfs_quota_us": "50000",
        f"{cpu}/cpu.cfs_period_us": "100000",
    }


def nested() -> Files:
    """A service with 8 GiB in a slice that has 6 GiB, of which a neighbour holds 3; above, `memory.high` is 5 GiB."""
    top, middle, service = _levels("/work.slice/work-llm.slice/llm.service")
    high: Files = {"memory.high": str(5 * GIB), "cpu.max": "200000 100000"}
    return {
        **_processor("AMD EPYC 9654 96-Core Processor", _ZEN5, _pairs(4)),
        **_memory(total=32 * GIB, available=30 * GIB),
        **_version2(
            service,
            {
                service: _held(limit=8 * GIB, current=1 * GIB, inactive=0),
                middle: _held(limit=6 * GIB, current=4 * GIB, inactive=GIB // 2),
                top: _held(limit=16 * GIB, current=4 * GIB, inactive=GIB // 2) | high,
            },
        ),
    }


def lxc() -> Files:
    """A container of LXC whose lxcfs shows it its 2 GiB and its 2 processors, of the host's 16."""
    return {
        **_processor("AMD EPYC 7302P 16-Core Processor", _X86, _pairs(8), online="4-5"),
        **_memory(total=2 * GIB, available=GIB + GIB // 2),
        **_version2("/init.scope", {"/": _held(limit=2 * GIB, current=GIB // 2, inactive=0), "/init.scope": {}}),
    }


def wsl() -> Files:
    """WSL 2: a GPU of Windows behind /dev/dxg, none on PCI."""
    return {
        **_processor("13th Gen Intel(R) Core(TM) i7-13700K", f"{_X86} hypervisor avx_vnni", _pairs(12)),
        **_memory(total=16 * GIB, available=15 * GIB, swap=4 * GIB),
        **_version2("/", {}),
        "dev/dxg": "",
        **_pci("5582:00:00.0", 0x1414, 0x008E, 0x030200, "dxgkrnl"),
    }


def arm_server() -> Files:
    """An Ampere Altra: one thread to a core, a model that is a number, an Arc card of Intel."""
    features = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
    card = "sys/devices/pci0000:00/000c:03:00.0/drm/card1"
    return {
        **_arm(80, features, "0xd0c"),
        **_memory(total=256 * GIB, available=250 * GIB),
        **_version2("/user.slice", {}),
        **_pci("000c:03:00.0", 0x8086, 0x56A0, 0x030000, "i915", card=1),
        f"{card}/lmem_total_bytes": str(16 * GIB),
        f"{card}/lmem_avail_bytes": str(15 * GIB),
    }


def broken() -> Files:
    """A card that fell off the bus, files of noise, a limit that is no number, a link to nowhere."""
    return {
        "proc/cpuinfo": b"\xff\xfe\x00model name\x00\n: : :\n",
        "proc/meminfo": "MemTotal: lots kB\n",
        "proc/self/cgroup": "0::/a\nnoise\n",
        "proc/self/mountinfo": _V2.format(root="/") + "\nshort - cgroup\n - \n\n",
        "sys/fs/cgroup/a/memory.max": "plenty",
        "sys/fs/cgroup/a/cpu.max": "1 0",
        "sys/bus/pci/devices/0000:04:00.0/vendor": b"\xff\xff",
        "sys/bus/pci/devices/0000:05:00.0": "->../../../devices/gone",
        "sys/class/drm/card0/device": "->../../../devices/gone",
        **_pci("0000:06:00.0", 0x1002, 0x744C, 0x030000, "amdgpu"),
        "sys/devices/pci0000:00/0000:06:00.0/mem_info_vram_total": "-1",
    }


def scope() -> Files:
    """`systemd-run --user --scope -p MemoryMax=3G`, pinned to two processors, and a third that is not plugged in."""
    unit = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1f.scope"
    levels: dict[str, Files] = {level: {"memory.max": "max"} for level in _levels(unit)}
    return {
        **_processor("AMD Ryzen 7 5800X 8-Core Processor", _X86, _pairs(8), allowed="0,8,100"),
        **_memory(total=32 * GIB, available=28 * GIB),
        **_version2(unit, levels | {unit: _held(limit=3 * GIB, current=256 << 20, inactive=56 << 20)}),
    }


def h100() -> Files:
    """A server with one H100, whose driver is loaded."""
    return {
        **_processor("Intel(R) Xeon(R) Platinum 8480+", _SAPPHIRE, _pairs(56)),
        **_memory(total=1024 * GIB, available=1000 * GIB),
        **_version2("/system.slice/ollama.service", {}),
        **_pci("0000:19:00.0", 0x10DE, 0x2330, 0x030200, "nvidia"),
    }


def jetson() -> Files:
    """A Jetson: no PCI, the GPU is on the chip."""
    return {
        **_arm(6, "fp asimd aes sha2 asimdhp asimddp", "0xd42"),
        **_memory(total=8 * GIB, available=6 * GIB),
        **_version2("/", {}),
        "sys/firmware/devicetree/base/compatible": b"nvidia,p3768-0000+p3767-0003\0nvidia,tegra234\0",
    }


EVERY = (laptop, workstation, radeons, docker, kubernetes, nested, lxc, wsl, arm_server, broken, scope, h100, jetson)


def _pairs(cores: int) -> list[str]:
    """For each thread, its core's: the second threads come after all the first."""
    return [f"{core},{core + cores}" for core in range(cores)] * 2


def _processor(model: str, flags: str, threads: list[str], online: str = "", allowed: str = "") -> Files:
    """`threads` has, for each, the list of those that share its core."""
    cores = {siblings: core for core, siblings in enumerate(dict.fromkeys(threads))}
    entries = [
        f"processor\t: {cpu}\nmodel name\t: {model}\nflags\t\t: {flags}\n"
        f"physical id\t: 0\ncore id\t\t: {cores[siblings]}\n"
        for cpu, siblings in enumerate(threads)
    ]
    listed = allowed or f"0-{len(threads) - 1}"
    return {
        "proc/cpuinfo": "\n".join(entries),
        "proc/self/status": f"Name:\tpython\nCpus_allowed:\tff\nCpus_allowed_list:\t{listed}\n",
        **_topology(threads, online),
    }


def _arm(cores: int, features: str, part: str) -> Files:
    entry = f"BogoMIPS\t: 50.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n"
    return {
        "proc/cpuinfo": "\n".join(f"processor\t: {cpu}\n{entry}" for cpu in range(cores)),
        **_topology([str(cpu) for cpu in range(cores)]),
    }


def _topology(threads: list[str], online: str = "") -> Files:
    folder = "sys/devices/system/cpu"
    files: Files = {f"{folder}/cpu{cpu}/topology/thread_siblings_list": f"{one}\n" for cpu, one in enumerate(threads)}
    return files | {f"{folder}/online": f"{online or f'0-{len(threads) - 1}'}\n"}


def _memory(*, total: int, available: int, swap: int = 0) -> Files:
    rows = {
        "MemTotal": total,
        "MemFree": available // 2,
        "MemAvailable": available,
        "SwapTotal": swap,
        "SwapFree": swap,
    }
    return {"proc/meminfo": "".join(f"{key + ':':<15} {size >> 10:>8} kB\n" for key, size in rows.items())}


def _levels(group: str) -> list[str]:
    parts = group.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _version2(group: str, levels: Mapping[str, Files]) -> Files:
    mount = "sys/fs/cgroup"
    files: Files = {
        f"{mount}{level.rstrip('/')}/{name}": value
        for level, values in levels.items()
        for name, value in values.items()
    }
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n{_V2.format(root='/')}\n",
        f"{mount}/cgroup.controllers": "cpuset cpu io memory pids\n",
        f"{mount}{group.rstrip('/')}/cgroup.procs": "1\n",
        **files,
    }


def _held(*, limit: int, current: int, inactive: int) -> Files:
    stat = f"anon 1\nfile 2\ninactive_anon 3\nactive_file 4\ninactive_file {inactive}\n"
    return {"memory.max": f"{limit}\n", "memory.high": "max\n", "memory.current": f"{current}\n", "memory.stat": stat}


def _pci(address: str, vendor: int, device: int, kind: int, driver: str, *, card: int | None = None) -> Files:
    folder = f"sys/devices/pci0000:00/{address}"
    files: Files = {
        f"sys/bus/pci/devices/{address}": f"->../../../devices/pci0000:00/{address}",
        f"{folder}/vendor": f"0x{vendor:04x}\n",
        f"{folder}/device": f"0x{device:04x}\n",
        f"{folder}/class": f"0x{kind:06x}\n",
        f"{folder}/driver": f"->../../../bus/pci/drivers/{driver}",
    }
    if card is None:
        return files
    return files | {
        f"{folder}/drm/card{card}/device": "->../..",
        f"{folder}/drm/renderD{128 + card}/dev": f"226:{128 + card}\n",
        f"sys/class/drm/card{card}": f"->../../devices/pci0000:00/{address}/drm/card{card}",
        f"sys/class/drm/card{card}-DP-1": f"->../../devices/pci0000:00/{address}/drm/card{card}",
    }


def _pool(folder: str, pool: str, total: int, used: int) -> Files:
    return {f"{folder}/mem_info_{pool}_total": f"{total}\n", f"{folder}/mem_info_{pool}_used": f"{used}\n"}
