"""`kandil model list`: the models that there are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from kandil.config import Config
    from kandil.profiles import Profile
    from kandil.registry.inventory import Inventory
    from kandil.registry.listing import Elsewhere, Local

HELP = """\b
Examples:
  kandil model list                        here, and elsewhere
  kandil model list --available qwen 7b    in the catalogue
  kandil model list --local --refresh      look at the disk and the memory now
  kandil model list --local -q | head -1
  kandil model list --json | jq -r '.local[] | select(.state == "new").name'

List the models on this machine, those that you call elsewhere, and the catalogue.

Nothing is asked of a network, and no file of a model is read: what is on the disk, and the memory that is free, are
remembered for cache.ttl_seconds or until a folder of models changes. Without --local, --cloud or --available, the first
two are shown. QUERY's words must all be in a model's name.

\b
Exit: 0 shown, also where there is none.
"""

SCHEMA = "kandil.model.list/1"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is to be shown; None is a section that was not asked for."""

    inventory: Inventory | None
    local: list[Local] | None
    cloud: list[Elsewhere] | None
    available: list[Profile] | None
    catalogue: int
    """All that `--available` could show."""
    default: str | None
    """The id, or the file, that somebody named for where none is named."""
    notes: tuple[str, ...]


@click.command("list", help=HELP, short_help="List the models on this machine and those that you added.")
@click.argument("query", nargs=-1)
@click.option("--local", "here", is_flag=True, help="Those on this machine.")
@click.option("--cloud", is_flag=True, help="Those that you added or configured, and that run elsewhere.")
@click.option("--available", is_flag=True, help="Those in the catalogue.")
@click.option("--all", "retired", is_flag=True, help="With --available: retired ones too.")
@click.option("--refresh", is_flag=True, help="Look at the disk and the memory now.")
@click.option("-q", "--quiet", is_flag=True, help="Print the names alone.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, query: tuple[str, ...], quiet: bool, **asked: Any) -> int:
    settings = ctx.find_object(Settings)
    assert settings is not None
    chosen = _chosen(" ".join(query), **asked)
    if settings.json:
        _show_json(chosen)
    elif quiet:
        _show_names(chosen)
    else:
        _show(chosen, settings, query=bool(query))
    if not settings.json:
        from kandil.cli.escape import printable

        for note in chosen.notes:
            print(printable(f"warning: {note}"), file=sys.stderr)
    return 0


def _chosen(query: str, *, here: bool, cloud: bool, available: bool, retired: bool, refresh: bool) -> _Chosen:
    from kandil import config, profiles, registry
    from kandil.registry import listing

    both = not (here or cloud or available)
    settings = config.load()
    added = registry.every()
    inventory = _inventory(settings.cache, refresh=refresh) if here or both else None
    local = listing.local(inventory, added.records, settings) if inventory else None
    elsewhere = listing.elsewhere(settings, added.records) if cloud or both else None
    default, unusable = _default(settings)
    return _Chosen(
        inventory,
        local and [one for one in local if listing.matches(query, one.name)],
        elsewhere and [one for one in elsewhere if listing.matches(query, one.name)],
        listing.available(query, retired=retired) if available else None,
        len(profiles.ids()),
        default,
        (*(one.message for one in added.broken), *(inventory.warnings if inventory else ()), *unusable),
    )


def _default(settings: Config) -> tuple[str | None, tuple[str, ...]]:
    """The name, and what is wrong with it."""
    from kandil.errors import DefaultUnusable
    from kandil.registry import choice

    try:
        chosen = choice.named(settings)
    except DefaultUnusable as error:
        return None, (error.message,)
    return chosen.name if chosen else None, ()


def _inventory(settings: Any, *, refresh: bool) -> Inventory:
    from kandil.registry import inventory

    found = None if refresh else inventory.cached(settings)
    if found is None:
        from functools import partial

        from kandil.cli.run import run_async

        found = run_async(partial(inventory.look, settings))
    return found


def _show_names(chosen: _Chosen) -> None:
    from kandil.cli.escape import printable

    for one in [*(chosen.local or ()), *(chosen.cloud or ())]:
        print(printable(one.name))
    for profile in chosen.available or ():
        print(printable(profile.id))


def _show(chosen: _Chosen, settings: Settings, *, query: bool) -> None:
    from kandil.cli.model import list_text as text
    from kandil.cli.terminal import Paint

    paint, now = Paint(sys.stdout, no_color=settings.no_color), text.current()
    said = False
    if chosen.local is not None and chosen.inventory is not None:
        said = _section(
            "Local", text.LOCAL_HEADS, [text.local_row(one, now, chosen.default) for one in chosen.local], paint,
            numbers=("SIZE",), yielding=text.LOCAL_YIELDING, said=said,
            empty="none has that in its name" if query else
            "none yet: `kandil model fit` says what this machine can run, `kandil verify FOLDER` looks elsewhere",
        )  # fmt: skip
        print(paint("dim", _plain(text.looked(chosen.inventory, now))))
    if chosen.cloud is not None:
        said = _section(
            "Cloud", text.CLOUD_HEADS, [text.cloud_row(one, now, chosen.default) for one in chosen.cloud], paint,
            numbers=("LATENCY",),
            yielding=text.CLOUD_YIELDING,
            said=said,
            empty="none has that in its name" if query else
            "none yet: `kandil model add NAME --manual`, or `kandil config set defaults.model NAME`",
        )  # fmt: skip
    if chosen.available is not None:
        _section(
            "Available", text.AVAILABLE_HEADS, [text.available_row(one, now) for one in chosen.available], paint,
            numbers=("CONTEXT",), yielding=text.AVAILABLE_YIELDING,
            said=said, empty="none: `kandil model list --available --all` has the retired ones too",
        )  # fmt: skip
    elif sys.stdout.isatty():
        print(paint("dim", f"\n{chosen.catalogue:,} more in the catalogue: kandil model list --available [QUERY]"))


def _section(
    title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]], paint: Callable[[str, str], str], *,
    empty: str, said: bool, **options: Any,
) -> bool:  # fmt: skip
    from kandil.cli.table import table

    print(("\n" if said else "") + paint("bold", title))
    for line in table(heads, rows, paint, **options) if rows else [empty]:  # type: ignore[arg-type]
        print(line)
    return True


