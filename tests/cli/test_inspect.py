"""`kandil inspect` on real files: the page, the keys, the tensors, one value, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import type_of_run
from tests.support import small_library
from tests.support.gguf_files import Entry, Kind, Tensor, build

EVIL = "a\x1b[2J\u202eb\x00"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(small_library.gguf("Tiny Llama"))
    split = (Entry("split.no", Kind.U16, 1), Entry("split.count", Kind.U16, 3))
    (tmp_path / "part.gguf").write_bytes(small_library.gguf("part", *split))
    evil = (
        Entry("general.architecture", Kind.STRING, EVIL),
        Entry("general.name", Kind.STRING, EVIL),
        Entry("evil\x1b[31m", Kind.STRING, EVIL),
        Entry("long", Kind.STRING, "x" * 5000),
    )
    (tmp_path / "evil.gguf").write_bytes(build(evil, [Tensor("t\x1b[1m", (32, 1), 0)]))
    (tmp_path / "page.gguf").write_bytes(b"<!DOCTYPE html><html></html>")


def test_the_page(run: type_of_run) -> None:
    done = run("inspect", "m.gguf")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "m.gguf",
        "  name            Tiny Llama",
        "  architecture    llama",
        "  license         mit",
        "  parameters      1.18 M  (8.50 bits per weight)",
        "  context         8192 tokens",
        "  tokenizer       gpt2",
        "  vocabulary      256 tokens",
        "  chat template   yes",
        "  on disk         1.3 MB  GGUF 3",
        "  sha256          not known: `kandil verify` computes it",
        "  tensors         2",
        "                  Q8_0         2 tensors     1.3 MB   8.50 bits per weight",
    ]


def test_the_digest_is_shown_once_it_is_known(run: type_of_run) -> None:
    digest = json.loads(run("verify", "--json", "m.gguf").stdout.splitlines()[0])["sha256"]
    assert f"  sha256          {digest}\n" in run("inspect", "m.gguf").stdout


def test_a_shard_says_which_it_is(run: type_of_run) -> None:
    assert "  split           part 2 of 3\n" in run("inspect", "part.gguf").stdout


def test_keys_are_listed_and_long_values_are_not(run: type_of_run) -> None:
    lines = run("inspect", "m.gguf", "--metadata").stdout.splitlines()
    assert "8 keys" in lines
    keys = lines[lines.index("8 keys") + 1 :]
    assert [line.split()[0] for line in keys][:2] == ["general.architecture", "general.name"]
    assert any(line.split() == ["tokenizer.ggml.tokens", "array[string]", "256", "elements"] for line in keys)
    assert any(r"{% for message in messages %}\n{{ message.content }}" in line for line in keys)


def test_tensors_are_listed(run: type_of_run) -> None:
    lines = run("inspect", "m.gguf", "--tensors").stdout.splitlines()
    heads, *rows = [line.split() for line in lines[lines.index("2 tensors") + 1 :]]
    assert heads == ["name", "type", "shape", "offset", "size"]
    assert [row[:5] for row in rows] == [[f"blk.{n}.ffn_up.weight", "Q8_0", "256", "x", "2304"] for n in range(2)]


@pytest.mark.parametrize("options", [(), ("--metadata", "--tensors")])
def test_hostile_text_is_shown_escaped_and_short(run: type_of_run, options: tuple[str, ...]) -> None:
    done = run("inspect", "evil.gguf", *options)
    assert not set(done.stdout) & set("\x1b\u202e\x00")
    assert r"a\x1b[2J\u202eb\x00" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 300


def test_one_value_is_raw(run: type_of_run) -> None:
    assert run("inspect", "evil.gguf", "--key", "general.name").stdout == EVIL
    assert run("inspect", "m.gguf", "--key", "llama.context_length").stdout == "8192\n"
    tokens = run("inspect", "m.gguf", "--key", "tokenizer.ggml.tokens").stdout.splitlines()
    assert tokens == [f"token{number}" for number in range(256)]


def test_a_key_that_is_not_there_names_its_neighbour(run: type_of_run) -> None:
    done = run("inspect", "m.gguf", "--key", "general.nam")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "error: no metadata key general.nam\nhint: did you mean general.name, general.license?\n"


def test_json_has_the_page_and_what_was_asked_for(run: type_of_run) -> None:
    page = json.loads(run("inspect", "m.gguf", "--json", "--metadata", "--tensors").stdout)
    assert (page["schema"], page["parameters"], page["tensors"]) == ("kandil.inspect/1", 1_179_648, 2)
    assert page["sha256"] is None
    assert page["quantisation"] == [
        {"type": "Q8_0", "tensors": 2, "elements": 1_179_648, "size_bytes": 1_253_376, "bits_per_weight": 8.5}
    ]
    assert page["metadata"]["llama.context_length"] == {"type": "uint32", "value": 8192}
    assert page["metadata"]["tokenizer.ggml.tokens"] == {"type": "array[string]", "count": 256}
    assert [tensor["shape"] for tensor in page["tensor_list"]] == [[256, 2304]] * 2
    one = json.loads(run("inspect", "evil.gguf", "--json", "--key", "general.name").stdout)
    assert (one["type"], one["value"]) == ("string", EVIL)


def test_numbers_are_as_people_write_them(run: type_of_run, tmp_path: Path) -> None:
    entries = (
        Entry("eps", Kind.F32, 1e-05),
        Entry("base", Kind.F32, 500000.0),
        Entry("most", Kind.F32, 3.4028234663852886e38),
        Entry("double", Kind.F64, 0.1),
        Entry("bos", Kind.BOOL, True),
        Entry("bools", Kind.ARRAY, (True, False), Kind.BOOL),
    )
    (tmp_path / "numbers.gguf").write_bytes(build(entries, []))
    done = run("inspect", "numbers.gguf", "--metadata")
    assert "  parameters      none: no tensors in this file\n" in done.stdout
    values = {line.split()[0]: line.split(maxsplit=2)[2] for line in done.stdout.splitlines()[-6:]}
    assert values == {
        "eps": "1e-05",
        "base": "500000.0",
        "most": "3.4028235e+38",
        "double": "0.1",
        "bos": "true",
        "bools": "true, false",
    }
    assert run("inspect", "numbers.gguf", "--key", "eps").stdout == "1e-05\n"
    assert run("inspect", "numbers.gguf", "--key", "bools").stdout == "true\nfalse\n"


def test_a_file_that_is_no_model_is_an_error(run: type_of_run) -> None:
    done = run("inspect", "page.gguf")
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr.startswith("error: page.gguf is not a GGUF file: it is an HTML page")
    assert run("inspect", "nowhere.gguf").stderr == "error: cannot read nowhere.gguf: No such file or directory\n"
    assert run("inspect", ".").returncode == 1


def test_a_broken_file_is_shown_as_far_as_it_goes(run: type_of_run, tmp_path: Path) -> None:
    content = small_library.gguf("cut")
    (tmp_path / "cut.gguf").write_bytes(content[: len(content) // 2])
    done = run("inspect", "cut.gguf")
    assert done.returncode == 8
    assert "  name            cut\n" in done.stdout
    assert "  malformed       " in done.stdout
