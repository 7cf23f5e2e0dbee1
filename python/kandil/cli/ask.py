"""`kandil ask`."""

from __future__ import annotations

import os
import select
import stat
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.naming import naming_options
from kandil.cli.sizes import duration_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kandil.assist import Question
    from kandil.assist.conversation import Conversation
    from kandil.assist.prompt import Part
    from kandil.cli.ask_output import Output
    from kandil.completions import Answer
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.profiles import Profile

HELP = """Ask a model, in the cloud or in a file on this machine.

\b
Examples:
  kandil ask "why is the sky blue?"
  kandil ask -m claude-sonnet-5-5 "explain" -f main.py -f util.py
  kandil ask -m ./model.gguf "hello"           verified first, then run by kandil itself
  git diff | kandil ask "write a commit message"
  kandil ask "what is on it?" --image photo.jpg
  kandil ask "three colours" --json-schema colours.json
  kandil ask --continue "and in winter?"       goes on with this terminal's conversation

The answer goes to standard output as it comes; what the model thinks before it, tokens, cost and speed go to standard
error. What is piped in comes before the question. Without -m the model is the session's, the project's, the user's, or
the best that is configured: it is said which, and why.

The last conversation of each terminal session is kept for --continue, in a file that its owner alone can read, until
the next one or the session's end; with --no-keep nothing is kept.

\b
Exit: 0 answered; 2 it cannot be asked like this; 3 no such model; 4 it does not fit this machine; 5 no key, or a
rejected one; 6 no answer, half of one, or not of --json-schema; 8 the file is bad; 9 settings are wrong; 130 stopped.
"""
_STDIN = "standard input"
_QUIET_SECONDS = 3.0
"""A pipe in which nothing comes for so long may be one that nobody writes to."""


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else duration_seconds(value)


def _wait(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    seconds = _duration(ctx, param, value)
    if seconds == 0:
        raise click.BadParameter("nothing comes in no time.")
    return seconds


@click.command("ask", help=HELP, short_help="Ask a model, in the cloud or in a file.")
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@click.option("-m", "--model", metavar="NAME", help="The model, or a GGUF file.")
@click.option("-s", "--system", metavar="TEXT", help="What the model is told before everything else.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Send this text along; - is standard input.")
@click.option("--image", "images", multiple=True, metavar="FILE", help="Send this picture along.")
@click.option("--json-schema", "schema", metavar="FILE", help="The answer is to be JSON of this JSON Schema.")
@click.option("--max-tokens", type=click.IntRange(1, 100_000_000), metavar="N", help="The longest answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), metavar="T", help="0 takes the likeliest words.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), metavar="P", help="The share of likely words.")
@click.option("--ctx", "context", type=click.IntRange(1, 100_000_000), metavar="TOKENS", help="Of a local model.")
@click.option("--keep-alive", callback=_duration, metavar="TIME", help="Keep a local model loaded for 10m after this.")
@click.option("--timeout", callback=_wait, metavar="TIME", help="Give up when nothing has come for so long.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Go on with this terminal's conversation.")
@click.option("--no-keep", is_flag=True, help="Keep nothing of this for --continue.")
@click.option("--no-stream", is_flag=True, help="Show the answer when it is whole.")
@click.option("--allow-secrets", is_flag=True, help="Send what looks like a key.")
@click.option("--force", is_flag=True, help="Load a local model although it does not fit.")
@click.option("-q", "--quiet", is_flag=True, help="Print the answer, warnings and errors alone.")
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, words: tuple[str, ...], quiet: bool, no_keep: bool, **asked: Any) -> int:
    from kandil import config
    from kandil.assist import conversation
    from kandil.cli.ask_output import Output

    settings = ctx.find_object(Settings)
    assert settings is not None
    loaded = config.load()
    output = Output(settings, quiet=quiet, whole=asked["no_stream"])
    earlier = conversation.last() if asked["go_on"] else None
    text, context = _said(words, asked["files"], output.say)
    model = _model(asked, earlier, loaded, output.say)
    question = _question(text, context, model, asked, earlier)
    try:
        return _answered(question, loaded, output, no_input=asked["no_input"])
    finally:
        if not no_keep and output.answer and output.answer.text:
            conversation.keep(question, output.answer.text)


