"""Whether this system grants namespaces: containers and some distributions do not."""

from __future__ import annotations

import subprocess


def are_granted() -> bool:
    command = ["unshare", "--user", "--map-current-user", "--mount", "--net", "--pid", "--fork", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
