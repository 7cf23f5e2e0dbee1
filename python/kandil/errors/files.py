"""Files that cannot be read or written, and what was expected of them."""

from __future__ import annotations

from kandil.errors.root import KandilError


class FileUnreadable(KandilError):
    """A file that was named cannot be opened or read."""

    code = "file-unreadable"

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"cannot read {path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class FileUnwritable(KandilError):
    """A file that was asked for cannot be written; what was there before is still there."""

    code = "file-unwritable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}")
        self.path = path
        self.reason = reason


class NotGguf(KandilError):
    """The file does not begin as a GGUF file does."""

    exit_code = 8
    code = "not-gguf"

    def __init__(self, path: str, found: str | None) -> None:
        what = f": {found}" if found else ""
        super().__init__(f"{path} is not a GGUF file{what}", hint="download it again, and look at what the server sent")
        self.path = path
        self.found = found


class KeyUnknown(KandilError):
    """The file has no such metadata key; `near` are keys that look like it."""

    exit_code = 3
    code = "key-unknown"

    def __init__(self, key: str, near: tuple[str, ...]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`kandil inspect --metadata FILE` lists the keys"
        super().__init__(f"no metadata key {key}", hint=hint)
        self.key = key
        self.near = near


class RuleUnknown(KandilError):
    """There is no rule with this id; `near` are ids that look like it."""

    exit_code = 3
    code = "rule-unknown"

    def __init__(self, rule: str, near: tuple[str, ...]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`kandil rules` lists them"
        super().__init__(f"no rule {rule}", hint=hint)
        self.rule = rule
        self.near = near


class ValueUnreadable(KandilError):
    """A metadata value's bytes are not what its type says."""

    exit_code = 8
    code = "value-unreadable"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"cannot read the value of {key}: {reason}", hint="`kandil verify` says what is wrong")
        self.key = key
        self.reason = reason


class LedgerTooNew(KandilError):
    """A later version of kandil wrote the ledger."""

    code = "ledger-too-new"

    def __init__(self, path: str, version: int, known: int) -> None:
        super().__init__(
            f"the ledger {path} has version {version}; this kandil knows {known}",
            hint="update kandil, or name another ledger (KANDIL_DATA_DIR)",
        )
        self.path, self.version, self.known = path, version, known


class NotADigest(KandilError):
    """What was given as a digest is none."""

    exit_code = 2
    code = "not-a-digest"

    def __init__(self, given: str) -> None:
        super().__init__(f"{given!r} is not a SHA-256 digest", hint="a digest has 64 hexadecimal digits")
        self.given = given


class ExpectNeedsOneFile(KandilError):
    """One digest was given for no file or for several."""

    exit_code = 2
    code = "expect-needs-one-file"

    def __init__(self, files: int) -> None:
        super().__init__(
            f"one digest is expected, but {files} files are selected", hint="name the one file, or use --check FILE"
        )
        self.files = files


class CheckListUnreadable(KandilError):
    """The list of digests given with ``--check`` cannot be read, or has no digests."""

    code = "check-list-unreadable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", hint="a list is what sha256sum writes: 64 digits, 2 spaces, a name")
        self.path, self.reason = path, reason


class SigningFailed(KandilError):
    """Nothing was signed: the key, the certificate or the files cannot be used."""

    code = "signing-failed"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason, hint=hint)
        self.reason = reason
