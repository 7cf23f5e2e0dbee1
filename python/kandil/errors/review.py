"""What keeps code from being reviewed."""

from __future__ import annotations

from kandil.errors.root import KandilError


class GitFailed(KandilError):
    """git, which knows what of a folder is kept, is not there or refuses: `reason`."""

    exit_code = 2
    code = "git-failed"

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"git {command}: {reason}", hint="see that git is installed, and the revision and paths exist")
        self.command, self.reason = command, reason


class BudgetUnknown(KandilError):
    """No price is known, so that no budget can be kept."""

    exit_code = 2
    code = "budget-unknown"

    def __init__(self, model: str) -> None:
        super().__init__(f"nobody knows what {model} costs, so no budget can be kept", hint="leave --budget out")
        self.model = model


class BaselineUnusable(KandilError):
    """A file of known findings cannot be read: `reason`."""

    exit_code = 2
    code = "baseline-unusable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} is no baseline: {reason}", hint="`--write-baseline` makes one")
        self.path, self.reason = path, reason
