"""`kandil review`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.assisting import model_options
from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.assist.review import Plan, Review
    from kandil.assist.sources import Sources
    from kandil.cli.assisting import Work
    from kandil.cli.review_report import Report
    from kandil.serving import Place

HELP = """Find defects in code: what a model says, shown where it really stands.

\b
Examples:
  kandil review src/ --dry-run             which files would be sent, tokens and cost
  kandil review src/app.py -m ./model.gguf
  kandil review --diff                     what changed since the last commit
  kandil review --diff main --fail-on high
  kandil review --staged --json

Each finding quotes the code that it is about; one whose quote does not stand near its lines, or with --diff and
--staged in no changed line, is dropped and counted. Files are cut into parts that fit the model, at lines that stand
far left. Never sent: what .gitignore names, what looks like a key (the whole file), what is no text, links, files that
are too large or generated. git must be installed; --diff leaves out files that git does not know.

\b
Exit: 0 reviewed; 2 it cannot be reviewed like this; 3 no such model; 5 no key, or a rejected one; 6 the provider or the
network; 10 some parts were not reviewed; 11 there are findings of --fail-on; 130 stopped, what was found is shown.
"""
_LEVELS = ("info", "low", "medium", "high", "critical")


@click.command("review", help=HELP, short_help="Find defects in code.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--diff", "revision", is_flag=False, flag_value="HEAD", metavar="[REV]", help="What changed since REV.")
@click.option("--staged", is_flag=True, help="What is staged.")
@click.option("--fail-on", type=click.Choice(_LEVELS), help="Exit 11 where a finding is so severe.")
@click.option("--max-findings", type=click.IntRange(1), metavar="N", help="Show the most severe ones alone.")
@click.option("--baseline", metavar="FILE", help="Leave out findings that this file knows.")
@click.option("--write-baseline", metavar="FILE", help="Write what was found to this file, as known.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub's workflows.")
@model_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[str, ...], **asked: Any) -> int:
    from kandil import config
    from kandil.cli.assisting import Work
    from kandil.cli.review_report import Report, known, write_known
    from kandil.cli.run import run_async
    from kandil.cli.target import check_target

    settings = ctx.find_object(Settings)
    assert settings is not None
    if asked["staged"] and asked["revision"] is not None:
        raise click.UsageError("--staged and --diff are two things.")
    if not (paths or asked["staged"] or asked["revision"] is not None):
        raise click.UsageError("name a PATH, or say --diff or --staged.")
    for name in ("write_baseline", "save"):
        if asked[name]:
            check_target(asked[name])
    report = Report(settings, github=asked["github"], quiet=asked["quiet"], most=asked["max_findings"])
    work = Work(asked, config.load(), report.say)
    report.known = known(Path(asked["baseline"])) if asked["baseline"] else frozenset()
    sources = _sources(paths, asked)
    place, plan = run_async(partial(_planned, sources, work))
    report.plan(plan)
    if asked["dry_run"]:
        report.dry_run(plan, place)
        return 0
    review = _reviewed(plan, place, work, report)
    if asked["write_baseline"]:
        write_known(asked["write_baseline"], review)
    return report.exit_code(review, asked["fail_on"])


def _sources(paths: tuple[str, ...], asked: dict[str, Any]) -> Sources:
    """Raises: GitFailed, NoSuchPath."""
    from kandil.assist import sources
    from kandil.cli.assisting import root_and_paths

    of_diff = asked["staged"] or asked["revision"] is not None
    root, below = root_and_paths(paths, gone=of_diff)
    if of_diff:
        return sources.changed(root, below, None if asked["staged"] else asked["revision"])
    return sources.below(root, below)


async def _planned(sources: Sources, work: Work) -> tuple[Place, Plan]:
    from kandil.assist.review import plan

    place = await work.place()
    return place, plan(sources, place.profile)


def _reviewed(plan: Plan, place: Place, work: Work, report: Report) -> Review:
    """What came of it, which has been shown, also where it was stopped."""
    from kandil.assist.review import Review
    from kandil.cli.run import interrupted_code, run_async, sole_error

    review = Review()
    try:
        run_async(partial(_review, plan, place, work, review))
    except (click.Abort, BaseExceptionGroup) as error:
        sole = sole_error(error)
        if isinstance(sole, click.Abort):
            work.save("review", report.show(plan, review, interrupted=True), review.transcript)
            click.get_current_context().exit(interrupted_code(sole))
        raise
    work.save("review", report.show(plan, review, interrupted=False), review.transcript)
    return review


async def _review(plan: Plan, place: Place, work: Work, review: Review) -> None:
    from kandil.assist.review import run

    if plan.chunks:
        async with work.asking([chunk.request for chunk in plan.chunks], place, review.transcript) as asking:
            await run(plan, asking, review)
