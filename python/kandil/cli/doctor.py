"""`kandil doctor`: what is wrong with this machine and with kandil's own files, and what mends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kandil.cli.terminal import Paint
    from kandil.registry.diagnosis import Check

HELP = """\b
Examples:
  kandil doctor                  every check but those of the network
  kandil doctor gpu disk         some sections
  kandil doctor -q               only what is wrong
  kandil doctor --list           the checks, and what each looks at
  kandil doctor --json | jq -r '.checks[] | select(.state == "fail") | .mend'

Check this machine and kandil's own files, and say what to mend.

Nothing is changed, no key is shown, and nobody is asked over a network without --check: then servers on this machine,
and the name server for the providers that your settings name.

\b
SECTION: run, config, keys, hardware, gpu, disk, library, records, sandbox, network.

\b
Exit: 0 no check failed; 11 one did, or with --strict, warned.
"""

SECTIONS = ("run", "config", "keys", "hardware", "gpu", "disk", "library", "records", "sandbox", "network")
STATES = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "cyan"}
FAILED = 11
_WRONG = ("warn", "fail")
_NAME = 13
"""The longest name of a check."""
_INDENT = 2 + 7 + 2 + 10 + 2
"""Where the names begin."""
_NARROW_INDENT = 6
"""Where there is no room below the names."""
_NARROWEST = 24


@click.command("doctor", help=HELP, short_help="Check this machine and kandil's own files, and say what to mend.")
@click.argument("sections", metavar="[SECTION]...", nargs=-1, type=click.Choice(SECTIONS))
@click.option("--check", is_flag=True, help="Also ask servers on this machine, and the name server.")
@click.option("--list", "only_list", is_flag=True, help="List the checks, and make none.")
@click.option("--strict", is_flag=True, help="Warnings count as failures.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what is wrong.")
@common_options
@click.pass_context
def command(
    ctx: click.Context, *, sections: tuple[str, ...], check: bool, only_list: bool, strict: bool, quiet: bool
) -> int:
    from kandil.cli.run import run_async
    from kandil.cli.terminal import Paint

    settings = ctx.find_object(Settings)
    assert settings is not None
    paint = Paint(sys.stdout, no_color=settings.no_color)
    if only_list:
        _list(sections or SECTIONS, paint, as_json=settings.json)
        return 0

    async def run() -> int:
        from kandil.registry.diagnosis import diagnose

        checks = await diagnose(sections, check=check)
        shown = [one for one in checks if not quiet or one.state in _WRONG]
        if settings.json:
            _show_json(shown, checks)
        else:
            _show(shown, checks, paint, quiet=quiet)
        bad = _WRONG if strict else ("fail",)
        return FAILED if any(one.state in bad for one in checks) else 0

    return run_async(run)


def _list(sections: Iterable[str], paint: Paint, *, as_json: bool) -> None:
    from kandil.cli.json_lines import write_report
    from kandil.registry.diagnosis import SECTIONS as PROBES

    chosen = {name: probes for name, probes in PROBES.items() if name in sections}
    if as_json:
        fields = ("id", "name", "what")
        listed = [
            {"section": name, **{field: getattr(probe, field) for field in fields}}
            for name, probes in chosen.items()
            for probe in probes
        ]
        write_report("kandil.doctor.list/1", checks=listed)
        return
    for name, probes in chosen.items():
        print(paint("bold", name))
        for probe in probes:
            _print_wrapped(f"  {probe.id:<10}  {probe.name:<{_NAME}}  ", probe.what)


def _show_json(shown: Iterable[Check], checks: Sequence[Check]) -> None:
    from dataclasses import asdict

    from kandil.cli.json_lines import write_report

    write_report("kandil.doctor/1", checks=[asdict(one) for one in shown], counts=_counts(checks))


def _counts(checks: Iterable[Check]) -> dict[str, int]:
    states = [one.state for one in checks]
    return {name: sum(state == name for state in states) for name in STATES}


def _show(shown: Iterable[Check], checks: Sequence[Check], paint: Paint, *, quiet: bool) -> None:
    section = None
    for one in shown:
        if one.section != section:
            print(paint("bold", one.section))
            section = one.section
        _print_wrapped(f"  {one.state:<7}  {one.id:<10}  {one.name:<{_NAME}}  ", one.found, paint, one.state)
        if one.mend:
            _print_wrapped(f"{'':{_INDENT}}mend: ", one.mend)
    if not quiet:
        print("\n" + ", ".join(f"{count} {name}" for name, count in _counts(checks).items()))


def _print_wrapped(head: str, text: str, paint: Paint | None = None, state: str = "") -> None:
    """Within the terminal's width, what follows below the check's name; where there is no terminal, in one line."""
    import shutil
    import textwrap

    from kandil.cli.escape import printable
    from kandil.cli.terminal import is_terminal

    lines = [head + printable(text)]
    if is_terminal(sys.stdout):
        width = max(shutil.get_terminal_size().columns, _NARROWEST)
        indent = " " * (_INDENT if width >= 2 * _INDENT else _NARROW_INDENT)
        lines = textwrap.wrap(lines[0], width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    first = lines[0].replace(state, paint(STATES[state], state), 1) if paint else lines[0]
    print("\n".join([first, *lines[1:]]))
