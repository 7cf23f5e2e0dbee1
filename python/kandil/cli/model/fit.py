"""`kandil model fit`: what this machine can run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.fit_text import human_bytes, where
from kandil.cli.group import Settings, common_options
from kandil.cli.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kandil.compat import Fit
    from kandil.hardware import Hardware
    from kandil.profiles import Profile

HELP = """\b
Examples:
  kandil model fit                              for talking
  kandil model fit --task code --ctx 32768      for programs, with room for 32768 tokens
  kandil model fit qwen --all                   every one with "qwen" in its name
  kandil model fit ~/models/some.gguf           one file, by its own header; name the first of several parts
  kandil model fit --ram 64GB --vram 24GB       as if this machine had so much free
  kandil model fit --json | jq -r '.models[0].id'

Rank what this machine can run, with how much context, before anything is downloaded.

What is compared is the memory that llama.cpp would allocate with what is free now, less a reserve for the system. Of
each model and size the smallest file with four bits a weight or more is proposed. The order is by size and age: a
proposal, and no measurement.

\b
Exit: 0 shown; 3 no model has the words in its name; 4 nothing fits; 8 the file is broken or hostile.
"""

SCHEMA = "kandil.model.fit/1"
_FEW = 20
"""So many are shown at a terminal."""
_MOST_TOKENS = (1 << 31) - 1
"""llama.cpp counts no further."""
_HEADS = ("MODEL", "FILE", "MEMORY", "CONTEXT", "MAX CONTEXT", "RUNS ON")
_YIELDING = (
    ("RUNS ON", 7),
    ("CONTEXT", 0),
    ("FILE", 0),
    ("RUNS ON", 0),
    ("MEMORY", 0),
    ("MODEL", 20),
    ("MAX CONTEXT", 0),
    ("MODEL", 1),
)


def memory_options(command: Callable[..., int]) -> Callable[..., int]:
    """`--ctx`, `--kv-type`, `--ram`, `--vram`, `--disk`: what the fit is computed for."""
    sized: Any = size_bytes
    options = (
        click.option("--disk", "disk_bytes", type=sized, metavar="SIZE", help="So much of the disk may be used."),
        click.option("--vram", "vram_bytes", type=sized, metavar="SIZE", help="So much GPU memory may be used."),
        click.option("--ram", "ram_bytes", type=sized, metavar="SIZE", help="So much RAM may be used."),
        click.option(
            "--kv-type", default="f16", metavar="TYPE", help="Of the cache: f16, q8_0, q4_0, …", show_default=True
        ),
        click.option(
            "--ctx",
            "context",
            type=click.IntRange(1, _MOST_TOKENS),
            metavar="TOKENS",
            help="With so many tokens of context.",
        ),
    )
    for option in options:
        command = option(command)
    return command


@click.command("fit", help=HELP, short_help="Rank what this machine can run.")
@click.argument("query", nargs=-1)
@click.option(
    "--task",
    type=click.Choice(["chat", "code", "vision", "tools", "reasoning", "embedding"]),
    default="chat",
    show_default=True,
    help="What the model must be made for.",
)
@memory_options
@click.option("--all", "everything", is_flag=True, help=f"More than the first {_FEW}, at a terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Print the names alone.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, query: tuple[str, ...], everything: bool, quiet: bool, **asked: Any) -> int:
    from kandil.cli.model import fit_file
    from kandil.cli.run import run_async
    from kandil.compat import fits
    from kandil.errors import NothingFits
    from kandil.hardware import detect

    settings = ctx.find_object(Settings)
    assert settings is not None
    named = () if fit_file.is_file(query) else _named(" ".join(query))
    hardware, task = run_async(detect), asked.pop("task")
    try:
        if fit_file.is_file(query):
            return fit_file.show(query[0], hardware, asked, settings)
        found = fits(named, hardware, task=task, **asked)
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from error
    if settings.json:
        _show_json(found, hardware, task)
    elif not found:
        raise NothingFits(" ".join(query))
    elif quiet:
        print("\n".join(fit.profile.id for fit in found))
    else:
        _show(found, settings, most=len(found) if everything or not sys.stdout.isatty() else _FEW)
        _say_memory(hardware)
    return 0 if found else 4


def _named(query: str) -> list[Profile]:
    """The catalogue's models with every word of the query in their name. Raises: NameUnknown."""
    from kandil import profiles
    from kandil.errors import NameUnknown
    from kandil.registry.listing import matches
    from kandil.resolver import Names

    named = [one for one in profiles.every() if matches(query, one.id, one.name)]
    if not named:
        raise NameUnknown(query, tuple(one.profile.id for one in Names().search(query)))
    return named


def _show(found: Sequence[Fit], settings: Settings, *, most: int) -> None:
    from kandil.cli.table import table
    from kandil.cli.terminal import Paint

    paint = Paint(sys.stdout, no_color=settings.no_color)
    for line in table(_HEADS, [_row(fit) for fit in found[:most]], paint, numbers=_HEADS[1:-1], yielding=_YIELDING):
        print(line)
    if len(found) > most:
        print(paint("dim", f"{len(found) - most} more with --all"))


def _row(fit: Fit) -> tuple[str, ...]:
    report, weights = fit.report, fit.profile.weights
    size = weights.size_bytes if weights else None
    return (
        fit.profile.id,
        human_bytes(size) if size else "?",
        human_bytes(report.ram.total_bytes + report.vram.total_bytes),
        f"{report.context:,}" if report.context else "?",
        f"{report.largest_context:,}" if report.largest_context is not None else "?",
        where(report),
    )


def _say_memory(hardware: Hardware) -> None:
    from kandil.cli.escape import printable

    parts = []
    if hardware.memory:
        parts.append(
            f"{human_bytes(hardware.memory.available_bytes)} of {human_bytes(hardware.memory.total_bytes)} RAM free"
        )
    if hardware.disk:
        parts.append(f"{human_bytes(hardware.disk.free_bytes)} free on the disk")
    for gpu in hardware.gpus:
        free = human_bytes(gpu.free_bytes) if gpu.free_bytes is not None else "unknown"
        parts.append(f"{gpu.name}: {free} free")
    parts += [f"{one.name}: not known ({'; '.join(one.reasons)})" for one in hardware.problems]
    print(printable("; ".join(parts)), file=sys.stderr)


def _show_json(found: Sequence[Fit], hardware: Hardware, task: str) -> None:
    from kandil.cli.fit_text import report_fields
    from kandil.cli.json_lines import write_report

    models = [{"id": fit.profile.id, **report_fields(fit.report)} for fit in found]
    write_report(SCHEMA, task=task, models=models, hardware=hardware.to_json())
