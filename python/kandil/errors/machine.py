"""What this machine has not, or cannot do."""

from __future__ import annotations

from kandil.errors.root import KandilError


class ExtraMissing(KandilError):
    """What was asked for needs packages that are not installed."""

    code = "extra-missing"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed", hint=f"pip install 'kandil[{extra}]'")
        self.what, self.extra = what, extra


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
