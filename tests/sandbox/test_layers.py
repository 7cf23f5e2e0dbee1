"""What each layer is for: alone it holds attacks that have their way without it, and some that no other layer holds."""

from __future__ import annotations

import os

import pytest

from kandil.sandbox.probes import EVERY_LAYER, outcomes
from tests.support import namespaces

HOLDS = {
    "landlock": ("read-file", "create-file", "tcp", "unix-abstract", "kill", "reopen-model"),
    "namespaces": ("stat", "chmod", "udp", "unix", "kill-all", "look-up-session", "stat-beside-fstat"),
    "rlimits": ("allocate", "fill", "open-files", "spin", "write-file"),
    "seccomp": ("socket-pair", "map-executable", "lock-model", "memfd", "signal-by-pipe", "timer", "setsid"),
    "capabilities": ("chroot", "raw-socket", "sethostname", "fsopen", "unshare-network"),
}
"""Attacks that a layer holds alone. Capabilities are root's: an ordinary user has none to lose. Not every system
grants namespaces."""
ONLY = {
    "seccomp": ("socket-pair", "map-executable", "lock-model", "memfd", "timer", "setsid", "share-flags"),
    "rlimits": ("allocate", "open-files", "spin"),
}
"""Attacks that nothing holds but this layer."""


async def held(names: tuple[str, ...], without: tuple[str, ...]) -> dict[str, bool]:
    async with outcomes(names, without=without) as came:
        results = [one async for one in came]
    assert [one for one in results if one.how.startswith("not tried")] == []
    return {one.probe.name: one.held for one in results}


def layers(table: dict[str, tuple[str, ...]]) -> list[str]:
    here = {"capabilities": os.geteuid() == 0, "namespaces": namespaces.are_granted()}
    return [layer for layer in table if here.get(layer, True)]


@pytest.mark.parametrize("layer", layers(HOLDS))
async def test_a_layer_alone_holds(layer: str) -> None:
    others = tuple(other for other in EVERY_LAYER if other != layer)
    assert await held(HOLDS[layer], others) == dict.fromkeys(HOLDS[layer], True)


async def test_without_layers_the_same_attacks_have_their_way() -> None:
    names = tuple(name for layer in layers(HOLDS) for name in HOLDS[layer])
    assert await held(names, EVERY_LAYER) == dict.fromkeys(names, False)


@pytest.mark.parametrize("layer", layers(ONLY))
async def test_without_a_layer_what_it_alone_holds_has_its_way(layer: str) -> None:
    assert await held(ONLY[layer], (layer,)) == dict.fromkeys(ONLY[layer], False)
