"""`--weights` on `verify` and `inspect`: alone, with `=full`, and never taking a path for its value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import type_of_run
from tests.verify.test_weights import COUNT, NAN, model


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "good.gguf").write_bytes(model())
    (tmp_path / "bad.gguf").write_bytes(model(NAN))
    (tmp_path / "deep.gguf").write_bytes(model(NAN, place=5000, count=COUNT))


@pytest.mark.parametrize(
    ("name", "option", "found"),
    [
        ("good", "--weights=full", False),
        ("bad", None, False),
        ("bad", "--weights", True),
        ("bad", "--weights=sample", True),
        ("deep", "--weights", False),
        ("deep", "--weights=full", True),
    ],
)
def test_verify_and_inspect_look_at_the_weights_as_asked(
    run: type_of_run, name: str, option: str | None, found: bool
) -> None:
    asked = [option] if option else []
    for command in (["verify"], ["inspect"], ["inspect", "--findings"], ["inspect", "--sarif", "-"]):
        done = run(*command, *asked, "--strict", f"{name}.gguf")
        assert ("KG-DATA-NAN" in done.stdout.partition('"results"')[2 if "--sarif" in command else 0]) is found
        assert done.returncode == (8 if found else 0)


def test_json_has_what_was_found(run: type_of_run) -> None:
    for command in (["verify"], ["inspect"], ["inspect", "--findings"]):
        page = json.loads(run(*command, "--weights", "--json", "bad.gguf").stdout.splitlines()[0])
        assert [finding["id"] for finding in page["findings"]] == ["KG-DATA-NAN"]


def test_what_makes_no_sense_is_a_usage_error(run: type_of_run) -> None:
    assert run("verify", "--weights=some", "good.gguf").returncode == 2
    assert run("inspect", "--weights", "--key", "general.name", "good.gguf").returncode == 2


def test_after_two_dashes_it_is_a_path(run: type_of_run) -> None:
    assert run("verify", "--", "--weights").stdout.startswith("error       --weights  ")


def test_the_help_shows_how_it_is_written(run: type_of_run) -> None:
    assert "--weights [=full]" in run("verify", "--help").stdout
