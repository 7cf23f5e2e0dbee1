"""`kandil model add|update|rm|show|discover` of models that have to be fetched, from a hub of real nginx and a real
registry; real llama.cpp loads them and answers.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kandil import registry as records
from tests.cli.conftest import type_of_run
from tests.support import answering
from tests.support.runtimes import xllamacpp
from tests.support.servers.hub import TOKEN
from tests.support.servers.model_hub import ModelHub, model_hub
from tests.support.servers.registry import Registry, registry

REPO = "acme/Tiny-GGUF"
KILLS = 50
ESCAPE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
OTHER = "Now it is another one."


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, run: type_of_run) -> Iterator[ModelHub]:
    xllamacpp()
    with model_hub(tmp_path_factory.mktemp("hub")) as server:
        assert run("config", "set", "sources.huggingface.base_url", server.url).returncode == 0
        yield server


@pytest.fixture
def ollama(tmp_path_factory: pytest.TempPathFactory, run: type_of_run) -> Iterator[Registry]:
    xllamacpp()
    with registry(tmp_path_factory.mktemp("registry")) as server:
        assert run("config", "set", "sources.ollama-registry.base_url", server.url).returncode == 0
        yield server


@pytest.fixture
def models(home: Path) -> Path:
    return home / ".local" / "share" / "kandil" / "models"


def names(models: Path) -> set[str]:
    """The files below, without the revisions that are in their paths."""
    return {path.name for path in models.rglob("*") if path.is_file()}


def steps(out: str) -> dict[str, str]:
    """The state of each step that was told."""
    found = (line.split() for line in out.splitlines() if line.startswith("  "))
    return {words[0]: words[1] for words in found if words[1] in ("ok", "unknown", "-")}


def test_a_model_is_found_fetched_verified_loaded_asked_and_recorded(
    run: type_of_run, hub: ModelHub, models: Path
) -> None:
    content = answering.model()
    revision = hub.publish(REPO, {"tiny-Q8_0.gguf": content, "README.md": b"hi"})
    done = run("model", "add", f"hf:{REPO}:Q8_0", "--yes")
    assert done.returncode == 0, done.stderr
    assert list(steps(done.stdout)) == ["download", "digest", "structure", "sandbox", "answer", "record"]
    assert set(steps(done.stdout).values()) == {"ok"}
    assert done.stdout.endswith('added tiny:q8_0. Ask it: kandil ask -m tiny:q8_0 "…"\n')
    assert names(models) == {"tiny-Q8_0.gguf", "SHA256SUMS", "tiny%3aq8_0.metadata.json"}
    record = records.existing("tiny:q8_0")
    assert (record.sha256, record.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert record.provenance is not None
    assert (record.provenance["revision"], record.provenance["license"]) == (revision, "apache-2.0")
    assert run("ask", "-q", "-m", "tiny:q8_0", "hello").stdout == f"{answering.ANSWER}\n"
    assert run("verify", str(models)).returncode == 0


def test_without_consent_nothing_is_fetched(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    hub.under.forget()
    done = run("model", "add", f"hf:{REPO}")
    assert (done.returncode, "say --yes" in done.stderr) == (2, True)
    plan = json.loads(run("model", "add", f"hf:{REPO}", "--dry-run", "--json").stdout)
    assert (plan["name"], plan["reference"], plan["license"]) == ("tiny:q8_0", f"hf:{REPO}:Q8_0", "apache-2.0")
    assert not models.exists()
    assert all(one.path.startswith("/api/") for one in hub.under.asked())


def test_what_is_another_file_than_was_published_is_rejected(run: type_of_run, hub: ModelHub, models: Path) -> None:
    content = answering.model()
    hub.publish(REPO, {"tiny-Q8_0.gguf": content})
    hub.path(REPO, "tiny-Q8_0.gguf").write_bytes(content[:-1] + b"!")
    done = run("model", "add", f"hf:{REPO}", "--yes")
    assert done.returncode == 8
    assert hashlib.sha256(content).hexdigest() in done.stderr
    assert names(models) == {"tiny-Q8_0.gguf.rejected"}
    assert not records.every().records


@pytest.mark.parametrize("kind", ["broken", "malicious"])
def test_yes_is_no_yes_to_a_bad_file(kind: str, run: type_of_run, hub: ModelHub, models: Path) -> None:
    content = answering.model()
    bad = content[:200] if kind == "broken" else answering.model(template=ESCAPE)
    hub.publish(REPO, {"tiny-Q8_0.gguf": bad})
    done = run("model", "add", f"hf:{REPO}", "--yes", "--force")
    assert done.returncode == 8, done.stdout + done.stderr
    assert not records.every().records
    assert "sandbox" not in steps(done.stdout)
    assert names(models) == {"tiny-Q8_0.gguf.rejected"}


def test_a_private_repository_needs_its_key_which_goes_nowhere_else(run: type_of_run, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()}, gated="manual")
    done = run("model", "add", f"hf:{REPO}", "--dry-run")
    assert "gated" in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_names_that_are_none_say_what_there_is(run: type_of_run, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model(), "tiny-Q4_0.gguf": answering.model("four")})
    done = run("model", "add", f"hf:{REPO}:Q2_K")
    assert done.returncode == 3
    assert f"hf:{REPO}:Q8_0" in done.stderr
    assert f"hf:{REPO}:Q4_0" in done.stderr
    assert run("model", "add", "hf:acme/nothing").returncode == 3
    assert run("model", "add", "hf:acme").returncode == 2
    assert run("model", "add", "https://example.com/model.bin").returncode == 3


def test_an_update_is_fetched_beside_and_switched_to(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    assert "nothing is new" in run("model", "update", "--all", "--yes").stdout
    before = records.existing("tiny:q8_0")
    second = hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model(OTHER)})
    told = json.loads(run("model", "update", "--all", "--dry-run", "--json").stdout.splitlines()[-1])
    assert (told["models"][0]["after"], records.existing("tiny:q8_0")) == (second, before)
    done = run("model", "update", "tiny:q8_0", "--yes")
    assert done.returncode == 0, done.stderr
    assert run("ask", "-q", "-m", "tiny:q8_0", "hello").stdout == f"{OTHER}\n"
    assert len(list(models.rglob("tiny-Q8_0.gguf"))) == 2
    done = run("model", "update", "tiny:q8_0", "--prune")
    assert done.returncode == 0, done.stderr
    assert len(list(models.rglob("tiny-Q8_0.gguf"))) == 1
    assert run("ask", "-q", "-m", "tiny:q8_0", "hello").stdout == f"{OTHER}\n"


def test_a_bad_update_leaves_what_is_there(run: type_of_run, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    before = records.existing("tiny:q8_0")
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model(OTHER)})
    hub.path(REPO, "tiny-Q8_0.gguf").write_bytes(b"x" * len(answering.model(OTHER)))
    assert run("model", "update", "--all", "--yes").returncode == 8
    assert records.existing("tiny:q8_0") == before
    assert run("ask", "-q", "-m", "tiny:q8_0", "hello").stdout == f"{answering.ANSWER}\n"


def test_removing_frees_what_is_nobody_elses(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    assert run("model", "add", f"hf:{REPO}", "--name", "twin", "--yes").returncode == 0
    done = run("model", "rm", "twin", "--yes")
    assert "its files stay" in done.stdout
    assert run("ask", "-q", "-m", "tiny:q8_0", "hello").stdout == f"{answering.ANSWER}\n"
    assert run("model", "rm", "tiny:q8_0", "--yes").returncode == 0
    assert [path for path in models.rglob("*") if path.is_dir()] == []
    assert names(models) == set()


def test_provenance_is_checked_again(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    done = run("model", "show", "tiny:q8_0", "--provenance", "--check")
    assert (done.returncode, "all files are as they were" in done.stdout) == (0, True)
    (file,) = models.rglob("tiny-Q8_0.gguf")
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    done = run("model", "show", "tiny:q8_0", "--provenance", "--check", "--json")
    assert (done.returncode, len(json.loads(done.stdout)["differences"])) == (8, 1)


def test_a_tag_brings_its_layers_without_an_ollama(run: type_of_run, ollama: Registry, models: Path) -> None:
    layers = {
        "model": answering.model(),
        "template": b"{{ .Prompt }}",
        "license": b"MIT",
        "params": b'{"stop": ["x"]}',
    }
    digest = ollama.push("library/tiny", "1b", layers)
    done = run("model", "add", "ollama:tiny:1b", "--yes")
    assert done.returncode == 0, done.stderr
    assert names(models) == {
        "model.gguf", "template.txt", "license.txt", "params.json", "SHA256SUMS", "tiny%3a1b.metadata.json",
    }  # fmt: skip
    record = records.existing("tiny:1b")
    assert record.provenance is not None
    assert record.provenance["revision"] == digest
    assert run("ask", "-q", "-m", "tiny:1b", "hello").stdout == f"{answering.ANSWER}\n"
    assert run("model", "add", "ollama:tiny:7b", "--yes").returncode == 3
    assert run("model", "rm", "tiny:1b", "--yes").returncode == 0
    assert names(models) == set()


def test_a_layer_that_a_registry_has_damaged_is_rejected(run: type_of_run, ollama: Registry, models: Path) -> None:
    content = answering.model()
    ollama.push("library/tiny", "1b", {"model": content})
    ollama.corrupt(content)
    done = run("model", "add", "ollama:tiny:1b", "--yes")
    assert done.returncode == 8
    assert names(models) == {"model.gguf.rejected"}


def test_a_blob_that_is_here_is_linked_and_not_fetched(
    run: type_of_run, ollama: Registry, home: Path, models: Path
) -> None:
    content = answering.model()
    digest = hashlib.sha256(content).hexdigest()
    ollama.push("library/tiny", "1b", {"model": content})
    store = home / ".ollama" / "models"
    _ollama_store(store, digest, content)
    done = run("model", "add", "ollama:tiny:1b", "--yes")
    assert done.returncode == 0, done.stderr
    (file,) = models.rglob("model.gguf")
    assert file.samefile(store / "blobs" / f"sha256-{digest}")


def _ollama_store(store: Path, digest: str, content: bytes) -> None:
    (store / "blobs").mkdir(parents=True)
    (store / "blobs" / f"sha256-{digest}").write_bytes(content)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(content)}
    config = b"{}"
    named = hashlib.sha256(config).hexdigest()
    (store / "blobs" / f"sha256-{named}").write_bytes(config)
    described = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": f"sha256:{named}", "size": 2}
    manifest = store / "manifests" / "registry.ollama.ai" / "library" / "other" / "1b"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": described, "layers": [layer]}))


def test_files_of_ones_own(run: type_of_run, tmp_path: Path, models: Path) -> None:
    xllamacpp()
    mine = tmp_path / "Mine.gguf"
    mine.write_bytes(answering.model())
    assert run("model", "add", "./Mine.gguf").returncode == 0
    assert records.existing("mine").files == (str(mine),)
    assert run("model", "rm", "mine", "--yes").returncode == 0
    assert mine.exists()
    for way in ("--copy", "--link"):
        assert run("model", "add", "./Mine.gguf", way, "--yes").returncode == 0
        (kept,) = models.rglob("Mine.gguf")
        assert kept.samefile(mine) == (way == "--link")
        assert run("model", "rm", "mine", "--yes").returncode == 0
        assert mine.exists()


def test_a_folder_has_all_its_models(run: type_of_run, tmp_path: Path) -> None:
    xllamacpp()
    (tmp_path / "all" / "deep").mkdir(parents=True)
    (tmp_path / "all" / "one.gguf").write_bytes(answering.model())
    for number, part in enumerate(answering.parts(), 1):
        (tmp_path / "all" / "deep" / f"two-0000{number}-of-00002.gguf").write_bytes(part)
    done = run("model", "add", "./all", "--yes")
    assert done.returncode == 0, done.stderr
    assert {one.name for one in records.every().records} == {"one", "two"}
    assert len(records.existing("two").files) == 2


def test_killed_at_any_moment_it_goes_on(run: type_of_run, hub: ModelHub, models: Path) -> None:
    """`kill -9` at 50 moments of an add: each next one goes on; the last one ends, with nothing left over.

    The file has less than a block: `tests/download` kills in the middle of larger ones, and counts what is kept.
    """
    content = answering.model()
    hub.publish(REPO, {"tiny-Q8_0.gguf": content})
    command = [sys.executable, "-m", "kandil", "model", "add", f"hf:{REPO}", "--yes", "--limit-rate", "400kB"]
    moments = random.Random(7)
    began = time.monotonic()
    assert subprocess.run([*command, "--dry-run"], capture_output=True, check=False).returncode == 0
    least = time.monotonic() - began
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                process.wait(timeout=least * moments.uniform(0.5, 2.5))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.returncode in (0, -signal.SIGKILL)
    done = run("model", "add", f"hf:{REPO}", "--yes")
    assert done.returncode == 0, done.stderr
    assert names(models) == {"tiny-Q8_0.gguf", "SHA256SUMS", "tiny%3aq8_0.metadata.json"}
    assert records.existing("tiny:q8_0").sha256 == hashlib.sha256(content).hexdigest()
    hub.under.forget()
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    assert [one for one in hub.under.asked() if one.path.endswith(".gguf")] == [], "what is whole is not fetched again"


def test_discovery_has_all_sources_and_names_those_that_fail(run: type_of_run, hub: ModelHub, ollama: Registry) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model(), "tiny-Q4_0.gguf": answering.model("four")})
    ollama.push("library/tiny", "latest", {"model": answering.model()})
    done = run("model", "discover", "tiny", "--json", "--limit", "100")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    offers = {one["reference"]: one for one in told["offers"]}
    assert f"hf:{REPO}:Q4_0" in offers
    same = offers[f"hf:{REPO}:Q8_0"]
    assert same["also"] == ["ollama:tiny:latest"], "the same weights are one offer"
    assert [one["source"] for one in told["failures"]] == ["ollama"]
    again = run("model", "discover", "tiny", "--offline", "--json")
    assert json.loads(again.stdout)["age_seconds"] > 0
    assert json.loads(run("model", "discover", "never-asked", "--offline", "--json").stdout)["failures"]


def test_a_hostile_hub_is_not_believed(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    for name in ("../../evil-Q8_0.gguf", "/etc/evil-Q8_0.gguf", "a\x1b[2Jb-Q8_0.gguf", "x/../../y-Q8_0.gguf"):
        told = hub.repositories[REPO] | {"siblings": [{"rfilename": name, "size": 1, "lfs": {"sha256": "0" * 64}}]}
        hub.tell(f"models/{REPO}", told)
        done = run("model", "add", f"hf:{REPO}", "--yes")
        assert done.returncode == 8, (name, done.stderr)
        assert "\x1b" not in done.stderr
    for content in ("[]", "{", '{"siblings": 5}', "[" * 100_000, '{"siblings": [{"rfilename": 7}]}'):
        hub.tell(f"models/{REPO}", content)
        assert run("model", "add", f"hf:{REPO}", "--yes").returncode in (3, 6), content[:20]
    assert not models.exists() or not names(models)
