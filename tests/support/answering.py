"""A model that real llama.cpp loads and that answers every prompt with the same words: exact, whatever the machine.

A vocabulary of bytes and of the answer's words; a layer that adds nothing to what it is given; and an output matrix in
which each word is followed by the next one. About 300 KB.
"""

from __future__ import annotations

import random
import re
import struct

from tests.support.gguf_files import Entry, Kind, Tensor, build

ANSWER = "Hello from a tiny real model."
WIDTH, HEADS, HIDDEN, CONTEXT = 64, 4, 64, 2048
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_END = 2
"""The token that ends an answer."""


def model(
    answer: str = ANSWER, *, endless: bool = False, template: str | None = TEMPLATE, context: int = CONTEXT
) -> bytes:
    """Says `answer`, in which no word comes twice; with `endless`, again and again."""
    entries, tensors, data = _made(answer, template, context, endless=endless)
    return build(entries, tensors, data=b"".join(data))


def parts() -> tuple[bytes, bytes]:
    """`model()`, split: names are to end in ``-00001-of-00002.gguf`` and ``-00002-of-00002.gguf``."""
    entries, tensors, data = _made(ANSWER, TEMPLATE, CONTEXT, endless=False)
    half = len(tensors) // 2
    counts = [Entry("split.count", Kind.U16, 2), Entry("split.tensors.count", Kind.I32, len(tensors))]
    return (
        build([*entries, Entry("split.no", Kind.U16, 0), *counts], tensors[:half], data=b"".join(data[:half])),
        build([Entry("split.no", Kind.U16, 1), *counts], tensors[half:], data=b"".join(data[half:])),
    )


def _made(
    answer: str, template: str | None, context: int, *, endless: bool
) -> tuple[list[Entry], list[Tensor], list[bytes]]:
    words = re.findall(r"\s?\S+", answer)
    assert len(set(words)) == len(words), "a word is followed by one word"
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *_ROLES, "▁"]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_CONTROL] * len(_ROLES), _NORMAL]
    first = len(tokens)
    tokens += [word.replace(" ", "▁") for word in words]
    kinds += [_NORMAL] * len(words)
    chance = random.Random(1)
    embedded = [[chance.gauss(0, 1) for _ in range(WIDTH)] for _ in tokens]
    for token, vector in enumerate(embedded):
        vector[0] = 0.0 if token >= first else 8.0  # what is no word of the answer
    output = [[0.0] * WIDTH for _ in tokens]
    output[first][0] = 32.0
    for token in range(first, len(tokens)):
        following = token + 1 if token + 1 < len(tokens) else first if endless else _END
        output[following] = [one + 4 * two for one, two in zip(output[following], embedded[token], strict=True)]
    return _entries(tokens, kinds, template, context), *_tensors(embedded, output)


def _entries(tokens: list[str], kinds: list[int], template: str | None, context: int) -> list[Entry]:
    numbers = {
        "llama.block_count": 1,
        "llama.context_length": context,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": HIDDEN,
        "llama.attention.head_count": HEADS,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": _END,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    texts = {"general.architecture": "llama", "general.name": "answering", "tokenizer.ggml.model": "llama"}
    if template is not None:
        texts["tokenizer.chat_template"] = template
    return [
        *(Entry(key, Kind.STRING, text) for key, text in texts.items()),
        *(Entry(key, Kind.U32, number) for key, number in numbers.items()),
        Entry("llama.attention.layer_norm_rms_epsilon", Kind.F32, 1e-5),
        Entry("tokenizer.ggml.add_space_prefix", Kind.BOOL, 0),
        Entry("tokenizer.ggml.tokens", Kind.ARRAY, tokens, Kind.STRING),
        Entry("tokenizer.ggml.scores", Kind.ARRAY, [-1.0 if kind == _BYTE else 0.0 for kind in kinds], Kind.F32),
        Entry("tokenizer.ggml.token_type", Kind.ARRAY, kinds, Kind.I32),
    ]


def _tensors(embedded: list[list[float]], output: list[list[float]]) -> tuple[list[Tensor], list[bytes]]:
    ones = [1.0] * WIDTH
    square, block = [0.0] * (WIDTH * WIDTH), "blk.0."
    tensors = {
        "token_embd.weight": ((WIDTH, len(embedded)), [number for row in embedded for number in row]),
        "output_norm.weight": ((WIDTH,), ones),
        "output.weight": ((WIDTH, len(output)), [number for row in output for number in row]),
        block + "attn_norm.weight": ((WIDTH,), ones),
        block + "ffn_norm.weight": ((WIDTH,), ones),
        **{f"{block}{name}.weight": ((WIDTH, WIDTH), square) for name in ("attn_q", "attn_k", "attn_v", "attn_output")},
        **{f"{block}{name}.weight": ((WIDTH, HIDDEN), square) for name in ("ffn_gate", "ffn_up", "ffn_down")},
    }
    data = [struct.pack(f"<{len(numbers)}f", *numbers) for _, numbers in tensors.values()]
    data = [content + bytes(-len(content) % 32) for content in data]
    return [Tensor(name, shape) for name, (shape, _) in tensors.items()], data
