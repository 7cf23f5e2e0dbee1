"""The server that kandil starts for a file on this machine."""

from __future__ import annotations

from kandil.errors.root import KandilError


class LocalServerFailed(KandilError):
    """llama.cpp could not load the model, or ended. `log` is what it wrote of errors: untrusted."""

    code = "local-server-failed"

    def __init__(self, path: str, reason: str, log: tuple[str, ...], *, hint: str | None = None) -> None:
        first = f": {log[0]}" if log else ""
        super().__init__(
            f"llama.cpp does not run {path}: {reason}{first}",
            hint=hint
            or f"`kandil-sandbox load-test {path}` tries it apart; `pip install -U xllamacpp` gets a newer one",
        )
        self.path, self.reason, self.log = path, reason, log


class LocalModelBroken(LocalServerFailed):
    """llama.cpp says that the file is at fault."""

    exit_code = 8
    code = "local-model-broken"

    def __init__(self, path: str, reason: str, log: tuple[str, ...]) -> None:
        super().__init__(path, reason, log, hint=f"get the file again; `kandil inspect {path}` shows what is in it")


class LoadOutOfMemory(LocalServerFailed):
    """The model, or its context, does not fit into memory."""

    exit_code = 4
    code = "load-out-of-memory"

    def __init__(self, path: str, reason: str, log: tuple[str, ...]) -> None:
        super().__init__(
            path, reason, log, hint=f"`kandil model fit {path}` says what it needs; a smaller --ctx needs less"
        )


class FileReplaced(KandilError):
    """The file is not the one that was verified: something has changed or replaced it since."""

    exit_code = 8
    code = "file-replaced"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} has changed since it was verified, and is not loaded", hint="`kandil verify` it again"
        )
        self.path = path


class DoesNotFit(KandilError):
    """A local model needs more than this machine has free. `reasons` say of what."""

    exit_code = 4
    code = "does-not-fit"

    def __init__(self, model: str, reasons: tuple[str, ...], largest_context: int | None) -> None:
        smaller = f"--ctx {largest_context} fits; " if largest_context else ""
        super().__init__(
            f"{model} does not fit into this machine: {'; '.join(reasons)}",
            hint=f"{smaller}--force loads it all the same; `kandil model fit` lists what fits",
        )
        self.model, self.reasons, self.largest_context = model, reasons, largest_context


class NotLoaded(KandilError):
    """No local model of this name is kept loaded. `loaded` are the files of those that are."""

    exit_code = 3
    code = "not-loaded"

    def __init__(self, name: str, loaded: tuple[str, ...]) -> None:
        listed = ", ".join(loaded)
        super().__init__(
            f"no local model called {name!r} is kept loaded",
            hint=f"those that are: {listed}" if loaded else "`kandil ask --keep-alive 10m` keeps one",
        )
        self.name, self.loaded = name, loaded
