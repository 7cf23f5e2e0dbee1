"""The sandbox of macOS: a profile for `sandbox-exec`, and resource limits.

Written after Apple's own profiles in /System/Library/Sandbox/Profiles; NOT TESTED, for want of a Mac. It is weaker
than on Linux: the profile holds from the start, so what Python and the runtime are made of can be read to the end.
Apple calls `sandbox-exec` deprecated, and has nothing else for programs that are not signed apps. macOS does not hold
processes to RLIMIT_AS, so that only the wall clock bounds memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from kandil.sandbox.layers import ACTIVE

_PROFILE = """(version 1)
(deny default)
(allow process-exec (literal {interpreter}))
(allow file-read-metadata)
(allow file-read* (literal "/") (subpath "/usr/lib") (subpath "/System/Library") (literal "/dev/null") {folders})
(allow file-map-executable (subpath "/usr/lib") (subpath "/System/Library") {folders})
(allow sysctl-read)
(deny network*)
(deny process-fork)
(deny file-write*)
"""


def command(interpreter: str, folders: Iterable[str]) -> list[str]:
    """What runs `interpreter` under the profile; it may read these folders."""
    readable = {os.path.realpath(folder) for folder in (*folders, sys.prefix, sys.base_prefix)}
    profile = _PROFILE.format(
        interpreter=_quoted(os.path.realpath(interpreter)),
        folders=" ".join(f"(subpath {_quoted(folder)})" for folder in sorted(readable)),
    )
    return ["/usr/bin/sandbox-exec", "-p", profile]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def enter(*, cpu_seconds: int, threads: bool, **_others: object) -> dict[str, str]:
    """The layers that hold this process, once its limits are set. The profile is tried, not believed.

    Raises: OSError where there is no profile around this process.
    """
    import resource  # noqa: PLC0415 (not on every system)

    limits = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        **({} if threads else {resource.RLIMIT_NPROC: 0}),
    }
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))
    try:
        os.close(os.open("/etc/passwd", os.O_RDONLY))
    except PermissionError:
        return {"sandbox-exec": ACTIVE, "rlimits": ACTIVE}
    raise OSError("sandbox-exec has put no profile around this process")
