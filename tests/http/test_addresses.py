"""Which addresses are connected to, in every notation that leads to them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.http.addresses import Zone, zone

REFUSED = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "::", "fe80::1", "febf::1", "fe80::1%eth0", "ff02::1", "fec0::1", "fd00:ec2::254",
    "fd20:ce::254", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2002:7f00:1::1", "2001::1", "::ffff:0:169.254.169.254",
    "::ffff:0.0.0.0",
]  # fmt: skip
PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12:3456::1", "::ffff:10.0.0.1"]
PUBLIC = ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1"]


@pytest.mark.parametrize("text", REFUSED)
def test_never_connected_to(text: str) -> None:
    assert zone(ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "where"),
    [("127.0.0.1", Zone.LOOPBACK), ("127.9.9.9", Zone.LOOPBACK), ("::1", Zone.LOOPBACK)]
    + [(text, Zone.PRIVATE) for text in PRIVATE]
    + [(text, Zone.PUBLIC) for text in PUBLIC],
)
def test_where_an_address_lies(text: str, where: Zone) -> None:
    assert zone(ip_address(text)) is where


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_never_more_allowed_than_itself(number: int) -> None:
    itself = zone(IPv4Address(number))
    for form in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1):
        expected = None if itself is Zone.LOOPBACK else itself
        assert zone(IPv6Address(form)) is expected


@given(st.ip_addresses())
def test_what_is_no_ordinary_destination_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if zone(address) is Zone.PUBLIC:
        ordinary = not (address.is_link_local or address.is_multicast or address.is_unspecified)
        assert ordinary
        assert not address.is_loopback
        assert address.version == 6 or not address.is_reserved
