"""`kandil refactor`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.assisting import model_options
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.assist.changes import Entry
    from kandil.assist.refactor import Outcome, Plan, Refactoring
    from kandil.cli.assisting import Work
    from kandil.cli.refactor_report import Report
    from kandil.serving import Place

HELP = """Change code towards a goal: shown as a diff, applied when you agree, taken back by `kandil undo`.

\b
Examples:
  kandil refactor src/app.py --goal "split main into functions"
  kandil refactor src/ --goal "use pathlib" --check "pytest -q"
  kandil refactor src/ --goal "type hints" -m ./model.gguf --dry-run
  kandil refactor app.py --goal "remove dead code" --patch > a.patch

The model answers with lines to search and lines to put in their place. They apply only where the searched lines stand
exactly once, and where what parsed before still does (C, C++, Go, Java, JavaScript, Python, Rust, TypeScript); else it
is told what was wrong, twice. It can change the files that were sent, and make new ones, but none that are hidden.
Where a part fails, nothing is applied unless you say so.

--check runs your command on the changed files, as you would: outside of any sandbox. Where it fails, all files are what
they were, and with --rounds the model sees what it printed and may change them again.

Never sent: what .gitignore names, what looks like a key (the whole file), what is no text, links, files that are too
large or generated.

\b
Exit: 0 applied, or nothing to change; 1 the check failed, and nothing is changed; 2 it cannot be done like this; 3 no
such model; 5 no key, or a rejected one; 6 the provider or the network; 10 a part failed; 130 not applied.
"""


@click.command("refactor", help=HELP, short_help="Change code towards a goal.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-g", "--goal", required=True, metavar="TEXT", help="What is to be different.")
@click.option("--check", "command_line", metavar="CMD", help="Run this after; take all back where it fails.")
@click.option(
    "--rounds", type=click.IntRange(0, 20), default=1, metavar="N", help="Show it a failed check so often. [1]"
)
@click.option("--patch", is_flag=True, help="Print the diff, for `git apply`, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Apply without being asked, where every part is well.")
@model_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[str, ...], **asked: Any) -> int:
    from kandil import config
    from kandil.assist import refactor, sources
    from kandil.assist.checks import check_text
    from kandil.cli.assisting import Work
    from kandil.cli.refactor_report import Report
    from kandil.cli.run import run_async
    from kandil.cli.target import check_target
    from kandil.errors import NothingToSend

    settings = ctx.find_object(Settings)
    assert settings is not None
    _can_ask(asked, settings)
    if asked["save"]:
        check_target(asked["save"])
    report = Report(settings, quiet=asked["quiet"])
    work = Work(asked, config.load(), report.say)
    found = sources.below(*sources.rooted(paths))
    report.skipped(found.skipped)
    if not found.files:
        raise NothingToSend
    refactoring = refactor.Refactoring(refactor.read(found))
    place = run_async(work.place)
    check_text("the goal", asked["goal"], place)
    plan = refactor.plan(refactoring.texts, asked["goal"], place.profile)
    if asked["dry_run"]:
        report.dry_run(plan, place)
        return 0
    try:
        return _rounds(plan, place, work, refactoring, report)
    finally:
        work.save("refactor", report.fields(refactoring), refactoring.transcript)


def _can_ask(asked: dict[str, Any], settings: Settings) -> None:
    """Somebody is there to agree, or has. Before anything is spent. Raises: UsageError."""
    if asked["patch"] and (asked["yes"] or asked["command_line"]):
        raise click.UsageError("--patch changes nothing, so there is nothing to check or to agree to.")
    if asked["patch"] or asked["yes"] or asked["dry_run"]:
        return
    if settings.json or asked["no_input"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("nobody is there to agree to the changes: say --yes to apply them, or --patch.")


def _rounds(plan: Plan, place: Place, work: Work, refactoring: Refactoring, report: Report) -> int:
    """The exit code. Asked, shown, agreed to, applied, checked; from the start where the check fails."""
    from kandil.assist import changes, refactor

    asked = work.asked
    for left in range(asked["rounds"], -1, -1):
        _ask(plan, place, work, refactoring, report)
        wanted = refactoring.texts.changes()
        report.diff(wanted, patch=asked["patch"])
        if not wanted and report.has_checked:
            break
        if asked["patch"] or not wanted or not _agreed(refactoring, asked, len(wanted)):
            return report.end(refactoring, applied=None)
        entry = changes.apply(refactoring.texts.root, wanted, f"refactor: {asked['goal']}")
        if asked["command_line"] is None:
            return report.end(refactoring, applied=entry)
        outcome = _checked(entry, asked["command_line"], report)
        if outcome.exit_code == 0:
            return report.end(refactoring, applied=entry)
        if left:
            report.say(f"the model is shown what the check printed ({left} more)")
            plan = refactor.plan(refactoring.texts, asked["goal"], place.profile, _failure(outcome))
    return report.check_failed(refactoring)


def _ask(plan: Plan, place: Place, work: Work, refactoring: Refactoring, report: Report) -> None:
    """Raises: KandilError; click.Abort: nothing is changed on disk."""
    from kandil.assist.refactor import run
    from kandil.cli.run import run_async
    from kandil.cli.sizes import counted

    async def asked() -> None:
        requests = [part.request for part in plan.parts]
        async with work.asking(requests, place, refactoring.transcript) as asking:
            await run(plan, asking, refactoring)

    report.say(f"asking {place.profile.id} about {counted(len(plan.parts), 'part')}")
    run_async(asked)
    report.failed(refactoring)


def _agreed(refactoring: Refactoring, asked: Mapping[str, Any], count: int) -> bool:
    """Raises: click.Abort."""
    from kandil.cli.sizes import counted

    if asked["yes"]:
        return not refactoring.failed
    failed = len(refactoring.failed)
    said = f"{counted(failed, 'part')} failed. Apply the others" if failed else "Apply this"
    if not click.confirm(f"{said} to {counted(count, 'file')}?", default=False, err=True):
        raise click.Abort
    return True


def _checked(entry: Entry, command_line: str, report: Report) -> Outcome:
    """How the check ended; where it was not well, or was stopped, all files are what they were."""
    from kandil.assist import changes, refactor
    from kandil.cli.run import run_async

    report.say(f"check: {command_line}")
    outcome = None
    try:
        outcome = run_async(partial(refactor.check, command_line, Path.cwd()))
    finally:
        if outcome is None or outcome.exit_code:
            report.taken_back(entry, changes.undo(entry, whatever_they_are=True))
    report.checked(outcome)
    return outcome


def _failure(outcome: Outcome) -> str:
    return f"It ended with exit code {outcome.exit_code}, and printed at last:\n{outcome.output}"
