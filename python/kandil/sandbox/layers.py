"""Which layers there are, what each takes away, and which must be there.

`REQUIRED` ones are a part of every kernel of these years, and containers let them be: without one, nothing is loaded
unless weaker is allowed, and then still never without the filter of system calls and either Landlock or namespaces.
`OPTIONAL` ones are for the system to grant: Ubuntu refuses namespaces to ordinary programs, containers to all, and a
cgroup must be delegated. Each is used where it is granted, and reported where it is not.
"""

from __future__ import annotations

ACTIVE = "active"

REQUIRED = {
    "no_new_privs": "rights that set-user-id programs give",
    "capabilities": "root's rights; root becomes nobody",
    "landlock": "opening files, TCP, abstract sockets, signals to others",
    "rlimits": "memory, CPU time, descriptors; writing files, new processes, core dumps",
    "seccomp": "all but some 50 system calls, and of those what is dangerous",
}
OPTIONAL = {
    "namespaces": "all files, the network, all other processes",
    "cgroup": "memory and processes beyond a bound, as one",
}
LAYERS = {**REQUIRED, **OPTIONAL}
