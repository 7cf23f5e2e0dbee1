"""Every error that kandil raises on purpose: typed fields, a message, a hint, an exit code."""

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


class ConfigInvalid(KandilError):
    """A configuration file cannot be used; `key` is the dotted place in it, empty where it is the whole file.

    `line` and `column` count from 1, columns in characters; None where the place is not known.
    """

    exit_code = 9
    code = "config-invalid"

    def __init__(
        self,
        path: str,
        key: str,
        reason: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        place = path if line is None else f"{path}:{line}:{column}"
        where = f"{place}: {key}" if key else place
        super().__init__(f"{where}: {reason}", hint=hint or f"edit {path}")
        self.path, self.key, self.reason = path, key, reason
        self.line, self.column = line, column


class SecretInConfig(ConfigInvalid):
    """What looks like an API key stands in a configuration file, or was to be written there. It is not repeated."""

    code = "secret-in-config"

    def __init__(
        self, path: str, key: str, provider: str | None, *, line: int | None = None, column: int | None = None
    ) -> None:
        hint = f"`kandil auth set {provider or 'PROVIDER'}` keeps a key in the system's keyring"
        hint += "; take it out of the file" if line else "; the shell's history may have it now"
        super().__init__(
            path, key, "this looks like a key, and keys are kept in no file", line=line, column=column, hint=hint
        )


class ConfigTooNew(KandilError):
    """A later version of kandil wrote the configuration."""

    exit_code = 9
    code = "config-too-new"

    def __init__(self, path: str, version: int, known: int) -> None:
        super().__init__(
            f"{path} has version {version}; this kandil knows {known}, and leaves it alone",
            hint="update kandil, or name another folder (KANDIL_CONFIG_DIR)",
        )
        self.path, self.version, self.known = path, version, known


class SettingUnknown(KandilError):
    """There is no such setting; `near` are settings that look like it."""

    exit_code = 9
    code = "setting-unknown"

    def __init__(self, key: str, near: tuple[str, ...]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`kandil config keys` lists the settings"
        super().__init__(f"no setting {key}", hint=hint)
        self.key = key
        self.near = near


class SettingInvalid(KandilError):
    """A setting cannot have the value that was given on the command line, or in the environment's `variable`."""

    exit_code = 9
    code = "setting-invalid"

    def __init__(self, key: str, reason: str, *, variable: str | None = None) -> None:
        where = f"{variable}: {key}" if variable else key
        hint = f"change {variable} or unset it" if variable else "`kandil config keys` says what each setting takes"
        super().__init__(f"{where}: {reason}", hint=hint)
        self.key, self.reason, self.variable = key, reason, variable


class ExtraMissing(KandilError):
    """What was asked for needs packages that are not installed."""

    code = "extra-missing"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed", hint=f"pip install 'kandil[{extra}]'")
        self.what, self.extra = what, extra


class SigningFailed(KandilError):
    """Nothing was signed: the key, the certificate or the files cannot be used."""

    code = "signing-failed"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason, hint=hint)
        self.reason = reason


class SandboxUnavailable(KandilError):
    """No sandbox can be made on this system, so nothing was opened."""

    code = "sandbox-unavailable"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"there is no sandbox here: {reason}", hint=hint)
        self.reason = reason


class RuntimeNotFound(KandilError):
    """What was named as a loader is none that can be used."""

    code = "runtime-not-found"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} cannot be loaded with: {reason}", hint="name a libllama or libggml-base, or its folder"
        )
        self.path, self.reason = path, reason


class NameUnknown(KandilError):
    """No model has this name. `candidates` are the ids of those that it is like, the best first."""

    exit_code = 3
    code = "name-unknown"

    def __init__(
        self, query: str, candidates: tuple[str, ...], *, clear: bool = False, target: str | None = None
    ) -> None:
        if not query.strip():
            message, hint = "an empty name names no model", "`kandil model list` shows what there is"
        else:
            message = f"no model is called {query!r}"
            if target:
                message = f"your alias {query!r} stands for {target!r}, and no model is called that"
            hint = (
                f"did you mean {', '.join(candidates[:1] if clear else candidates)}?"
                if candidates
                else "`kandil model list --available` shows every name; `kandil model add NAME --manual` describes a "
                "model of your own"
            )
        super().__init__(message, hint=hint)
        self.query = query
        self.candidates = candidates
        self.clear = clear


