"""`kandil batch run`."""

from __future__ import annotations

import re
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.batch.rows import readable
from kandil.cli.group import GivenPath, Settings, common_options
from kandil.cli.naming import naming_options
from kandil.cli.sizes import duration_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.batch import Order, Plan, Summary
    from kandil.cli.batch.screen import Screen
    from kandil.config import Config
    from kandil.profiles import Profile

HELP = """Send a file of requests, as fast as the limits allow, and lose nothing.

\b
Examples:
  kandil batch run prompts.jsonl -o results.jsonl -m gpt-5-mini
  kandil batch run prompts.jsonl -o results.jsonl --dry-run      rows, tokens, cost, time
  kandil batch run prompts.jsonl -o results.jsonl --budget 5.00
  kandil batch run questions.txt --text -o answers.jsonl -m ./model.gguf
  kandil batch run people.csv --template "Greet {{name}}" -o out.jsonl -m gpt-5-mini
  kandil batch run all.jsonl --shard 2/8 -o part2.jsonl          the second of eight parts

\b
A line of the input is one of
  {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": …, "messages": …}}
  {"messages": [{"role": "user", "content": "…"}], "max_tokens": 100}
  {"prompt": "…"}
  any object, of which --template makes a prompt; text, with --text
and INPUT may be a table, .csv, .tsv or .parquet, whose columns are the fields of such objects.

\b
A line of the output is OpenAI's batch result, with the row's custom_id; rows that fail go to RESULTS.errors.jsonl. Rows
without a custom_id are row-1, row-2 and so on. The same command goes on after a crash, a full disk or Ctrl-C, and sends
no row again that has its result. Rows of several models go to each one's own limits, side by side.

Exit codes: 0 every row was answered, 10 some were not, 130 stopped; of what stopped it: 5 the key, 6 the provider or
the network, 7 no space.
"""
_ASKED_ABOVE_USD = 10.0


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else duration_seconds(value)


