"""What a provider answered instead of an answer, and answers that cannot be read."""

from __future__ import annotations

from typing import ClassVar

from kandil.errors.root import KandilError

_LATER = "ask again later, or take another model"


class ProviderRefused(KandilError):
    """The root of what a provider says in its own words: `said`. `status` is HTTP's, or what stands in the stream.

    `retryable`: the same request may be answered later.
    """

    exit_code = 6
    retryable: ClassVar[bool] = False
    _what: ClassVar[str] = "{provider} refuses"
    _advice: ClassVar[str] = _LATER

    def __init__(
        self,
        provider: str,
        said: str = "",
        *,
        what: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        message = what or self._what.format(provider=provider)
        super().__init__(f"{message}: {said}" if said else message, hint=self._advice.format(provider=provider))
        self.provider, self.said, self.status, self.request_id = provider, said, status, request_id


class KeyRejected(ProviderRefused):
    """The provider does not take the key. What it says is not repeated: some providers repeat the key."""

    exit_code = 5
    code = "key-rejected"
    _what = "{provider} does not take the key"
    _advice = "`kandil auth set {provider}` keeps another one"


class PermissionDenied(ProviderRefused):
    """The key is good, and not for this: the model, the region, the organisation."""

    exit_code = 5
    code = "permission-denied"
    _what = "{provider} does not allow this"
    _advice = "see what the account may use with {provider}: models, region, organisation"


class QuotaExhausted(ProviderRefused):
    """The account's credit or quota is used up: waiting a minute does not help."""

    code = "quota-exhausted"
    _what = "the account's credit or quota with {provider} is used up"
    _advice = "see the billing of the account with {provider}, or take another model"


class ModelNotOffered(ProviderRefused):
    """The provider does not know the model."""

    exit_code = 3
    code = "model-not-offered"
    _advice = "`kandil model list` has the models that are known"

    def __init__(
        self, provider: str, model: str, said: str = "", *, status: int | None = None, request_id: str | None = None
    ) -> None:
        what = f"{provider} does not offer {model}"
        super().__init__(provider, said, what=what, status=status, request_id=request_id)
        self.model = model


class ContextExceeded(ProviderRefused):
    """The request is longer than the model, or the account's limit, takes. The numbers are the provider's."""

    exit_code = 2
    code = "context-exceeded"
    _advice = "leave something out, or take a model with a larger context: `kandil model list --available`"

    def __init__(
        self,
        provider: str,
        model: str,
        said: str = "",
        *,
        needed_tokens: int | None = None,
        available_tokens: int | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        what = f"the request is longer than {model} takes"
        super().__init__(provider, said, what=what, status=status, request_id=request_id)
        self.model, self.needed_tokens, self.available_tokens = model, needed_tokens, available_tokens


class RequestInvalid(ProviderRefused):
    """The provider does not take the request as it is. `parameter` is what it names."""

    code = "request-invalid"
    _what = "{provider} does not take the request"
    _advice = "change what it names, or take another model"

    def __init__(
        self,
        provider: str,
        said: str = "",
        *,
        parameter: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(provider, said, status=status, request_id=request_id)
        self.parameter = parameter


class _Passing(ProviderRefused):
    """It may be over later: after `retry_after_seconds`, where the provider says so."""

    retryable = True

    def __init__(
        self,
        provider: str,
        said: str = "",
        retry_after_seconds: float | None = None,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(provider, said, status=status, request_id=request_id)
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds is not None:
            self.hint = f"ask again in {retry_after_seconds:,.0f} s, or take another model"


class RateLimited(_Passing):
    """Too many requests or tokens for now."""

    code = "rate-limited"
    _what = "{provider} takes no more requests for now"
    _advice = "wait, or take another model"


class ProviderOverloaded(_Passing):
    """The provider has too much to do, for everybody."""

    code = "provider-overloaded"
    _what = "{provider} is overloaded"


class ProviderFailed(_Passing):
    """Something broke at the provider's."""

    code = "provider-failed"
    _what = "{provider} failed"


class ReplyUnreadable(KandilError):
    """What came is not what the provider's protocol has. `begins` are its first words, escaped."""

    exit_code = 6
    code = "reply-unreadable"
    retryable: ClassVar[bool] = False

    def __init__(
        self, provider: str, reason: str, *, begins: str = "", status: int | None = None, hint: str | None = None
    ) -> None:
        shown = f"; it begins with: {begins}" if begins else ""
        super().__init__(
            f"{provider}'s answer cannot be read: {reason}{shown}",
            hint=hint or f"is {provider}'s base URL right, and does no proxy or login page answer in its place?",
        )
        self.provider, self.reason, self.begins, self.status = provider, reason, begins, status


class AnswerStalled(KandilError):
    """The connection is kept alive, and nothing of the answer came over it for `wait_seconds`."""

    exit_code = 6
    code = "answer-stalled"
    retryable: ClassVar[bool] = True

    def __init__(self, provider: str, wait_seconds: float) -> None:
        super().__init__(
            f"nothing of {provider}'s answer came for {wait_seconds:g} s, although it keeps the connection alive",
            hint="ask again later, or be more patient: --timeout",
        )
        self.provider, self.wait_seconds = provider, wait_seconds


class StreamBroken(KandilError):
    """The answer ended before its end. What came until then is right, and not all."""

    exit_code = 6
    code = "stream-broken"
    retryable: ClassVar[bool] = True

    def __init__(self, provider: str) -> None:
        super().__init__(f"the answer of {provider} broke off", hint="ask again; what came is not all of it")
        self.provider = provider
