"""The ETags that llama.cpp keeps beside what it downloads.

``<file>.etag`` holds one (newer), ``<file>.json`` has a key ``etag`` (older). For a file of Hugging Face it may be
the SHA-256, but also what a mirror or a storage layer made up, and that too can be 64 hex digits: so a match confirms
the file and a difference proves nothing.

Source: ggml-org/llama.cpp ``common/download.cpp`` (``read_etag``, ``common_download_file_single_online``).
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import json
import os
import re

from kandil.verify.item import Expected

SHA256_ETAG = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')
ETAG_BYTES = 1 << 16


def cached_etag(path: bytes) -> Expected | None:
    """What llama.cpp remembers of a file, where that can be a SHA-256."""
    text = _read(path + b".etag")
    if text is None and (older := _read(path + b".json")) is not None:
        try:
            text = str(json.loads(older).get("etag"))
        except (ValueError, AttributeError, RecursionError):
            return None
    match = SHA256_ETAG.match((text or "").strip())
    return Expected(match[1], "llama.cpp's ETag", binding=False) if match else None


def _read(path: bytes) -> str | None:
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return file.read(ETAG_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
