"""A question to any model, in the cloud or in a file, and its answer while it comes."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kandil import config, serving
from kandil.assist import prompt as prompts
from kandil.assist.checks import check
from kandil.completions import Client, open_client
from kandil.profiles import Profile
from kandil.providers.conversation import Message, Request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from kandil.assist.prompt import Part
    from kandil.completions import Answer
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.providers.conversation import Image


def _unheard(_text: str) -> None:
    """Nobody listens to notices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of whom, and how. None leaves a setting to ``config.toml``, and then to the model."""

    text: str
    model: Profile | Path
    """A profile, or a GGUF file, which kandil runs itself."""
    system: str | None = None
    context: tuple[Part, ...] = ()
    """What the question is about: files, what was piped in."""
    images: tuple[Image, ...] = ()
    history: tuple[Message, ...] = ()
    """Turns before this one, the user's first."""
    json_schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    context_tokens: int | None = None
    """The context to load a local model with."""
    keep_alive_seconds: float | None = None
    """How long a model that kandil runs stays loaded when nobody asks it."""
    wait_seconds: float | None = None
    """When nothing has come for so long, it is given up; None: after two minutes before the answer (of a server on this
    machine an hour), one within it."""
    stream: bool = True
    allow_secrets: bool = False
    """What looks like a key may be sent to others."""
    force: bool = False
    """A local model may be loaded although it does not fit."""

    @property
    def message(self) -> Message:
        """The turn that is sent. Raises: PromptEmpty."""
        return Message("user", prompts.composed(self.text, self.context), self.images)


@asynccontextmanager
async def answering(
    question: Question,
    *,
    settings: Config | None = None,
    keys: Keys | None = None,
    notice: Callable[[str], None] = _unheard,
) -> AsyncGenerator[Answer]:
    """The answer, begun: its first event has come. Leaving the context ends it, and what was started for it.

    `notice` is told, in a line each, what takes time or is worth to know.

    Raises: KandilError, of every kind: the name, the file, the key, the network, the provider.
    """
    settings = settings or config.load()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            open_client(settings.limits, keys=keys, wait_seconds=question.wait_seconds, notice=notice)
        )
        yield await begun(question, client, stack, settings, notice)


async def begun(
    question: Question, client: Client, stack: AsyncExitStack, settings: Config, notice: Callable[[str], None]
) -> Answer:
    """As `answering`, with a client that is there already; what is started ends with `stack`."""
    request = _request(question, settings)
    if question.system is None and request.system:
        _say_whose(("models", _name(question.model), "system"), settings, notice)
    place = await serving.place(question.model, settings, notice)
    check(question, request, place)
    target, request = await stack.enter_async_context(
        serving.target(place, request, notice, keep_alive_seconds=question.keep_alive_seconds, force=question.force)
    )
    return await stack.enter_async_context(client.answer(target, request))


def _request(question: Question, settings: Config) -> Request:
    said = settings.models.get(_name(question.model)) or config.ModelSettings()
    profile = question.model if isinstance(question.model, Profile) else None
    temperature = question.temperature
    if temperature is None and (profile is None or profile.temperature_allowed is not False):
        temperature = said.temperature
    return Request(
        messages=(*question.history, question.message),
        system=said.system if question.system is None else question.system,
        max_tokens=question.max_tokens or said.max_tokens,
        temperature=temperature,
        top_p=said.top_p if question.top_p is None else question.top_p,
        json_schema=question.json_schema,
        context_tokens=question.context_tokens or said.context,
        stream=question.stream,
    )


def _say_whose(system: tuple[str, ...], settings: Config, notice: Callable[[str], None]) -> None:
    """A cloned repository may say what the model is told, and not behind its user's back."""
    origin = settings.origin(system)
    if origin.kind == "project":
        notice(f"the system prompt is of {origin}")


def _name(model: Profile | Path) -> str:
    return model.id if isinstance(model, Profile) else model.stem
