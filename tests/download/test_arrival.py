"""A file is scanned while it comes, with all rules, and is known to the ledger without being read again."""

from __future__ import annotations

import hashlib
import os

import pytest
import trio

from kandil import _core
from kandil.verify import verify
from kandil.verify.arrival import arrived
from tests.download.conftest import Fetching, remote
from tests.support import answering, gguf_hostile_tensors
from tests.support.servers.hub import Hub

FILES = {
    "sound": answering.model(),
    "with something in its padding": gguf_hostile_tensors.padding_not_zero(),
    "with something at its end": gguf_hostile_tensors.program_after_the_data(),
    "no GGUF": b"GGUF" + bytes(range(256)) * 64,
    "empty": b"",
}


@pytest.mark.parametrize("kind", FILES)
async def test_what_is_found_on_the_way_is_what_reading_finds(kind: str, source: Hub, fetching: Fetching) -> None:
    content = FILES[kind]
    (source.folder / "model.gguf").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    fetched = await fetching.one(remote(source, size_bytes=len(content), sha256=digest))
    assert fetched.outcome is not None
    path = os.fsencode(fetched.path)
    run = _core.Run([(path, len(content), "sha256")])
    (read,) = run.take(60.0)
    assert fetched.outcome.sha256 == read.sha256 == bytes.fromhex(digest)
    found, expected = ([(one.id, one.offset) for one in outcome.findings] for outcome in (fetched.outcome, read))
    assert found == expected
    assert (found != []) == (kind != "sound")
    await trio.to_thread.run_sync(arrived, fetched.path, fetched.outcome)
    verification = verify([fetched.path])
    (result,) = [one async for one in verification]
    assert (result.sha256, {one.id for one in result.findings}) == (digest, {one for one, _ in expected})
    assert verification.summary.bytes_read == 0


async def test_what_has_changed_since_is_read(source: Hub, fetching: Fetching) -> None:
    content = FILES["sound"]
    (source.folder / "model.gguf").write_bytes(content)
    fetched = await fetching.one(remote(source, size_bytes=len(content), sha256=None))
    assert fetched.outcome is not None
    await trio.to_thread.run_sync(arrived, fetched.path, fetched.outcome)
    fetched.path.write_bytes(content[:-1] + b"!")
    verification = verify([fetched.path])
    (result,) = [one async for one in verification]
    assert result.sha256 != fetched.sha256
    assert verification.summary.bytes_read == len(content)
