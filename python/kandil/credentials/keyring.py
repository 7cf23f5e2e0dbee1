"""What every keyring does for `Keys`, and how one says that it cannot. Its calls block, for a while or for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SERVICE: Final = "kandil"
Kind = Literal["desktop", "kernel"]


class Unavailable(Exception):
    """It cannot be used, for this reason. `locked`: until somebody unlocks it."""

    def __init__(self, reason: str, *, locked: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.locked = reason, locked


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a stored text without reading it."""

    expires_in_seconds: int | None = None
    """Rounded down; None: it does not expire, or nobody says when."""


class Keyring(Protocol):
    """Texts by account. Each call raises Unavailable."""

    @property
    def kind(self) -> Kind: ...

    @property
    def title(self) -> str:
        """As a person calls it."""

    def read(self, account: str) -> str | None: ...

    def write(self, account: str, text: str, *, expires_seconds: int | None) -> None: ...

    def remove(self, account: str) -> bool:
        """Whether there was one."""

    def entries(self, accounts: Iterable[str]) -> Mapping[str, Entry]:
        """Those that it has: of these `accounts`, and others where it can tell. Nothing secret is read where it can be
        helped, and nobody is asked to unlock anything.
        """

    def is_locked(self) -> bool | None:
        """None: it cannot be told without asking somebody."""
