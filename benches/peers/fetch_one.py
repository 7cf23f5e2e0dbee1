"""Fetches a file and verifies it, in a process of its own: `fetch_one.py kandil|huggingface_hub URL FOLDER SHA256`.

The URL is the hub's, the folder empty. Whatever is not what was published ends in an error.
"""

from __future__ import annotations

import sys
from pathlib import Path


def kandil(url: str, folder: Path, sha256: str) -> None:
    import trio

    from kandil.download import Remote, fetch

    async def get() -> None:
        await fetch([Remote(url=url, name="model.gguf", sha256=sha256, digest_source="the bench")], folder)

    trio.run(get)


def huggingface_hub(url: str, folder: Path, sha256: str) -> None:
    """As `hf download` does, and then as `hf cache verify` does."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars
    from huggingface_hub.utils._verification import compute_file_hash

    disable_progress_bars()
    *_, owner, name, _resolve, revision, file = url.split("/")
    path = hf_hub_download(f"{owner}/{name}", file, revision=revision, local_dir=folder)
    if compute_file_hash(Path(path), "sha256") != sha256:
        sys.exit(f"{path} is another file")


if __name__ == "__main__":
    {"kandil": kandil, "huggingface_hub": huggingface_hub}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]), sys.argv[4])
