"""`kandil model benchmark`: how fast models answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import GivenPath, Settings, common_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.benchmark import Load, Measured, Plan
    from kandil.cli.model.benchmark_screen import Screen
    from kandil.credentials import Keys
    from kandil.profiles import Profile

HELP = """\b
Examples:
  kandil model benchmark ./model.gguf                          1, 4 and 16 at once
  kandil model benchmark gpt-5-mini claude-haiku-4-5 --requests 50 --budget 1
  kandil model benchmark llama3.1:8b --concurrency 1,2,4,8 --plot speed.svg
  kandil model benchmark gpt-5-mini --rate 2,5 --dry-run       an open loop: so many requests a second
  kandil model benchmark ./model.gguf --json > before.json
  kandil model benchmark ./model.gguf --compare before.json

Measure how fast models answer: time to the first token and to the first token of the answer itself, time from token to
token, tokens and requests a second, each with what is usual (p50) and what is not (p90, p99), and how sure that is.

Each level of --concurrency is a closed loop: as one request ends the next one begins. --rate makes an open loop, whose
requests come when they come: their times count from when they were due, however late the server lets them go. Before
each level as many requests as it has at once open connections and warm the model up; they are not measured.

Times are taken as bytes are read from the socket. Tokens are as the server counts them, else pieces of the stream, and
the table says which. A model that you added keeps what was found, and `kandil model list` shows it.

