"""Keys: where none belongs, and where one is missing."""

from __future__ import annotations

from kandil.errors.root import KandilError


class KeyGiven(KandilError):
    """Something that looks like an API key was given where none belongs. It is not repeated."""

    exit_code = 2
    code = "key-given"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"what was given as {where} looks like an API key",
            hint="`kandil auth set PROVIDER` keeps a key in the system's keyring; the shell may remember this one",
        )
        self.where = where
