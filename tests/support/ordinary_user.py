"""Runs a command as an ordinary user, where the tests run as root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import kandil

USER = 65_534


def run(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What `command` did as user 65534, without groups or capabilities. Needs root.

    Interpreter and packages may lie below a folder that is root's alone, such as its home: the command gets mounts of
    its own, in which that folder is empty but for them. Nothing outside changes.
    """
    needed = dict.fromkeys([Path(sys.prefix), Path(sys.base_prefix), Path(kandil.__file__).parent.parent])
    kept = {path: _closed(path) for path in needed}
    hidden = [(number, path) for number, (path, closed) in enumerate(kept.items()) if closed is not None]
    script = ["set -eu", *(["mount -t tmpfs none /mnt"] if hidden else [])]
    script += [f"mkdir /mnt/{number}; mount --bind '{path}' /mnt/{number}" for number, path in hidden]
    script += [f"mount -t tmpfs -o mode=755 none '{closed}'" for closed in set(kept.values()) if closed is not None]
    script += [f"mkdir -p '{path}'; mount --move /mnt/{number} '{path}'" for number, path in hidden]
    script += [f'exec setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all --bounding-set=-all "$@"']
    own_mounts = ["unshare", "--mount"] if hidden else []
    return subprocess.run(
        [*own_mounts, "sh", "-c", "\n".join(script), "sh", *command],
        cwd="/",
        env=env or {"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def _closed(path: Path) -> Path | None:
    """The uppermost folder above that others may not enter."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)
