"""`kandil model add`: a model, from its name to one that can be asked."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.model.add_manual import ABILITIES, PROTOCOLS, describe, has_key
from kandil.cli.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.adding import AddPlan
    from kandil.cli.model.add_screen import Screen
    from kandil.credentials import Keys
    from kandil.discovery import Reference
    from kandil.profiles import Profile
    from kandil.registry import Record
    from kandil.secret import Secret

HELP = """\b
Examples:
  kandil model add qwen2.5-coder:7b                 from the catalogue, with the digest that it has there
  kandil model add hf:bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M
  kandil model add ollama:llama3.1:8b               without an Ollama
  kandil model add https://example.com/m.gguf --sha256 9f86d0…
  kandil model add ./model.gguf                     stays where it is; --copy or --link
  kandil model add gpt-6.1-terra                    its key is asked for, checked, and kept
  kandil model add house --manual --provider vllm --protocol openai \\
      --base-url http://localhost:8000/v1 --api-model Qwen/Qwen3-8B --context 32768

Add a model: find it, see whether it fits, fetch it, verify it, load it in the sandbox, ask it something, record it.

What is done is shown first. It is fetched by several connections and hashed as it comes; what is interrupted goes on
when the command is run again. Nothing is added that is not what was published, is malformed or malicious, or does harm
when it is loaded: --yes does not change that. What is merely suspicious is asked about.

--manual describes one that a server of yours, or a provider, answers for. What is not said with an option is asked for
at a terminal. A key is never taken here but at a prompt.

\b
Exit: 0 added; 2 what was said is wrong, or the name is taken; 3 no such model; 4 it does not fit; 5 the key; 6 the
network; 7 interrupted, or no space: the same command goes on; 8 the file is bad; 9 settings are wrong; 130 not added.
"""
SCHEMA = "kandil.model.add/1"
_BY_HAND = (
    "provider", "protocol", "base_url", "api_model", "max_output_tokens", "context_window", "price_input",
    "price_output", "note", *(f"supports_{one}" for one in ABILITIES),
)  # fmt: skip
_FLAGS = {"max_output_tokens": "--max-output", "context_window": "--context", "supports_json": "--json-mode"}


class _Command(click.Command):
    """Refuses what looks like an API key before anything else is said of it: it is not repeated, in no error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from itertools import pairwise

        from kandil.errors import KeyGiven

        options = {name for option in self.params if not getattr(option, "is_flag", True) for name in option.opts}
        for before, word in pairwise(["", *args]):
            if has_key(word):
                option = word.partition("=")[0]
                raise KeyGiven(next((one for one in (option, before) if one in options), "NAME"))
        return super().parse_args(ctx, args)


def _abilities(command: Callable[..., int]) -> Callable[..., int]:
    for name in reversed(ABILITIES):
        flag = "json-mode" if name == "json" else name  # --json is how to print
        text = f"With --manual: whether it can: {name}. Not known where nothing is said."
        command = click.option(f"--{flag}/--no-{flag}", f"supports_{name}", default=None, help=text)(command)
    return command


def _accepted(_ctx: click.Context, _param: click.Parameter, value: str | None) -> frozenset[str]:
    return frozenset(one.strip().upper() for one in (value or "").split(",") if one.strip())


def _rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else size_bytes(value)


