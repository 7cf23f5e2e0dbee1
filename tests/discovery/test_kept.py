"""What sources said is kept for a while, and is never a reason to fail."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kandil import paths
from kandil.config import Config
from kandil.discovery import files_of, kept, search
from kandil.errors import NotCached
from tests.discovery.conftest import lead
from tests.support.servers.model_hub import ModelHub

REPO = "acme/Tiny-GGUF"


def pages() -> list[Path]:
    return sorted((paths.cache_dir() / "discovery").iterdir())


def age(seconds: float) -> None:
    """What is kept is so much older."""
    for path in pages():
        said = json.loads(path.read_text())
        path.write_text(json.dumps(said | {"at": said["at"] - seconds}))


@pytest.fixture
def asked(hub: ModelHub, settings: Config) -> Config:
    """The hub was asked once."""
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"model"})
    return settings


def statuses(hub: ModelHub) -> list[int]:
    found = [one.status for one in hub.under.asked()]
    hub.under.forget()
    return found


async def test_an_answer_is_taken_again_until_it_is_old_and_then_only_confirmed(asked: Config, hub: ModelHub) -> None:
    first = await files_of(f"hf:{REPO}", asked)
    assert statuses(hub) == [200]
    assert await files_of(f"hf:{REPO}", asked) == first
    assert statuses(hub) == []
    age(3601)
    assert await files_of(f"hf:{REPO}", asked) == first
    assert statuses(hub) == [304]
    assert await files_of(f"hf:{REPO}", asked) == first
    assert statuses(hub) == [], "what was confirmed is new again"


async def test_refresh_asks_at_once(asked: Config, hub: ModelHub) -> None:
    await files_of(f"hf:{REPO}", asked)
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"another model"})
    assert (await files_of(f"hf:{REPO}", asked)).size_bytes == len(b"model")
    assert (await files_of(f"hf:{REPO}", asked, refresh=True)).size_bytes == len(b"another model")


async def test_offline_nobody_is_asked_and_the_age_is_known(asked: Config, hub: ModelHub) -> None:
    await search("tiny", asked, sources=("huggingface",))
    hub.under.forget()
    age(90_000)
    found = await search("tiny", asked, sources=("huggingface",), offline=True)
    assert [one.reference for one in found.offers] == [f"hf:{REPO}:Q8_0"]
    assert 90_000 <= found.age_seconds < 91_000
    assert not found.failures
    found = await search("other", asked, sources=("huggingface",), offline=True)
    ((_, error),) = found.failures
    assert isinstance(error, NotCached)
    assert not hub.under.asked()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00\xff" * 50,
        b"[]",
        b"[" * 100_000,
        b'{"url": 1, "at": "x"}',
        b'{"url": null, "at": -Infinity, "body": "", "headers": {}, "sha256": ""}',
    ],
)
async def test_a_damaged_file_is_as_good_as_none(asked: Config, hub: ModelHub, damage: bytes) -> None:
    first = await files_of(f"hf:{REPO}", asked)
    for path in pages():
        path.write_bytes(damage)
    assert await files_of(f"hf:{REPO}", asked) == first
    assert statuses(hub) == [200, 200]
    os.truncate(pages()[0], 10)
    with pytest.raises(NotCached):
        await files_of(f"hf:{REPO}", asked, offline=True)


async def test_a_body_that_was_changed_on_the_disk_is_not_believed(asked: Config, hub: ModelHub) -> None:
    first = await files_of(f"hf:{REPO}", asked)
    (path,) = pages()
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"body": said["body"].replace("Q8_0", "Q4_0")}))
    assert await files_of(f"hf:{REPO}", asked) == first


@pytest.mark.parametrize("etag", ['"a\nb"', "é", '"' + "x" * 1000 + '"', "bare", '"a"b"'])
def test_an_etag_that_cannot_be_sent_back_is_none(etag: str) -> None:
    assert kept.page(b"", {"etag": etag}).etag is None


@pytest.mark.parametrize("etag", ['"65-abc"', 'W/"x"', '""'])
def test_an_etag_is_sent_back(etag: str) -> None:
    assert kept.page(b"", {"etag": etag}).etag == etag


async def test_no_more_is_kept_than_the_settings_allow(hub: ModelHub) -> None:
    for at in range(4):
        hub.publish(f"acme/Tiny-{at}-GGUF", {"tiny-Q8_0.gguf": b"model"}, cardData="x" * 400_000)
    settings = lead(huggingface=hub.url, max_size_mb="1")
    for at in range(4):
        await files_of(f"hf:acme/Tiny-{at}-GGUF", settings)
    assert len(pages()) == 2
    await files_of("hf:acme/Tiny-3-GGUF", settings, offline=True)
    with pytest.raises(NotCached):
        await files_of("hf:acme/Tiny-0-GGUF", settings, offline=True)


async def test_nothing_is_kept_where_nothing_may_be(hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"model"})
    await files_of(f"hf:{REPO}", lead(huggingface=hub.url, max_size_mb="0"))
    assert not pages()


async def test_a_folder_that_cannot_be_written_is_no_failure(asked: Config, home: Path) -> None:
    (paths.cache_dir()).mkdir(parents=True, exist_ok=True)
    (paths.cache_dir() / "discovery").write_text("a file")
    assert (await files_of(f"hf:{REPO}", asked)).size_bytes == len(b"model")
