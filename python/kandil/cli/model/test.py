"""`kandil model test`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from kandil.assist.reach import Reach, Step

HELP = """Call a model, step by step, and say what works.

\b
Examples:
  kandil model test gpt-5              name, connection, TLS, key, model, answer, format, limits
  kandil model test gpt-5 --free       nothing that costs: no answer is asked for
  kandil model test ./model.gguf       a file: verified, loaded, asked
  kandil model test gpt-5 --json

Each step has its time. The list of models, which is free, is asked for first; a few tokens of an answer, which may
cost a fraction of a cent, only when that has worked. The exit code says where it ended: 6 for the network and the
provider, 5 for the key, 8 for a file. A model that you added keeps the time to its first token.
"""
_MARKS = {"ok": ("green", "ok"), "failed": ("red", "failed"), "unknown": ("yellow", "unknown"), "skipped": ("dim", "-")}


@click.command("test", help=HELP, short_help="Call a model, step by step, and say what works.")
@click.argument("query", nargs=-1, required=True, metavar="NAME")
@click.option("--free", is_flag=True, help="Ask for nothing that costs.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@naming_options
@common_options
@click.pass_context
def command(
    ctx: click.Context, /, *, query: tuple[str, ...], free: bool, quiet: bool, explain: bool, no_input: bool
) -> int:
    from kandil import config
    from kandil.assist.reach import reach
    from kandil.cli.keys import open_keys
    from kandil.cli.naming import resolved
    from kandil.cli.run import run_async
    from kandil.registry import choice

    settings = ctx.find_object(Settings)
    assert settings is not None
    name = " ".join(query)
    model = Path(name) if choice.is_path(name) else resolved(name, explain=explain, no_input=no_input).profile
    say = _silent if quiet or settings.json else _say
    found = run_async(partial(reach, model, config.load(), free=free, notice=say, keys=open_keys(no_input=no_input)))
    _remember(found)
    if settings.json:
        _show_json(found)
    elif not quiet:
        _show(found, settings)
    if found.error is not None and not settings.json:
        raise found.error
    return found.error.exit_code if found.error else 0


def _silent(_text: str) -> None:
    """Nothing is said."""


def _say(text: str) -> None:
    from kandil.cli.escape import printable
    from kandil.secret import redacted

    print(redacted(printable(text)), file=sys.stderr)


def _show(found: Reach, settings: Settings) -> None:
    from kandil.cli.escape import printable
    from kandil.cli.terminal import Paint
    from kandil.secret import redacted

    paint = Paint(sys.stdout, no_color=settings.no_color)
    print(paint("bold", printable(found.model)))
    for step in found.steps:
        style, word = _MARKS[step.state]
        what = "" if step.state == "failed" else redacted(printable(step.what))
        print(f"  {step.name:<11}{paint(style, f'{word:<8}')} {_time(step):>9}  {what}".rstrip())
    if found.cost_usd:
        print(f"  it cost ${found.cost_usd:.6f}")


def _time(step: Step) -> str:
    """`12 ms`, `1.2 s`."""
    if step.seconds is None:
        return ""
    return f"{step.seconds * 1000:.0f} ms" if step.seconds < 1 else f"{step.seconds:.1f} s"


def _show_json(found: Reach) -> None:
    from kandil.cli.json_lines import write_report

    steps = [{"name": one.name, "state": one.state, "seconds": one.seconds, "what": one.what} for one in found.steps]
    error = found.error
    said = {"code": error.code, "message": error.message, "hint": error.hint} if error else None
    write_report(
        "kandil.model.test/1", model=found.model, steps=steps, limits=found.limits, cost_usd=found.cost_usd, error=said
    )


def _remember(found: Reach) -> None:
    """The user's record of the model, where there is one, keeps the time to the first token."""
    from contextlib import suppress

    from kandil import registry
    from kandil.errors import KandilError

    if found.first_token_seconds is not None:
        with suppress(KandilError):
            if registry.find(found.model):
                registry.used(found.model, latency_ms=found.first_token_seconds * 1000, limits=found.limits)
