"""What names exactly one model of one source."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import unquote

_OWNER: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_HUB: Final = re.compile(
    rf"(?P<owner>{_OWNER})/(?P<repo>{_OWNER})(?:@(?P<revision>[A-Za-z0-9._-]{{1,128}}))?"
    r"(?::(?P<quantization>[A-Za-z0-9_.-]{1,32})|/(?P<file>[^:@?#\\]{1,400}\.gguf))?"
)
_REPOSITORY: Final = re.compile(f"{_OWNER}/{_OWNER}")
_HUB_PREFIXES: Final = ("hf://", "hf:", "hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/")
_TAG: Final = re.compile(
    r"(?:(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?|localhost(?::[0-9]{1,5})?|[0-9.]+:[0-9]{1,5})/)?"
    r"(?:(?P<namespace>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,79})/)?"
    r"(?P<model>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,79})(?::(?P<tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,79}))?"
)
"""As ``types/model/name.go`` of Ollama reads names."""
_TAG_PREFIXES: Final = ("ollama://", "ollama:", "ollama.com/", "https://ollama.com/")
_PAGE: Final = re.compile(r"/(?:tree|blob|resolve)/(?P<revision>[^/?#]+)(?P<file>/[^?#]+\.gguf)?(?:[?#].*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Of a repository on Hugging Face: a file, or those of one quantisation."""

    repo: str
    revision: str | None = None
    quantization: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"hf:{self.repo}{at}" + (
            f":{self.quantization}" if self.quantization else f"/{self.file}" if self.file else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """Of a registry that speaks Ollama's protocol."""

    host: str | None = None
    """None: the configured one, as a rule registry.ollama.ai."""
    namespace: str = "library"
    model: str
    tag: str = "latest"

    def __str__(self) -> str:
        host = f"{self.host}/" if self.host else ""
        namespace = "" if self.namespace == "library" and not host else f"{self.namespace}/"
        return f"ollama:{host}{namespace}{self.model}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A file, wherever."""

    url: str

    def __str__(self) -> str:
        return self.url


Reference: TypeAlias = Hub | Tag | Url


def parsed(text: str) -> Reference | None:
    """None: it is a name. Raises: ValueError: it begins as a reference does, and is none."""
    for prefix in _HUB_PREFIXES:
        if text.startswith(prefix):
            return _hub(text.removeprefix(prefix))
    for prefix in _TAG_PREFIXES:
        if text.startswith(prefix):
            return _tag(text.removeprefix(prefix))
    if text.startswith(("https://", "http://")):
        return Url(url=text)
    return None


def is_repository(text: str) -> bool:
    """Whether a repository on Hugging Face can be called so."""
    return _REPOSITORY.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether a model of Ollama's can be called so."""
    return _TAG.fullmatch(text) is not None


def newest(text: str) -> Reference:
    """The same model as its source has it now. Raises: ValueError."""
    found = parsed(text)
    if found is None:
        raise ValueError(f"{text} names no model of a source")
    return replace(found, revision=None) if isinstance(found, Hub) else found


def _hub(text: str) -> Hub:
    page = _PAGE.search(text)
    if page:  # as the address line of a browser has it
        text = f"{text[: page.start()]}@{page['revision']}{unquote(page['file'] or '')}"
    found = _HUB.fullmatch(text.rstrip("/"))
    if found is None:
        raise ValueError("a repository is named OWNER/REPO, with :QUANT or /FILE.gguf behind it: hf:owner/repo:Q4_K_M")
    revision = None if found["revision"] == "main" else found["revision"]
    return Hub(
        repo=f"{found['owner']}/{found['repo']}",
        revision=revision,
        quantization=found["quantization"],
        file=found["file"],
    )


def _tag(text: str) -> Tag:
    found = _TAG.fullmatch(text)
    if found is None:
        raise ValueError("a tag is named MODEL:TAG, OWNER/MODEL:TAG or HOST/OWNER/MODEL:TAG: ollama:llama3.1:8b")
    named = {name: value for name, value in found.groupdict().items() if value is not None}
    return Tag(**named)
