"""Keys: where none belongs, where one is missing, and keyrings that do not answer. No message repeats a key."""

from __future__ import annotations

from kandil.errors.root import KandilError


class KeyGiven(KandilError):
    """Something that looks like an API key was given where none belongs. It is not repeated."""

    exit_code = 2
    code = "key-given"

    def __init__(self, where: str, *, provider: str | None = None) -> None:
        super().__init__(
            f"what was given as {where} looks like an API key",
            hint=f"`kandil auth set {provider or 'PROVIDER'}` asks for a key and keeps it in the system's keyring; "
            "the shell may remember this one",
        )
        self.where = where


class KeyInArguments(KandilError):
    """Something was given behind a provider's name, where people write a key. It is not repeated."""

    exit_code = 2
    code = "key-in-arguments"

    def __init__(self, command: str) -> None:
        super().__init__(
            "a key is never taken from the command line: every program here could read it",
            hint=f"`{command}` asks for it, or reads it with --key-stdin; what was just typed is in the shell's "
            "history: if it was a key, revoke it where it was issued",
        )
        self.command = command


class KeyUnusable(KandilError):
    """What was given as a key can be none."""

    exit_code = 5
    code = "key-unusable"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"that cannot be a key: {reason}", hint=hint or "copy it again from where it was issued")
        self.reason = reason


class KeyMissing(KandilError):
    """No key of this provider's is kept on this machine."""

    exit_code = 5
    code = "key-missing"

    def __init__(self, provider: str, *, hint: str) -> None:
        super().__init__(f"there is no key for {provider} here", hint=hint)
        self.provider = provider


class KeyNotTaken(KandilError):
    """The provider answers without a key."""

    exit_code = 5
    code = "key-not-taken"

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"{provider} takes no key",
            hint=f"if yours is behind a server that wants one, `kandil config set api.{provider}.base_url URL` first",
        )
        self.provider = provider


class ProviderUnknown(KandilError):
    """No provider has this name; `near` are those that it is like. A long name is not repeated: it may be a key."""

    exit_code = 3
    code = "provider-unknown"

    def __init__(self, name: str | None, near: tuple[str, ...]) -> None:
        called = f"no provider is called {name!r}" if name else "no provider is called that"
        hint = (
            f"did you mean {', '.join(near)}?"
            if near
            else "`kandil auth list --all` shows them; `kandil config set api.NAME.base_url URL` adds one of your own"
        )
        super().__init__(called, hint=hint)
        self.name, self.near = name, near


class KeyringUnavailable(KandilError):
    """There is no keyring that may be used, or it has failed."""

    exit_code = 5
    code = "keyring-unavailable"

    def __init__(self, reason: str, *, hint: str | None = None, machine: str | None = None) -> None:
        super().__init__(f"no keyring can be used: {reason}", hint=hint)
        self.reason, self.machine = reason, machine


class KeyringRefused(KandilError):
    """A keyring was chosen that is not on kandil's list: it may keep keys as plain text, or be anything at all."""

    exit_code = 5
    code = "keyring-refused"

    def __init__(self, backend: str, chosen_by: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"{chosen_by} names {backend!r}, which is no keyring that kandil trusts with keys",
            hint=f"take it out there, or name one of {', '.join(allowed)}",
        )
        self.backend, self.chosen_by, self.allowed = backend, chosen_by, allowed


class KeyringLocked(KandilError):
    """The keyring is there and locked, and nobody has unlocked it."""

    exit_code = 5
    code = "keyring-locked"

    def __init__(self, keyring: str) -> None:
        super().__init__(
            f"{keyring} is locked",
            hint="unlock it in the desktop's password settings, or log in there; without a desktop, "
            "`kandil auth set PROVIDER --keyring kernel` keeps a key in the kernel's memory",
        )
        self.keyring = keyring


class KeyringSlow(KandilError):
    """The keyring has not answered in time; it was left alone."""

    exit_code = 5
    code = "keyring-slow"

    def __init__(self, keyring: str, waited_seconds: float) -> None:
        super().__init__(
            f"{keyring} has not answered within {waited_seconds:g} s",
            hint="it may be waiting for its password in a window; unlock it and try again. Without a desktop, "
            "`kandil auth set PROVIDER --keyring kernel` keeps a key in the kernel's memory",
        )
        self.keyring, self.waited_seconds = keyring, waited_seconds
