"""A key, as a header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kandil.errors import KeyUnsendable

if TYPE_CHECKING:
    from kandil.secret import Secret

_KEY: Final = re.compile(r"[\x21-\x7e]+")


def key_header(host: str, auth: tuple[str, str | None], secret: Secret) -> tuple[bytes, bytes]:
    """The name of `auth`'s header, and the key after `auth`'s scheme, where there is one. Raises: KeyUnsendable."""
    header, scheme = auth
    key = secret.reveal()
    if not _KEY.fullmatch(key):
        del key
        raise KeyUnsendable(host)
    return header.encode(), (f"{scheme} {key}" if scheme else key).encode()
