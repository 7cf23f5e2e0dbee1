"""`kandil-sandbox load-test`: what it takes, and what came of it in words."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import GivenPath, Settings, common_options
from kandil.cli.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.cli.terminal import Paint
    from kandil.sandbox import LoadReport

HELP = """\b
Examples:
  kandil-sandbox load-test model.gguf
  kandil-sandbox load-test model.gguf --level 1               the header alone, in a tenth of a second
  kandil-sandbox load-test model.gguf --runtime /opt/llama/lib
  kandil-sandbox load-test model.gguf --json | jq .status

Load a model file with the llama.cpp of this machine, in a process that can do no harm.

First its parser reads the header, and must see what kandil's own scan sees; then all of the file is loaded, and a few
tokens are decoded on the CPU. A crash is a finding. What the process may not do, it is ended for.

\b
Exit: 0 passed; 1 nothing could be tested; 8 failed.
"""

_STYLES = {"passed": "green", "failed": "red", "not-possible": "yellow", "not-tested": "yellow"}
_EXIT = {"passed": 0, "not-tested": 1, "failed": 8}


class _Seconds(click.FloatRange):
    """More than none, and a number: click takes `nan` and `inf` for floats."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


def _size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else size_bytes(value)


@click.command("load-test", help=HELP, short_help="Load a model file where it can do no harm.")
@click.argument("file", type=GivenPath())
@click.option("--level", type=click.IntRange(1, 2), default=2, show_default=True, help="1: the header. 2: all of it.")
@click.option("--cross-check", is_flag=True, help="Ask the gguf package's reader too. Large vocabularies take it 30 s.")
@click.option("--runtime", metavar="PATH", help="A library of llama.cpp, or the folder that has it.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=_Seconds(0, min_open=True),
    default=30,
    show_default=True,
    help="Time for the whole load.",
)
@click.option("--memory", metavar="SIZE", callback=_size, help="Memory for the load.  [default: the file's and 1 GiB]")
@click.option("--allow-weaker", is_flag=True, help="Load although a layer of the sandbox is missing.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: str,
    level: int,
    cross_check: bool,
    runtime: str | None,
    timeout: float,
    memory: int | None,
    allow_weaker: bool,
) -> int:
    from functools import partial

    from kandil.cli.run import run_async
    from kandil.sandbox import load_test

    settings = ctx.find_object(Settings)
    assert settings is not None
    reports: list[LoadReport] = []

    async def load() -> int:
        test = partial(load_test, file, timeout_seconds=timeout, memory_bytes=memory, allow_weaker=allow_weaker)
        reports.append(await test(cross_check=cross_check, runtime=runtime, level=level))
        return _EXIT[reports[0].status]

    code = run_async(load)
    show(reports[0], settings)
    return code


def show(report: LoadReport, settings: Settings) -> None:
    """Prints it."""
    from dataclasses import asdict

    from kandil._core import __version__
    from kandil.cli.json_lines import write_json
    from kandil.cli.terminal import Paint
    from kandil.sandbox.result import SCHEMA

    if settings.json:
        write_json({"schema": SCHEMA, "kandil_version": __version__, **asdict(report), "blocks": report.blocks})
        return
    for line in lines(report, Paint(sys.stdout, no_color=settings.no_color)):
        print(line)


def lines(report: LoadReport, paint: Paint) -> Iterator[str]:
    """The report in words, safe to print."""
    from kandil.cli.escape import printable, shortened

    yield f"{printable(report.path)}: {paint(_STYLES[report.status], report.status)} in {report.milliseconds:.0f} ms"
    if report.runtime is not None:
        versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
        told = f" ({printable(versions)})" if versions else ""
        yield f"  loader     {printable(report.runtime.name)} {report.runtime.version or ''}".rstrip() + told
    for level in report.levels:
        took = f"({level.milliseconds:.0f} ms)" if level.milliseconds is not None else ""
        result = paint(_STYLES[level.result], f"{level.result:12}")
        told = " ".join(filter(None, (shortened(level.reason or "", 300), took)))
        yield f"  {level.name:10} {result} {told}".rstrip()
    for finding in report.findings:
        yield f"  {finding.id} {finding.severity}: {printable(finding.message)}"
    if report.layers:
        active = sorted(name for name, state in report.layers.items() if state == "active")
        yield f"  sandbox    {printable(', '.join(active))}"
        for name, state in sorted(report.layers.items()):
            if state != "active":
                yield f"             {printable(name)} {printable(state)}"
    for path, reason in report.refused_runtimes.items():
        yield f"  not used   {printable(path)}: {printable(reason)}"
    if report.status == "not-tested" and report.reason:
        yield f"  {printable(report.reason)}"
    if report.hint:
        yield f"{paint('cyan', 'hint:')} {report.hint}"
