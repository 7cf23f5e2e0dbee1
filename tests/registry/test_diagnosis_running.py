"""Checks of what runs kandil: Python, packages, kernels, locale, clock."""

from __future__ import annotations

import locale
import os
from importlib import metadata

import pytest

from kandil import _core, paths
from kandil.registry.diagnosis import Surroundings, running
from tests.support.diagnosed import checks


async def test_python_and_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await checks("run")
    assert {found[f"KD-RUN-00{number}"][0].state for number in (1, 2, 6)} == {"ok"}
    for name, _, _ in running._requirements():
        assert running.installed(name) == metadata.version(name)
    assert running.installed("no-such-package-at-all") is None
    monkeypatch.setattr(running, "installed", lambda _: "0.0.1")
    assert running.extension(Surroundings()).state == "fail"
    assert running.judged_python((3, 11, 7), "final", (1 << 31) - 1).state == "fail"
    assert running.judged_python((3, 15, 0), "candidate", (1 << 63) - 1).state == "warn"


@pytest.mark.parametrize(
    ("forced", "kernels", "state", "words"),
    [
        (None, ["shanix1", "avx512x16+avx512x16"], "ok", "shani for one file, avx512 for many at once"),
        (None, ["portablex1", "portablex1+portablex1"], "warn", "slower"),
        ("avx2", ["avx2x1", "avx2x8"], "warn", "which KANDIL_SHA256 asks for"),
        ("neon", ["shanix1", "avx2x8"], "warn", "names none of this machine's"),
    ],
)
def test_how_digests_are_computed(
    monkeypatch: pytest.MonkeyPatch, forced: str | None, kernels: list[str], state: str, words: str
) -> None:
    monkeypatch.setattr(_core, "kernels", lambda: kernels)
    if forced:
        monkeypatch.setenv("KANDIL_SHA256", forced)
    one = running.digests(Surroundings())
    assert one.state == state
    assert words in one.text


def test_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, state in (("UTF-8", "ok"), ("ANSI_X3.4-1968", "warn")):
        monkeypatch.setattr(locale, "getpreferredencoding", lambda do_setlocale, name=name: name)
        assert running.encoding(Surroundings()).state == state


def test_the_clock() -> None:
    assert running.clock(Surroundings()).state == "ok"
    paths.make_private(paths.models_dir())
    os.utime(paths.models_dir(), (4e9, 4e9))
    assert running.clock(Surroundings()).state == "warn"
    assert (one := running.judged_clock(86_400.0)).state == "fail"
    assert one.text.startswith("1970-01-02")


def test_packages_and_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed kandil's requirements, with simulated versions of what they ask for."""
    versions = {name: "9999.1" for name, _, _ in running._requirements()}

    monkeypatch.setattr(running, "installed", versions.get)
    assert [one.state for one in running.packages(Surroundings())] == ["ok"]
    assert {one.state for one in running.extras(Surroundings())} == {"ok"}
    del versions["model-signing"]
    versions |= {"gguf": "0.2rc1", "trio": "0.29.9"}
    [trio] = running.packages(Surroundings())
    assert (trio.state, trio.text, trio.mend) == (
        "fail",
        "trio 0.29.9 is older than 0.34",
        "pip install --upgrade kandil trio",
    )
    found = {one.text.partition(":")[0]: one for one in running.extras(Surroundings())}
    assert {name for name, one in found.items() if one.state != "ok"} - {"local"} == {"reference", "signing"}
    assert {found[name].state for name in ("reference", "signing")} == {"warn"}
    assert found["signing"].text == "signing: model-signing is not installed"
    del versions["gguf"]
    assert any(one.state == "ok" and "gguf) is not installed" in one.text for one in running.extras(Surroundings()))
