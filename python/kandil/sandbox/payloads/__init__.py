"""Attacks on the sandbox, each a few lines, each run in a child of its own. Linux only.

A payload gets the `Bait` that was laid out for it and returns whether it had its way. An OSError is a refusal that it
has seen; mostly it sees nothing any more. `probes` has the table; here is what table and child share.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

Control = Literal["anyone", "root", "system", "never"]
"""Who succeeds without a sandbox: anyone; root; those whom this system's settings let; nobody, since what holds it back
is the supervisor, and not a layer."""

SAY = """echo '{"report": {"succeeded": true}}'"""
"""What a shell is to run, to show that it ran."""

MODULES = ("files", "network", "processes", "memory", "escapes", "reports")


@dataclass(frozen=True, slots=True)
class Bait:
    """What is laid out for a payload, outside the sandbox."""

    fd: int
    """The model file, read-only."""
    folder: str
    """A folder with a file `secret`, a file `model` and an empty folder `empty`."""
    port: int = 0
    """TCP and UDP, on 127.0.0.1."""
    abstract: str = ""
    """The name of an abstract socket; one with a path is `folder/socket`."""
    supervisor: int = 0
    """The process that runs the probes, of the same user."""
    address: int = 0
    """Where that one keeps 16 bytes."""
    victim: int = 0
    """A process of the same user, which waits."""

    @property
    def secret(self) -> str:
        return f"{self.folder}/secret"


Payload = Callable[[Bait], bool]


@dataclass(frozen=True, slots=True)
class Probe:
    """One attack: `what` it tries, and who succeeds without a sandbox."""

    name: str
    what: str
    control: Control
    payload: Payload
    seconds: float
    """After which it is ended. What is to be ended by its CPU time has more than that on a busy machine."""
    number: int
    """Its place in the table."""

    def succeeds_without(self) -> bool | None:
        """Whether it has its way without a sandbox, for this process's user; None where that is this system's say."""
        if self.control == "system":
            return None
        return self.control == "anyone" or (self.control == "root" and os.geteuid() == 0)


PROBES: dict[str, Probe] = {}


def probe(what: str, control: Control = "anyone", *, seconds: float = 20) -> Callable[[Payload], Payload]:
    """Puts a payload into the table, under the name of its function."""

    def register(payload: Payload) -> Payload:
        name = payload.__name__.replace("_", "-")
        assert name not in PROBES, name
        PROBES[name] = Probe(name, what, control, payload, seconds, len(PROBES))
        return payload

    return register


def load() -> dict[str, Probe]:
    """The whole table."""
    for module in MODULES:
        import_module(f"kandil.sandbox.payloads.{module}")
    return PROBES


def prepare(task: dict[str, object], fd: int) -> Callable[[Callable[[str], None]], dict[str, object]]:
    """The work of a child: one probe. A work module's part."""
    bait = Bait(fd=fd, **task["bait"])  # type: ignore[arg-type]  # what `bait.Laid.task` wrote
    import_module(str(task["in"]))
    payload = PROBES[str(task["probe"])].payload

    def work(step: Callable[[str], None]) -> dict[str, object]:
        step("attack")
        try:
            return {"succeeded": payload(bait)}
        except OSError as error:
            return {"succeeded": False, "errno": error.errno or 0}

    return work
