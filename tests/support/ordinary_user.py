"""Runs a command as an ordinary user, where the tests run as root.

Interpreter and packages may lie below a folder that is root's alone, such as its home: the command gets mounts of its
own, in which that folder is empty but for them. Nothing outside changes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

USER = 65_534


def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """What `command` did as user 65534, without groups or capabilities. Needs root."""
    kept = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, _source_folders())]
    script = ["set -eu", "shared=$(mktemp -d)", "mount -t tmpfs none $shared"]
    closed = {folder: [path for path in kept if folder in path.parents] for folder in _closed(kept)}
    for number, path in enumerate(path for paths in closed.values() for path in paths):
        script.append(f"mkdir $shared/{number}; mount --bind '{path}' $shared/{number}")
    script += [f"mount -t tmpfs -o mode=755 none '{folder}'" for folder in closed]
    for number, path in enumerate(path for paths in closed.values() for path in paths):
        script.append(f"mkdir -p '{path}'; mount --move $shared/{number} '{path}'")
    script.append(f'exec setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all "$@"')
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(script), "sh", *command],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def _source_folders() -> list[str]:
    import kandil

    return [str(Path(kandil.__file__).parent.parent)]


def _closed(paths: list[Path]) -> list[Path]:
    """The uppermost folders that others may not enter."""
    found = []
    for path in paths:
        closed = next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)
        if closed is not None and closed not in found:
            found.append(closed)
    return found