class NameAmbiguous(KandilError):
    """Several models have this name; `candidates` are their ids."""

    exit_code = 3
    code = "name-ambiguous"

    def __init__(self, query: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            f"{query!r} is the name of {len(candidates)} models", hint=f"name one: {', '.join(candidates)}"
        )
        self.query = query
        self.candidates = candidates


class NameTaken(KandilError):
    """A model of kandil's, or an alias, has this name."""

    exit_code = 2
    code = "name-taken"

    def __init__(self, name: str, holder: str, *, hint: str | None = None) -> None:
        whose = "is the name of a model" if name == holder else f"stands for {holder}"
        usual = "take another name, or say --shadow to give it a new meaning"
        super().__init__(f"{name!r} {whose}", hint=hint or usual)
        self.name = name
        self.holder = holder


class AliasUnknown(KandilError):
    """The user has no alias of this name."""

    exit_code = 3
    code = "alias-unknown"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        have = f"yours are {', '.join(known)}" if known else "you have none"
        super().__init__(f"no alias of yours is called {name!r}", hint=f"{have}; kandil's own cannot be removed")
        self.name = name
        self.known = known


class ProfileInvalid(KandilError):
    """What is said of a model is wrong; `mistakes` are field and what is wrong with it, each."""

    exit_code = 2
    code = "profile-invalid"

    def __init__(self, name: str, mistakes: tuple[tuple[str, str], ...]) -> None:
        told = "; ".join(f"{field}: {what}" if field else what for field, what in mistakes)
        super().__init__(f"{name!r} cannot be added: {told}")
        self.name = name
        self.mistakes = mistakes


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


class NameUnusable(KandilError):
    """No model can have this name."""

    exit_code = 2
    code = "name-unusable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!r} cannot be the name of a model: {reason}", hint="take another name")
        self.name, self.reason = name, reason


class RecordExists(KandilError):
    """The user has added a model of this name before, at `added_at` if that is known."""

    exit_code = 2
    code = "record-exists"

    def __init__(self, name: str, added_at: str | None) -> None:
        when = f" at {added_at}" if added_at else ""
        super().__init__(f"{name!r} is a model that you added{when}", hint="take another name, or say --replace")
        self.name, self.added_at = name, added_at


class RecordUnknown(KandilError):
    """The user has added no model of exactly this name; `near` are those that they have added, the most like it."""

    exit_code = 3
    code = "record-unknown"

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "`kandil model list` shows those that you added"
        super().__init__(f"you have added no model called {name!r}", hint=hint)
        self.name, self.near = name, near


class RecordBroken(KandilError):
    """The file of a record cannot be used; it is left as it is."""

    exit_code = 9
    code = "record-broken"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", hint="mend the file, or delete it and add the model again")
        self.path, self.reason = path, reason


class DownloadMissing(KandilError):
    """A model was to be downloaded, and this version cannot."""

    code = "download-missing"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"cannot add {name!r}: this version of kandil downloads no models",
            hint="`kandil model add NAME --manual` describes one that a server of yours, or a provider, answers for",
        )
        self.name = name


class NothingFits(KandilError):
    """No model that was asked for can run in the memory, and be kept on the disk, that are free."""

    exit_code = 4
    code = "nothing-fits"

    def __init__(self, query: str) -> None:
        which = f"no model with {query!r} in its name" if query else "no model"
        super().__init__(
            f"{which} fits into the memory and on the disk that are free now",
            hint="`kandil doctor hardware disk` shows them; try another --task, a smaller --ctx, or --kv-type q8_0",
        )
        self.query = query
