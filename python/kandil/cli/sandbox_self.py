"""`kandil-sandbox self-test`: attacks on the sandbox, from within."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kandil.cli.terminal import Paint
    from kandil.sandbox.probes import Outcome

HELP = """\b
Examples:
  kandil-sandbox self-test             which layers are active here, and what they stop
  kandil-sandbox self-test --control   the same attacks without a sandbox: most have their way
  kandil-sandbox self-test --json | jq '.probes[] | select(.held | not)'

Attack the sandbox from within, and show what holds.

Each probe is an attack in a process of its own, in the sandbox in which model files are loaded: it reads, writes,
connects, forks, signals, or tries what kernels are broken with. It holds if the attack had no effect, as seen by the
attack itself and from outside.

\b
Exit: 0 every attack was held (with --control: those that should have their way had it); 8 one was not;
1 no sandbox can be made here.
"""

SCHEMA = "kandil.sandbox-self-test/1"
_OPEN = 8


@click.command("self-test", help=HELP, short_help="Attack the sandbox from within, and show what holds.")
@click.option("--control", is_flag=True, help="Leave all layers out, to show that the attacks are real.")
@click.option("--allow-weaker", is_flag=True, help="Also without layers that this system does not give.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, control: bool, allow_weaker: bool) -> int:
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    came: list[Outcome] = []

    async def attack() -> int:
        from kandil.sandbox.probes import EVERY_LAYER, outcomes

        async with outcomes(without=EVERY_LAYER if control else None, allow_weaker=allow_weaker) as outcome:
            came.extend([one async for one in outcome])
        return 0

    run_async(attack)
    came.sort(key=lambda outcome: outcome.probe.number)
    layers = max((outcome.layers for outcome in came), key=len)
    wrong = [outcome for outcome in came if not _as_expected(outcome, control=control)]
    if settings.json:
        _show_json(layers, came, control=control)
    else:
        from kandil.cli.terminal import Paint

        _show(layers, came, Paint(sys.stdout, no_color=settings.no_color), control=control)
    return _OPEN if wrong else 0


def _as_expected(outcome: Outcome, *, control: bool) -> bool:
    if not control:
        return outcome.held
    return outcome.probe.succeeds_without() in (None, not outcome.held)


def _show_json(layers: Mapping[str, str], came: Sequence[Outcome], *, control: bool) -> None:
    from kandil import __version__
    from kandil.cli.json_lines import write_json

    probes = [
        {"name": one.probe.name, "what": one.probe.what, "held": one.held, "how": one.how, "alone": one.probe.control}
        for one in came
    ]
    write_json(
        {
            "schema": SCHEMA,
            "kandil_version": __version__,
            "control": control,
            "layers": dict(layers),
            "held": sum(one.held for one in came),
            "probes": probes,
        }
    )


def _show(layers: Mapping[str, str], came: Sequence[Outcome], paint: Paint, *, control: bool) -> None:
    from kandil.cli.escape import printable
    from kandil.sandbox.layers import ACTIVE, LAYERS

    print(f"{paint('bold', 'Layers')}, and what each takes away")
    for name, means in LAYERS.items():
        state = layers.get(name, "absent: nothing said of it")
        shown = paint("green", "active") if state == ACTIVE else paint("yellow", "absent")
        print(f"  {shown}  {name:12}  {means if state == ACTIVE else printable(state.removeprefix('absent: '))}")
    print(f"\n{paint('bold', 'Attacks')}")
    width = max(len(one.probe.name) for one in came)
    for one in came:
        style = "green" if one.held else "yellow" if control else "red"
        shown = paint(style, "held" if one.held else "OPEN")
        print(f"  {shown}  {one.probe.name:{width}}  {one.probe.what}: {printable(one.how)}")
    held = sum(one.held for one in came)
    where = "without a sandbox" if control else "in the sandbox"
    print(f"\n{len(came)} attacks {where}: {held} held, {len(came) - held} had their way")
