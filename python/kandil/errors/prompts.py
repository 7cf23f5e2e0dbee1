"""What cannot be asked as it was given."""

from __future__ import annotations

from typing import Final

from kandil.errors.root import KandilError

_ANOTHER_ANSWER: Final = "ask again, allow a longer answer, or take another model"


class PromptEmpty(KandilError):
    """Nothing was asked."""

    exit_code = 2
    code = "prompt-empty"

    def __init__(self) -> None:
        super().__init__("nothing was asked", hint='`kandil ask "…"`, or pipe a text into it')


class AttachmentUnusable(KandilError):
    """A file that was to go with the prompt cannot: `reason` says why."""

    exit_code = 2
    code = "attachment-unusable"

    def __init__(self, path: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path} cannot be sent: {reason}", hint=hint)
        self.path, self.reason = path, reason


class SecretInPrompt(KandilError):
    """What looks like a key stands in what was to be sent to somebody else. It is not repeated.

    `places` are the prompt's parts and the lines in them, from 1.
    """

    exit_code = 2
    code = "secret-in-prompt"

    def __init__(self, places: tuple[tuple[str, int], ...], provider: str) -> None:
        where = ", ".join(f"{name}:{line}" for name, line in places)
        super().__init__(
            f"what looks like a key would be sent to {provider}: {where}",
            hint="take it out, or say --allow-secrets where it is none",
        )
        self.places, self.provider = places, provider


class PromptTooLong(KandilError):
    """The prompt cannot fit the model's context. `needed_tokens` is an estimate, on the low side."""

    exit_code = 2
    code = "prompt-too-long"

    def __init__(self, model: str, needed_tokens: int, available_tokens: int) -> None:
        super().__init__(
            f"the prompt has some {needed_tokens:,} tokens, and {model} takes {available_tokens:,}: "
            f"about {needed_tokens - available_tokens:,} too many",
            hint="leave something out, or take a model with a larger context: `kandil model list --available`",
        )
        self.model, self.needed_tokens, self.available_tokens = model, needed_tokens, available_tokens


class ModelCannot(KandilError):
    """The model is known not to do what was asked for."""

    exit_code = 2
    code = "model-cannot"

    def __init__(self, model: str, what: str, *, hint: str | None = None) -> None:
        super().__init__(f"{model} {what}", hint=hint)
        self.model, self.what = model, what


class NotHere(KandilError):
    """The model's file is not on this machine."""

    exit_code = 3
    code = "model-not-here"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} is a file, and it is on this machine in no place that kandil knows",
            hint="`kandil model list --local --refresh` looks again; name the file itself: `kandil ask -m ./FILE.gguf`",
        )
        self.model = model


class NotTrusted(KandilError):
    """The file was verified before it was to be loaded, and was found bad: it is not loaded."""

    exit_code = 8
    code = "file-not-trusted"

    def __init__(self, path: str, status: str, reason: str) -> None:
        super().__init__(f"{path} is not loaded: {reason}", hint=f"`kandil inspect --findings {path}` says more")
        self.path, self.status, self.reason = path, status, reason


class ReplyNotJson(KandilError):
    """JSON was asked for, and the answer is none; `text` is the answer."""

    exit_code = 6
    code = "reply-not-json"

    def __init__(self, model: str, reason: str, text: str) -> None:
        super().__init__(f"{model} answered no JSON: {reason}", hint=_ANOTHER_ANSWER)
        self.model, self.reason, self.text = model, reason, text


class ReplyNotOfSchema(KandilError):
    """The answer, `text`, is JSON, but not of the schema that was asked for: `reason`, at the JSON Pointer `path`."""

    exit_code = 6
    code = "reply-not-of-schema"

    def __init__(self, model: str, path: str, reason: str, text: str) -> None:
        where = f" at {path}" if path else ""
        super().__init__(f"{model} answered JSON that is not of the schema{where}: {reason}", hint=_ANOTHER_ANSWER)
        self.model, self.path, self.reason, self.text = model, path, reason, text


class NothingToContinue(KandilError):
    """There is no conversation to go on with."""

    exit_code = 2
    code = "nothing-to-continue"

    def __init__(self) -> None:
        super().__init__(
            "this terminal session has no conversation to go on with",
            hint="ask without --continue first; --no-keep, and answers that may hold a key, leave nothing",
        )


class NobodyToAsk(KandilError):
    """A command that asks, and nobody is there."""

    exit_code = 2
    code = "nobody-to-ask"

    def __init__(self, command: str) -> None:
        super().__init__(
            f"{command} asks questions, and nobody is at a terminal to answer them",
            hint=f"`{command} --answers FILE` takes the answers from a file; `{command} --help` shows one",
        )
        self.command = command


class AnswersWrong(KandilError):
    """A file of answers cannot be used."""

    exit_code = 2
    code = "answers-wrong"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", hint="`kandil setup --help` shows such a file")
        self.path, self.reason = path, reason
