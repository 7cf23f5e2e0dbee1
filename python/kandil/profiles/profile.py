"""What is known of a model, and of the service that answers for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

Protocol = Literal["openai", "anthropic", "gemini", "ollama"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The file, or the files, that a local model is."""

    size_bytes: int | None = None
    size_exact: bool = True
    """False: somebody rounded `size_bytes`."""
    sha256: str | None = None
    """Of the one file; of the layer with the weights for Ollama's."""
    quantization: str | None = None
    """As llama.cpp writes it: ``Q4_K_M``, ``F16``."""
    parameters: int | None = None
    architecture: str | None = None
    """GGUF's ``general.architecture``."""
    shape: Mapping[str, int | float | bool | list[int] | list[bool]] | None = None
    """The architecture's numbers, under GGUF's names without the architecture: ``block_count``,
    ``attention.head_count_kv``. None: nobody wrote them down."""
    repo: str | None = None
    """On Hugging Face: ``owner/name``."""
    files: tuple[str, ...] = ()
    """In that repository; several: shards, in order."""
    revision: str | None = None
    license: str | None = None
    manifest_sha256: str | None = None
    """Of Ollama's manifest: the digest that its ``/api/tags`` gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars a million tokens, as listed; 0 is listed as free."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    tiers: tuple[Mapping[str, float], ...] = ()
    """Other prices for requests of more than ``above_input_tokens``."""
    off_peak: Mapping[str, float | str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a model: curated, or said by its user. None is "not known", never "no"."""

    id: str
    """Unique, and what to type: ``claude-sonnet-5-5``, ``groq/gpt-oss-120b``, ``qwen2.5-coder:7b``."""
    name: str
    source: Literal["cloud", "ollama", "gguf", "user"]
    provider: str
    """The id of a `Provider`; ``local`` for a GGUF file, which kandil runs by itself."""
    protocol: Protocol
    base_url: str | None = None
    api_model: str
    """What the provider calls it in a request."""
    kind: Literal["chat", "embedding", "reranker"] = "chat"
    endpoint: Literal["chat", "responses"] = "chat"
    """What an OpenAI-like provider answers on."""
    context_window: int | None = None
    """Tokens, input and output together."""
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    supports_vision: bool | None = None
    supports_tools: bool | None = None
    supports_reasoning: bool | None = None
    supports_json: bool | None = None
    temperature_allowed: bool | None = None
    price: Price | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """Listed for this model: ``requests_per_minute``, ``tokens_per_minute``."""
    status: Literal["active", "preview", "deprecated", "retired"] = "active"
    shutdown_date: str | None = None
    not_retired_before: str | None = None
    successor: str | None = None
    """The `id` of the profile that takes its place."""
    released: str | None = None
    knowledge_cutoff: str | None = None
    updated: str | None = None
    """A day or a month: when its source last listed a change of a tag, or first listed a file."""
    weights: Weights | None = None
    note: str | None = None
    sources: tuple[str, ...] = ()
    date: str = ""
    """The day of the facts."""

    @property
    def local(self) -> bool:
        """It runs on this machine, so that its hardware decides."""
        return self.weights is not None

    def ending(self, today: dt.date | None = None) -> str | None:
        """``claude-3.5-sonnet was retired on 2025-10-28; its successor is claude-sonnet-4-6``; None: it is offered.

        The facts may be older than the day on which it was to end. `today` is by UTC where it is not given.
        """
        if self.status not in ("deprecated", "retired"):
            return None
        from datetime import UTC, datetime  # noqa: PLC0415 - most models are offered

        day = self.shutdown_date
        said = f"{self.id} was retired" if self.status == "retired" else f"{self.id} is deprecated"
        if day and self.status == "retired":
            said += f" on {day}"
        elif day:
            over = day <= (today or datetime.now(UTC).date()).isoformat()
            said += f" and {'was to end' if over else 'ends'} on {day}"
        return said + (f"; its successor is {self.successor}" if self.successor else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Where a key goes: ``header: scheme key``."""

    header: str
    scheme: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """A free request that tells a good key from a bad one: GET `url`, and the statuses of either."""

    url: str
    ok: tuple[int, ...]
    bad_key: tuple[int, ...]
    bad_key_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service or a local server that answers requests."""

    id: str
    name: str
    protocol: Protocol
    base_url: str
    other_base_urls: Mapping[str, str] = field(default_factory=dict)
    chat_path: str
    """After `base_url`; ``{model}`` stands for the model."""
    models_path: str
    models_need_key: bool | None = None
    auth: Auth | None = None
    """None: it takes no key."""
    headers: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    """What of its protocol it does not take: ``stream_options``, ``json_schema`` (a plain ``json_object`` it does),
    ``max_tokens`` (it wants ``max_completion_tokens``), ``store``."""
    console_url: str | None = None
    """Where its users get their keys."""
    key_prefixes: tuple[str, ...] = ()
    key_pattern: str | None = None
    """A regular expression. Makers change the form of their keys: what does not match is worth a warning, no more."""
    env_vars: tuple[str, ...] = ()
    """Where the provider's own tools look for a key. kandil reads none of them."""
    limit_headers: tuple[str, ...] = ()
    limits: Mapping[str, object] = field(default_factory=dict)
    """Of its lowest tier."""
    limits_note: str | None = None
    error: Mapping[str, str] = field(default_factory=dict)
    """Where its errors say what, as JSON pointers."""
    error_codes: Mapping[str, str] = field(default_factory=dict)
    check: KeyCheck
    docs_url: str | None = None
    note: str | None = None
    unconfirmed: tuple[str, ...] = ()
    """What of this no page of the provider's confirmed."""
    sources: tuple[str, ...] = ()
    date: str = ""
