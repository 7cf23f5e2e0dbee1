"""OpenAI's Responses API, after https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from kandil.providers.events import Event, Reasoning, Stop, Text, Usage
from kandil.providers.fields import Fields, count, json_text, rows, says_refused, table, text
from kandil.providers.json_schema import is_strict
from kandil.providers.openai_chat import data_url
from kandil.providers.reply import Reason, Reply

if TYPE_CHECKING:
    from kandil.providers.conversation import Message, Request
    from kandil.providers.endpoint import Endpoint


def responses_body(endpoint: Endpoint, request: Request) -> Fields:
    """The request's JSON. Nothing is to be kept by the provider, as it would be if nothing were said."""
    fields: Fields = {
        "model": endpoint.model,
        "input": [_message(one) for one in request.messages],
        "stream": request.stream,
    }
    if "store" not in endpoint.lacks:
        fields["store"] = False
    if request.system:
        fields["instructions"] = request.system
    if request.max_tokens is not None:
        fields["max_output_tokens"] = request.max_tokens
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if request.json_schema is not None:
        schema = request.json_schema
        asked = {"type": "json_schema", "name": "answer", "schema": schema, "strict": is_strict(schema)}
        fields["text"] = {"format": asked}
    return fields


def _message(message: Message) -> Fields:
    """Its type may be left out at OpenAI's; llama.cpp takes no message of the assistant's without."""
    fields: Fields = {"type": "message", "role": message.role}
    if not message.images:
        return {**fields, "content": message.text}
    parts: list[Fields] = [{"type": "input_image", "image_url": data_url(one)} for one in message.images]
    if message.text:
        parts.append({"type": "input_text", "text": message.text})
    return {**fields, "content": parts}


class ResponsesReply(Reply):
    """A response, or the events of one."""

    reasons: ClassVar[dict[str, Reason]] = {
        "completed": "end",
        "max_output_tokens": "length",
        "content_filter": "filter",
    }

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._refused = False

    def take(self, fields: Fields) -> Iterator[Event]:
        kind = text(fields, "type")
        if not kind and text(fields, "object") == "response":
            yield from self._whole(fields)
        elif kind == "response.output_text.delta":
            yield from self._said(Text(text(fields, "delta")))
        elif kind == "response.refusal.delta":
            self._refused = True
            yield from self._said(Text(text(fields, "delta")))
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            yield from self._said(Reasoning(text(fields, "delta")))
        elif kind == "response.reasoning_summary_part.added" and count(fields, "summary_index"):
            yield Reasoning("\n\n")
        elif kind == "response.output_item.done":
            self._call(table(fields, "item"))
        elif kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            yield from self._ended(table(fields, "response"), kind)

    def last(self) -> Iterator[Event]:
        if self.stop and self._refused:
            self.stop = Stop("refusal", self.stop.said)
        yield from super().last()

    def _said(self, event: Text | Reasoning) -> Iterator[Event]:
        if event.text:
            yield event

    def _call(self, item: Fields) -> None:
        if item.get("type") == "function_call":
            given = json_text(item, "arguments")
            self.calls.add_whole(id=text(item, "call_id"), name=text(item, "name"), arguments=given)

    def _whole(self, response: Fields) -> Iterator[Event]:
        for item in rows(response, "output"):
            for part in rows(item, "summary") + rows(item, "content"):
                said = text(part, "text") or text(part, "refusal")
                self._refused |= part.get("type") == "refusal"
                yield from self._said(Reasoning(said) if item.get("type") == "reasoning" else Text(said))
            self._call(item)
        yield from self._ended(response, "")

    def _ended(self, response: Fields, kind: str) -> Iterator[Event]:
        if told := _usage(table(response, "usage")):
            yield told
        if says_refused(response):
            self.refuse(response)
        word = text(table(response, "incomplete_details"), "reason") or text(response, "status")
        self.ended(word or kind.removeprefix("response."))
        self.over = True


def _usage(counted: Fields) -> Usage | None:
    shown, written = count(counted, "input_tokens"), count(counted, "output_tokens")
    if shown is None and written is None:
        return None
    return Usage(
        input_tokens=shown,
        output_tokens=written,
        reasoning_tokens=count(table(counted, "output_tokens_details"), "reasoning_tokens"),
        cached_tokens=count(table(counted, "input_tokens_details"), "cached_tokens"),
    )
