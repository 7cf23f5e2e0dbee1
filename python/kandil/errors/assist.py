"""What keeps a model from working with code."""

from __future__ import annotations

from kandil.errors.root import KandilError


class GitFailed(KandilError):
    """git, which knows what of a folder is kept, refuses: `reason`."""

    exit_code = 2
    code = "git-failed"

    def __init__(self, command: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"git {command}: {reason}", hint=hint or "see that git works here")
        self.command, self.reason = command, reason


class GitMissing(KandilError):
    """git is not installed, or not on the PATH."""

    exit_code = 2
    code = "git-missing"

    def __init__(self) -> None:
        super().__init__("git is not installed", hint="install it: it knows what .gitignore means, and what changed")


class NoRepository(KandilError):
    """What has changed was asked for, and no repository knows."""

    exit_code = 2
    code = "no-repository"

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} is in no git repository", hint="name files or folders, without --diff and --staged")
        self.folder = folder


class RepositoriesMixed(KandilError):
    """The paths that were named are in more than one repository."""

    exit_code = 2
    code = "repositories-mixed"

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"what is named is in more than one repository: {one}, {other}", hint="name one at a time")
        self.repositories = (one, other)


class RevisionUnknown(KandilError):
    """git knows no commit, and no two, of this name."""

    exit_code = 2
    code = "revision-unknown"

    def __init__(self, revision: str, *, is_path: bool) -> None:
        hint = f"it is a path: --diff HEAD {revision}" if is_path else "REV is a commit, a branch, a tag, or A..B"
        super().__init__(f"{revision} is no revision", hint=hint)
        self.revision = revision


class NoSuchPath(KandilError):
    """Nothing is at the path that was named."""

    exit_code = 2
    code = "no-such-path"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not there", hint="name a file or a folder")
        self.path = path


class BudgetUnknown(KandilError):
    """No price is known, so that no budget can be kept."""

    exit_code = 2
    code = "budget-unknown"

    def __init__(self, model: str) -> None:
        super().__init__(f"nobody knows what {model} costs, so no budget can be kept", hint="leave --budget out")
        self.model = model


class BudgetSpent(KandilError):
    """The next call might cost more than is left."""

    exit_code = 10
    code = "budget-spent"

    def __init__(self) -> None:
        super().__init__("the budget is spent", hint="say a larger --budget, or name fewer files")


class BaselineUnusable(KandilError):
    """A file of known findings cannot be read: `reason`."""

    exit_code = 2
    code = "baseline-unusable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} is no baseline: {reason}", hint="`--write-baseline` makes one")
        self.path, self.reason = path, reason


class FilesDiffer(KandilError):
    """Files are not what a change of them was made from, or left: nothing is written. `kept`: where copies lie."""

    code = "files-differ"

    def __init__(self, paths: tuple[str, ...], kept: str | None) -> None:
        hint = f"what they had before is in {kept}" if kept else "ask again, of the files as they are now"
        super().__init__(f"changed since by somebody else: {', '.join(paths)}", hint=hint)
        self.paths, self.kept = paths, kept


class NothingToUndo(KandilError):
    """kandil has changed nothing in this folder, or all of it is taken back."""

    exit_code = 2
    code = "nothing-to-undo"

    def __init__(self, folder: str) -> None:
        super().__init__(f"nothing to undo in {folder}", hint="`kandil undo --list` shows what was changed elsewhere")
        self.folder = folder


class NothingToSend(KandilError):
    """Of what was named, no file may be sent."""

    exit_code = 2
    code = "nothing-to-send"

    def __init__(self) -> None:
        super().__init__("there is nothing to send", hint="name files of code that .gitignore does not name")


class CheckFailed(KandilError):
    """The user's check ended with `check_exit_code`, and every file is what it was."""

    code = "check-failed"

    def __init__(self, check_exit_code: int) -> None:
        super().__init__(
            f"the check failed with exit code {check_exit_code}, and all files are what they were",
            hint="--rounds shows the model more often what the check printed",
        )
        self.check_exit_code = check_exit_code
