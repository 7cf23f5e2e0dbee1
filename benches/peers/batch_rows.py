"""The rows of the bench `batch`, and whether each has its own answer."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

MODEL = "bench"
TEXT = (
    "Say in two sentences what the following means, for somebody who has never heard of it: “the order in which things "
    "are done is not the order in which they were asked”.\nName one case where it matters, and one — naïve as it may "
    '"seem" — where it does not.'
)


def prompt(number: int) -> str:
    """About 300 bytes, no two alike; with characters that JSON escapes, and some beyond ASCII."""
    return f"{number}. {TEXT}"


def write(path: Path, count: int) -> Path:
    """Rows in the form of OpenAI's batches."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            messages = [
                {"role": "system", "content": "You answer briefly."},
                {"role": "user", "content": prompt(number)},
            ]
            row = {
                "custom_id": str(number),
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": MODEL, "messages": messages, "max_tokens": 64, "temperature": 0},
            }
            file.write(json.dumps(row) + "\n")
    return path


def fault(path: Path, count: int) -> str:
    """What is wrong with the results of that many rows; "" if each row is there once with the answer to its own prompt.

    The server's answers begin with the CRC-32 of what it was asked.
    """
    seen = bytearray(count)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            result = json.loads(line)
            number = int(result["custom_id"])
            if seen[number]:
                return f"row {number} is there twice"
            seen[number] = 1
            if result["response"] is None:
                return f"row {number}: {result['error']}"
            said = result["response"]["body"]["choices"][0]["message"]["content"]
            if not said.startswith(f"{zlib.crc32(prompt(number).encode()):08x} "):
                return f"row {number} has the answer to another"
    return f"{seen.count(0)} rows are missing" if 0 in seen else ""
