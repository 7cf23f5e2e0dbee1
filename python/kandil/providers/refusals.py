"""A provider's refusals, as errors: by the words and codes that providers use, then by HTTP's status.

Statuses alone do not tell: OpenAI's 429 is a limit that passes or an empty account, Gemini's 400 a bad request or a bad
key, OpenRouter's 404 a model that nobody has. Words are from the providers' documentation and from answers of theirs.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from kandil.errors import (
    ContextExceeded,
    KandilError,
    KeyRejected,
    ModelNotOffered,
    PermissionDenied,
    ProviderFailed,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimited,
    ReplyUnreadable,
    RequestInvalid,
)
from kandil.providers import said as errors
from kandil.providers.fields import Fields, decoded, says_refused, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.providers.endpoint import Endpoint
    from kandil.providers.said import Said

Kind = Literal["long", "quota", "rate", "busy", "key", "permission", "model", "failed", "invalid", "nowhere"]


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_LONG: Final = _any(
    r"maximum context|context (length|window|size).{0,40}exceed|exceed\w*.{0,40}context (length|window|size)",
    r"(prompt|input|request|message) (is )?too (long|large)|prompt exceeds max|prompt contains.{0,40}too large",
    r"input (token count|length).{0,80}exceeds|too many tokens|reduce the length of|range of input length",
)
_TOO_LARGE: Final = _any(r"request too large")
_MONEY: Final = _any(
    r"insufficient.{0,20}(quota|balance|credit|fund)|credit balance|out of credits|any credits|in arrears|unpaid",
    r"(billing|spend\w*|monthly|daily|usage|free).{0,20} limit.{0,20}(reached|exceeded)|payment required",
    r"reached your (specified|monthly|usage|spend\w*|workspace).{0,30}limit|exceeded your current quota|"
    r"credits? (are|is|have been) (depleted|exhausted)|(purchase|buy) (more )?credits",
)
_PASSES: Final = _any(r"allocated quota exceeded|per[ _-]?(minute|second)|\b[RT]PM\b|(try again|retry) in")
_A_DAY: Final = _any(r"per[ _-]?day|\b[RT]PD\b")
_KEY: Final = _any(
    r"api[ _-]?key.{0,60}\b(not valid|invalid|incorrect|expired|revoked|leaked|disabled|not found|missing)",
    r"\b(invalid|incorrect|wrong|expired|revoked|missing|bad|no|didn't provide an) (x-)?api[ _-]?key",
)
_CREDENTIAL: Final = _any(
    r"unregistered callers|without established identity",
    r"\b(invalid|incorrect|wrong|expired|missing|no) (\w+ )?(token|credentials?|authentication|authorization)",
    r"\b(token|credentials?)\b.{0,40}\b(invalid|expired|revoked|missing)|^unauthori[sz]ed",
)
_ACCOUNT: Final = _any(r"\bregion|country|location|\bIP\b|organi[sz]ation|project|permission|not allowed|forbidden")
_REGION: Final = _any(r"(location|country|region|territory).{0,40}not (supported|available|allowed)")
_FLAGGED: Final = _any(r"moderation|flagged|content (policy|filter|management)|inappropriate content")
_MODEL: Final = _any(
    r"\bmodels?\b.{0,80}\b(not (be )?(found|exist|supported|available|offered)|doesn't exist|decommissioned|retired)",
    r"\b(invalid|unknown|unsupported|no such) model\b|not a valid model|no endpoints found|^model: \S+$",
)
_PICTURES: Final = _any(
    r"(image|vision|picture|multimodal)\w*( input)? (is|are) not supported|not support (image|vision)"
)
_BUSY: Final = _any(r"overloaded|server (is )?busy|at capacity|capacity exceeded|loading model|model is.{0,20}loading")
_NUMBERS: Final = (
    _any(r"(?P<needed>\d+) tokens? > (?P<limit>\d+)"),
    _any(r"token count(?: of)? \(?(?P<needed>\d+)\)?.{0,10}exceeds.{0,60}?\(?(?P<limit>\d+)"),
    _any(
        r"maximum context length (?:is|of) (?P<limit>\d+).{0,80}?"
        r"(?:requested|resulted in|contains|has) \D{0,12}(?P<needed>\d+)"
    ),
    _any(r"\bLimit:? (?P<limit>\d+), Requested:? (?P<needed>\d+)"),
    _any(r"(?:contains|request \()\s*(?P<needed>\d+) tokens.{0,80}?(?P<limit>\d+)"),
)
_CODES: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("context_length_exceeded", "exceed_context_size_error", "request_too_large"), "long"),
    **dict.fromkeys(
        ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"), "quota"
    ),
    **dict.fromkeys(("insufficient_balance", "insufficient_credits", "arrearage"), "quota"),
    **dict.fromkeys(("invalid_api_key", "invalidapikey", "api_key_invalid", "authentication_error"), "key"),
    **dict.fromkeys(("unsupported_country_region_territory", "permission_error", "tier_not_allowed"), "permission"),
    **dict.fromkeys(("model_not_found", "modelnotfound", "model_decommissioned", "invalid_model"), "model"),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "rate_limited"), "rate"),
    **dict.fromkeys(("throttling.ratequota", "throttling.allocationquota", "throttling"), "rate"),
    **dict.fromkeys(("invalid_request_error", "invalid_argument"), "invalid"),
    **dict.fromkeys(("overloaded_error", "server_overloaded", "engine_overloaded_error", "unavailable"), "busy"),
}
_MINIMAX: Final[Mapping[int, Kind]] = {
    **dict.fromkeys((1002, 1039, 1041), "rate"),
    **dict.fromkeys((1004, 2049), "key"),
    **dict.fromkeys((1008, 2056), "quota"),
    **dict.fromkeys((1026, 1027, 2013), "invalid"),
}
_STATUSES: Final[Mapping[int, Kind]] = {
    **dict.fromkeys((401, 498), "key"),
    402: "quota",
    403: "permission",
    404: "nowhere",
    **dict.fromkeys((408, 425, 499), "failed"),
    413: "long",
    429: "rate",
    **dict.fromkeys((503, 529), "busy"),
}
_REFUSED, _UNAUTHORISED, _FORBIDDEN, _LIMITED, _FAILED = 400, 401, 403, 429, 500
_DIGITS: Final = 12


def refusal(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> KandilError:
    """What the answer with a bad `status` means. `headers` have lower-case names; `body` may be cut off."""
    if body.lstrip()[:1] == b"<" and _of_status(status) not in ("long", "rate", "busy", "failed"):
        return ReplyUnreadable(endpoint.provider, "it is a web page", begins=shown(body), status=status)
    try:
        found = decoded(body, endpoint.provider)
    except ReplyUnreadable:
        found = "" if body.lstrip()[:1] == b"<" else body[:2000].decode("utf-8", "replace")
    said = errors.read(found, status, headers)
    return _error(endpoint, said, _kind(said))


def refused_inside(endpoint: Endpoint, fields: Fields) -> KandilError | None:
    """What `fields`, which came with a good status, refuses; None: nothing."""
    return refused(endpoint, fields) if says_refused(fields) else None


def refused(endpoint: Endpoint, fields: Fields) -> KandilError:
    """What the error `fields` means, which came with a good status."""
    said = errors.read(fields, None, MappingProxyType({}))
    return _error(endpoint, said, _kind(said))


def _of_status(status: int | None) -> Kind:
    if status is None or status >= _FAILED:
        return _STATUSES.get(status or 0, "failed")
    return _STATUSES.get(status, "invalid" if status >= _REFUSED else "nowhere")


def _kind(said: Said) -> Kind:  # noqa: C901, PLR0911 (one decision after the other, in their order)
    message, status, usual = said.message, said.status, _of_status(said.status)
    coded = {_CODES[code] for code in said.codes if code in _CODES}
    if said.base_code:
        return _MINIMAX.get(said.base_code, "failed")
    if "long" in coded or usual == "long" or _TOO_LARGE.search(message) or (usual != "rate" and _LONG.search(message)):
        return "long"
    if "quota" in coded or usual == "quota" or _MONEY.search(message):
        return "rate" if status == _LIMITED and _soon(said) else "quota"
    if _PICTURES.search(message):
        return "invalid"
    if "busy" in coded or (status != _LIMITED and _BUSY.search(message)):
        return "busy"
    if _REGION.search(message) or "permission" in coded:
        return "permission"
    if _KEY.search(message) or "key" in coded:
        return "key"
    if status == _UNAUTHORISED:
        return "permission" if _ACCOUNT.search(message) and not _CREDENTIAL.search(message) else "key"
    if status == _FORBIDDEN:
        if _FLAGGED.search(message):
            return "invalid"
        return "key" if _CREDENTIAL.search(message) else "permission"
    about_model = said.parameter in (None, "model") and (_MODEL.search(message) or _names_model(said))
    if "model" in coded or (about_model and usual in ("invalid", "nowhere", "failed") and status != _FAILED):
        return "model"
    if "rate" in coded:
        return "rate"
    return "invalid" if status is None and "invalid" in coded else usual


def _names_model(said: Said) -> bool:
    return _of_status(said.status) == "nowhere" and "model" in said.message.lower()


def _soon(said: Said) -> bool:
    """A limit that passes by itself, although it is worded like an empty account: Gemini's, Alibaba's."""
    if _A_DAY.search(said.message) or any("perday" in code for code in said.codes):
        return False
    return _PASSES.search(said.message) is not None or said.retry_after_seconds is not None


def _error(endpoint: Endpoint, said: Said, kind: Kind) -> KandilError:  # noqa: C901, PLR0911 (one error a line)
    provider, model, message = endpoint.provider, endpoint.model, said.message
    status, request_id, wait = said.status, said.request_id, said.retry_after_seconds
    match kind:
        case "key":
            return KeyRejected(provider, status=status, request_id=request_id)
        case "permission":
            return PermissionDenied(provider, message, status=status, request_id=request_id)
        case "model":
            return ModelNotOffered(provider, model, message, status=status, request_id=request_id)
        case "rate":
            return RateLimited(provider, message, wait, status=status, request_id=request_id)
        case "quota":
            return QuotaExhausted(provider, message, status=status, request_id=request_id)
        case "long":
            needed, limit = _numbers(said)
            return ContextExceeded(
                provider,
                model,
                message,
                needed_tokens=needed,
                available_tokens=limit,
                status=status,
                request_id=request_id,
            )
        case "busy":
            return ProviderOverloaded(provider, message, wait, status=status, request_id=request_id)
        case "failed":
            return ProviderFailed(provider, message, wait, status=status, request_id=request_id)
        case "nowhere":
            return ReplyUnreadable(
                provider, f"nothing of the kind is at its address ({status})", begins=message, status=status
            )
        case "invalid":
            return RequestInvalid(provider, message, parameter=said.parameter, status=status, request_id=request_id)


def _numbers(said: Said) -> tuple[int | None, int | None]:
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", said.message)
    for pattern in _NUMBERS:
        if found := pattern.search(plain):
            return int(found["needed"][:_DIGITS]), int(found["limit"][:_DIGITS])
    return said.tokens
