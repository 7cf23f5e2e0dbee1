"""What is wrong with the settings."""

from __future__ import annotations

from kandil.errors.root import KandilError


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
