"""What must never be written down: a `Secret`, which shows itself to nobody by accident; keys, told by their shape.

`redacted` takes out of a text what any living `Secret` has, in whatever form it came there; `without_keys` what looks
like a key.

Shapes after the providers' documentation and the public rules of gitleaks, betterleaks and TruffleHog.
"""

from __future__ import annotations

import re
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Never
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterator

_ISSUED: Final = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-(?=[\w-]*\d)(?:[A-Za-z0-9]{16}|[\w-]{32})   # OpenAI's, and many more: sk-proj-, sk-ant-api03-, sk-or-v1-
    | (?:gsk_|hf_|pplx-|csk-|r8_|fw_|gh[pousr]_|github_pat_|glpat-|jina_|tvly-)[A-Za-z0-9]{20}
    | xai-\w{20} | nvapi-[\w-]{20} | tgp_v1_[\w-]{20} | ya29\.[\w-]{20} | AQ\.[\w-]{30}
    | AIza[\w-]{30} | (?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])
    | eyJ[\w-]{10,}\.eyJ[\w-]{10}                     # a JSON Web Token
    | [0-9a-f]{32}\.[A-Za-z0-9]{16}(?![A-Za-z0-9])    # Z.ai: an id and its secret
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    )""",
    re.VERBOSE,
)
_RUN: Final = re.compile(r"[A-Za-z0-9]{20,}")
_WORD: Final = re.compile(r"[^\s'\"`=]+")
_LIVING: Final[WeakSet[Secret]] = WeakSet()
"""Every `Secret` there is. Nothing is copied for it, and it keeps none alive."""
_LOCK: Final = threading.Lock()
_SHORTEST_REDACTED: Final = 8
"""Characters. A shorter text may be a word that stands anywhere: servers at home have keys such as `ollama`."""
_SWITCHES: Final = 0.35
"""Random letters and digits change between lower case, upper case and digits in two places of three; names rarely."""


class Secret:
    """A key. `reveal` gives it, for a request alone; whatever shows, formats, copies or stores the object does not.

    Two are never equal, so that no comparison tells anything of them.
    """

    __slots__ = ("__text", "__weakref__")

    def __init__(self, text: str) -> None:
        self.__text = text
        with _LOCK:
            _LIVING.add(self)

    def reveal(self) -> str:
        """The key itself. It goes into the header of a request to its own origin, or into the keyring."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(****)"

    def __str__(self) -> str:
        return "****"

    def __format__(self, _spec: str) -> str:
        return "****"

    def __reduce_ex__(self, _protocol: object) -> Never:
        raise TypeError("a secret cannot be pickled or copied")


def redacted(text: str) -> str:
    """`text` without the texts of living secrets: as they are, in base64 at any offset, and encoded for URLs."""
    with _LOCK:
        living = list(_LIVING)
    written = {form for secret in living for form in forms(secret.reveal())}
    for form in sorted(written, key=len, reverse=True):
        text = text.replace(form, "****")
    return text


def forms(key: str) -> Iterator[str]:
    """How a key may be written; of one that is no longer than a word, none."""
    import base64  # noqa: PLC0415 - most runs have no secret
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    if len(key) < _SHORTEST_REDACTED:
        return
    yield from (key, quote(key, safe=""), quote_plus(key))
    content = key.encode("utf-8", "surrogateescape")
    for before in range(3):  # bytes, as of `user:` in an Authorization header
        first, end = -(-8 * before // 6), 8 * (before + len(content)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + content).decode()[first:end]


def looks_like_key(text: str) -> bool:
    """Whether `text` holds what looks like an API key: one of a known issuer's shape, or a long random token.

    Digests, UUIDs, names of models, paths and addresses do not. Keys that are only hexadecimal, or shaped like UUIDs,
    cannot be told from digests and are not seen.
    """
    return _ISSUED.search(text) is not None or any(_random(word) for word in text.split())


def without_keys(text: str) -> str:
    """`text` with what looks like an API key taken out: of what was typed, a message may repeat the rest."""
    return _WORD.sub(lambda word: "[a key]" if looks_like_key(word[0]) else word[0], text)


def _random(word: str) -> bool:
    if "/" in word or "\\" in word:  # a path or an address: parts of those are random without being secret
        return False
    return any(_switching(run) for run in _RUN.findall(word))


def _switching(run: str) -> bool:
    kinds = [(character.isdigit(), character.isupper()) for character in run]
    switches = sum(one != other for one, other in pairwise(kinds))
    return len(set(kinds)) == 3 and switches >= _SWITCHES * len(run)  # noqa: PLR2004 (lower case, upper case, digits)