def _answered(question: Question, loaded: Config, output: Output, *, no_input: bool) -> int:
    """The exit code; the answer, or what came of it, has been shown. Raises: KandilError, click.Abort."""
    from kandil.cli.keys import open_keys
    from kandil.cli.run import interrupted_code, run_async, sole_error
    from kandil.errors import KandilError, SecretInPrompt

    try:
        run_async(partial(_ask, question, loaded, output, open_keys(no_input=no_input)))
    except (KandilError, click.Abort, BaseExceptionGroup) as error:
        sole = sole_error(error)
        if isinstance(sole, SecretInPrompt) and not no_input and sys.stdin.isatty() and sys.stderr.isatty():
            output.say(f"warning: {sole.message}")
            if click.confirm("Send it all the same?", default=False, err=True):
                return _answered(replace(question, allow_secrets=True), loaded, output, no_input=no_input)
            raise
        if isinstance(sole, click.Abort) and output.broken(None):
            return interrupted_code(sole)
        if isinstance(sole, KandilError) and output.broken(sole):
            return sole.exit_code
        raise
    return 0


async def _ask(question: Question, loaded: Config, output: Output, keys: Keys) -> None:
    from kandil.assist import answering
    from kandil.assist.checks import check_json

    async with answering(question, settings=loaded, keys=keys, notice=output.say) as answer:
        output.answer = answer
        async for event in answer:
            output.show(event)
    _count_use(question, answer)
    check_json(question.json_schema, answer)
    output.end()


def _said(words: Sequence[str], named: Sequence[str], say: Callable[[str], None]) -> tuple[str, tuple[Part, ...]]:
    """The question, and what it is about: standard input, then files.

    Raises: AttachmentUnusable, PromptEmpty.
    """
    from kandil.assist.prompt import composed, text_file

    text = " ".join(words)
    parts = [] if "-" in named else _piped()
    parts += [part for name in named for part in (_piped() if name == "-" else [text_file(Path(name))])]
    composed(text, parts)  # an empty one is said before anything is looked for
    for part in parts:
        if not part.text.strip():
            say(f"warning: {part.name} is empty")
    return text, tuple(parts)


def _piped() -> list[Part]:
    """What was piped or redirected to standard input: a terminal, and a device, is not waited for."""
    from kandil.assist.prompt import LARGEST_TEXT_BYTES, Part, decoded
    from kandil.errors import AttachmentUnusable

    kind = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or stat.S_ISREG(kind)):
        return []
    if not select.select([sys.stdin], [], [], _QUIET_SECONDS)[0]:
        print("reading standard input; end it with < /dev/null if nothing is to come", file=sys.stderr)
    content = sys.stdin.buffer.read(LARGEST_TEXT_BYTES + 1)
    if len(content) > LARGEST_TEXT_BYTES:
        raise AttachmentUnusable(_STDIN, f"it has more than {LARGEST_TEXT_BYTES:,} bytes")
    return [Part(_STDIN, decoded(_STDIN, content))] if content else []


def _model(
    asked: dict[str, Any], earlier: Conversation | None, loaded: Config, say: Callable[[str], None]
) -> Profile | Path:
    """The model that was named, or that stands for none."""
    from kandil.cli.keys import open_keys
    from kandil.cli.naming import resolved
    from kandil.cli.run import run_async
    from kandil.registry import choice

    name = asked["model"] or (earlier.model if earlier else None)
    if name is None:
        task: choice.Task = "vision" if asked["images"] else "chat"
        chosen = run_async(partial(choice.choose, loaded, task=task, keys=open_keys(no_input=asked["no_input"])))
        say(f"{chosen.name}: {chosen.why}")
        name = chosen.name
    if choice.is_path(name):
        return Path(name)
    return resolved(name, explain=asked["explain"], no_input=asked["no_input"]).profile


def _question(
    text: str, context: tuple[Part, ...], model: Profile | Path, asked: dict[str, Any], earlier: Conversation | None
) -> Question:
    from kandil.assist import Question
    from kandil.assist.prompt import image, schema

    return Question(
        text=text,
        model=model,
        system=asked["system"] if asked["system"] is not None or not earlier else earlier.system,
        context=context,
        images=tuple(image(Path(name)) for name in asked["images"]),
        history=earlier.messages if earlier else (),
        json_schema=schema(Path(asked["schema"])) if asked["schema"] else None,
        max_tokens=asked["max_tokens"],
        temperature=asked["temperature"],
        top_p=asked["top_p"],
        context_tokens=asked["context"],
        keep_alive_seconds=asked["keep_alive"],
        wait_seconds=asked["timeout"],
        stream=not asked["no_stream"],
        allow_secrets=asked["allow_secrets"],
        force=asked["force"],
    )


def _count_use(question: Question, answer: Answer) -> None:
    """The user's record of the model, where there is one, knows that it was used."""
    from contextlib import suppress

    from kandil import registry
    from kandil.errors import KandilError

    with suppress(KandilError):
        if not isinstance(question.model, Path) and registry.find(question.model.id):
            seconds = answer.first_token_seconds
            registry.used(question.model.id, latency_ms=seconds * 1000 if seconds is not None else None)
