"""From a name to an address: every answer of the name server is checked, and none is asked for twice."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from kandil import http
from kandil.errors import AddressRefused, ConnectionRefused, ConnectTimeout, HostNotFound, NoRoute
from kandil.http import dialling
from tests.support.servers.certificates import server_context, trusted
from tests.support.servers.names import Names, simulated
from tests.support.servers.raw import reply, serving

if TYPE_CHECKING:
    from pathlib import Path


async def _refused(url: str) -> AddressRefused:
    with pytest.raises(AddressRefused) as refused:
        async with http.open_client() as client, client.send("GET", url):
            pass
    return refused.value


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "0.0.0.0", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254",
     "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:127.0.0.1", "224.0.0.1"],
)  # fmt: skip
async def test_a_name_that_leads_where_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    names = Names()
    names.add("bad.example", [address])
    connected = simulated(monkeypatch, names, {})
    error = await _refused("https://bad.example/")
    assert (error.host, error.address, connected) == ("bad.example", address, [])


async def test_of_several_addresses_only_the_harmless_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    names.add("mixed.example", ["fe80::1", "169.254.169.254", "93.184.216.34"])
    connected = simulated(monkeypatch, names, {})
    with pytest.raises(ConnectionRefused):
        async with http.open_client() as client, client.send("GET", "https://mixed.example/"):
            pass
    assert connected == ["93.184.216.34"]


async def test_a_name_is_looked_up_once_for_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second answer of a name server that changes its mind is never asked for."""
    names = Names()
    names.add("rebinding.example", ["93.184.216.34"], ["169.254.169.254"])
    context = server_context(trusted(monkeypatch, tmp_path), "rebinding.example")
    async with serving(reply(), context) as server, http.open_client() as client:
        connected = simulated(monkeypatch, names, {"93.184.216.34": server.port})
        async with client.send("GET", "https://rebinding.example/") as response:
            assert response.timing.dns_seconds is not None
            assert response.timing.tls_seconds is not None
            await response.read(10)
    assert names.asked == ["rebinding.example"]
    assert connected == ["93.184.216.34"]
    error = await _refused("https://rebinding.example/")
    assert error.address == "169.254.169.254"


@pytest.mark.parametrize("addresses", [["93.184.216.34"], ["127.0.0.1", "93.184.216.34"], ["10.0.0.1"]])
async def test_localhost_that_is_elsewhere(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    names = Names()
    names.add("localhost", addresses)
    connected = simulated(monkeypatch, names, {})
    assert "this machine" in (await _refused("http://localhost:8080/")).reason
    assert connected == []


async def test_localhost_by_both_families() -> None:
    async with serving(reply()) as server, http.open_client() as client:
        names = Names()
        names.add("localhost", ["::1", "127.0.0.1"])  # the server listens at the second alone
        trio.socket.set_custom_hostname_resolver(names)
        async with client.send("GET", f"http://localhost:{server.port}/") as response:
            assert await response.read(10) == b"hello"


async def test_a_slow_first_address_does_not_hold_up_the_second(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    tried: list[tuple[str, float]] = []
    opened = dialling._opened

    async def slow(address: str, port: int) -> trio.socket.SocketType:
        tried.append((address, trio.current_time()))
        if address == "127.0.0.2":
            await trio.sleep_forever()
        return await opened(address, port)

    monkeypatch.setattr(dialling, "_opened", slow)
    async with serving(reply()) as server:
        started = trio.current_time()
        stream, address = await dialling.connect("x.example", ["127.0.0.2", "127.0.0.1"], server.port)
        await stream.aclose()
    assert address == "127.0.0.1"
    assert [(at, round(when - started, 3)) for at, when in tried] == [("127.0.0.2", 0), ("127.0.0.1", 0.25)]


@pytest.mark.parametrize(
    ("raised", "reason", "temporary"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such name", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "temporary failure", True),
        (socket.gaierror(socket.EAI_FAIL, None), "no answer", True),
        (UnicodeError("label too long"), "no such name", False),
    ],
)
async def test_a_name_without_an_address(raised: Exception, reason: str, *, temporary: bool) -> None:
    class Failing(Names):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            raise raised

    trio.socket.set_custom_hostname_resolver(Failing())
    with pytest.raises(HostNotFound) as missing:
        async with http.open_client() as client, client.send("GET", "https://nowhere.example/"):
            pass
    assert missing.value.temporary is temporary
    assert reason in missing.value.reason
    assert missing.value.host == "nowhere.example"


async def test_a_name_server_that_never_answers(autojump_clock: trio.testing.MockClock) -> None:
    class Silent(Names):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            await trio.sleep_forever()

    trio.socket.set_custom_hostname_resolver(Silent())
    started = trio.current_time()
    with pytest.raises(ConnectTimeout) as late:
        async with http.open_client() as client, client.send("GET", "https://slow.example/"):
            pass
    assert (late.value.phase, trio.current_time() - started) == ("name", 10)


async def test_an_address_that_no_way_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    names.add("far.example", ["93.184.216.34", "2606:4700::1111"])
    simulated(monkeypatch, names, {})

    async def unreachable(address: str, port: int) -> trio.socket.SocketType:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(dialling, "_opened", unreachable)
    with pytest.raises(NoRoute, match="network is unreachable"):
        async with http.open_client() as client, client.send("GET", "https://far.example/"):
            pass


async def test_a_thousand_addresses_are_not_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    names.add("many.example", [f"93.184.{number // 250}.{number % 250 + 1}" for number in range(1000)])
    connected = simulated(monkeypatch, names, {})
    with pytest.raises(ConnectionRefused):
        async with http.open_client() as client, client.send("GET", "https://many.example/"):
            pass
    assert len(connected) == 16
