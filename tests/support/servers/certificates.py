"""Certificates of an authority that exists for a test alone, and is what this system trusts, if the test says so."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def trusted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> trustme.CA:
    """An authority that is trusted from now on, by SSL_CERT_FILE."""
    authority = trustme.CA()
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return authority


def server_context(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """What a server with a certificate for `names` uses; `options` as for ``CA.issue_cert``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context
