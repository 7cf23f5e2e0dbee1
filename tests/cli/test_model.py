"""`kandil model show`, `aliases`, `alias`, `fit`: as a person and as a program reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kandil
from kandil import profiles, registry
from kandil.cli.fit_text import human_bytes
from kandil.cli.model.show import _facts
from kandil.paths import make_private
from tests.cli.conftest import type_of_run
from tests.cli.test_model_list import in_terminal
from tests.support import loadable


def test_a_model_is_shown(run: type_of_run) -> None:
    done = run("model", "show", "qwen2.5-coder:7b", "--ram", "64GiB", "--disk", "64GiB")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "qwen2.5-coder:7b"
    shown = {line[2:15].strip(): line[16:] for line in lines[1:]}
    assert shown["context"] == "32,768 tokens"
    assert shown["weights"].startswith("4.7 GB, Q4_K_M")
    assert "fit" in shown["this machine"]
    assert "2026-11-22" in shown["facts"]


def test_json_has_the_profile_the_rung_and_the_fit(run: type_of_run) -> None:
    shown = json.loads(
        run("model", "show", "QWEN2.5 CODER 7B", "--json", "--ram", "64GiB", "--disk", "64GiB", "--ctx", "8192").stdout
    )
    assert (shown["schema"], shown["kandil_version"]) == ("kandil.model.show/1", kandil.__version__)
    assert (shown["rung"], shown["profile"]["id"]) == ("spelling", "qwen2.5-coder:7b")
    assert (shown["fit"]["verdict"], shown["fit"]["context"], shown["fit"]["basis"]) == ("fits", 8192, "profile")
    parts = shown["fit"]["ram"]
    assert parts["total_bytes"] == parts["weights_bytes"] + parts["cache_bytes"] + parts["compute_bytes"]
    assert json.loads(run("model", "show", "gpt-5", "--json").stdout)["fit"] is None


def test_a_retired_model_says_so(run: type_of_run) -> None:
    done = run("model", "show", "claude-3.5-sonnet")
    assert done.returncode == 0
    said = "claude-3.5-sonnet was retired on 2025-10-28; its successor is claude-sonnet-4-6"
    assert said in done.stdout
    assert said in done.stderr


def test_an_alias_says_what_else_was_meant(run: type_of_run) -> None:
    done = run("model", "show", "gpt4")
    assert "gpt4 stands for gpt-5.6-sol now; older guides mean gpt-4-turbo" in done.stderr


def test_what_is_only_like_a_name_is_an_error_without_a_terminal(run: type_of_run) -> None:
    done = run("model", "show", "claud sonet")
    assert (done.returncode, done.stdout) == (3, "")
    assert "claude-sonnet-5-5" in done.stderr
    error = json.loads(run("model", "show", "claud sonet", "--json").stdout)["error"]
    assert error["code"] == "name-unknown"
    assert error["candidates"][0] == "claude-sonnet-5-5"


def test_the_rungs_are_explained(run: type_of_run) -> None:
    done = run("model", "show", "claude-opus", "--explain")
    assert done.stderr.splitlines()[:3] == ["exact: no", "user alias: no", "alias: claude-opus-5-5"]
    done = run("model", "show", "claud sonet", "--explain")
    assert "like it: claude-sonnet-5-5 (" in done.stderr


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\u202eb", "x" * 3000, "--", " "])
def test_odd_names_are_errors_that_show_safely(run: type_of_run, name: str) -> None:
    done = run("model", "show", name)
    assert done.returncode in (2, 3)
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert len(done.stderr) < 8000


@pytest.mark.parametrize(
    ("option", "value"), [("--kv-type", "q9"), ("--ctx", "0"), ("--ctx", "9" * 400), ("--ram", "lots")]
)
def test_what_cannot_be_computed_is_usage(run: type_of_run, option: str, value: str) -> None:
    done = run("model", "show", "llama3.1:8b", option, value)
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_aliases_are_listed_and_searched(run: type_of_run) -> None:
    lines = run("model", "aliases").stdout.splitlines()
    assert len(lines) == len(list(profiles.aliases()))
    some = run("model", "aliases", "SONNET", "-q").stdout.splitlines()
    assert "sonnet" in some
    assert all("sonnet" in f"{name} {kandil.profiles.alias(name)}" for name in some)
    assert run("model", "aliases", "no such alias").stdout == ""


def test_an_alias_of_one_s_own(run: type_of_run, home: Path) -> None:
    done = run("model", "alias", "work", "Claude Opus 5.5")
    assert (done.returncode, done.stdout) == (0, "work stands for claude-opus-5-5\n")
    assert json.loads(run("model", "show", "work", "--json").stdout)["rung"] == "user alias"
    assert "work  claude-opus-5-5  (yours)" in " ".join(run("model", "aliases", "work").stdout.splitlines())
    again = json.loads(run("model", "alias", "work", "gpt-5", "--json").stdout)
    assert (again["before"], again["after"], again["dry_run"]) == ("claude-opus-5-5", "gpt-5", False)
    assert run("model", "alias", "--rm", "work", "--dry-run").returncode == 0
    assert run("model", "show", "work").returncode == 0
    assert run("model", "alias", "--rm", "work").stdout.endswith("it was gpt-5\n")
    assert run("model", "show", "work").returncode == 3
    assert run("model", "alias", "--rm", "work").returncode == 3


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("gpt-5", "gpt-4o"), 2),
        (("gpt-5", "gpt-4o", "--shadow"), 2),
        (("sonnet", "gpt-4o"), 2),
        (("Claude Opus 5.5", "gpt-4o"), 2),
        (("", "gpt-4o"), 2),
        (("two\nlines", "gpt-4o"), 2),
        (("mine", "no such model at all"), 3),
        (("mine",), 2),
        (("--rm", "mine", "gpt-5"), 2),
        (("sk-proj-" + "a1B2" * 12, "gpt-5"), 9),
    ],
)
def test_an_alias_that_cannot_be_is_refused(run: type_of_run, args: tuple[str, ...], code: int) -> None:
    done = run("model", "alias", *args)
    assert (done.returncode, done.stdout) == (code, "")
    assert "a1B2" not in done.stderr


@pytest.mark.parametrize("name", ["sonnet", "Claude Opus 5.5"])
def test_a_name_of_kandil_s_can_be_shadowed_when_asked(run: type_of_run, name: str) -> None:
    assert run("model", "alias", name, "gpt-5", "--shadow").returncode == 0
    assert json.loads(run("model", "show", name, "--json").stdout)["profile"]["id"] == "gpt-5"


def test_what_fits_is_ranked(run: type_of_run) -> None:
    done = run("model", "fit", "--ram", "8GiB", "--disk", "64GiB", "--task", "code")
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["MODEL", "FILE", "MEMORY", "CONTEXT", "MAX", "CONTEXT", "RUNS", "ON"]
    assert any(row.startswith("qwen2.5-coder:7b ") for row in rows)
    shown = json.loads(run("model", "fit", "--ram", "8GiB", "--disk", "64GiB", "--task", "code", "--json").stdout)
    assert (shown["schema"], shown["task"], len(shown["models"])) == ("kandil.model.fit/1", "code", len(rows))
    assert all(one["fits"] for one in shown["models"])
    names = run("model", "fit", "--ram", "8GiB", "--disk", "64GiB", "--task", "code", "-q").stdout.splitlines()
    assert names == [one["id"] for one in shown["models"]]


def test_a_query_narrows_what_fits(run: type_of_run) -> None:
    names = run("model", "fit", "qwen 7b", "--ram", "64GiB", "--disk", "64GiB", "-q").stdout.splitlines()
    assert names
    assert all("qwen" in name and "7b" in name for name in names)


def test_nothing_fits_into_nothing(run: type_of_run) -> None:
    done = run("model", "fit", "--ram", "1MB")
    assert (done.returncode, done.stdout) == (4, "")
    assert "kandil doctor hardware" in done.stderr
    assert run("model", "fit", "--ram", "1MB", "--json").returncode == 4


def facts_of(name: str) -> dict[str, str]:
    profile = profiles.find(name)
    assert profile is not None
    return dict(_facts(profile, None))


@pytest.mark.parametrize(
    ("name", "title", "text"),
    [
        ("embed-v4.0", "price", "$0.12 in, a million tokens"),
        ("glm-4.7-flash", "price", "free"),
        ("bge-reranker-v2-m3-q4_k_m@gpustack", "can", "reranking; not known: vision, tools, reasoning, JSON"),
        ("llama3.1:70b", "weights", "42.5 GB, Q4_K_M, 70 B parameters, architecture llama"),
        (
            "together/minimax-m3",
            "state",
            "together/minimax-m3 is deprecated and was to end on 2026-11-06; its successor is fireworks/minimax-m3",
        ),
    ],
)
def test_facts_read_as_sentences(name: str, title: str, text: str) -> None:
    assert facts_of(name)[title] == text


def test_what_is_not_known_is_left_out() -> None:
    facts = facts_of("claude-sonnet-5-5")
    assert facts["released"] == "2026-09-28"
    assert "knows" not in facts
    assert facts_of("gpt-5")["knows"] == "the world until 2024-09-30"


def test_a_file_of_unknown_size_has_no_size(run: type_of_run) -> None:
    shown = run("model", "show", "qwen3-reranker-0.6b-q8_0@mradermacher").stdout
    assert "nobody can say: the size of its file is not known" in shown
    assert "GiB" not in shown


def test_small_needs_are_not_nothing() -> None:
    assert (human_bytes(53_000_000), human_bytes(4 << 30)) == ("51 MiB", "4.0 GiB")


@pytest.mark.parametrize("columns", [40, 80])
def test_in_a_terminal_a_page_is_wrapped_between_words(columns: int) -> None:
    for line in in_terminal(columns, "model", "show", "gpt-5").splitlines():
        assert len(line) <= columns
        assert "https" not in line or "https://api.openai.com/v1" in line


@pytest.mark.parametrize("columns", [40, 80])
def test_in_a_terminal_the_ranking_keeps_its_names(columns: int) -> None:
    said = in_terminal(columns, "model", "fit", "qwen2.5", "coder", "--ram", "64GiB", "--disk", "64GiB").splitlines()
    assert max(map(len, said)) <= columns
    assert any(line.startswith("qwen2.5-coder:32b ") for line in said)


def test_a_file_fits_by_its_own_header(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(loadable.model())
    done = run("model", "fit", "small.gguf", "--ram", "1GiB")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by the file's header" in done.stdout
    shown = json.loads(run("model", "fit", "small.gguf", "--ram", "1GiB", "--json").stdout)
    assert (shown["schema"], shown["fit"]["basis"], shown["fit"]["verdict"]) == (
        "kandil.model.fit-file/1",
        "header",
        "fits",
    )
    assert run("model", "fit", "small.gguf", "--ram", "1kB").returncode == 4


def test_a_file_that_is_none_is_said_to_be(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    assert run("model", "fit", "page.gguf").returncode == 8
    (tmp_path / "cut.gguf").write_bytes(loadable.cut_in_its_weights())
    done = run("model", "fit", "cut.gguf", "--ram", "1GiB")
    assert done.returncode == 8
    assert "kandil inspect --findings" in done.stdout


def test_a_broken_record_of_that_name_says_so(run: type_of_run) -> None:
    file = registry.file_of("house")
    make_private(file.parent)
    file.write_text("{")
    done = run("model", "show", "house")
    assert (done.returncode, done.stdout) == (9, "")
    assert f"{file}: it is no JSON" in done.stderr


def test_parts_that_are_not_here_are_said(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "big-00001-of-00003.gguf").write_bytes(loadable.model())
    done = run("model", "fit", "big-00001-of-00003.gguf", "--ram", "1GiB")
    assert done.returncode == 8
    assert "2 of 3 parts are not here" in done.stdout


def test_words_in_no_name_are_said_to_be(run: type_of_run) -> None:
    done = run("model", "fit", "qwn coder")
    assert (done.returncode, done.stdout) == (3, "")
    assert "coder" in done.stderr
