"""The hub of Hugging Face as far as kandil asks it, of real nginx: the API, and files in a storage of their own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.servers.hub import TOKEN, Hub, hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROUTES = """
        location ~ ^/api/models/closed/ {{
            if ($http_authorization != "Bearer {token}") {{ return 401; }}
            root {root}; try_files $uri.json =404; default_type application/json;
        }}
        location ~ ^(?<tree>/api/models/paged/.+/tree/[0-9a-f]+)$ {{
            if ($arg_cursor) {{ rewrite ^ $tree/$arg_cursor? last; }}
            add_header Link '<$tree?recursive=true&cursor=2>; rel="next"';
            root {root}; try_files $uri.json =404; default_type application/json;
        }}
        location /api/ {{ root {root}; try_files $uri.json =404; default_type application/json; }}
        location ~ ^/(?<repo>[^/]+/[^/]+)/resolve/(?<revision>[^/]+)/(?<file>.+)$ {{
            set $refused 0;
            if ($repo ~ "^closed/") {{ set $refused 1; }}
            if ($http_authorization = "Bearer {token}") {{ set $refused 0; }}
            if ($refused) {{ return 401; }}
            return 302 http://localhost:{storage}/$repo/$revision/$file?signature={signature};
        }}
"""


@dataclass
class ModelHub:
    """`url` is a base URL of Hugging Face. Those of ``closed`` are there for whoever has the token; the trees of those
    of ``paged`` are given in two parts.
    """

    under: Hub
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: int = 1_700_000_000

    @property
    def url(self) -> str:
        return self.under.url

    def publish(self, repo: str, files: Mapping[str, bytes], *, revision: str = "", **more: Any) -> str:
        """A new revision of a repository; its name is a hash of what is in it unless it is given."""
        digest = hashlib.sha256(b"".join(name.encode() + content for name, content in sorted(files.items())))
        revision = revision or digest.hexdigest()[:40]
        siblings = []
        for name, content in files.items():
            path = self.under.folder / repo / revision / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            siblings.append({"rfilename": name, "size": len(content), "lfs": {"sha256": sha256, "size": len(content)}})
        told = {
            "id": repo, "sha": revision, "lastModified": "2026-11-01T00:00:00.000Z", "downloads": 7, "gated": False,
            "tags": ["gguf", "license:apache-2.0"], "siblings": siblings,
        } | more  # fmt: skip
        self.repositories[repo] = told
        self.tell(f"models/{repo}", told)
        self.tell(f"models/{repo}/revision/{revision}", told)
        self.tell("models", list(self.repositories.values()))
        return revision

    def path(self, repo: str, name: str) -> Path:
        """Of a file of the newest revision, where nginx has it."""
        return self.under.folder / repo / str(self.repositories[repo]["sha"]) / name

    def tell(self, name: str, told: object) -> None:
        """What the API says at ``/api/NAME``; text as it is."""
        path = self.under.root / "api" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(told if isinstance(told, str) else json.dumps(told))
        self.said += 1  # nginx's entity tags have the size and the second
        os.utime(path, (self.said, self.said))


@contextmanager
def model_hub(root: Path) -> Iterator[ModelHub]:
    """Without repositories. Skips the test where nginx is missing."""
    with hub(root) as under:
        under.more = _ROUTES.format(root=root, storage=under.storage_port, signature="s1", token=TOKEN)
        under.renew()
        try:
            yield ModelHub(under)
        finally:
            shutil.rmtree(root / "api", ignore_errors=True)
