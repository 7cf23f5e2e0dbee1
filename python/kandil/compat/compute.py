"""What llama.cpp computes in: an estimate of its largest compute buffer (``llama_context::sched_reserve``).

The buffer is as large as the worst moment of the graph for 512 tokens at once. What that is was found by asking
llama.cpp about published models of twenty architectures, as the tests do again: the last matrix product, with a
number for each word of the vocabulary and token; the widest feed-forward part or scan of a layer; without flash
attention, the scores of all heads against all tokens. Some rows as long as the embedding lie beside them; the masks
of attention last throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kandil.compat.architectures import NO_CACHE
from kandil.compat.cache import TOKENS_AT_ONCE, Cache, cells_of, padded

if TYPE_CHECKING:
    from kandil.compat.shape import Numbers

_F32: Final = 4
_F16: Final = 2
_ROWS: Final = 5
_ROWS_OF: Final = {"cohere2": 6, "llama4": 6, "rwkv6": 6, "rwkv6qwen2": 6, "rwkv7": 6, "arwkv7": 6}
_MIXING_ROWS: Final = 10
"""What rwkv's time mixing holds beside those, at its worst moment."""
_STREAM_ROWS: Final = 12
"""What gemma3n's streams hold."""
_HELD: Final = {"nemotron": 2, "nemotron_h": 2, "nemotron_h_moe": 2, "gpt-oss": 2} | dict.fromkeys(NO_CACHE, 1)
"""Rows as long as a feed-forward part is wide; else the gate, what it gates, and their product: three."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Numbers for each token that is computed at once, at the worst moments."""

    width: int
    """Of a token's embedding."""
    rows: int
    """Beside whatever is computed."""
    words: int
    """That the last product gives."""
    layer: int
    """Of the widest layer."""
    state: int = 0
    """Numbers of each sequence, in the widest layer."""
    attention: int = 0
    """Of the widest layer's attention, but for the scores."""
    scores: int = 0
    """Without flash attention: for each cell."""
    cast_bytes: int = 0
    """With flash attention: of each cell, of the layer with the longest; it does not read F32."""
    masks: tuple[bool, int] = (False, 0)
    """Whether there is one for all tokens, and the window of the other."""
    mask_bytes: int = 2
    most_cells: int | None = None
    """Without a cache, tokens attend to those alone that are computed with them."""

    def at(self, context: int, sequences: int = 1, *, output: bool = True, copies: int = 1) -> int:
        """In bytes; without `output`, of a device that computes other layers than the last; with `copies` of masks."""
        every, window = self.masks
        cells, seen = cells_of(context, window, sequences)
        tokens = min(cells, TOKENS_AT_ONCE)
        cells = min(cells, self.most_cells or cells)
        masked = (cells if every else 0) + (seen if window else 0)
        cells = cells if every else seen
        attention = (self.attention + self.scores * cells) * tokens * _F32 + self.cast_bytes * cells
        layer = (self.layer * tokens + self.state * sequences) * _F32
        mask = masked * tokens * self.mask_bytes
        words = self.words * tokens * _F32 if output else 0
        # After the last layer its mask is free: one that is greater than the words has room for them.
        last = self.rows * tokens * _F32 + words + min(mask, words)
        return max(last, mask + max(layer, attention)) + (copies - 1) * mask

    def input_at(self, context: int) -> int:
        """In bytes: what is read into, where every layer lies elsewhere."""
        return min(padded(context), TOKENS_AT_ONCE) * self.width * _F32


def workspace_of(
    architecture: str, numbers: Numbers, cache: Cache, types: tuple[str, str], *, flash_attention: bool = True
) -> Workspace:
    """`types` are those of keys and values. Raises ShapeUnusable."""
    width = numbers.one("embedding_length")
    rows = _ROWS_OF.get(architecture, _ROWS) * width
    rows += numbers.one("embedding_length_per_layer_input", 0) * len(cache.layers)
    encoder = architecture in NO_CACHE
    attends = cache.attends or encoder
    all_seen = encoder or any(layer.key_length and not layer.windowed for layer in cache.layers)
    masks = (all_seen, cache.window if any(layer.windowed for layer in cache.layers) else 0)
    # Encoders give a row for a token or a sequence, and no word.
    words = 0 if encoder else numbers.one("vocab_size", 0)
    scan, state = _scan(architecture, numbers, width)
    widest = rows + max(_feed_forward(architecture, numbers, width), scan)
    widest += _STREAM_ROWS * width if architecture == "gemma3n" else 0
    workspace = Workspace(
        width, rows, words, widest, state, masks=masks, most_cells=TOKENS_AT_ONCE if encoder else None
    )
    if not attends:
        return workspace
    heads = numbers.most("attention.head_count")
    queries = heads * numbers.one("attention.key_length", width // heads if heads else 0)
    if cache.latent:  # queries as they are, decompressed, and what comes out
        queries = heads * numbers.one("attention.key_length_mla") + 2 * queries
    keys = max(layer.key_length for layer in cache.layers)
    values = max(layer.value_length for layer in cache.layers)
    if flash_attention:
        cast = keys * (types[0] == "f32") + values * (types[1] == "f32")
        return replace(workspace, attention=rows + queries, cast_bytes=_F16 * cast)
    held = queries if cache.latent else 3 * queries + keys + values
    return replace(workspace, attention=rows + held, scores=heads, mask_bytes=_F32)


def _feed_forward(architecture: str, numbers: Numbers, width: int) -> int:
    """Of the experts that are used, and of the widest dense layer."""
    held = _HELD.get(architecture, 3)
    dense = numbers.most("feed_forward_length")
    used = numbers.most("expert_used_count")
    if not used:
        return held * dense
    hidden = numbers.most("expert_feed_forward_length") or dense
    # What each expert gives back is a row of its own.
    experts = used * (held * hidden + width)
    return max(held * dense, experts) if numbers.one("leading_dense_block_count", 0) else experts


def _scan(architecture: str, numbers: Numbers, width: int) -> tuple[int, int]:
    """Of a recurrent layer: for each token, what goes in, what is convolved and was, what comes out; and the state."""
    if head := numbers.one("wkv.head_size", 0):
        return _MIXING_ROWS * width, width * head
    inner, state = numbers.one("ssm.inner_size", 0), numbers.one("ssm.state_size", 0)
    convolved = inner + 2 * numbers.one("ssm.group_count", 0) * state
    into = inner + (inner if architecture in ("mamba", "jamba") else convolved)
    return (into + 2 * convolved + inner, inner * state) if inner else (0, 0)
