"""`kandil batch submit`."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.batch.rows import readable
from kandil.cli.group import GivenPath, Settings, common_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.batch import Order, Plan
    from kandil.batch.submission import Costs
    from kandil.batch.submitted import Submission
    from kandil.cli.batch.screen import Screen
    from kandil.config import Config
    from kandil.credentials import Keys

HELP = """Give a file of requests to the provider's own batch API: at half the price, within a day.

\b
Examples:
  kandil batch submit prompts.jsonl -o results.jsonl -m gpt-5-mini
  kandil batch submit prompts.jsonl -o results.jsonl -m claude-sonnet-5-5 --dry-run
  kandil batch fetch results.jsonl --wait                        the answers, when they are there

Input and output are those of `kandil batch run`. OpenAI, Anthropic, Mistral and Groq have batch APIs; so may a server
of your own that speaks OpenAI's or Anthropic's protocol. Rows that have a result in the output already are not
submitted; a file that is too large for one batch becomes several.

What was submitted stands in RESULTS.batches.json. After a crash or Ctrl-C the same command goes on, and looks for what
the provider has got already: nothing is submitted twice.

Exit codes: 0 submitted, 2 it cannot be submitted like this, 5 the key, 6 the provider or the network, 130 stopped.
"""
SCHEMA = "kandil.batch-submission/1"


@click.command("submit", help=HELP, short_help="Give a file of requests to a provider's batch API.")
@click.argument("source", metavar="INPUT", type=GivenPath())
@click.option("-o", "--output", metavar="FILE", type=GivenPath(), help="Where the answers go (INPUT.results.jsonl).")
@click.option("--errors", metavar="FILE", type=GivenPath(), help="Where the errors will go.")
@click.option("-m", "--model", metavar="NAME", help="The model of all rows.")
@click.option("--text", is_flag=True, help="Each line is a prompt.")
@click.option("--template", metavar="TEXT", help="A prompt made of each row's fields: 'Translate: {{text}}'.")
@click.option("-s", "--system", metavar="TEXT", help="For rows without a system message.")
@click.option("--max-tokens", type=click.IntRange(1, 100_000_000), metavar="N", help="For rows that do not say.")
@click.option("--temperature", type=click.FloatRange(0, 2), metavar="T", help="For rows that do not say.")
@click.option("--skip-invalid", is_flag=True, help="Rows that cannot be sent go to the errors.")
@click.option("--retry-failed", is_flag=True, help="Submit again what has failed in earlier runs.")
@click.option("--replace-changed", is_flag=True, help="Submit again what has changed since it was answered.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("-n", "--dry-run", is_flag=True, help="Show rows, tokens and cost; submit nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, source: str, **asked: Any) -> int:
    from kandil.cli.batch.screen import Screen

    if source == "-" and not asked["output"]:
        raise click.UsageError("where rows come through a pipe, say where the answers go: -o FILE", ctx)
    settings = ctx.find_object(Settings)
    assert settings is not None
    screen = Screen(settings, how="none", quiet=asked["quiet"])
    output = Path(asked["output"] or Path(source).with_name(f"{Path(source).stem}.results.jsonl"))
    with readable(source, output.parent) as path:
        return _submit(_order(source, path, output, asked), screen, settings, asked)


def _submit(order: Order, screen: Screen, settings: Settings, asked: dict[str, Any]) -> int:
    from kandil import config
    from kandil.batch import submitted
    from kandil.cli.keys import open_keys

    loaded, keys = config.load(), open_keys(no_input=asked["no_input"])
    before = submitted.pending(order.output)
    if before is None:
        done = _anew(order, loaded, keys, screen, asked | {"json": settings.json})
    else:
        done = _gone_on(before, loaded, keys, screen.say, dry_run=asked["dry_run"])
    if done is None:
        return 0
    if settings.json:
        _report(done, dry_run=False)
    elif not asked["quiet"]:
        _show(done, order.output)
    return 0


def _anew(order: Order, loaded: Config, keys: Keys, screen: Screen, asked: dict[str, Any]) -> Submission | None:
    """None: nothing was to be submitted."""
    from kandil.batch import submission
    from kandil.cli.run import run_async

    plan, costs = run_async(partial(_planned, order, loaded, keys, screen.say, asked))
    with closing(plan):
        screen.plan(plan, at_once=False)
        if not asked["quiet"] and not asked["json"]:
            _show_costs(plan, costs)
        if asked["dry_run"]:
            if asked["json"]:
                _report_plan(plan, costs)
            return None
        if not plan.left:
            screen.say("nothing is left to submit")
            return None
        _consent(plan, costs, asked)
        skip = asked["skip_invalid"]
        return run_async(partial(submission.submit, plan, loaded, keys=keys, skip_invalid=skip, notice=screen.say))


def _gone_on(
    before: Submission, loaded: Config, keys: Keys, say: Callable[[str], None], *, dry_run: bool
) -> Submission:
    """What an earlier command has begun: it has been asked about then."""
    from kandil.batch import submission
    from kandil.cli.run import run_async

    if before.is_submitted or dry_run:
        say(f"submitted already on {before.created}" if before.is_submitted else "begun, and not all submitted yet")
        return before
    say(f"going on with what was begun on {before.created}")
    return run_async(partial(submission.resume, before, loaded, keys=keys, notice=say))


async def _planned(
    order: Order, loaded: Config, keys: Keys, say: Callable[[str], None], asked: dict[str, Any]
) -> tuple[Plan, Costs]:
    from kandil.batch import plan as planned
    from kandil.batch import submission

    plan = await planned(
        order,
        loaded,
        keys=keys,
        skip_invalid=asked["skip_invalid"],
        retry_failed=asked["retry_failed"],
        replace_changed=asked["replace_changed"],
        dry_run=asked["dry_run"],
        notice=say,
    )
    try:
        return plan, await submission.costs(plan, loaded, say)
    except BaseException:
        plan.close()
        raise


def _order(source: str, path: Path, output: Path, asked: dict[str, Any]) -> Order:
    from kandil.batch import Filling, Order, errors_file
    from kandil.cli.naming import resolved
    from kandil.registry import choice

    name = asked["model"]
    model: Any = None
    if name is not None:
        model = (
            Path(name)
            if choice.is_path(name)
            else resolved(name, explain=asked["explain"], no_input=asked["no_input"]).profile
        )
    return Order(
        input=path,
        output=output,
        errors=Path(asked["errors"]) if asked["errors"] else errors_file(output),
        model=model,
        filling=Filling(
            text=asked["text"],
            template=asked["template"],
            system=asked["system"],
            body={name: asked[name] for name in ("max_tokens", "temperature") if asked[name] is not None},
        ),
        shown="standard input" if source == "-" else source,
    )


def _consent(plan: Plan, costs: Costs, asked: dict[str, Any]) -> None:
    """Nobody can take it back: it is always asked. Raises: SubmissionUnconfirmed, click.Abort."""
    from kandil.cli.keys import is_asking
    from kandil.errors import SubmissionUnconfirmed

    if asked["yes"]:
        return
    if not is_asking(no_input=asked["no_input"]):
        raise SubmissionUnconfirmed(plan.left, costs.likely_usd)
    cost = "" if costs.likely_usd is None else f" for about ${costs.likely_usd:,.2f}"
    click.confirm(f"Submit {plan.left:,} rows{cost}?", default=True, abort=True, err=True)


def _show_costs(plan: Plan, costs: Costs) -> None:
    tokens = sum(lane.input_tokens for lane in plan.lanes)
    if costs.likely_usd is None or costs.most_usd is None:
        cost = "at a price that is not known"
    else:
        cost = f"about ${costs.likely_usd:,.2f} at the price for batches, ${costs.most_usd:,.2f} at most"
    print(f"{plan.left:,} rows to submit, about {tokens:,} tokens of prompts: {cost}", file=sys.stderr)


def _report_plan(plan: Plan, costs: Costs) -> None:
    from kandil.cli.json_lines import write_report

    write_report(
        SCHEMA,
        dry_run=True,
        input=plan.order.source,
        output=plan.order.output,
        rows=plan.left,
        done=plan.done,
        invalid=plan.invalid,
        models=[lane.name for lane in plan.lanes],
        input_tokens=sum(lane.input_tokens for lane in plan.lanes),
        cost_usd=costs.likely_usd,
        most_cost_usd=costs.most_usd,
    )


def _report(done: Submission, *, dry_run: bool) -> None:
    from kandil.cli.json_lines import write_report

    write_report(SCHEMA, dry_run=dry_run, **fields(done))


def fields(done: Submission) -> dict[str, Any]:
    """As `submit` and `fetch` report it."""
    names = ("number", "model", "provider", "batch_id", "stage", "status", "rows", "done")
    return {
        "id": done.id,
        "input": done.input,
        "output": done.output,
        "errors": done.errors,
        "rows": done.rows,
        "created": done.created,
        "batches": [{name: getattr(one, name) for name in names} for one in done.batches],
    }


def _show(done: Submission, output: Path) -> None:
    from kandil.cli.escape import printable

    for one in done.batches:
        print(printable(f"{one.provider}: {one.batch_id}, {one.rows:,} rows, {one.status}"))
    print(printable(f"`kandil batch fetch {output}` has the answers when they are there"))