def _plain(text: str) -> str:
    from kandil.cli.escape import printable

    return printable(text)


def _show_json(chosen: _Chosen) -> None:
    from dataclasses import asdict

    from kandil.cli.json_lines import write_report

    fields: dict[str, object] = {
        "catalogue_count": chosen.catalogue,
        "default": chosen.default,
        "warnings": chosen.notes,
    }
    if chosen.inventory is not None:
        seen = chosen.inventory
        fields["looked_at"] = seen.taken_at
        fields["memory"] = {"ram_available_bytes": seen.ram_available_bytes, "gpus": seen.gpus}
        fields["local"] = [
            {**(asdict(one.model) if one.model else {"state": "missing"}), "name": one.name, "record": _record(one)}
            for one in chosen.local or ()
        ]
    if chosen.cloud is not None:
        fields["cloud"] = [
            {
                "name": one.name,
                "profile": one.profile and asdict(one.profile),
                "record": _record(one),
                "settings": one.settings,
                "circuit": one.circuit and asdict(one.circuit),
            }
            for one in chosen.cloud
        ]
    if chosen.available is not None:
        fields["available"] = [asdict(one) for one in chosen.available]
    write_report(SCHEMA, **fields)


def _record(one: Local | Elsewhere) -> dict[str, object] | None:
    record = one.record
    if record is None:
        return None
    names = (
        "source",
        "added_at",
        "verified_at",
        "last_used",
        "usage_count",
        "average_latency_ms",
        "limits",
        "forced",
        "benchmark",
    )
    return {name: getattr(record, name) for name in names}
