"""An opened library, with all or some of the C functions in `kandil.sandbox.declarations`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from kandil.sandbox._ggml import ffi

_ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR
_MOST_LINES = 8
_MOST_CHARACTERS = 400


_ENVIRONMENT = {
    "GGML_NO_BACKTRACE": "1",  # an aborting ggml would start a debugger
    **dict.fromkeys(
        ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"), ""
    ),  # no driver's threads
}


class LibraryUnusable(Exception):
    """The library cannot be opened, or does not have what it is named for."""


class Library:
    """An opened library: its functions as attributes, what it logged as errors in `errors`."""

    def __init__(self, path: str, backends: list[str]) -> None:
        os.environ.update(_ENVIRONMENT)
        self.ffi: Any = ffi
        self.errors: list[str] = []
        self.on_abort: Callable[[str], None] = self.errors.append
        self._c: Any = self.ffi.dlopen(None)
        self._library: Any = self._opened(path)
        self._listen()
        self._start(backends)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (C's)
        return getattr(self._library, name)

    def has(self, *names: str) -> bool:
        """Whether it has all these functions."""
        return all(_has(self._library, name) for name in names)

    def text(self, pointer: Any) -> bytes:  # noqa: ANN401
        """A C string."""
        return bytes(self.ffi.string(pointer)) if pointer else b""

    def stream(self, fd: int) -> Any:  # noqa: ANN401
        """A `FILE *` that reads from a descriptor."""
        stream = self._c.fdopen(fd, b"rb")
        if not stream:
            raise OSError(self.ffi.errno, os.strerror(self.ffi.errno))
        return stream

    def rewind(self, stream: Any) -> None:  # noqa: ANN401
        """Reading begins anew."""
        self._c.rewind(stream)

    def versions(self) -> dict[str, str]:
        """What the library says that it is."""
        names = [name for name in ("ggml_version", "llama_version") if self.has(name)]
        return {name.removesuffix("_version"): _readable(self.text(getattr(self, name)())) for name in names}

    def _opened(self, path: str) -> Any:  # noqa: ANN401
        try:
            # Every name is found now: later, nothing can be opened.
            return self.ffi.dlopen(path, self.ffi.RTLD_NOW | self.ffi.RTLD_LOCAL)
        except OSError as error:
            reason = str(error).split(".  Additionally, ", maxsplit=1)[0]
            raise LibraryUnusable(reason[:_MOST_CHARACTERS]) from None

    def _listen(self) -> None:
        """Callbacks are made here, since they need memory that can be run."""

        def log(level: int, line: Any, _data: Any) -> None:  # noqa: ANN401
            if level == _ERROR_LEVEL and len(self.errors) < _MOST_LINES and (said := _readable(self.text(line))):
                self.errors.append(said)

        def abort(message: Any) -> None:  # noqa: ANN401
            self.on_abort(_readable(self.text(message)))

        self._log = self.ffi.callback("log_callback", log)
        self._abort = self.ffi.callback("abort_callback", abort)
        for name in ("ggml_log_set", "llama_log_set"):
            if self.has(name):
                getattr(self, name)(self._log, self.ffi.NULL)
        if self.has("ggml_set_abort_callback"):
            self.ggml_set_abort_callback(self._abort)

    def _start(self, backends: list[str]) -> None:
        """The CPU is ready to compute: with what is built in, or else with the backend that suits it best."""
        if self.has("llama_backend_init"):
            self.llama_backend_init()
        if not self.has("ggml_backend_reg_count", "ggml_backend_load") or self.ggml_backend_reg_count():
            return
        scores = [(self._score(path), path) for path in backends]
        score, path = max(scores, default=(0, ""))
        if score > 0:
            self.ggml_backend_load(os.fsencode(path))

    def _score(self, path: str) -> int:
        try:
            backend = self._opened(path)
        except LibraryUnusable:
            return 0
        # One that does not tell is made for every machine.
        return int(backend.ggml_backend_score()) if _has(backend, "ggml_backend_score") else 1


def _has(library: Any, name: str) -> bool:  # noqa: ANN401
    try:
        getattr(library, name)
    except (AttributeError, ffi.error):
        return False
    return True


def _readable(text: bytes) -> str:
    """One line, of a bounded length."""
    return " ".join(text.decode("utf-8", "replace").split())[:_MOST_CHARACTERS]
