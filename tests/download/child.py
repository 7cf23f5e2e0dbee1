"""Fetches one file in a process of its own, which others kill: says how far it is, and how it ended.

``python -m tests.download.child FOLDER``; on standard input, as JSON: a `Remote`, and options of `fetch`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trio

from kandil.download import Progress, Remote, fetch
from kandil.errors import KandilError


def main() -> int:
    asked = json.load(sys.stdin)
    remote, options = Remote(**asked["remote"]), asked["options"]

    def tell(progress: Progress) -> None:
        print(progress.bytes_done, flush=True)

    async def run() -> None:
        (fetched,) = await fetch([remote], Path(sys.argv[1]), progress=tell, **options)
        print(f"whole {fetched.sha256} {fetched.reused_bytes}", flush=True)

    try:
        trio.run(run)
    except KandilError as error:
        print(f"{error.code} {error.message}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
