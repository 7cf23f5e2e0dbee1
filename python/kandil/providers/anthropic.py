"""Anthropic's Messages API, after https://docs.anthropic.com/en/api/messages and …/messages-streaming."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from kandil.providers.events import Event, Reasoning, Text, Usage
from kandil.providers.fields import Fields, count, json_text, rows, table, text
from kandil.providers.reply import Reason, Reply

if TYPE_CHECKING:
    from kandil.providers.conversation import Message, Request
    from kandil.providers.endpoint import Endpoint

_LONGEST_UNASKED: Final = 32_768
"""The protocol requires a number; so long an answer is hardly cut off by it."""
_UNKNOWN_MODEL_TOKENS: Final = 8192


def messages_body(endpoint: Endpoint, request: Request) -> Fields:
    """The request's JSON."""
    longest = min(endpoint.max_output_tokens or _UNKNOWN_MODEL_TOKENS, _LONGEST_UNASKED)
    fields: Fields = {
        "model": endpoint.model,
        "max_tokens": longest if request.max_tokens is None else request.max_tokens,
        "messages": [_message(one) for one in request.messages],
        "stream": request.stream,
    }
    if request.system:
        fields["system"] = request.system
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if request.json_schema is not None:
        fields["output_config"] = {"format": {"type": "json_schema", "schema": request.json_schema}}
    return fields


def _message(message: Message) -> Fields:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[Fields] = []
    for image in message.images:
        content = base64.b64encode(image.content).decode()
        parts.append({"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": content}})
    if message.text:
        parts.append({"type": "text", "text": message.text})
    return {"role": message.role, "content": parts}


class MessagesReply(Reply):
    """A message, or the events of one."""

    reasons: ClassVar[dict[str, Reason]] = {
        "end_turn": "end",
        "stop_sequence": "end",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool",
        "refusal": "refusal",
    }

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._usage = Usage()

    def take(self, fields: Fields) -> Iterator[Event]:
        match fields.get("type"):
            case "content_block_delta":
                yield from self._say(table(fields, "delta"), fields.get("index"))
            case "content_block_start":
                yield from self._begin(table(fields, "content_block"), fields.get("index"))
            case "message_start":
                yield from self._counted(table(table(fields, "message"), "usage"))
            case "message_delta":
                yield from self._counted(table(fields, "usage"))
                self._stopped(table(fields, "delta"))
            case "message_stop":
                self.over = True
            case "message":
                for place, block in enumerate(rows(fields, "content")):
                    yield from self._begin(block, place)
                yield from self._counted(table(fields, "usage"))
                self._stopped(fields)
                self.over = True
            case _:  # ping, content_block_stop, and what is yet to be invented
                pass

    def _stopped(self, fields: Fields) -> None:
        if word := text(fields, "stop_reason"):
            self.ended(word)

    def _begin(self, block: Fields, place: object) -> Iterator[Event]:
        """A block may come whole. ``redacted_thinking`` is not for anybody to read."""
        match block.get("type"):
            case "text" if said := text(block, "text"):
                yield Text(said)
            case "thinking" if said := text(block, "thinking"):
                yield Reasoning(said)
            case "tool_use":
                given = json_text(block, "input") if block.get("input") else ""  # {} where deltas follow
                self.calls.add(place, id=text(block, "id"), name=text(block, "name"), arguments=given)
            case _:
                pass

    def _say(self, delta: Fields, place: object) -> Iterator[Event]:
        match delta.get("type"):
            case "text_delta" if said := text(delta, "text"):
                yield Text(said)
            case "thinking_delta" if said := text(delta, "thinking"):
                yield Reasoning(said)
            case "input_json_delta":
                self.calls.add(place, arguments=text(delta, "partial_json"))
            case _:  # signature_delta, citations_delta
                pass

    def _counted(self, usage: Fields) -> Iterator[Usage]:
        """Counts add up over the stream's beginning and end, each of which has some of them."""
        if not usage:
            return
        read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
        fresh = count(usage, "input_tokens")
        output = count(usage, "output_tokens")
        thought = count(table(usage, "output_tokens_details"), "thinking_tokens")
        before = self._usage
        self._usage = Usage(
            input_tokens=before.input_tokens if fresh is None else fresh + (read or 0) + (written or 0),
            output_tokens=before.output_tokens if output is None else output,
            reasoning_tokens=before.reasoning_tokens if thought is None else thought,
            cached_tokens=before.cached_tokens if read is None else read,
        )
        yield self._usage
