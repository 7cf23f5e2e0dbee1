"""`kandil ask` of a file: what is said of a model without a template, and of one that was kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from kandil import local_server
from tests.cli.conftest import type_of_run
from tests.support import answering
from tests.support.runtimes import xllamacpp


@pytest.fixture(autouse=True)
def _none_is_left(home: Path) -> Iterator[None]:
    xllamacpp()
    yield
    for server in local_server.running():
        trio.run(local_server.stop, server)


def test_a_file_without_a_template_is_told_of(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "plain.gguf").write_bytes(answering.model(template=None))
    done = run("ask", "-m", "plain.gguf", "hello")
    assert (done.returncode, done.stdout) == (0, f"{answering.ANSWER}\n")
    assert "warning: the file has no chat template" in done.stderr
    (tmp_path / "tiny.gguf").write_bytes(answering.model())
    assert "template" not in run("ask", "-m", "tiny.gguf", "hello").stderr


def test_one_that_is_kept_answers_who_does_not_keep_it(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(answering.model())
    assert run("ask", "-m", "tiny.gguf", "--keep-alive", "10m", "hello").returncode == 0
    (kept,) = json.loads(run("model", "ps", "--json").stdout)["servers"]
    assert run("ask", "-m", "tiny.gguf", "hello").stdout == f"{answering.ANSWER}\n"
    assert [server.pid for server in local_server.running()] == [kept["pid"]]
