"""Ollama's own API, after https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from kandil.providers.events import Event, Reasoning, Usage
from kandil.providers.fields import Fields, count, json_text, rows, table, text
from kandil.providers.reply import Reason, Reply
from kandil.providers.thinking import ThinkTags

if TYPE_CHECKING:
    from kandil.providers.conversation import Message, Request
    from kandil.providers.endpoint import Endpoint


def ollama_body(endpoint: Endpoint, request: Request) -> Fields:
    """The request's JSON. What does not fit the context is an error, where Ollama would leave out the oldest."""
    said = [{"role": "system", "content": request.system}] if request.system else []
    fields: Fields = {
        "model": endpoint.model,
        "messages": [*said, *map(_message, request.messages)],
        "stream": request.stream,
        "truncate": False,
        "shift": False,
    }
    options = {
        "num_ctx": request.context_tokens,
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if given := {name: value for name, value in options.items() if value is not None}:
        fields["options"] = given
    if request.json_schema is not None:
        fields["format"] = request.json_schema
    return fields


def _message(message: Message) -> Fields:
    fields: Fields = {"role": message.role, "content": message.text}
    if message.images:
        fields["images"] = [base64.b64encode(image.content).decode() for image in message.images]
    return fields


class OllamaReply(Reply):
    """A response, or the lines of one: they are alike, and the last is ``done``."""

    framing = "ndjson"
    reasons: ClassVar[dict[str, Reason]] = {"stop": "end", "length": "length"}

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._tags = ThinkTags(looked_for=endpoint.reasons is not False)

    def take(self, fields: Fields) -> Iterator[Event]:
        message = table(fields, "message")
        if thought := text(message, "thinking"):
            yield Reasoning(thought)
        if said := text(message, "content"):
            yield from self._tags.take(said)
        for call in rows(message, "tool_calls"):
            function = table(call, "function")
            given = json_text(function, "arguments")
            self.calls.add_whole(id=text(call, "id"), name=text(function, "name"), arguments=given)
        if fields.get("done") is True:
            shown, written = count(fields, "prompt_eval_count"), count(fields, "eval_count")
            if shown is not None or written is not None:
                yield Usage(input_tokens=shown, output_tokens=written)
            self.ended(text(fields, "done_reason") or "stop")
            self.over = True

    def last(self) -> Iterator[Event]:
        yield from self._tags.rest()
        yield from super().last()
