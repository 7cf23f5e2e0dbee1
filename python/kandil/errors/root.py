"""The root of every error that kandil raises on purpose."""

from __future__ import annotations

from typing import ClassVar


class KandilError(Exception):
    """The root. A leaf builds its own message; `hint` says what to do; `exit_code` is how the command line ends.

    What a leaf sets as public attributes is what `--json` shows beside code, message and hint.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
