"""`kandil model update`: newer revisions of what was added."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.sizes import size_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.adding.updating import Update
    from kandil.cli.model.add_screen import Screen
    from kandil.credentials import Keys
    from kandil.registry import Record

HELP = """\b
Examples:
  kandil model update qwen2.5-7b-instruct:q4_k_m
  kandil model update --all --dry-run
  kandil model update --all --yes --prune

See whether the source of a model has a newer revision with other weights, and fetch it beside the one that is here.

It is verified and loaded in the sandbox as by `kandil model add`; then the model's record is switched to it at once.
Until then, and for whoever has the model loaded, everything stays as it is. The earlier files are kept until --prune.

\b
Exit: 0 done, or nothing is new; 2 nobody is there to ask; 3 you added no such model; 7 interrupted, or no space;
8 the new file is bad, and the old one stays in use; 10 some could not be asked about.
"""
_SCHEMA = "kandil.model.update/1"


def _rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else size_bytes(value)


@click.command("update", help=HELP, short_help="Fetch newer revisions of what you added.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All that you added.")
@click.option("--prune", is_flag=True, help="Remove the files of earlier revisions.")
@click.option("--limit-rate", "rate", callback=_rate, metavar="SIZE", help="Fetch at most this much a second: 2MB.")
@click.option("--force", is_flag=True, help="Although it does not fit this machine.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what is new, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
@click.option("--no-input", is_flag=True, help="Never ask.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, names: tuple[str, ...], everything: bool, prune: bool, **asked: Any) -> int:
    from kandil.cli.keys import open_keys
    from kandil.cli.model.add_screen import Screen
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    if everything == bool(names):
        raise click.UsageError("name the models to update, or say --all", ctx)
    records = _records(names)
    keys, screen = open_keys(no_input=asked["no_input"]), Screen(settings)
    found = run_async(partial(_updates, records, asked, keys, screen))
    done = [_one(update, asked | {"prune": prune}, keys, screen) for update in found]
    if settings.json:
        from kandil.cli.json_lines import write_report

        write_report(_SCHEMA, models=done, dry_run=asked["dry_run"])
    errors = [update.error for update in found if update.error is not None]
    if len(found) == 1 and errors:
        raise errors[0]
    return 10 if errors else 0


def _records(names: Sequence[str]) -> list[Record]:
    """Those that were named; else all that came from a source that has revisions."""
    from kandil import registry
    from kandil.adding.updating import SOURCES

    if names:
        return [registry.existing(name) for name in names]
    return [one for one in registry.every().records if (one.provenance or {}).get("source") in SOURCES]


async def _updates(records: list[Record], asked: dict[str, Any], keys: Keys, screen: Screen) -> list[Update]:
    from kandil import adding, config
    from kandil.hardware import detect

    return await adding.find_updates(
        records, config.load(), await detect(), keys=keys, force=asked["force"], notice=screen.say
    )


def _one(update: Update, asked: dict[str, Any], keys: Keys, screen: Screen) -> dict[str, Any]:
    """What became of it, for JSON."""
    from kandil.cli.model.add import confirmed

    name = update.record.name
    told: dict[str, Any] = {"name": name, "before": update.before, "after": None, "updated": False, "pruned": []}
    if update.error is not None:
        screen.say(f"{name}: {update.error.message}")
        return told | {"error": update.error.code}
    if update.plan is not None and update.plan.offer is not None:
        offer = update.plan.offer
        told["after"] = offer.revision
        screen.say(f"{name}: revision {(offer.revision or '?')[:12]} is new{_of_day(offer.updated)}; {_here(update)}")
        screen.plan(update.plan, dry_run=asked["dry_run"])
        if not asked["dry_run"]:
            confirmed(update.plan, _options(asked), keys, screen)
            told["updated"] = True
            screen.said(f"updated {name}; the earlier files are kept until `kandil model update {name} --prune`")
    else:
        screen.said(f"{name}: nothing is new")
    if asked["prune"] and not asked["dry_run"]:
        told["pruned"] = _pruned(name, screen)
    return told


def _of_day(updated: str | None) -> str:
    return f", of {updated[:10]}" if updated else ""


def _here(update: Update) -> str:
    return f"{(update.before or 'another')[:12]} is here"


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    return asked | {"accepted": frozenset(), "connections": 4}


def _pruned(name: str, screen: Screen) -> list[str]:
    from kandil.adding import updating
    from kandil.cli.fit_text import human_bytes

    gone, freed = updating.prune(name)
    if gone:
        screen.said(f"{name}: {len(gone)} earlier files are gone, {human_bytes(freed)} are free")
    return [str(one) for one in gone]
