"""Writes GGUF files whose headers are as large as large models': `gguf_models.py FOLDER COUNT`."""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path

TOKENS, MERGES, TENSORS = 152_064, 151_387, 300
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
PARTS = b"attn_q attn_k attn_v attn_output ffn_gate ffn_up ffn_down ffn_norm".split()
STAMP = b"bench model 00000"


def string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def array(key: bytes, element: int, count: int, items: bytes) -> bytes:
    return string(key) + struct.pack("<IIQ", ARRAY, element, count) + items


def words(rng: random.Random) -> list[bytes]:
    """A vocabulary: unique, mostly ASCII, of the lengths that byte-pair vocabularies have."""
    found: dict[bytes, None] = {}
    while len(found) < TOKENS:
        letters = "".join(rng.choices("etaoinshrdlucmfwypvbgkqjxz_0123456789", k=rng.randint(2, 9)))
        kind = rng.random()
        text = "Ġ" + letters if kind < 0.45 else letters + "日本語"[: rng.randint(1, 3)] if kind < 0.52 else letters
        found.setdefault(text.encode())
    return list(found)


def model() -> bytes:
    """One file: the header, and a little data for each tensor."""
    rng = random.Random(7)
    vocabulary = words(rng)
    short = [word for word in vocabulary if len(word) <= 7]
    merges = b"".join(string(b"%b %b" % (rng.choice(short), rng.choice(short))) for _ in range(MERGES))
    entries = [
        string(b"general.architecture") + struct.pack("<I", STRING) + string(b"llama"),
        string(b"general.name") + struct.pack("<I", STRING) + string(STAMP),
        string(b"llama.block_count") + struct.pack("<II", U32, 37),
        string(b"tokenizer.ggml.model") + struct.pack("<I", STRING) + string(b"gpt2"),
        array(b"tokenizer.ggml.tokens", STRING, TOKENS, b"".join(map(string, vocabulary))),
        array(b"tokenizer.ggml.scores", F32, TOKENS, struct.pack(f"<{TOKENS}f", *(-float(i) for i in range(TOKENS)))),
        array(b"tokenizer.ggml.token_type", I32, TOKENS, struct.pack(f"<{TOKENS}i", *[1] * TOKENS)),
        array(b"tokenizer.ggml.merges", STRING, MERGES, merges),
    ]
    tensors = [
        string(b"blk.%d.%b.weight" % (i // len(PARTS), PARTS[i % len(PARTS)]))
        + struct.pack("<IQQIQ", 2, 32, 4, 0, i * 512)
        for i in range(TENSORS)
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, TENSORS, len(entries)) + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(512 * TENSORS)


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    file = model()
    place = file.index(STAMP)
    for number in range(count):
        with (folder / f"model-{number:05}.gguf").open("wb") as out:
            out.write(file[:place])
            out.write(b"bench model %05d" % number)
            out.write(memoryview(file)[place + len(STAMP) :])


if __name__ == "__main__":
    main()
