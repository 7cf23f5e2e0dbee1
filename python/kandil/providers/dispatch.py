"""Which protocol an endpoint speaks, and what is the same for all."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kandil.providers.anthropic import MessagesReply, messages_body
from kandil.providers.decoder import LARGEST_REPLY_BYTES, Decoder
from kandil.providers.endpoint import Call
from kandil.providers.gemini import GeminiReply, gemini_body
from kandil.providers.ollama import OllamaReply, ollama_body
from kandil.providers.openai_chat import ChatReply, chat_body
from kandil.providers.openai_responses import ResponsesReply, responses_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kandil.errors import KandilError
    from kandil.providers.conversation import Request
    from kandil.providers.endpoint import Endpoint
    from kandil.providers.fields import Fields
    from kandil.providers.reply import Reply

_PROTOCOLS: Final[Mapping[str, tuple[Callable[[Endpoint, Request], Fields], type[Reply]]]] = {
    "openai": (chat_body, ChatReply),
    "responses": (responses_body, ResponsesReply),
    "anthropic": (messages_body, MessagesReply),
    "gemini": (gemini_body, GeminiReply),
    "ollama": (ollama_body, OllamaReply),
}


def encode(endpoint: Endpoint, request: Request) -> Call:
    """The call that asks. What the model is known not to take, temperature and top_p, is left out."""
    if endpoint.temperature_allowed is False:
        request = replace(request, temperature=None, top_p=None)
    fields = _of(endpoint)[0](endpoint, request)
    url = endpoint.url
    if endpoint.protocol == "gemini" and request.stream:
        url = url.removesuffix(":generateContent") + ":streamGenerateContent?alt=sse"
    accepted = "text/event-stream" if request.stream and endpoint.protocol != "ollama" else "application/json"
    headers = {"content-type": "application/json", "accept": accepted, **endpoint.headers}
    return Call(method="POST", url=url, headers=MappingProxyType(headers), body=_json(fields))


def decoder(endpoint: Endpoint, *, largest_bytes: int = LARGEST_REPLY_BYTES) -> Decoder:
    """For one reply with a good status, streamed or not: its bytes tell which. At most `largest_bytes` are taken."""
    return Decoder(_of(endpoint)[1](endpoint), largest_bytes=largest_bytes)


def refusal(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> KandilError:
    """What the answer with a bad `status` means. `headers` have lower-case names; `body` may be cut off."""
    from kandil.providers import refusals  # noqa: PLC0415 (its many patterns are for what fails)

    return refusals.refusal(endpoint, status, headers, body)


def _of(endpoint: Endpoint) -> tuple[Callable[[Endpoint, Request], Fields], type[Reply]]:
    responses = endpoint.protocol == "openai" and endpoint.style == "responses"
    return _PROTOCOLS["responses" if responses else endpoint.protocol]


def _json(fields: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError:  # a prompt of bytes that are no UTF-8
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
