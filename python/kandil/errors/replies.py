"""What a provider answered instead of an answer, and answers that cannot be read."""

from __future__ import annotations

from typing import ClassVar

from kandil.errors.root import KandilError


class ProviderRefused(KandilError):
    """The root of what a provider says in its own words. `said` are those; `status` is HTTP's, None inside a stream.

    `retryable`: the same request may be answered later.
    """

    exit_code = 6
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        provider: str,
        said: str = "",
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{message}: {said}" if said else message, hint=hint)
        self.provider, self.said, self.status, self.request_id = provider, said, status, request_id


class KeyRejected(ProviderRefused):
    """The provider does not take the key. What it says is not repeated: some providers repeat the key."""

    exit_code = 5
    code = "key-rejected"

    def __init__(self, provider: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(
            f"{provider} does not take the key",
            hint=f"`kandil auth set {provider}` keeps another one",
            provider=provider,
            status=status,
            request_id=request_id,
        )


class PermissionDenied(ProviderRefused):
    """The key is good, and not for this: the model, the region, the organisation."""

    exit_code = 5
    code = "permission-denied"

    def __init__(self, provider: str, said: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(
            f"{provider} does not allow this",
            hint=f"see what the account may use with {provider}: models, region, organisation",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )


class ModelNotOffered(ProviderRefused):
    """The provider does not know the model."""

    exit_code = 3
    code = "model-not-offered"

    def __init__(
        self, provider: str, model: str, said: str, *, status: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(
            f"{provider} does not offer {model}",
            hint=f"`kandil model list --provider {provider}` has the models that are known",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.model = model


class RateLimited(ProviderRefused):
    """Too many requests or tokens for now. `retry_after_seconds` is what the provider said; None: nothing."""

    code = "rate-limited"
    retryable = True

    def __init__(
        self,
        provider: str,
        said: str,
        retry_after_seconds: float | None,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        wait = "" if retry_after_seconds is None else f" for {retry_after_seconds:.0f} s"
        super().__init__(
            f"{provider} takes no more requests{wait}",
            hint="wait, or take another model",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.retry_after_seconds = retry_after_seconds


class QuotaExhausted(ProviderRefused):
    """The account's credit or quota is used up: waiting a minute does not help."""

    code = "quota-exhausted"

    def __init__(self, provider: str, said: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(
            f"the account's credit or quota with {provider} is used up",
            hint=f"see the billing of the account with {provider}, or take another model",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )


class ContextExceeded(ProviderRefused):
    """The request is longer than the model, or the account's limit, takes. The numbers are the provider's."""

    exit_code = 2
    code = "context-exceeded"

    def __init__(
        self,
        provider: str,
        model: str,
        said: str,
        *,
        needed_tokens: int | None = None,
        available_tokens: int | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"the request is longer than {model} takes",
            hint="leave something out, or take a model with a larger context: `kandil model list --available`",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.model, self.needed_tokens, self.available_tokens = model, needed_tokens, available_tokens


class RequestInvalid(ProviderRefused):
    """The provider does not take the request as it is. `parameter` is what it names."""

    code = "request-invalid"

    def __init__(
        self,
        provider: str,
        said: str,
        *,
        parameter: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        what = "" if status is None else f" ({status})"
        super().__init__(
            f"{provider} does not take the request{what}",
            hint="change what it names, or take another model",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.parameter = parameter


class ProviderOverloaded(ProviderRefused):
    """The provider has too much to do, for everybody."""

    code = "provider-overloaded"
    retryable = True

    def __init__(
        self,
        provider: str,
        said: str,
        retry_after_seconds: float | None = None,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"{provider} is overloaded",
            hint="ask again later, or take another model",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.retry_after_seconds = retry_after_seconds


class ProviderFailed(ProviderRefused):
    """Something broke at the provider's."""

    code = "provider-failed"
    retryable = True

    def __init__(
        self,
        provider: str,
        said: str,
        retry_after_seconds: float | None = None,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        what = "" if status is None else f" ({status})"
        super().__init__(
            f"{provider} failed{what}",
            hint="ask again later, or take another model",
            provider=provider,
            said=said,
            status=status,
            request_id=request_id,
        )
        self.retry_after_seconds = retry_after_seconds


class ReplyUnreadable(KandilError):
    """What came is not what the provider's protocol has. `begins` are its first words, escaped."""

    exit_code = 6
    code = "reply-unreadable"
    retryable: ClassVar[bool] = False

    def __init__(
        self, provider: str, reason: str, *, begins: str = "", status: int | None = None, hint: str | None = None
    ) -> None:
        shown = f" It begins with: {begins}" if begins else ""
        super().__init__(
            f"the answer cannot be read: {reason}.{shown}",
            hint=hint or f"is {provider}'s base URL right, and does no proxy or login page answer in its place?",
        )
        self.provider, self.reason, self.begins, self.status = provider, reason, begins, status


class StreamBroken(KandilError):
    """The answer ended before its end. What came until then is right, and not all."""

    exit_code = 6
    code = "stream-broken"
    retryable: ClassVar[bool] = True

    def __init__(self, provider: str) -> None:
        super().__init__(f"the answer of {provider} broke off", hint="ask again; what came is not all of it")
        self.provider = provider
