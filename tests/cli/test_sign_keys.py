"""Private keys, wherever they come from and of whatever kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import parts
from tests.support.signing import key_pair
from tests.support.stores import gguf, put

parts.need_package("model_signing")


def sign(folder: Path, key: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    put(folder / "m" / "a.gguf", gguf("a"))
    command = [sys.executable, "-m", "kandil", "sign", "m", "--key", key]
    return subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False)


def test_a_key_of_another_kind_is_said(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *how))
    refused = sign(tmp_path, "key.pem")
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"error: key.pem: ")
    assert b"openssl ecparam" in refused.stderr


def test_a_key_may_come_through_a_pipe(tmp_path: Path) -> None:
    done = sign(tmp_path, "/dev/stdin", key_pair(tmp_path).private.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
