"""Which layers there are, what each takes away, and which must be there.

`REQUIRED` ones are a part of every kernel and every container: without one, nothing is loaded unless weaker is allowed,
and then still never without system call filter and either Landlock or namespaces. The others are for the system to
grant (`OPTIONAL`): Ubuntu refuses namespaces to ordinary programs, containers refuse them to all, and a cgroup must be
delegated; each is used where it is granted, and reported where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping

ACTIVE = "active"

REQUIRED = {
    "no_new_privs": "no program can give more rights than there are",
    "capabilities": "none of root's rights",
    "landlock": "no file, no TCP port, no abstract socket, no signal outside",
    "rlimits": "memory, CPU time, descriptors; no file written, no process, no core dump",
    "seccomp": "some 40 system calls, and the rest ends the process",
}
OPTIONAL = {
    "namespaces": "an empty root, no network, no other process, nobody's user id",
    "cgroup": "memory and processes are counted by the kernel's own group",
}
LAYERS = {**REQUIRED, **OPTIONAL}


def absent(layers: Mapping[str, str]) -> dict[str, str]:
    """The layers that are not active, each with the reason."""
    return {name: state.removeprefix("absent: ") for name, state in layers.items() if state != ACTIVE}