def _shard(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", value)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter(f"{value!r} is not a part such as 1/8, the first of eight.")
    return int(match[1]) - 1, int(match[2])


@click.command("run", help=HELP, short_help="Send a file of requests.")
@click.argument("source", metavar="INPUT", type=GivenPath())
@click.option("-o", "--output", required=True, metavar="FILE", type=GivenPath(), help="Where the answers go.")
@click.option("--errors", metavar="FILE", type=GivenPath(), help="Where the errors go.")
@click.option("-m", "--model", metavar="NAME", help="The model of all rows, or a GGUF file.")
@click.option("--text", is_flag=True, help="Each line is a prompt.")
@click.option("--template", metavar="TEXT", help="A prompt made of each row's fields: 'Translate: {{text}}'.")
@click.option("-s", "--system", metavar="TEXT", help="For rows without a system message.")
@click.option("--max-tokens", type=click.IntRange(1, 100_000_000), metavar="N", help="For rows that do not say.")
@click.option("--temperature", type=click.FloatRange(0, 2), metavar="T", help="For rows that do not say.")
@click.option("--json-schema", "schema", metavar="FILE", help="Each answer is to be JSON of it, or is asked for again.")
@click.option("-c", "--concurrency", type=click.IntRange(1, 1000), metavar="N", help="At most so many at once.")
@click.option("--max-retries", type=click.IntRange(0, 100), metavar="N", help="Of a row that fails (5).")
@click.option("--timeout", callback=_duration, metavar="TIME", help="For an answer to begin (10m).")
@click.option("--give-up-after", callback=_duration, metavar="TIME", help="A server that answers nothing (30m).")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before more is spent.")
@click.option("--cache", is_flag=True, help="Send nothing that was answered before, in any batch with --cache.")
@click.option("--shard", callback=_shard, metavar="I/N", help="Only this part, by custom_id.")
@click.option("--ordered", is_flag=True, help="The output in the order of the input, at the end.")
@click.option("--skip-invalid", is_flag=True, help="Rows that cannot be sent go to the errors.")
@click.option("--retry-failed", is_flag=True, help="Send again what has failed in earlier runs.")
@click.option("--replace-changed", is_flag=True, help="Send again what has changed since it was answered.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("-n", "--dry-run", is_flag=True, help="Show rows, tokens, cost and time; send nothing.")
@click.option("--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="On standard error.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors.")
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, source: str, **asked: Any) -> int:
    from kandil import config
    from kandil.cli.batch.screen import Screen

    settings = ctx.find_object(Settings)
    assert settings is not None
    loaded = config.load()
    screen = Screen(settings, how="none" if asked["quiet"] else asked["progress"], quiet=asked["quiet"])
    model = _model(asked)
    with readable(source, Path(asked["output"]).parent) as path:
        return _run(_order(source, path, model, asked), loaded, screen, settings, asked)


def _run(order: Order, loaded: Config, screen: Screen, settings: Settings, asked: Mapping[str, Any]) -> int:
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async

    keys = open_keys(no_input=asked["no_input"])
    plan = run_async(partial(_planned, order, loaded, keys, screen, asked))
    with closing(plan):
        screen.plan(plan)
        if asked["dry_run"]:
            if settings.json:
                screen.report_plan(plan)
            return 0
        _consent(plan, asked)
        try:
            summary = run_async(partial(_carried_out, plan, loaded, keys, screen))
        except click.Abort:
            screen.interrupted()
            raise
        finally:
            screen.end()
        return screen.report(plan, summary)


async def _planned(order: Order, loaded: Config, keys: Any, screen: Screen, asked: Mapping[str, Any]) -> Plan:
    from kandil.batch import plan

    return await plan(
        order,
        loaded,
        keys=keys,
        skip_invalid=asked["skip_invalid"],
        retry_failed=asked["retry_failed"],
        replace_changed=asked["replace_changed"],
        dry_run=asked["dry_run"],
        notice=screen.say,
    )


async def _carried_out(plan: Plan, loaded: Config, keys: Any, screen: Screen) -> Summary:
    from kandil.batch import run

    return await run(plan, loaded, keys=keys, progress=screen.show, notice=screen.say)


def _consent(plan: Plan, asked: Mapping[str, Any]) -> None:
    """What may cost much is asked about, unless a budget says what it may cost. Raises: BatchTooDear, click.Abort."""
    from kandil.cli.keys import is_asking
    from kandil.errors import BatchTooDear

    cost = plan.cost_usd or 0.0
    if asked["yes"] or asked["budget"] is not None or cost <= _ASKED_ABOVE_USD:
        return
    if not is_asking(no_input=asked["no_input"]):
        raise BatchTooDear(cost)
    click.confirm(f"Send {plan.left:,} rows for about ${cost:,.2f}?", default=False, abort=True, err=True)


def _model(asked: Mapping[str, Any]) -> Profile | Path | None:
    """Raises: NameUnknown, NameAmbiguous."""
    from kandil.cli.naming import resolved
    from kandil.registry import choice

    name = asked["model"]
    if name is None:
        return None
    if choice.is_path(name):
        return Path(name)
    return resolved(name, explain=asked["explain"], no_input=asked["no_input"]).profile


def _order(name: str, source: Path, model: Profile | Path | None, asked: Mapping[str, Any]) -> Order:
    """Raises: AttachmentUnusable."""
    from kandil.batch import Filling, Order, Sending, errors_file

    output = Path(asked["output"])
    body = {name: asked[name] for name in ("max_tokens", "temperature") if asked[name] is not None}
    sending = {
        "concurrency": asked["concurrency"],
        "most_retries": asked["max_retries"],
        "budget_usd": asked["budget"],
        "cache": asked["cache"],
        "first_byte_seconds": asked["timeout"],
        "patience_seconds": asked["give_up_after"],
    }
    return Order(
        input=source,
        output=output,
        errors=Path(asked["errors"]) if asked["errors"] else errors_file(output),
        model=model,
        filling=Filling(
            text=asked["text"],
            template=asked["template"],
            system=asked["system"],
            body=body,
            json_schema=_schema(asked["schema"]),
        ),
        sending=Sending(**{name: value for name, value in sending.items() if value is not None}),
        shard=asked["shard"],
        ordered=asked["ordered"],
        shown="standard input" if name == "-" else name,
    )


def _schema(name: str | None) -> dict[str, Any] | None:
    if name is None:
        return None
    from kandil.batch import schema

    return schema(Path(name))
