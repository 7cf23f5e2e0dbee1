"""Sources of models that have not what was asked for, or do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kandil.errors.network import NetworkError
from kandil.errors.root import KandilError

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotCached(KandilError):
    """Offline, and nothing is kept of what was asked."""

    exit_code = 6
    code = "not-cached"

    def __init__(self, source: str) -> None:
        super().__init__(f"nothing that {source} said about this is kept here", hint="run it once without --offline")
        self.source = source


class SourceRefused(NetworkError):
    """The source answers with an error."""

    code = "source-refused"

    def __init__(self, source: str, host: str, status: int, headers: Mapping[str, str]) -> None:
        hints = {429: "it has had too many requests: try again later", 401: _KEY, 403: _KEY}
        super().__init__(host, f"{source} ({host}) answers with HTTP {status}", hint=hints.get(status))
        self.source, self.status = source, status
        self._headers = headers

    def header(self, name: str) -> str | None:
        """Of its answer."""
        return self._headers.get(name)


_KEY = "it may need a key: `kandil auth set huggingface` keeps one for Hugging Face"


class ReferenceWrong(KandilError):
    """What was given begins as a reference to a model does, and is none."""

    exit_code = 2
    code = "reference-wrong"

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"{reference}: {reason}")
        self.reference, self.reason = reference, reason


class OfferUnknown(KandilError):
    """The source has no such model, or not in this form; `candidates` are references to what it has."""

    exit_code = 3
    code = "offer-unknown"

    def __init__(self, reference: str, reason: str, candidates: tuple[str, ...] = ()) -> None:
        shown = f"; there are {', '.join(candidates)}" if candidates else ""
        super().__init__(f"{reference}: {reason}{shown}", hint="`kandil model discover QUERY` searches")
        self.reference, self.reason, self.candidates = reference, reason, candidates


class OfferUnsafe(KandilError):
    """The source describes files that no honest one has."""

    exit_code = 8
    code = "offer-unsafe"

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"{reference}: {reason}", hint="do not take it from there")
        self.reference, self.reason = reference, reason


class SourceSlow(KandilError):
    """The source did not answer in time."""

    exit_code = 6
    code = "source-slow"

    def __init__(self, source: str, wait_seconds: float) -> None:
        super().__init__(f"{source} did not answer within {wait_seconds:g} s")
        self.source, self.wait_seconds = source, wait_seconds


class NotUpdatable(KandilError):
    """Its source has no newer one to ask for."""

    code = "not-updatable"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not of a source that has revisions")
        self.name = name
