"""How long each step may take, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Each ends in an error of its own. `total_seconds` holds for request, redirects and reply together."""

    connect_seconds: float = 10
    """Name, TCP, proxy and TLS together."""
    first_byte_seconds: float = 120
    """From the last byte of the request to a whole reply head."""
    idle_seconds: float = 60
    """Between two parts of the body that come, or of the request that go."""
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a request waited for. The first three are None on a kept connection; the name's, also for an IP address."""

    dns_seconds: float | None = None
    connect_seconds: float | None = None
    """TCP alone; to the proxy, where there is one."""
    tls_seconds: float | None = None
    first_byte_seconds: float
