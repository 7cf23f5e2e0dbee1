"""Names that have the addresses that a test says; connections to any address come to this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import trio

from kandil.http import dialling

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


class Names(trio.abc.HostnameResolver):
    """A name server. Each look-up of a name takes the next of its answers, the last one for good."""

    def __init__(self, **answers: Iterable[str] | list[list[str]]) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        for name, addresses in answers.items():
            self.add(name.replace("_", "."), list(addresses))

    def add(self, name: str, *answers: Any) -> None:
        self.answers[name] = [list(answer) for answer in answers]

    async def getaddrinfo(  # noqa: PLR0917 (the interface's)
        self,
        host: bytes | str | None,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        self.asked.append(name)
        await trio.lowlevel.checkpoint()
        answers = self.answers.get(name)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


def simulated(monkeypatch: pytest.MonkeyPatch, names: Names, ports: dict[str, int]) -> list[str]:
    """From now on `names` are looked up, and a connection to an address of `ports` goes to that port of this machine.

    The list has the addresses that were connected to, in order. Addresses without a port refuse connections.
    """
    trio.socket.set_custom_hostname_resolver(names)
    opened = dialling._opened
    connected: list[str] = []

    async def rerouted(address: str, port: int) -> trio.socket.SocketType:
        connected.append(address)
        if address not in ports:
            raise ConnectionRefusedError(111, "Connection refused")
        return await opened("127.0.0.1", ports[address])

    monkeypatch.setattr(dialling, "_opened", rerouted)
    return connected
