"""What is known to go wrong is said before anything is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kandil.assist.prompt import Part, compiled, secrets
from kandil.errors import ModelCannot, PromptTooLong, ReplyNotJson, ReplyNotOfSchema, SecretInPrompt
from kandil.providers import estimate_input_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.assist.question import Question
    from kandil.completions import Answer
    from kandil.providers.conversation import Request
    from kandil.serving import Place

_SURE: Final = 0.45
"""The estimate leans high, most for Cyrillic: no text was found that needs less than this share of it."""


def check(question: Question, request: Request, place: Place) -> None:
    """The model can do what is asked, the prompt can fit, and tells nobody a key.

    Raises: ModelCannot, PromptTooLong, SecretInPrompt.
    """
    _able(question, place)
    _fits(request, place)
    if place.elsewhere and not question.allow_secrets:
        _tells_no_key(question, request, place)


def check_text(name: str, text: str, place: Place) -> None:
    """A text that goes to somebody else has no key in it. Raises: SecretInPrompt."""
    if place.elsewhere and (places := secrets((Part(name, text),))):
        raise SecretInPrompt(places, place.profile.provider)


def check_json(schema: Mapping[str, Any] | None, answer: Answer) -> None:
    """The whole answer is JSON of the schema, where there is one. Raises: ReplyNotJson, ReplyNotOfSchema."""
    if schema is None:
        return
    model, text = answer.target.model, answer.text
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReplyNotJson(model, str(error), text) from None
    if violation := compiled(schema).violation(text):
        raise ReplyNotOfSchema(model, *violation, text)


def _able(question: Question, place: Place) -> None:
    profile, files = place.profile, place.located
    if profile.kind != "chat":
        raise ModelCannot(profile.id, f"answers no questions: it is made for {profile.kind}")
    if question.images and (profile.supports_vision is False or (files is not None and files.projector is None)):
        hint = "put its mmproj file beside the model's" if files else "`kandil model fit --task vision` lists some"
        raise ModelCannot(profile.id, "sees no pictures", hint=hint)
    if question.temperature is not None and profile.temperature_allowed is False:
        raise ModelCannot(profile.id, "takes no temperature", hint="leave --temperature out")
    if profile.status == "retired":
        raise ModelCannot(profile.id, "is no longer offered", hint=profile.ending())


def _fits(request: Request, place: Place) -> None:
    profile = place.profile
    windows = [one for one in (profile.context_window, profile.max_input_tokens) if one]
    if not windows:
        return
    least = int(estimate_input_tokens(request) * _SURE)
    if least >= min(windows):
        raise PromptTooLong(profile.id, least, min(windows))


def _tells_no_key(question: Question, request: Request, place: Place) -> None:
    said = (Part(f"turn {number}", turn.text) for number, turn in enumerate(question.history, 1))
    asked = (Part("the prompt", question.text), Part("the system prompt", request.system or ""))
    if places := secrets((*asked, *question.context, *said)):
        raise SecretInPrompt(places, place.profile.provider)
