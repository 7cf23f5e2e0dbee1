"""`kandil review`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.assisting import model_options
from kandil.cli.group import GivenPath, Settings, common_options

if TYPE_CHECKING:
    from kandil.assist.review import Plan
    from kandil.assist.sources import Sources
    from kandil.cli.assisting import Work
    from kandil.cli.review_outcome import Outcome
    from kandil.serving import Place

HELP = """Find defects in code: what a model says, shown where it really stands.

\b
Examples:
  kandil review src/ --dry-run             which files would be sent, tokens and cost
  kandil review src/app.py -m ./model.gguf
  kandil review --diff                     what changed since the last commit
  kandil review --diff main...HEAD --fail-on high --sarif review.sarif
  kandil review --staged --json            what the next commit would have

Each finding quotes the code that it is about; one whose quote does not stand near its lines, or with --diff and
--staged in no changed line, is dropped and counted. Files are cut into parts that fit the model, between definitions
where the language is known. PATHs may be anywhere in one repository, or in a folder without one.

Never sent: what .gitignore names, files of secrets by their names (.env, *.pem, credentials), files in which something
looks like a key or a password, what is no UTF-8 text, links, files that are too large or generated. git must be
installed, and runs nothing that the repository names; --diff leaves out files that git does not know.

\b
Exit: 0 reviewed; 2 it cannot be reviewed like this; 3 no such model; 5 no key, or a rejected one; 6 the provider or the
network; 10 some parts were not reviewed; 11 there are findings of --fail-on; 130 stopped, what was found is shown.
"""
_LEVELS = ("info", "low", "medium", "high", "critical")


@click.command("review", help=HELP, short_help="Find defects in code.")
@click.argument("paths", nargs=-1, type=GivenPath(), metavar="[PATH]...")
@click.option("--diff", "revision", is_flag=False, flag_value="HEAD", metavar="[REV]", help="What changed since REV.")
@click.option("--staged", is_flag=True, help="What is staged.")
@click.option("--fail-on", type=click.Choice(_LEVELS), help="Exit 11 where a finding is so severe.")
@click.option("--max-findings", type=click.IntRange(1), metavar="N", help="Show the most severe ones alone.")
@click.option("--baseline", metavar="FILE", help="Leave out findings that this file knows.")
@click.option("--write-baseline", metavar="FILE", help="Write what was found to this file, as known.")
@click.option("--sarif", type=GivenPath(), metavar="FILE", help="Write what was found as SARIF 2.1.0; - is stdout.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub's workflows.")
@model_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[str, ...], **asked: Any) -> int:
    from kandil import config
    from kandil.assist.review import Review
    from kandil.cli.assisting import Work
    from kandil.cli.review_outcome import Outcome, known
    from kandil.cli.review_report import Report
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    _check(paths, asked, json=settings.json)
    out = sys.stderr if asked["sarif"] == "-" else sys.stdout
    report = Report(settings, out, github=asked["github"], quiet=asked["quiet"])
    work = Work(asked, config.load(), report.say)
    baseline = known(Path(asked["baseline"])) if asked["baseline"] else None
    sources = _sources(paths, asked)
    place, plan = run_async(partial(_planned, sources, work))
    report.plan(plan, whole=asked["dry_run"])
    if asked["dry_run"]:
        report.dry_run(plan, place)
        return 0
    outcome = Outcome(plan=plan, review=Review(), known=baseline, most=asked["max_findings"])
    stopped = _stopped(outcome, place, work)
    code = outcome.exit_code(asked["fail_on"]) if stopped is None else stopped
    try:
        _write(asked, work, outcome, code)  # before standard output's reader may be found to have gone
    finally:
        report.show(outcome)
    return code


def _check(paths: tuple[str, ...], asked: dict[str, Any], *, json: bool) -> None:
    """Raises: UsageError; FileUnwritable."""
    from kandil.cli.target import check_target

    if asked["staged"] and asked["revision"] is not None:
        raise click.UsageError("--staged and --diff are two things.")
    if not (paths or asked["staged"] or asked["revision"] is not None):
        raise click.UsageError("name a PATH, or say --diff or --staged.")
    if json + asked["github"] + (asked["sarif"] == "-") > 1:
        raise click.UsageError("of --json, --github and --sarif - one alone goes to stdout.")
    for name in ("write_baseline", "save", "sarif"):
        if asked[name] == "-" and name != "sarif":
            raise click.UsageError(f"--{name.replace('_', '-')} needs a file.")
        if asked[name]:
            check_target(asked[name])


def _write(asked: dict[str, Any], work: Work, outcome: Outcome, code: int) -> None:
    """The files that were asked for; of a review that was stopped, the transcript alone. Raises: FileUnwritable."""
    work.save("review", outcome.fields(), outcome.review.transcript)
    if outcome.interrupted:
        return  # what it has not come to would pass for sound
    if asked["write_baseline"]:
        outcome.write_known(asked["write_baseline"])
    if asked["sarif"]:
        from kandil.cli import review_sarif

        review_sarif.write(asked["sarif"], outcome, code)


def _sources(paths: tuple[str, ...], asked: dict[str, Any]) -> Sources:
    """Raises: GitFailed, NoSuchPath and others."""
    from kandil.assist import sources
    from kandil.errors import NoSuchPath

    of_diff = asked["staged"] or asked["revision"] is not None
    for path in paths:
        if not (of_diff or os.path.lexists(path)):
            raise NoSuchPath(path)
    root, below = sources.rooted(paths)
    if of_diff:
        return sources.changed(root, below, None if asked["staged"] else asked["revision"])
    return sources.below(root, below)


async def _planned(sources: Sources, work: Work) -> tuple[Place, Plan]:
    from kandil.assist.review import plan

    place = await work.place()
    return place, plan(sources, place.profile)


def _stopped(outcome: Outcome, place: Place, work: Work) -> int | None:
    """The exit code where the user has stopped it; None: it has come to its end. Raises: KandilError."""
    from kandil.cli.run import interrupted_code, run_async, sole_error
    from kandil.errors import KandilError

    try:
        run_async(partial(_review, outcome, place, work))
    except (click.Abort, KandilError, BaseExceptionGroup) as error:
        sole = sole_error(error)
        if isinstance(sole, click.Abort):
            return interrupted_code(sole)
        work.save("review", outcome.fields(), outcome.review.transcript)
        raise
    return None


async def _review(outcome: Outcome, place: Place, work: Work) -> None:
    from kandil.assist.review import run

    plan, review = outcome.plan, outcome.review
    if plan.chunks:
        async with work.asking([chunk.request for chunk in plan.chunks], place, review.transcript) as asking:
            await run(plan, asking, review)
