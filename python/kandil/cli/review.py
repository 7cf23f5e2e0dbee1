"""`kandil review`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from kandil.assist.review import Plan, Review
    from kandil.assist.sources import Sources
    from kandil.cli.review_report import Report
    from kandil.config import Config
    from kandil.profiles import Profile
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
@click.option("-m", "--model", metavar="NAME", help="The model, or a GGUF file.")
@click.option("-c", "--concurrency", type=click.IntRange(1, 256), default=4, metavar="N", help="At most so many calls.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before more is spent.")
@click.option("--fail-on", type=click.Choice(_LEVELS), help="Exit 11 where a finding is so severe.")
@click.option("--max-findings", type=click.IntRange(1), metavar="N", help="Show the most severe ones alone.")
@click.option("--baseline", metavar="FILE", help="Leave out findings that this file knows.")
@click.option("--write-baseline", metavar="FILE", help="Write what was found to this file, as known.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub's workflows.")
@click.option("--save", metavar="FILE", help="Write what was asked, by hash, and what came of it.")
@click.option("-n", "--dry-run", is_flag=True, help="Show files, tokens and cost; send nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but findings, warnings and errors.")
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, paths: tuple[str, ...], **asked: Any) -> int:
    from kandil import config
    from kandil.cli.review_report import Report, known, write_known
    from kandil.cli.run import run_async
    from kandil.cli.target import check_target

    settings = ctx.find_object(Settings)
    assert settings is not None
    if asked["staged"] and asked["revision"]:
        raise click.UsageError("--staged and --diff are two things.")
    if not (paths or asked["staged"] or asked["revision"]):
        raise click.UsageError("name a PATH, or say --diff or --staged.")
    for name in ("write_baseline", "save"):
        if asked[name]:
            check_target(asked[name])
    loaded = config.load()
    report = Report(settings, github=asked["github"], quiet=asked["quiet"], most=asked["max_findings"])
    report.known = known(Path(asked["baseline"])) if asked["baseline"] else frozenset()
    sources = _sources(paths, asked)
    place, plan = run_async(partial(_planned, sources, _model(asked, loaded, report), loaded, report))
    report.plan(plan)
    if asked["dry_run"]:
        report.dry_run(plan, place)
        return 0
    review = _reviewed(plan, place, loaded, report, asked)
    if asked["write_baseline"]:
        write_known(asked["write_baseline"], review)
    return report.exit_code(review, asked["fail_on"])


def _reviewed(plan: Plan, place: Place, loaded: Config, report: Report, asked: dict[str, Any]) -> Review:
    """What came of it, which has been shown, also where it was stopped."""
    from kandil.assist.review import Review, run
    from kandil.cli.keys import open_keys
    from kandil.cli.run import interrupted_code, run_async, sole_error

    review = Review()
    carried_out = partial(
        run,
        plan,
        place,
        loaded,
        review,
        keys=open_keys(no_input=asked["no_input"]),
        concurrency=asked["concurrency"],
        budget_usd=asked["budget"],
        notice=report.say,
    )
    try:
        run_async(carried_out)
    except (click.Abort, BaseExceptionGroup) as error:
        sole = sole_error(error)
        if isinstance(sole, click.Abort):
            report.show(plan, review, interrupted=True)
            report.save(asked["save"], review)
            click.get_current_context().exit(interrupted_code(sole))
        raise
    report.show(plan, review, interrupted=False)
    report.save(asked["save"], review)
    return review


def _sources(paths: tuple[str, ...], asked: dict[str, Any]) -> Sources:
    """Of the working directory, or of the one folder elsewhere that was named. Raises: GitFailed."""
    from kandil.assist import sources
    from kandil.errors import GitFailed

    root, below = Path(), list(paths)
    for path in paths:
        if not (asked["staged"] or asked["revision"] or Path(path).exists()):
            raise GitFailed("ls-files", f"{path} is not there")
    outside = [path for path in paths if Path(path).is_absolute() or ".." in Path(path).parts]
    if outside and len(paths) == 1 and Path(paths[0]).is_dir():
        root, below = Path(paths[0]), []
    elif outside:
        raise click.UsageError("name files below the working directory, or one folder.")
    if asked["staged"] or asked["revision"]:
        return sources.changed(root, below, None if asked["staged"] else asked["revision"])
    return sources.below(root, below)


async def _planned(sources: Sources, model: Profile | Path, loaded: Config, report: Report) -> tuple[Place, Plan]:
    from kandil import serving
    from kandil.assist.review import plan

    place = await serving.place(model, loaded, report.say)
    return place, plan(sources, place.profile)


def _model(asked: dict[str, Any], loaded: Config, report: Report) -> Profile | Path:
    from kandil.cli.keys import open_keys
    from kandil.cli.naming import resolved
    from kandil.cli.run import run_async
    from kandil.registry import choice

    name = asked["model"]
    if name is None:
        keys = open_keys(no_input=asked["no_input"])
        chosen = run_async(partial(choice.choose, loaded, task="chat", keys=keys))
        report.say(f"{chosen.name}: {chosen.why}")
        name = chosen.name
    if choice.is_path(name):
        return Path(name)
    return resolved(name, explain=asked["explain"], no_input=asked["no_input"]).profile
