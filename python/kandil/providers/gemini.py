"""Google's generateContent, after https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from kandil.providers.events import Event, Reasoning, Stop, Text, Usage
from kandil.providers.fields import Fields, count, json_text, rows, table, text
from kandil.providers.reply import Reason, Reply

if TYPE_CHECKING:
    from kandil.providers.conversation import Message, Request
    from kandil.providers.endpoint import Endpoint


def gemini_body(endpoint: Endpoint, request: Request) -> Fields:
    """The request's JSON. The model is part of the URL."""
    fields: Fields = {"contents": [_content(one) for one in request.messages]}
    if request.system:
        fields["systemInstruction"] = {"parts": [{"text": request.system}]}
    settings: Fields = {}
    if request.max_tokens is not None:
        settings["maxOutputTokens"] = request.max_tokens
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    if request.top_p is not None:
        settings["topP"] = request.top_p
    if request.json_schema is not None:
        settings["responseMimeType"] = "application/json"
        settings["responseJsonSchema"] = request.json_schema
    if endpoint.reasons:
        settings["thinkingConfig"] = {"includeThoughts": True}
    if settings:
        fields["generationConfig"] = settings
    return fields


def _content(message: Message) -> Fields:
    parts: list[Fields] = [
        {"inlineData": {"mimeType": image.media_type, "data": base64.b64encode(image.content).decode()}}
        for image in message.images
    ]
    if message.text or not parts:
        parts.append({"text": message.text})
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


class GeminiReply(Reply):
    """A response, or the many of a stream: they are alike. Nothing says that none follows."""

    reasons: ClassVar[dict[str, Reason]] = {
        "stop": "end",
        "max_tokens": "length",
        "malformed_function_call": "tool",
        "unexpected_tool_call": "tool",
        **dict.fromkeys(("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety"), "filter"),
    }

    def take(self, fields: Fields) -> Iterator[Event]:
        for candidate in rows(fields, "candidates")[:1]:
            for part in rows(table(candidate, "content"), "parts"):
                yield from self._say(part)
            if word := text(candidate, "finishReason"):
                self.ended(word)
        if blocked := text(table(fields, "promptFeedback"), "blockReason"):
            self.stop = Stop("filter", blocked)
        if told := _usage(table(fields, "usageMetadata")):
            yield told

    def _say(self, part: Fields) -> Iterator[Event]:
        if said := text(part, "text"):
            yield Reasoning(said) if part.get("thought") is True else Text(said)
        if call := table(part, "functionCall"):
            self.calls.add_whole(id=text(call, "id"), name=text(call, "name"), arguments=json_text(call, "args"))


def _usage(counted: Fields) -> Usage | None:
    shown = count(counted, "promptTokenCount")
    written, thought = count(counted, "candidatesTokenCount"), count(counted, "thoughtsTokenCount")
    if shown is None and written is None:
        return None
    if shown is not None:
        shown += count(counted, "toolUsePromptTokenCount") or 0
    output = None if written is None and thought is None else (written or 0) + (thought or 0)
    cached = count(counted, "cachedContentTokenCount")
    return Usage(input_tokens=shown, output_tokens=output, reasoning_tokens=thought, cached_tokens=cached)
