"""What runs kandil: Python, the extension, the packages, the locale, the clock."""

from __future__ import annotations

import locale
import os
import re
import sys
import time
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Final

from kandil import _core, paths, profiles
from kandil.registry.diagnosis.check import Probe, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.registry.diagnosis.check import Found, Surroundings

_REINSTALL: Final = "pip install --force-reinstall kandil"
_REQUIREMENT: Final = re.compile(r"""([\w.-]+)(?:>=([\d.]+))?(?:\s*;.*extra\s*==\s*["']([\w-]+)["'])?""")
_VERSION: Final = re.compile(r"^Version: (\S+)", re.MULTILINE)
_DAY_SECONDS: Final = 86_400


def python(_: Surroundings) -> Found:
    return judged_python(sys.version_info[:3], sys.version_info.releaselevel, sys.maxsize)


def judged_python(version: tuple[int, ...], level: str, largest: int) -> Found:
    text = f"{sys.implementation.name} {'.'.join(map(str, version))} at {sys.executable}"
    if largest < 1 << 32:
        return fail(f"{text} has 32 bits, too few for files of models", "install kandil with a Python of 64 bits")
    if level != "final":
        return warn(f"{text} is a {level} release", "install kandil with a released Python")
    return ok(text)


def extension(_: Surroundings) -> Found:
    package, built = installed("kandil"), _core.__version__
    if package != built:
        return fail(f"the package is {package}, its compiled part {built}", _REINSTALL)
    return ok(f"kandil {built}")


def digests(_: Surroundings) -> Found:
    """`kernels` has a plan for each number of files that are read at once: the first is for one, the last for many."""
    one, many = (plan.rpartition("+")[2].rpartition("x")[0] for plan in (_core.kernels()[0], _core.kernels()[-1]))
    text = f"{one} for one file, {many} for many at once"
    if forced := os.environ.get("KANDIL_SHA256"):
        effect = (
            "which KANDIL_SHA256 asks for" if {one, many} == {forced} else "KANDIL_SHA256 names none of this machine's"
        )
        return warn(f"{text}; {effect}", "unset KANDIL_SHA256")
    if many == "portable":
        return warn(f"{text}: no instructions of this processor for it are known, and verification is slower")
    return ok(text)


def encoding(_: Surroundings) -> Found:
    name = locale.getpreferredencoding(do_setlocale=False).lower()
    terminal = os.environ.get("TERM") or "not set"
    text = f"{name}; TERM is {terminal}"
    if name.replace("-", "") != "utf8":
        return warn(f"{text}: names in other scripts are shown as escapes", "export LC_ALL=C.UTF-8")
    return ok(text)


def clock(_: Surroundings) -> Found:
    return judged_clock(time.time())


def judged_clock(now: float) -> Found:
    """Certificates and ages are judged by it. It cannot be before kandil's facts, nor before kandil's own files."""
    text = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    provider = profiles.provider("openai")
    known = datetime.fromisoformat(provider.date).replace(tzinfo=UTC).timestamp() if provider else 0
    mend = "set the clock, as by `sudo timedatectl set-ntp true`"
    if now < known - _DAY_SECONDS:
        return fail(f"{text} is before this kandil was made: every certificate will look wrong", mend)
    for file in (paths.config_file(), paths.ledger_file(), paths.models_dir()):
        try:
            written = file.stat().st_mtime
        except OSError:
            continue
        if written > now + _DAY_SECONDS:
            return warn(f"{text}, and {file} is of the future", mend)
    return ok(text)


def installed(package: str) -> str | None:
    """Its version; None where it is not installed."""
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    line = _VERSION.search(found.read_text("METADATA") or "")  # `found.version` reads the whole description for it
    return line[1] if line else found.version


@cache
def _requirements() -> tuple[tuple[str, str, str | None], ...]:
    """(package, least version, extra) for this system, as the installed kandil says."""
    found = []
    for one in metadata.requires("kandil") or ():
        platform = re.search(r"""sys_platform == ["'](\w+)["']""", one)
        match = _REQUIREMENT.match(one)
        if match and (platform is None or platform[1] == sys.platform):
            found.append((match[1], match[2] or "0", match[3]))
    return tuple(found)


def _lack(package: str, least: str) -> tuple[str | None, str | None]:
    """The installed version, and what is wrong with it."""
    version = installed(package)
    if version is None:
        return None, "is not installed"
    return version, f"{version} is older than {least}" if _numbers(version) < _numbers(least) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", version)[0]))


def packages(_: Surroundings) -> Iterator[Found]:
    lacks = [
        (name, lack) for name, least, extra in _requirements() if extra is None and (lack := _lack(name, least)[1])
    ]
    yield from (fail(f"{name} {lack}", f"pip install --upgrade kandil {name}") for name, lack in lacks)
    if not lacks:
        yield ok("all that kandil needs are installed")


def extras(_: Surroundings) -> Iterator[Found]:
    """An extra of which nothing is installed is not missed; one of which a part is lacking does not work."""
    by_extra: dict[str, list[tuple[str, str]]] = {}
    for package, least, extra in _requirements():
        if extra is not None:
            by_extra.setdefault(extra, []).append((package, least))
    for extra, wanted in by_extra.items():
        came = {package: _lack(package, least) for package, least in wanted}
        lacks = [f"{package} {lack}" for package, (_, lack) in came.items() if lack]
        if all(version is None for version, _ in came.values()):
            yield ok(f"{extra} ({', '.join(came)}) is not installed; `pip install 'kandil[{extra}]'` does it")
        elif lacks:
            yield warn(f"{extra}: {'; '.join(lacks)}", f"pip install --upgrade 'kandil[{extra}]'")
        else:
            yield ok(f"{extra}: " + ", ".join(f"{package} {version}" for package, (version, _) in came.items()))


PROBES: Final = (
    Probe("KD-RUN-001", "Python", "The Python that runs kandil: released, of 64 bits", python),
    Probe("KD-RUN-002", "kandil", "Package and compiled part are of one version", extension),
    Probe("KD-RUN-003", "SHA-256", "Which instructions of the processor digests are computed with", digests),
    Probe("KD-RUN-004", "encoding", "Names in every script can be shown", encoding),
    Probe("KD-RUN-005", "clock", "The time can be right: certificates are judged by it", clock),
    Probe("KD-RUN-006", "packages", "What kandil needs is installed, and new enough", packages),
    Probe("KD-RUN-007", "extras", "Optional packages are whole, and new enough", extras),
)
