"""OpenAI's chat completions, and what others made of them.

After https://platform.openai.com/docs/api-reference/chat and the documentation of the providers in ``profiles/``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from kandil.providers.events import Event, Reasoning, Stop, Text, Usage
from kandil.providers.fields import Fields, count, json_text, rows, table, text
from kandil.providers.json_schema import instruction, is_strict
from kandil.providers.reply import Reason, Reply
from kandil.providers.thinking import ThinkTags

if TYPE_CHECKING:
    from kandil.providers.conversation import Image, Message, Request
    from kandil.providers.endpoint import Endpoint


def chat_body(endpoint: Endpoint, request: Request) -> Fields:
    """The request's JSON. Only what was asked for is named: some providers refuse what they do not know."""
    lacks = endpoint.lacks
    system = request.system
    fields: Fields = {"model": endpoint.model}
    if request.json_schema is not None and "json_schema" in lacks:
        fields["response_format"] = {"type": "json_object"}
        system = instruction(system, request.json_schema)
    elif request.json_schema is not None:
        asked = {"name": "answer", "schema": request.json_schema, "strict": is_strict(request.json_schema)}
        fields["response_format"] = {"type": "json_schema", "json_schema": asked}
    said = [{"role": "system", "content": system}] if system else []
    fields["messages"] = [*said, *map(_message, request.messages)]
    if request.max_tokens is not None:
        fields["max_completion_tokens" if "max_tokens" in lacks else "max_tokens"] = request.max_tokens
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    fields["stream"] = request.stream
    if request.stream and "stream_options" not in lacks:
        fields["stream_options"] = {"include_usage": True}
    return fields


def data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.content).decode()}"


def _message(message: Message) -> Fields:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[Fields] = [{"type": "image_url", "image_url": {"url": data_url(one)}} for one in message.images]
    if message.text:
        parts.append({"type": "text", "text": message.text})
    return {"role": message.role, "content": parts}


class ChatReply(Reply):
    """A completion, or the chunks of one: they differ in the name of one field."""

    reasons: ClassVar[dict[str, Reason]] = {
        "stop": "end",
        "end_turn": "end",
        "eos": "end",
        "length": "length",
        "max_tokens": "length",
        "model_length": "length",  # Mistral
        "tool_calls": "tool",
        "function_call": "tool",
        "content_filter": "filter",
        "sensitive": "filter",  # Z.ai
    }

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._tags = ThinkTags(looked_for=endpoint.reasons is not False)
        self._refused = False

    def take(self, fields: Fields) -> Iterator[Event]:
        for choice in rows(fields, "choices")[:1]:
            said = table(choice, "delta") or table(choice, "message")
            if said:
                yield from self._say(said)
            if word := text(choice, "finish_reason"):
                self.ended(word)
            if told := _usage(table(choice, "usage")):  # Moonshot
                yield told
        if told := _usage(table(fields, "usage") or table(table(fields, "x_groq"), "usage")):
            yield told

    def last(self) -> Iterator[Event]:
        yield from self._tags.rest()
        if self._refused:
            self.stop = Stop("refusal", self.stop.said if self.stop else "")
        yield from super().last()

    def _say(self, said: Fields) -> Iterator[Event]:
        if thought := text(said, "reasoning_content") or text(said, "reasoning"):
            yield Reasoning(thought)
        content = said.get("content")
        if isinstance(content, str) and content:
            yield from self._tags.take(content)
        elif isinstance(content, list):  # Mistral's models that reason
            yield from _parts(content)
        if refusal := text(said, "refusal"):
            self._refused = True
            yield Text(refusal)
        for place, call in enumerate(rows(said, "tool_calls")):
            function = table(call, "function")
            where = call.get("index", place)
            given = json_text(function, "arguments")
            self.calls.add(where, id=text(call, "id"), name=text(function, "name"), arguments=given)


def _parts(content: list[Any]) -> Iterator[Event]:
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            yield from (Reasoning(said) for one in rows(part, "thinking") if (said := text(one, "text")))
        elif said := text(part, "text"):
            yield Text(said)


def _usage(counted: Fields) -> Usage | None:
    if not counted:
        return None
    shown, written = count(counted, "prompt_tokens"), count(counted, "completion_tokens")
    reasoned = count(table(counted, "completion_tokens_details"), "reasoning_tokens")
    cached = count(table(counted, "prompt_tokens_details"), "cached_tokens")
    if cached is None:
        cached = count(counted, "prompt_cache_hit_tokens")  # DeepSeek
    if cached is None:
        cached = count(counted, "cached_tokens")  # Moonshot
    if shown is not None and written is not None and reasoned:
        apart = shown + written + reasoned == count(counted, "total_tokens")  # xAI counts reasoning on top
        written += reasoned if apart else 0
    if shown is None and written is None:
        return None
    return Usage(input_tokens=shown, output_tokens=written, reasoning_tokens=reasoned, cached_tokens=cached)
