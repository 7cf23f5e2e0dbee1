"""What was given as a key: whether it can be one, and whose it looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kandil import profiles
from kandil.errors import KeyUnusable
from kandil.secret import Secret

if TYPE_CHECKING:
    from kandil.profiles import Provider

LONGEST: Final = 4096
"""Characters. The longest keys known are JSON Web Tokens of some 2000."""
_QUOTES: Final = "'\"`"
_HEADERS: Final = ("bearer", "basic", "authorization:", "x-api-key:")
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*=")
_FAULTS: Final[tuple[tuple[Callable[[str], object], str, str | None], ...]] = (
    (lambda key: not key, "it is empty", None),
    (lambda key: len(key) > LONGEST, f"it has more than {LONGEST} characters", None),
    (_ASSIGNMENT.match, "it is a line of an environment file", "give what stands behind the `=`, without quotes"),
    (lambda key: key.split(None, 1)[0].lower() in _HEADERS, "it is a header", "give only the key in it"),
    (lambda key: any(map(str.isspace, key)), "there is white space in it", None),
    (lambda key: set(key) <= set("*•…."), "it is masked, as pages show a key that they tell only once", None),
    (lambda key: not key.isascii(), "it has characters that are not ASCII", None),
    (lambda key: not key.isprintable(), "it has control characters", None),
    (lambda key: key[0] in _QUOTES or key[-1] in _QUOTES, "it is quoted", "give it without the quotes"),
)


def checked(text: str) -> Secret:
    """The key. White space around it is not of it.

    Raises:
        KeyUnusable: and why. The text is not repeated.
    """
    key = text.strip(" \t\r\n")
    for wrong, reason, hint in _FAULTS:
        if wrong(key):
            raise KeyUnusable(reason, hint=hint)
    return Secret(key)


def is_odd(key: Secret, provider: Provider) -> bool:
    """The provider's keys have looked otherwise. Makers change that, so that it says little."""
    text = key.reveal()
    if provider.key_pattern:
        return re.search(provider.key_pattern, text) is None
    return bool(provider.key_prefixes) and not text.startswith(provider.key_prefixes)


def other_owner(key: Secret, provider: str) -> Provider | None:
    """The one other provider whose keys begin like this, where those of `provider` do not, or less so."""
    text = key.reveal()
    lengths = {
        one.id: length
        for one in profiles.providers()
        if (length := max((len(prefix) for prefix in one.key_prefixes if text.startswith(prefix)), default=0))
    }
    longest = max(lengths.values(), default=0)
    owners = [name for name, length in lengths.items() if length == longest]
    if len(owners) != 1 or owners == [provider]:
        return None
    return profiles.provider(owners[0])
