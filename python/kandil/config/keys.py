"""Every setting there is: one table, which reading, writing, the help and the documentation share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from kandil.config.positions import unquoted
from kandil.errors import SecretInConfig, SettingUnknown
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil.config.positions import KeyPath

VERSION: Final = 2
PROJECT_FILE: Final = ".kandil.toml"

Kind = Literal["text", "flag", "whole", "number", "choice", "url", "path", "paths"]
Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, or with ``*`` in its key one for each name."""

    key: str
    kind: Kind
    doc: str
    default: Value | None = None
    low: float | None = None
    """The least value; with `above`, what the value must exceed."""
    high: float | None = None
    above: bool = False
    choices: tuple[Value, ...] = ()
    project: bool = True
    """Whether a project's file may say it. A cloned repository must not choose whom a key is sent to."""

    @property
    def path(self) -> KeyPath:
        return tuple(self.key.split("."))

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it; None for those that have a name in their key."""
        return None if "*" in self.key else "KANDIL_" + self.key.upper().replace(".", "_")

    def matches(self, path: KeyPath) -> bool:
        own = self.path
        return len(own) == len(path) and all(part in ("*", given) for part, given in zip(own, path, strict=True))


SETTINGS: Final = (
    Setting("defaults.model", "text", "The model that is used where none is named."),
    Setting("defaults.theme", "choice", "The colours of the terminal.", "auto", choices=("auto", "dark", "light")),
    Setting(
        "defaults.telemetry", "choice", "Always false: kandil reports to nobody.", default=False,
        choices=(False,),
    ),
    Setting(
        "api.*.base_url", "url", "Where the provider answers: https, or http on this machine. Its key goes there.",
        project=False,
    ),
    Setting(
        "api.*.protocol", "choice", "What the provider speaks.", choices=("openai", "anthropic", "gemini", "ollama"),
        project=False,
    ),
    Setting(
        "sources.*.base_url", "url", "Where huggingface or ollama-registry is: a mirror. Its key goes there.",
        project=False,
    ),
    Setting("models.*.max_tokens", "whole", "The longest answer, in tokens.", low=1, high=100_000_000),
    Setting("models.*.temperature", "number", "How freely words are chosen; 0 takes the likeliest.", low=0, high=2),
    Setting("models.*.top_p", "number", "The share of likely words that are chosen from.", low=0, high=1, above=True),
    Setting("models.*.context", "whole", "The context to load a local model with, in tokens.", low=1, high=100_000_000),
    Setting("models.*.system", "text", "What the model is told before every conversation."),
    Setting("cache.ttl_seconds", "whole", "How long an answer about a model stays fresh.", 3600, 0, 31_536_000),
    Setting("cache.max_size_mb", "whole", "How large the cache may grow, in MB of 1000 kB.", 100, 0, 1_000_000),
    Setting("limits.max_concurrent_requests", "whole", "How many requests to one provider wait at once.", 5, 1, 1000),
    Setting("limits.rate_limit_retry", "flag", "Whether a rate-limited request is sent again.", default=True),
    Setting("aliases.*", "text", "A name of your own for a model.", project=False),
    Setting("publishers.*.public_key", "path", "A PEM file: the key of whoever signs the models.", project=False),
    Setting("publishers.*.certificates", "paths", "PEM files: the roots of signing certificates.", project=False),
    Setting("publishers.*.identity", "text", "Whom a Sigstore certificate names; with the two below.", project=False),
    Setting("publishers.*.issuer", "text", "The OpenID Connect issuer of that identity.", project=False),
    Setting("publishers.*.trust_root", "path", "Sigstore's trusted_root.json.", project=False),
)  # fmt: skip

RENAMED: Final = {
    "defaults.default_model": "defaults.model",
    "cache.ttl": "cache.ttl_seconds",
    "cache.max_size": "cache.max_size_mb",
    "limits.concurrency": "limits.max_concurrent_requests",
}
"""What version 1 called settings that version 2 has under another name."""

NEAR: Final = 3
_GIVEN: Final = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^."']+?)\s*(\.|$)""")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def setting_at(path: KeyPath) -> Setting | None:
    return next((setting for setting in SETTINGS if setting.matches(path)), None)


def is_table(path: KeyPath) -> bool:
    """Whether settings stand below `path`."""
    return any(
        len(setting.path) > len(path)
        and all(part in ("*", given) for part, given in zip(setting.path, path, strict=False))
        for setting in SETTINGS
    )


def key_text(path: KeyPath) -> str:
    """``models."qwen2.5-coder:7b".temperature``: as TOML would have it."""
    return ".".join(part if _BARE.fullmatch(part) else _quoted(part) for part in path)


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain)
    return f'"{shown}"'


def parsed_key(text: str) -> KeyPath:
    """The parts of a dotted key. A name needs no quotes where it is plain what it is: ``models.llama3.1:8b.top_p``.

    Raises:
        SettingUnknown: this is no key.
        SecretInConfig: a key of the other kind; it is not repeated.
    """
    if looks_like_key(text):
        raise SecretInConfig("the command line", "", None)
    parts: list[str] = []
    at, quotes = 0, False
    while match := _GIVEN.match(text, at):
        quotes = quotes or match[1][0] in "\"'"
        try:
            parts.append(unquoted(match[1]))
        except ValueError:
            break
        at = match.end()
        if not match[2]:
            path = tuple(parts)
            return path if quotes else _joined(path)
    raise SettingUnknown(text, nearest(text))


def _joined(path: KeyPath) -> KeyPath:
    """The one reading of `path` that is a setting, where a name in it has dots."""
    for setting in SETTINGS:
        own = setting.path
        if "*" in own and len(path) > len(own):
            tail = len(own) - own.index("*") - 1
            candidate = (path[0], ".".join(path[1 : len(path) - tail]), *path[len(path) - tail :])
            if setting.matches(candidate):
                return candidate
    return path


def nearest(key: KeyPath | str) -> tuple[str, ...]:
    """Settings whose keys look like this one, best first; what version 1 called so comes alone."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    path = tuple(key.split(".")) if isinstance(key, str) else key
    if renamed := RENAMED.get(".".join(path)):
        return (renamed,)
    known = [key_text(_like(setting.path, path)) for setting in SETTINGS]
    if is_table(path):
        return tuple(key for key in known if key.startswith(f"{path[0]}."))
    tables = dict.fromkeys(setting.path[0] for setting in SETTINGS)
    close = get_close_matches(key_text(path), known, n=NEAR, cutoff=0.75)
    of_table = [key for key in known if key.startswith(f"{path[0]}.")][:NEAR]
    near = close or _same_name(path, known) or of_table
    return tuple(near or get_close_matches(path[0], tables, n=1, cutoff=0.75))


def _like(own: KeyPath, path: KeyPath) -> KeyPath:
    """The setting's key with the name that was typed, so that only the rest is compared."""
    named = len(path) == len(own) > 1 + 1
    filled = (path[at] if part == "*" and named else part for at, part in enumerate(own))
    return tuple("NAME" if part == "*" else part for part in filled)


def _same_name(path: KeyPath, known: Iterable[str]) -> list[str]:
    """Settings that are called so in another table."""
    return [key for key in known if key.rpartition(".")[2] == path[-1]][:NEAR]
