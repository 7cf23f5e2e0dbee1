"""A hub with one model, and a folder for what is fetched."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kandil.download import Fetched, Progress, Remote, fetch
from tests.support.servers.hub import Hub, hub

CONTENT = random.Random(7).randbytes((22 << 20) + 4321)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "model.gguf"
MIB = 1 << 20
BLOCK = 4 * MIB


def remote(source: Hub, way: str = "resolve", **other: Any) -> Remote:
    known: dict[str, Any] = {"name": NAME, "size_bytes": len(CONTENT), "sha256": SHA256, "digest_source": "the hub"}
    return Remote(url=f"{source.url}/{way}/{NAME}", **known | other)


def at(bytes_done: int, happens: Callable[[], object]) -> Callable[[Progress], None]:
    """A progress callback that does it once, when so much has come."""
    left = [happens]

    def watch(progress: Progress) -> None:
        if progress.bytes_done >= bytes_done and left:
            left.pop()()

    return watch


@dataclass
class Fetching:
    """Fetches into a folder, and keeps what it is told."""

    folder: Path
    progress: list[Progress] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    async def one(self, remote: Remote, **options: Any) -> Fetched:
        (fetched,) = await self.all(remote, **options)
        return fetched

    async def all(self, *files: Remote, **options: Any) -> tuple[Fetched, ...]:
        watch = options.pop("progress", lambda _: None)

        def tell(progress: Progress) -> None:
            self.progress.append(progress)
            watch(progress)

        return await fetch(files, self.folder, progress=tell, notice=self.notices.append, **options)

    def there(self) -> set[str]:
        """The names in the folder."""
        return {path.name for path in self.folder.iterdir()}

    def content(self, name: str = NAME) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def _hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def source(_hub: Hub) -> Hub:
    """The hub, with the model as it was published, and nothing asked of it yet."""
    (_hub.folder / NAME).write_bytes(CONTENT)
    _hub.forget()
    return _hub


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    return Fetching(tmp_path / "models")
