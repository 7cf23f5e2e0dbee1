"""`kandil test`."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.assisting import model_options
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.assist.testing import Generation, Interpreter, Plan
    from kandil.cli.assisting import Work
    from kandil.cli.test_report import Report
    from kandil.serving import Place

HELP = """Generate tests, and keep those that pass, are stable, and catch mutants.

\b
Examples:
  kandil test src/ --dry-run               which files would be sent, tokens and cost
  kandil test src/shop/price.py -m ./model.gguf
  kandil test src/shop --python .venv/bin/python --yes --budget 0.50

Each test runs apart, in a sandbox: without a network, on a copy of what git keeps of the project, with the project's
own .venv, venv or $VIRTUAL_ENV, or the Python and its pytest that you name. It is kept if it passes in all of several
runs, under other hash seeds and time zones, alone and beside the others in both orders; if it runs code of the module;
and if it fails once that code is changed: a comparison, an operator, a constant, a condition, a returned value, a call.
What is dropped is told with the reason. Nothing of the project is changed but by new files of tests, with your consent;
`kandil undo` takes them back. A module that cannot be imported in the copy is not sent.

Never sent: what .gitignore names, what looks like a key (the whole file), what is no text, links, files that are too
large or generated. Known: Python, with pytest. The sandbox needs Linux.

\b
Exit: 0 something is kept; 2 it cannot be done like this; 3 no such model; 5 no key, or a rejected one; 6 the provider
or the network; 10 nothing is kept, or a part failed; 130 not written.
"""
_MOST_COPIES = 8


@click.command("test", help=HELP, short_help="Generate tests that pass, are stable, and catch mutants.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--python", "python", metavar="PATH", help="Run tests with this Python.")
@click.option("--framework", default="pytest", metavar="NAME", help="What tests are written for. [pytest]")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=60.0, metavar="SECONDS", help="End a run after. [60]"
)
@click.option("--allow-weaker", is_flag=True, help="Also without layers that this system does not give.")
@click.option("-y", "--yes", is_flag=True, help="Write what is kept without being asked.")
@model_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[str, ...], **asked: Any) -> int:
    from kandil import config
    from kandil.assist import sources, testing
    from kandil.cli.assisting import Work
    from kandil.cli.run import run_async
    from kandil.cli.target import check_target
    from kandil.cli.test_report import Report
    from kandil.errors import FrameworkUnknown, NoSuchPath

    settings = ctx.find_object(Settings)
    assert settings is not None
    _can_ask(asked, settings)
    if asked["framework"] != "pytest":
        raise FrameworkUnknown(f"{asked['framework']}")
    for path in paths:
        if not os.path.lexists(path):
            raise NoSuchPath(path)
    if asked["save"]:
        check_target(asked["save"])
    report = Report(settings, quiet=asked["quiet"])
    work = Work(asked, config.load(), report.say)
    found = sources.below(*sources.rooted(paths))
    place = run_async(work.place)
    plan = testing.plan(found, place.profile)
    report.plan(plan)
    if asked["dry_run"]:
        report.dry_run(plan, place)
        return 0
    projects = dict.fromkeys(plan.root / part.module.project for part in plan.parts)
    interpreter = testing.found(asked["python"], *projects, plan.root)
    generation = testing.Generation()
    try:
        if plan.parts:
            run_async(partial(_generate, plan, (place, interpreter), work, generation, report))
        return _written(plan, generation, report, agreed=asked["yes"])
    finally:
        work.save("test", report.fields(generation), generation.transcript)


def _can_ask(asked: dict[str, Any], settings: Settings) -> None:
    """Somebody is there to agree, or has. Before anything is spent. Raises: UsageError."""
    if asked["yes"] or asked["dry_run"]:
        return
    if settings.json or asked["no_input"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("nobody is there to agree to new files: say --yes to write them, or --dry-run.")


async def _generate(
    plan: Plan, using: tuple[Place, Interpreter], work: Work, generation: Generation, report: Report
) -> None:
    """Raises: KandilError: nothing is sent before it is known that tests can run."""
    from kandil.assist.testing import copied, run

    place, interpreter = using
    count = max(1, min(os.cpu_count() or 1, _MOST_COPIES))
    weaker, seconds = work.asked["allow_weaker"], work.asked["timeout"]
    async with copied(plan.root, count, interpreter, timeout_seconds=seconds, allow_weaker=weaker) as copies:
        python, pytest = await copies[0].versions()
        report.say(f"tests run with {interpreter.executable}: Python {python}, pytest {pytest}")
        requests = [part.request for part in plan.parts]
        async with work.asking(requests, place, generation.transcript) as asking:
            await run(plan, asking, copies, generation, report.dropped)


def _written(plan: Plan, generation: Generation, report: Report, *, agreed: bool) -> int:
    """The exit code, with new files for what is kept, where that is agreed to. Raises: click.Abort."""
    from kandil.assist import changes
    from kandil.cli.sizes import counted

    wanted = generation.changes()
    report.results(generation, wanted)
    if not wanted:
        return report.end(generation, applied=None)
    if not agreed and not click.confirm(f"Write {counted(len(wanted), 'new file')}?", default=False, err=True):
        raise click.Abort
    return report.end(generation, applied=changes.apply(plan.root, wanted, "test"))
