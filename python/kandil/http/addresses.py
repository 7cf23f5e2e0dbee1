"""Which IP addresses kandil connects to.

Ranges after the IANA registries of special-purpose addresses; metadata services after their clouds' documentation.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final


class Zone(IntEnum):
    """How far inside an address lies. A redirect leads outwards or stays, never inwards."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2


_METADATA_NAMES: Final = frozenset({
    "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
})  # fmt: skip
_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
            "fd00:c1::a9fe:a9fe",  # Oracle
            "fd00:42::42",  # Scaleway
        ),
    )
)
_NEVER_4: Final = tuple(
    map(IPv4Network, ("0.0.0.0/8", "169.254.0.0/16", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"))
)
_NEVER_6: Final = tuple(map(IPv6Network, ("::/128", "100::/64", "fe80::/10", "fec0::/10", "ff00::/8")))
_PRIVATE_4: Final = tuple(
    map(
        IPv4Network,
        ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    )
)
_PRIVATE_6: Final = IPv6Network("fc00::/7")
_LOOPBACK_4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_6: Final = IPv6Address("::1")
_EMBEDDING: Final = (  # a network of IPv6, and by how many bits an IPv4 address within it is shifted
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
"""Where the IPv4 address stands within is each network's own choice: not connected to."""
_TEREDO: Final = IPv6Network("2001::/32")


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` is, if it is one in the usual notation."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_metadata_name(host: str) -> bool:
    """Whether clouds answer to the name with their machines' credentials."""
    return host in _METADATA_NAMES


def zone(address: IPv4Address | IPv6Address) -> Zone | None:
    """Where the address lies; None for those that nothing is sent to: link-local, metadata, multicast, reserved, and
    those that are only loopback or one of these in another notation.
    """
    if address in _METADATA:
        return None
    if isinstance(address, IPv4Address):
        return _zone_4(address)
    if address == _LOOPBACK_6:
        return Zone.LOOPBACK
    if address in _LOCAL_NAT64 or address in _TEREDO or any(address in network for network in _NEVER_6):
        return None
    for network, shift in _EMBEDDING:
        if address in network:
            inner = zone(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
            return None if inner is Zone.LOOPBACK else inner
    return Zone.PRIVATE if address in _PRIVATE_6 else Zone.PUBLIC


def _zone_4(address: IPv4Address) -> Zone | None:
    if address in _LOOPBACK_4:
        return Zone.LOOPBACK
    if any(address in network for network in _NEVER_4):
        return None
    return Zone.PRIVATE if any(address in network for network in _PRIVATE_4) else Zone.PUBLIC