@click.command("add", cls=_Command, help=HELP, short_help="Add a model: fetch, verify, try, record it.")
@click.argument("name")
@click.option("--name", "called", metavar="NAME", help="Call it so here.")
@click.option("--sha256", metavar="DIGEST", help="That of a URL's file, as its publisher gives it.")
@click.option("--copy", "way", flag_value="copy", help="A file of yours: copy it into kandil's folder.")
@click.option("--link", "way", flag_value="link", help="Link it there: no copy, and it stays when yours goes.")
@click.option("--in-place", "way", flag_value="in-place", default="in-place", help="Leave it where it is (usual).")
@click.option("--newest", is_flag=True, help="What its source has now, not what the catalogue has pinned.")
@click.option("--limit-rate", "rate", callback=_rate, metavar="SIZE", help="Fetch at most this much a second: 2MB.")
@click.option("--connections", type=click.IntRange(1, 16), default=4, show_default=True, help="To fetch by.")
@click.option("--accept-findings", "accepted", callback=_accepted, metavar="IDS", help="Suspicious ones, by comma.")
@click.option("--force", is_flag=True, help="Although it does not fit this machine.")
@click.option("--manual", is_flag=True, help="Describe it; nothing is downloaded.")
@click.option("--provider", metavar="NAME", help="With --manual: who answers; a known one, or a name of your own.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="With --manual: the wire format.")
@click.option("--base-url", metavar="URL", help="With --manual: https://…; http:// for this machine alone.")
@click.option("--api-model", metavar="ID", help="With --manual: what the provider calls it.")
@click.option("--context", "context_window", type=int, metavar="TOKENS", help="With --manual: input and output.")
@click.option("--max-output", "max_output_tokens", type=int, metavar="TOKENS", help="With --manual: longest answer.")
@_abilities
@click.option("--price-input", type=float, metavar="DOLLARS", help="With --manual: for a million tokens in.")
@click.option("--price-output", type=float, metavar="DOLLARS", help="With --manual: for a million tokens out.")
@click.option("--note", metavar="TEXT", help="With --manual: a word for yourself.")
@click.option("--replace", is_flag=True, help="In the place of what you added before under this name.")
@click.option("--shadow", is_flag=True, help="With --manual: even where a model or an alias of kandil's has the name.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on. Safety is not asked away.")
@click.option("--no-input", is_flag=True, help="Never ask: what is missing is an error.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, name: str, **asked: Any) -> int:
    by_hand = {field: asked.pop(field) for field in _BY_HAND}
    said = {field: value for field, value in by_hand.items() if value is not None}
    if asked.pop("manual"):
        names = ("replace", "shadow", "dry_run", "yes", "no_input")
        return describe(name, said, ctx, **{one: asked[one] for one in names})
    if said or asked.pop("shadow"):
        flags = ", ".join(_FLAGS.get(one, f"--{one.removeprefix('supports_').replace('_', '-')}") for one in said)
        raise click.UsageError(f"{flags or '--shadow'} goes with --manual, which describes a model", ctx)
    return _add(name, ctx, asked)


def _add(name: str, ctx: click.Context, asked: dict[str, Any]) -> int:
    from kandil.cli.keys import open_keys
    from kandil.cli.model.add_screen import Screen

    settings = ctx.find_object(Settings)
    assert settings is not None
    keys = open_keys(no_input=asked["no_input"])
    screen = Screen(settings)
    targets = _targets(name, asked)
    if len(targets) > 1 and (asked["called"] or asked["sha256"]):
        raise click.UsageError(f"{name} has {len(targets)} models: --name and --sha256 are of one", ctx)
    if len(targets) > 1:
        return _each(targets, asked, keys, screen)
    record = add_one(targets[0], asked, keys, screen)
    if record is not None:
        screen.added(record)
    return 0


def _each(targets: list[Profile | Reference | Path], asked: dict[str, Any], keys: Keys, screen: Screen) -> int:
    """One that cannot be added keeps no other back: 0, or the exit code of the first of those."""
    from kandil.errors import KandilError

    codes = []
    for target in targets:
        try:
            record = add_one(target, asked, keys, screen)
        except KandilError as error:
            codes.append(error.exit_code)
            screen.not_added(str(target), error)
        else:
            if record is not None:
                screen.added(record)
    return next(iter(codes), 0)


def add_one(target: Profile | Reference | Path, asked: dict[str, Any], keys: Keys, screen: Screen) -> Record | None:
    """The model's record, once all is done; None by --dry-run. Raises: KandilError, click.Abort."""
    from kandil.cli.run import run_async

    plan = run_async(partial(_planned, target, asked, keys, screen))
    screen.plan(plan, dry_run=asked["dry_run"])
    return None if asked["dry_run"] else confirmed(plan, asked, keys, screen)


def confirmed(plan: AddPlan, asked: dict[str, Any], keys: Keys, screen: Screen) -> Record:
    """The model's record, once it was consented to and all is done. Raises: as `add_one`."""
    from kandil.cli.run import run_async
    from kandil.errors import FindingsUnaccepted

    key = _consent(plan, asked)
    accepted = asked["accepted"]
    while True:
        try:
            return run_async(partial(_applied, plan, asked, keys, screen, key=key, accepted=accepted))
        except FindingsUnaccepted as error:
            screen.failed()
            accepted |= _taken(error, asked)
            key = None
        except BaseException as error:
            screen.failed(stopped=isinstance(error, click.Abort))
            raise


def _targets(name: str, asked: dict[str, Any]) -> list[Profile | Reference | Path]:
    """What is meant: a reference, a file, a folder's models, or what is called so. Raises: KandilError, click.Abort."""
    from kandil.adding import models_in
    from kandil.cli.naming import resolved
    from kandil.discovery import parsed
    from kandil.errors import ReferenceWrong
    from kandil.registry import choice

    try:
        found = parsed(name)
    except ValueError as error:
        raise ReferenceWrong(name, str(error)) from None
    if found is not None:
        return [found]
    path = Path(name).expanduser()
    if path.is_dir() and (choice.is_path(name) or name.endswith("/") or name == "."):
        return list(models_in(path))
    if choice.is_path(name):
        return [path]
    return [resolved(name, no_input=asked["no_input"]).profile]


async def _planned(target: Profile | Reference | Path, asked: dict[str, Any], keys: Keys, screen: Screen) -> AddPlan:
    from kandil import adding, config
    from kandil.hardware import detect

    return await adding.plan(
        target,
        config.load(),
        await detect(),
        name=asked["called"],
        keys=keys,
        sha256=_digest(asked["sha256"]),
        way=asked["way"],
        newest=asked["newest"],
        replacing=asked["replace"],
        force=asked["force"],
        notice=screen.say,
    )


def _digest(text: str | None) -> str | None:
    import re

    if text is None:
        return None
    digest = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise click.BadParameter("a SHA-256 has 64 hexadecimal digits.", param_hint="--sha256")
    return digest


def _consent(plan: AddPlan, asked: dict[str, Any]) -> Secret | None:
    """The key that was typed, where one is needed. Raises: AddUnconfirmed, KeyMissing, click.Abort."""
    from kandil.cli.fit_text import human_bytes
    from kandil.cli.keys import is_asking
    from kandil.errors import AddUnconfirmed, KeyMissing

    asking = is_asking(no_input=asked["no_input"])
    if plan.key_for is not None:
        from kandil.cli.auth.provider import named
        from kandil.cli.auth.set import typed

        if not asking:
            raise KeyMissing(plan.key_for, hint=f"`kandil auth set {plan.key_for} --key-stdin` keeps one")
        return typed(named(plan.key_for))
    unknown = any(one.size_bytes is None for one in plan.fetched)
    if not asked["yes"] and (plan.missing_bytes or unknown or plan.way == "copy"):
        if not asking:
            raise AddUnconfirmed(plan.name, plan.missing_bytes)
        size = "it, however large it is," if unknown else human_bytes(plan.missing_bytes)
        click.confirm(f"{'Copy' if plan.files else 'Fetch'} {size} and add it?", default=True, abort=True, err=True)
    return None


def _taken(error: Any, asked: dict[str, Any]) -> frozenset[str]:
    """The findings, if a person takes them: --yes does not. Raises: FindingsUnaccepted."""
    from kandil.cli.escape import printable
    from kandil.cli.keys import is_asking

    if not is_asking(no_input=asked["no_input"]):
        raise error
    for rule, text in error.findings:
        print(printable(f"  {rule}: {text}"), file=sys.stderr)
    click.confirm("The file is suspicious. Add it all the same?", default=False, abort=True, err=True)
    return frozenset(rule for rule, _ in error.findings)


async def _applied(plan: AddPlan, asked: dict[str, Any], keys: Keys, screen: Screen, **more: Any) -> Record:
    from kandil import adding, config

    return await adding.apply(
        plan,
        config.load(),
        keys=keys,
        **more,
        connections=asked["connections"],
        rate_bytes_per_second=asked["rate"],
        tell=screen.step,
        progress=screen.progress,
        notice=screen.say,
    )
