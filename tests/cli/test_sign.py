from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import type_of_run
from tests.support import parts
from tests.support.signing import key_pair
from tests.support.stores import gguf, put

parts.need_package("model_signing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path / "m" / "a.gguf", gguf("a"))
    return tmp_path


def test_what_is_signed_is_verified(run: type_of_run, folder: Path) -> None:
    key_pair(folder)
    assert run("sign", "m", "--key", "key.pem").stdout == "signed 1 file: m/model.sig\n"
    done = run("verify", "m", "--trust-key", "key.pub", "-v")
    assert (done.returncode, done.stderr) == (0, "")
    assert "(model.sig), signed by key.pub" in done.stdout
    line = json.loads(run("verify", "m", "--trust-key", "key.pub", "--json").stdout.splitlines()[0])
    assert line["signed_by"] == "key.pub"


def test_a_signature_is_only_replaced_on_demand(run: type_of_run, folder: Path) -> None:
    key_pair(folder)
    put(folder / "m" / "model.sig", b"mine")
    refused = run("sign", "m", "--key", "key.pem")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert (folder / "m" / "model.sig").read_bytes() == b"mine"
    assert run("sign", "m", "--key", "key.pem", "--force").returncode == 0
    assert run("verify", "m", "--trust-key", "key.pub").stderr == ""


def test_a_dry_run_writes_nothing(run: type_of_run, folder: Path) -> None:
    done = run("sign", "m", "--key", "none.pem", "-n", "--json")
    assert json.loads(done.stdout)["files"] == ["m/a.gguf"]
    assert not (folder / "m" / "model.sig").exists()


def test_a_passphrase_comes_from_a_pipe_or_is_asked_for(run: type_of_run, folder: Path) -> None:
    key_pair(folder, passphrase=b"open sesame")
    refused = run("sign", "m", "--key", "key.pem")
    assert "--passphrase-stdin" in refused.stderr
    done = subprocess.run(
        [sys.executable, "-m", "kandil", "sign", "m", "--key", "key.pem", "--passphrase-stdin"],
        cwd=folder, input=b"open sesame\n", capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    wrong = subprocess.run(
        [sys.executable, "-m", "kandil", "sign", "m", "--key", "key.pem", "--force", "--passphrase-stdin"],
        cwd=folder, input=b"open barley\n", capture_output=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == 1
    assert b"hint: the key is there, its passphrase is another" in wrong.stderr


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_said(run: type_of_run, folder: Path, content: str) -> None:
    (folder / "key.pem").write_text(content)
    refused = run("sign", "m", "--key", "key.pem")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: key.pem: ")
    assert "openssl ecparam" in refused.stderr
    assert not (folder / "m" / "model.sig").exists()


def test_nothing_there_is_said(run: type_of_run, folder: Path) -> None:
    key_pair(folder)
    (folder / "empty").mkdir()
    assert "no such file" in run("sign", "nothing", "--key", "key.pem").stderr
    assert "no files in it" in run("sign", "empty", "--key", "key.pem").stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"no key", "not a public key"),
        (b"-----BEGIN EC PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_key_to_trust_that_is_none_is_an_error_without_a_signature(
    run: type_of_run, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "wrong.pub").write_bytes(content)
    done = run("verify", ".", "--trust-key", "wrong.pub")
    assert done.returncode == 1
    assert said in done.stderr
