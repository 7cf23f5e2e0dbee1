"""The whole table: every attack is held, for root and for an ordinary user; and without a sandbox it has its way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from functools import cache

import pytest

from kandil.sandbox.layers import ACTIVE, LAYERS, OPTIONAL, REQUIRED
from kandil.sandbox.probes import EVERY_LAYER
from tests.sandbox.test_layers import HOLDS
from tests.support import namespaces, ordinary_user

_COMMAND = [sys.executable, "-c", "import sys; from kandil.cli.sandbox import main; sys.exit(main())", "self-test"]
_SOME = [
    sys.executable,
    "-c",
    """
import json, sys, trio
from kandil.sandbox.probes import outcomes
names = [name for name in sys.argv[1:] if not name.startswith("--")]
without = [tuple(name[10:].split(",")) for name in sys.argv[1:] if name.startswith("--without=")]
async def main():
    async with outcomes(names, without=without[0] if without else None) as came:
        done = [one async for one in came]
    print(json.dumps([{one.probe.name: one.held for one in done}, done[0].layers["namespaces"]]))
trio.run(main)
""",
]
"""What became of some attacks, and of the namespaces."""
_WITHOUT_NAMESPACES = """
echo 0 > /proc/sys/user/max_user_namespaces
exec setpriv --bounding-set=-all --inh-caps=-all "$@"
"""
"""A system that grants none, as containers do."""


def self_test(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *options], capture_output=True, text=True, check=False)


@cache
def as_ordinary_user(*options: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0:
        return self_test(*options)
    return ordinary_user.run([*_COMMAND, *options])


def check_all_held(done: subprocess.CompletedProcess[str]) -> None:
    shown = json.loads(done.stdout)
    assert [probe for probe in shown["probes"] if not probe["held"]] == []
    assert (done.returncode, done.stderr) == (0, "")
    assert shown["held"] == len(shown["probes"]) >= 100
    assert set(shown["layers"]) == set(LAYERS)
    assert {name for name, state in shown["layers"].items() if state != ACTIVE} <= OPTIONAL.keys()
    assert (shown["layers"]["namespaces"] == ACTIVE) == namespaces.are_granted()


def test_every_attack_is_held() -> None:
    check_all_held(self_test("--json"))


def test_every_attack_of_an_ordinary_user_is_held() -> None:
    check_all_held(as_ordinary_user("--json"))


@pytest.mark.skipif(not namespaces.are_granted(), reason="has no namespaces to give up")
def test_the_other_layers_hold_where_there_are_no_namespaces() -> None:
    names = HOLDS["namespaces"]
    command = ["unshare", "--user", "--map-root-user", "sh", "-euc", _WITHOUT_NAMESPACES, "sh", *_SOME, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    absent = "absent: unshare: No space left on device (os error 28)"
    assert json.loads(done.stdout) == [dict.fromkeys(names, True), absent]


def test_without_a_sandbox_the_attacks_of_an_ordinary_user_have_their_way() -> None:
    done = as_ordinary_user("--control", "--json")
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    had_their_way = {probe["name"] for probe in shown["probes"] if not probe["held"]}
    assert had_their_way >= {probe["name"] for probe in shown["probes"] if probe["alone"] == "anyone"}
    assert len(had_their_way) >= 60
    assert {state for name, state in shown["layers"].items() if name in REQUIRED} == {"absent: left out"}


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to become somebody else")
@pytest.mark.parametrize("layer", ["no_new_privs", None])
def test_a_set_user_id_program_gives_nothing_where_there_are_no_new_privileges(layer: str | None) -> None:
    without = "--without=" + ",".join(name for name in EVERY_LAYER if name != layer)
    done = ordinary_user.run([*_SOME, without, "set-user-id"])
    assert json.loads(done.stdout)[0] == {"set-user-id": layer is not None}


def test_it_is_told_in_words() -> None:

    from kandil.cli.sandbox_self import _show
    from kandil.cli.terminal import Paint
    from kandil.sandbox.probes import Outcome, probes

    layers = dict.fromkeys(REQUIRED, ACTIVE) | {"namespaces": "absent: \x1b[2J"}
    came = [
        Outcome(probes()["tcp"], held=True, how="ended by the filter of system calls", layers=layers),
        Outcome(probes()["udp"], held=False, how="a connection came", layers=layers),
    ]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        _show(layers, came, Paint(sys.stdout, no_color=True), control=False)
    lines = out.getvalue().splitlines()
    assert f"  active  seccomp       {REQUIRED['seccomp']}" in lines
    assert "  absent  namespaces    \\x1b[2J" in lines
    assert "  held  tcp  connect over TCP: ended by the filter of system calls" in lines
    assert "  OPEN  udp  send over UDP: a connection came" in lines
    assert lines[-1] == "2 attacks in the sandbox: 1 held, 1 had their way"
