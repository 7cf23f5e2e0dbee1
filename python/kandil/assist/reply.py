"""`kandil.ask` and `kandil.stream`: the same as the command, for programs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kandil import config
from kandil.assist.checks import check_json
from kandil.assist.prompt import compiled, image, text_file
from kandil.assist.question import Question, answering
from kandil.providers.conversation import Message
from kandil.registry import choice

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from kandil.completions import Answer
    from kandil.profiles import Profile
    from kandil.providers.events import Stop, ToolCall, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer. None is not known."""

    model: str
    provider: str
    text: str
    reasoning: str
    """What the model thought before it answered, where the provider shows it; empty where it does not."""
    tool_calls: tuple[ToolCall, ...]
    stop: Stop | None
    usage: Usage | None
    cost_usd: float | None
    """By the catalogue's prices."""
    first_token_seconds: float | None
    total_seconds: float


async def ask(prompt: str | Sequence[Message], *, model: str | Path | Profile | None = None, **options: Any) -> Reply:  # noqa: ANN401 - those of `stream`
    """The whole answer; arguments and errors are those of `stream`.

    Raises, too: ReplyNotJson, ReplyNotOfSchema, where a `json_schema` was given; they have the answer's text.
    """
    async with stream(prompt, model=model, **options) as answer:
        async for _ in answer:
            pass
    check_json(options.get("json_schema"), answer)
    return Reply(
        model=answer.target.model,
        provider=answer.target.endpoint.provider,
        text=answer.text,
        reasoning=answer.reasoning,
        tool_calls=tuple(answer.tool_calls),
        stop=answer.stop,
        usage=answer.usage,
        cost_usd=answer.cost_usd,
        first_token_seconds=answer.first_token_seconds,
        total_seconds=answer.total_seconds,
    )


@asynccontextmanager
async def stream(
    prompt: str | Sequence[Message],
    *,
    model: str | Path | Profile | None = None,
    system: str | None = None,
    files: Sequence[str | os.PathLike[str]] = (),
    images: Sequence[str | os.PathLike[str]] = (),
    json_schema: Mapping[str, Any] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    context_tokens: int | None = None,
    keep_alive_seconds: float | None = None,
    wait_seconds: float | None = None,
    allow_secrets: bool = False,
) -> AsyncGenerator[Answer]:
    """An answer, begun: iterate over it for its events. Leaving the context ends it. On trio.

    Args:
        prompt: a question, or a conversation whose last turn is the user's.
        model: a model's name, its profile, or a GGUF file, which is verified and run here; None: the one that
            `kandil ask` would take.
        system: what the model is told before everything else.
        files: texts to be sent along.
        images: pictures to be sent along.
        json_schema: the answer is to be JSON of this JSON Schema; that it is, `ask` checks.
        max_tokens: the longest answer; reasoning counts.
        temperature: 0 takes the likeliest words.
        top_p: the share of likely words that are chosen from.
        context_tokens: the context to load a local model with.
        keep_alive_seconds: how long a model that kandil runs stays loaded when nobody asks it.
        wait_seconds: when nothing has come for so long, it is given up.
        allow_secrets: what looks like a key may be sent to others.

    Raises: KandilError, of every kind: the name, the file, the key, the network, the provider.
    """
    settings = config.load()
    turns = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    if not turns or turns[-1].role != "user":
        raise ValueError("the last turn of a conversation is the user's")
    if json_schema is not None:
        compiled(json_schema)  # what is wrong with it is said before anything is sent
    question = Question(
        text=turns[-1].text,
        model=await choice.meant(model, settings, task="vision" if images else "chat"),
        system=system,
        context=tuple(text_file(Path(one)) for one in files),
        images=(*turns[-1].images, *(image(Path(one)) for one in images)),
        history=turns[:-1],
        json_schema=json_schema,
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        context_tokens=context_tokens,
        keep_alive_seconds=keep_alive_seconds,
        wait_seconds=wait_seconds,
        allow_secrets=allow_secrets,
    )
    async with answering(question, settings=settings) as answer:
        yield answer