\b
Exit: 0 all was measured; 2 nobody is there to agree to what it costs, or it cannot be measured like this; 10 some
requests failed; else as for what kept the first model from being measured.
"""
_MOST_LEVEL = 1024
_MOST_LEVELS = 32
_PARTLY = 10


def _levels(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """`1,4,16`."""
    if value is None:
        return None
    found = _numbers(value, int)
    if not found or not all(1 <= one <= _MOST_LEVEL for one in found):
        raise click.BadParameter(
            f"{value!r} is no list such as 1,4,16, of numbers from 1 to {_MOST_LEVEL}.", ctx, param
        )
    return tuple(dict.fromkeys(found))


def _rates(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...]:
    """`0.5,2,10`; `10/s` is taken, too."""
    if value is None:
        return ()
    found = _numbers(value.replace("/s", ""), float)
    if not found or not all(0.001 <= one <= 100_000 for one in found):  # noqa: PLR2004
        raise click.BadParameter(f"{value!r} is no list of requests a second such as 0.5,2,10.", ctx, param)
    return tuple(dict.fromkeys(found))


def _numbers(text: str, kind: type[Any]) -> list[Any]:
    try:
        found = [kind(word.strip()) for word in text.split(",")]
    except ValueError:
        return []
    return found if len(found) <= _MOST_LEVELS else []


def _picture(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    if value is None:
        return None
    from importlib.util import find_spec

    from kandil.errors import ExtraMissing

    if not value.lower().endswith((".png", ".svg")):
        raise click.BadParameter(f"{value!r}: pictures are written as .svg or .png.", ctx, param)
    if value.lower().endswith(".png") and find_spec("PIL") is None:
        raise ExtraMissing("a picture as PNG", "plot")
    return Path(value)


@click.command("benchmark", help=HELP, short_help="Measure how fast models answer.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All models that you added.")
@click.option("--prompt-tokens", type=click.IntRange(32, 10_000_000), default=512, metavar="N", help="Of each (512).")
@click.option("--output-tokens", type=click.IntRange(2, 1_000_000), default=128, metavar="N", help="At most (128).")
@click.option("-c", "--concurrency", callback=_levels, metavar="N,N,…", help="So many at once: 1,4,16 (the usual).")
@click.option("--rate", "rates", callback=_rates, metavar="R,R,…", help="So many a second, whatever becomes of them.")
@click.option("--requests", type=click.IntRange(1, 1_000_000), metavar="N", help="Of each level.")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=1, metavar="N", help="Of prompts and of --rate.")
@click.option("--ignore-limits", is_flag=True, help="Send more than the provider allows.")
@click.option("--compare", "before", type=GivenPath(), metavar="FILE", help="Beside what --json printed earlier.")
@click.option("--plot", callback=_picture, metavar="FILE", help="Draw latency against throughput: .svg or .png.")
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Send nothing if it may cost more."
)
@click.option("--yes", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("-n", "--dry-run", is_flag=True, help="Show requests, tokens and cost; send nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but warnings and errors while it runs.")
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, names: tuple[str, ...], everything: bool, **asked: Any) -> int:
    from kandil import benchmark, config
    from kandil.cli.keys import open_keys
    from kandil.cli.model.benchmark_screen import Screen
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    if everything == bool(names):
        raise click.UsageError("name the models to measure, or say --all", ctx)
    loaded, screen = config.load(), Screen(settings, quiet=asked["quiet"])
    before = benchmark.earlier(Path(asked["before"])) if asked["before"] else None
    models = _models(names, asked)
    plan = run_async(partial(benchmark.plan, models, _load(asked), loaded, notice=screen.say))
    screen.plan(plan)
    if asked["dry_run"]:
        screen.report_plan(plan)
        return 0
    _consent(plan, asked)
    try:
        measured = run_async(partial(_measured, plan, open_keys(no_input=asked["no_input"]), screen))
    finally:
        screen.end()
    report = screen.report(plan, measured, before)
    if asked["plot"]:
        _draw(asked["plot"], report)
        screen.say(f"drawn: {asked['plot']}")
    return _exit_code(measured, settings)


def _load(asked: dict[str, Any]) -> Load:
    from kandil.benchmark import Load
    from kandil.benchmark.load import MOST_AT_ONCE

    concurrency = asked["concurrency"]
    usual = (MOST_AT_ONCE,) if asked["rates"] else Load().concurrency
    return Load(
        prompt_tokens=asked["prompt_tokens"],
        output_tokens=asked["output_tokens"],
        concurrency=concurrency or usual,
        rates_per_second=asked["rates"],
        requests=asked["requests"],
        seed=asked["seed"],
        ignore_limits=asked["ignore_limits"],
    )


def _models(names: Sequence[str], asked: dict[str, Any]) -> list[Profile | Path]:
    """Raises: NameUnknown, NameAmbiguous, RecordUnknown."""
    from kandil import registry
    from kandil.cli.naming import resolved
    from kandil.errors import BenchmarkUnusable
    from kandil.registry import choice

    explain, no_input = asked["explain"], asked["no_input"]
    found = [
        Path(name) if choice.is_path(name) else resolved(name, explain=explain, no_input=no_input).profile
        for name in names or [one.name for one in registry.every().records]
    ]
    if not names:  # all that can be asked
        found = [one for one in found if isinstance(one, Path) or one.kind == "chat"]
    if not found:
        raise BenchmarkUnusable("you have added no model", hint="`kandil model add NAME` adds one")
    return found


def _consent(plan: Plan, asked: dict[str, Any]) -> None:
    """What is paid for is asked about, unless a budget says what it may cost.

    Raises: BenchmarkTooDear, BenchmarkUnconfirmed, click.Abort.
    """
    from kandil.cli.keys import is_asking
    from kandil.errors import BenchmarkTooDear, BenchmarkUnconfirmed

    cost, budget = plan.cost_usd, asked["budget"]
    if budget is not None and (cost is None or cost > budget):
        raise BenchmarkTooDear(cost, budget)
    if asked["yes"] or budget is not None or cost == 0:
        return
    if not is_asking(no_input=asked["no_input"]):
        raise BenchmarkUnconfirmed(plan.requests, cost)
    price = "at a price that is not known" if cost is None else f"for up to ${cost:,.2f}"
    click.confirm(f"Send {plan.requests:,} requests {price}?", default=False, abort=True, err=True)


async def _measured(plan: Plan, keys: Keys, screen: Screen) -> tuple[Measured, ...]:
    from kandil import benchmark
    from kandil.errors import KandilError

    measured = await benchmark.run(plan, keys=keys, progress=screen.show, notice=screen.say)
    for one in measured:
        try:
            benchmark.remember(one, plan.load)
        except KandilError as error:
            screen.say(f"warning: what was found is not kept: {error.message}")
    return measured


def _draw(path: Path, report: dict[str, Any]) -> None:
    """Raises: FileUnwritable."""
    from kandil import benchmark
    from kandil.errors import FileUnwritable

    picture = benchmark.plot(report)
    content = picture.png() if path.suffix.lower() == ".png" else picture.svg()
    try:
        path.write_bytes(content)
    except OSError as error:
        raise FileUnwritable(str(path), error.strerror or str(error)) from error


def _exit_code(measured: Sequence[Measured], settings: Settings) -> int:
    """Raises: the error of the only model, where it could not be measured."""
    errors = [one.error for one in measured if one.error is not None]
    if errors and len(measured) == 1 and not settings.json:
        raise errors[0]
    if errors:
        return errors[0].exit_code
    return _PARTLY if any(found.errors for one in measured for _, found in one.levels) else 0
