"""`kandil model add` of what was added before, of names that are taken, and of files that cannot be as is asked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kandil import registry as records
from kandil.registry import store
from kandil.verify import sha256_files
from tests.cli.conftest import type_of_run
from tests.cli.test_auth import KEY, typed
from tests.support import answering, parts, secret_service
from tests.support.runtimes import xllamacpp
from tests.support.servers.llmock import Llmock
from tests.support.servers.model_hub import ModelHub, model_hub

REPO = "acme/Tiny-GGUF"
FOUR = "It is a model of four bits."


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory, run: type_of_run) -> Iterator[ModelHub]:
    xllamacpp()
    with model_hub(tmp_path_factory.mktemp("hub")) as server:
        assert run("config", "set", "sources.huggingface.base_url", server.url).returncode == 0
        yield server


@pytest.fixture
def models(home: Path) -> Path:
    return home / ".local" / "share" / "kandil" / "models"


def test_what_is_added_is_added_again_without_being_fetched(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model()})
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    before = records.existing("tiny:q8_0")
    hub.under.forget()
    done = run("model", "add", f"hf:{REPO}")
    assert done.returncode == 0, done.stderr
    assert [one for one in hub.under.asked() if one.path.endswith(".gguf")] == []
    after = records.existing("tiny:q8_0")
    assert (after.files, after.added_at) == (before.files, before.added_at)
    (file,) = models.rglob("*.gguf")
    file.unlink()
    assert run("model", "add", f"hf:{REPO}", "--yes").returncode == 0
    assert file.read_bytes() == answering.model()


def test_another_model_of_the_name_is_replaced_when_that_is_said(run: type_of_run, hub: ModelHub, models: Path) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": answering.model(), "tiny-Q4_0.gguf": answering.model(FOUR)})
    assert run("model", "add", f"hf:{REPO}:Q8_0", "--yes", "--name", "it").returncode == 0
    done = run("model", "add", f"hf:{REPO}:Q4_0", "--yes", "--name", "it")
    assert (done.returncode, "--replace" in done.stderr) == (2, True)
    assert run("model", "add", f"hf:{REPO}:Q4_0", "--yes", "--name", "it", "--replace").returncode == 0
    assert run("ask", "-q", "-m", "it", "hello").stdout == f"{FOUR}\n"
    sums = next(models.rglob("SHA256SUMS")).read_text().split()
    assert sums[1::2] == ["tiny-Q4_0.gguf", "tiny-Q8_0.gguf"], "both have their digest in the list of their folder"
    assert run("model", "rm", "it", "--yes").returncode == 0
    assert not list(models.rglob("*.gguf"))


def test_a_name_that_means_another_model_is_not_taken_from_it(run: type_of_run, tmp_path: Path) -> None:
    (tmp_path / "gpt-6.1-terra.gguf").write_bytes(answering.model())
    done = run("model", "add", "./gpt-6.1-terra.gguf", "--yes")
    assert (done.returncode, "--name" in done.stderr) == (2, True)
    assert run("model", "alias", "fast", "gpt-6.1-terra").returncode == 0
    assert run("model", "add", "./gpt-6.1-terra.gguf", "--yes", "--name", "fast").returncode == 2
    assert not records.every().records


def test_a_store_that_has_other_bytes_than_it_says_is_not_believed(
    run: type_of_run, hub: ModelHub, home: Path, models: Path
) -> None:
    content = answering.model()
    digest = hashlib.sha256(content).hexdigest()
    hub.publish(REPO, {"tiny-Q8_0.gguf": content})
    cache = home / ".cache" / "huggingface" / "hub" / "models--acme--Tiny-GGUF"
    blob = cache / "blobs" / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content[:-1] + b"!")
    named = cache / "snapshots" / ("a" * 40) / "tiny-Q8_0.gguf"
    named.parent.mkdir(parents=True)
    named.symlink_to(blob)
    done = run("model", "add", f"hf:{REPO}", "--yes")
    assert done.returncode == 0, done.stderr
    (file,) = models.rglob("tiny-Q8_0.gguf")
    assert file.read_bytes() == content
    assert not file.samefile(blob)


def test_two_addresses_with_one_file_name_are_two_files(run: type_of_run, hub: ModelHub, models: Path) -> None:
    first = hub.publish(REPO, {"tiny.gguf": answering.model()})
    second = hub.publish(REPO, {"tiny.gguf": answering.model(FOUR)})
    for name, revision in (("one", first), ("two", second)):
        url = f"{hub.url}/{REPO}/resolve/{revision}/tiny.gguf"
        done = run("model", "add", url, "--yes", "--name", name)
        assert done.returncode == 0, done.stderr
    assert len({path.parent for path in models.rglob("tiny.gguf")}) == 2
    assert run("ask", "-q", "-m", "two", "hello").stdout == f"{FOUR}\n"


def test_a_bad_file_in_a_folder_keeps_no_other_back(run: type_of_run, tmp_path: Path) -> None:
    xllamacpp()
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a-bad.gguf").write_bytes(answering.model()[:200])
    (tmp_path / "all" / "good.gguf").write_bytes(answering.model())
    done = run("model", "add", "./all", "--yes")
    assert (done.returncode, "a-bad.gguf" in done.stderr) == (8, True)
    assert [one.name for one in records.every().records] == ["good"]
    again = run("model", "add", "./all", "--yes", "--json")
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert [one["what"] for one in told if one.get("event") == "not-added"] == [str(Path("all", "a-bad.gguf"))]
    assert again.returncode == 8


def test_a_link_that_cannot_be_is_said(run: type_of_run, home: Path, models: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == home.stat().st_dev:
        pytest.skip("there is no second file system here")
    mine = shm / f"kandil-test-{home.name}.gguf"
    mine.write_bytes(answering.model())
    try:
        done = run("model", "add", str(mine), "--link", "--yes", "--name", "mine")
        assert (done.returncode, "--copy" in done.stderr) == (1, True)
        assert not records.every().records
        assert run("model", "add", str(mine), "--copy", "--yes", "--name", "mine").returncode == 0
    finally:
        mine.unlink()
    assert run("ask", "-q", "-m", "mine", "hello").stdout == f"{answering.ANSWER}\n"
    assert len(list(models.rglob("*.gguf"))) == 1


def test_what_is_suspicious_is_added_when_a_person_takes_it(run: type_of_run, tmp_path: Path) -> None:
    xllamacpp()
    (tmp_path / "tiny.gguf").write_bytes(answering.model(template=f"{answering.TEMPLATE}{{# {'a' * 300_000} #}}"))
    done = run("model", "add", "./tiny.gguf", "--yes", "--accept-findings", "KG-DATA-NAN")
    assert (done.returncode, "--accept-findings KG-TPL-LARGE" in done.stderr) == (8, True)
    assert not records.every().records
    for said in ("n", "y"):
        code, _ = typed([("Add it all the same?", said)], "add", str(tmp_path / "tiny.gguf"), group="model")
        assert (code, len(records.every().records)) == {"n": (130, 0), "y": (0, 1)}[said]
    accepted = "kg-tpl-large,KG-DATA-NAN"
    assert run("model", "add", "./tiny.gguf", "--name", "it", "--accept-findings", accepted).returncode == 0
    assert run("ask", "-q", "-m", "it", "hello").stdout == f"{answering.ANSWER}\n"
    record = records.existing("it")
    assert record.provenance is not None
    assert record.provenance["accepted_findings"] == ["KG-TPL-LARGE"]
    assert [one["status"] for one in record.provenance["sandbox"]] == ["passed"], "what was loaded before was loaded"
    assert record.sha256 == sha256_files([tmp_path / "tiny.gguf"])[0].hex()


def test_two_at_once_are_one_download_and_no_error(run: type_of_run, hub: ModelHub) -> None:
    content = answering.model()
    hub.publish(REPO, {"tiny-Q8_0.gguf": content})
    command = [sys.executable, "-m", "kandil", "model", "add", f"hf:{REPO}", "--yes"]
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert records.existing("tiny:q8_0").sha256 == hashlib.sha256(content).hexdigest()
    fetched = sum(one.body_bytes for one in hub.under.asked() if one.path.endswith(".gguf"))
    assert fetched < len(content) + 10_000, "redirects have bodies, too"


async def test_a_cloud_model_has_its_key_checked_kept_and_used(
    run: type_of_run, llmock_server: Llmock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("config", "set", "api.openai.base_url", f"{llmock_server.url}/v1").returncode == 0
    with secret_service.secret_service() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.SecretService.Keyring")
        done = run("model", "add", "gpt-6.1-terra", "--yes")
        assert (done.returncode, "kandil auth set openai" in done.stderr) == (5, True)
        code, shown = typed([("Key for OpenAI", KEY), ("Once more", KEY)], "add", "gpt-6.1-terra", group="model")
        assert code == 0, shown
        plain = re.sub(r"\x1b\[[0-9;]*[mK]", "", shown)
        assert re.findall(r"^ *\r?  (\w+) +ok ", plain.replace("\r", "\n"), re.MULTILINE) == ["key", "answer", "record"]
        assert KEY not in shown
        record = records.existing("gpt-6.1-terra")
        assert (record.provider, record.profile_id, record.files) == ("openai", "gpt-6.1-terra", ())
        assert KEY not in store.file_of("gpt-6.1-terra").read_text()
        assert run("model", "add", "gpt-6.1-terra").returncode == 0, "its key is kept, so nobody is asked"
        assert run("ask", "-q", "-m", "gpt-6.1-terra", "hello").returncode == 0


def test_a_copy_on_a_full_disk_is_refused_before_and_goes_when_there_is_room(
    run: type_of_run, tmp_path: Path, models: Path
) -> None:
    xllamacpp()
    (tmp_path / "tiny.gguf").write_bytes(answering.model())
    models.parent.mkdir(parents=True)
    add = [sys.executable, "-m", "kandil", "model", "add", "./tiny.gguf", "--copy", "--yes"]
    own = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))]
    for size, code in (("200k", 7), ("8m", 0)):
        script = f'mount -t tmpfs -o size={size} none "$1" || exit 77; shift; exec "$@"'
        done = subprocess.run(
            [*own, "sh", "-c", script, "sh", models.parent, *add], cwd=tmp_path, capture_output=True, check=False
        )
        if done.returncode == 77 or b"unshare" in done.stderr:
            parts.missing("mount namespaces")
        assert done.returncode == code, done.stderr
