"""The loop of `hf cache verify`: the function that it calls for each file, over the paths on stdin, in one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from huggingface_hub.utils._verification import compute_file_hash

for path in sys.stdin.buffer.read().split(b"\0"):
    if path:
        compute_file_hash(Path(os.fsdecode(path)), "sha256")
