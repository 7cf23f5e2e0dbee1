"""What `kandil ask` prints: the answer as it comes, or one JSON object; the rest to standard error."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from kandil.cli.answer_text import Screen
from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report
from kandil.cli.terminal import Paint
from kandil.providers.events import Reasoning, Text
from kandil.secret import redacted

if TYPE_CHECKING:
    from kandil.cli.group import Settings
    from kandil.completions import Answer
    from kandil.errors import KandilError
    from kandil.providers.events import Event, Stop

_ODD_ENDS = {
    "length": "the answer was cut off: it reached the longest that was allowed (--max-tokens, or the context)",
    "filter": "the provider's filter ended the answer",
    "refusal": "the model refused",
}


class Output:
    """Where an answer goes. `answer` is None until it has begun."""

    def __init__(self, settings: Settings, *, quiet: bool, whole: bool) -> None:
        self._json, self._quiet, self._whole = settings.json, quiet or settings.json, whole
        self._paint = Paint(sys.stderr, no_color=settings.no_color)
        self._screen = Screen(no_color=settings.no_color, quiet=self._quiet)
        self.answer: Answer | None = None

    def say(self, text: str, style: str | None = None) -> None:
        """A notice, to standard error; with --quiet or --json warnings alone."""
        if not self._quiet or text.startswith("warning:"):
            shown = redacted(printable(text))
            print(self._paint(style, shown) if style else shown, file=sys.stderr, flush=True)

    def show(self, event: Event) -> None:
        if self._json or self._whole:
            return
        match event:
            case Text():
                self._screen.text(event.text)
            case Reasoning():
                self._screen.reasoning(event.text)
            case _:
                pass  # at the end

    def end(self) -> None:
        """The answer is whole."""
        assert self.answer is not None
        if self._json:
            write_report("kandil.ask/1", **fields(self.answer), interrupted=False, error=None)
        else:
            self._finish(self.answer)

    def broken(self, error: KandilError | None) -> bool:
        """The answer is not what was asked for, or ended before its time, None: by its user; what came of it stays.
        True: the error has been said.
        """
        if self.answer is None:
            return False
        if not self._json:
            self._finish(self.answer)
            return False
        said = {"code": error.code, "message": error.message, "hint": error.hint} if error else None
        write_report("kandil.ask/1", **fields(self.answer), interrupted=error is None, error=said)
        return True

    def _finish(self, answer: Answer) -> None:
        """Shows what has not been shown yet."""
        if self._whole:
            self._screen.reasoning(answer.reasoning)
            self._screen.text(answer.text)
        self._screen.end()
        for call in answer.tool_calls:
            self.say(f"warning: the model asks for a tool, and kandil runs none: {call.name} {call.arguments}")
        if answer.stop and (odd := _odd(answer, answer.stop)):
            self.say(f"warning: {odd}")
        if answer.stop or answer.usage:
            self.say(_in_short(answer), "dim")


def _odd(answer: Answer, stop: Stop) -> str | None:
    """What is odd about how a whole answer ended."""
    empty = not answer.text.strip() and not answer.tool_calls
    return _ODD_ENDS.get(stop.reason, "the answer is empty" if empty else None)


def fields(answer: Answer) -> dict[str, Any]:
    """For JSON. Times in seconds."""
    usage, stop = answer.usage, answer.stop
    return {
        "model": answer.target.model,
        "provider": answer.target.endpoint.provider,
        "text": answer.text,
        "reasoning": answer.reasoning or None,
        "tool_calls": [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in answer.tool_calls],
        "stop": {"reason": stop.reason, "said": stop.said} if stop else None,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "cached_tokens": usage.cached_tokens,
        }
        if usage
        else None,
        "cost_usd": answer.cost_usd,
        "first_token_seconds": answer.first_token_seconds,
        "total_seconds": answer.total_seconds,
        "tokens_per_second": answer.tokens_per_second,
        "attempts": answer.attempts,
    }


def _in_short(answer: Answer) -> str:
    """`gpt-5: 12 tokens in, 34 out (10 reasoning), $0.0012, first token after 0.42 s, 85 tokens/s`."""
    parts, usage = [], answer.usage
    if usage and usage.input_tokens is not None:
        parts.append(f"{usage.input_tokens:,} tokens in{_of(usage.cached_tokens, 'cached')}")
    if usage and usage.output_tokens is not None:
        parts.append(f"{usage.output_tokens:,} out{_of(usage.reasoning_tokens, 'reasoning')}")
    if answer.cost_usd is not None:
        parts.append(_dollars(answer.cost_usd))
    if answer.first_token_seconds is not None:
        parts.append(f"first token after {answer.first_token_seconds:.2f} s")
    if answer.tokens_per_second is not None:
        parts.append(f"{answer.tokens_per_second:.0f} tokens/s")
    if answer.attempts > 1:
        parts.append(f"{answer.attempts} attempts")
    return f"{answer.target.model}: {', '.join(parts)}"


def _of(tokens: int | None, what: str) -> str:
    return f" ({tokens:,} {what})" if tokens else ""


def _dollars(amount: float) -> str:
    """Two digits that say something: `$0.0012`, `$1.50`."""
    if amount == 0:
        return "free"
    digits = max(2, 1 - math.floor(math.log10(amount)))
    return f"${amount:.{min(digits, 9)}f}"
