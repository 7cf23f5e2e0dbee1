"""What each architecture caches in which of its layers, as llama.cpp's loaders decide.

From llama.cpp's ``load_arch_hparams`` (``src/models/*.cpp``), ``llama_model::create_memory``
(``src/llama-model.cpp``) and ``llama_hparams`` (``src/llama-hparams.cpp``). What is not named here caches keys and
values of all tokens in all layers, as most do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kandil.compat.shape import ShapeUnusable

if TYPE_CHECKING:
    from kandil.compat.shape import Numbers


@dataclass(frozen=True, slots=True)
class Window:
    """How an architecture's sliding windows lie: of `period` layers the last, or the first, sees all tokens."""

    period: int | None
    """None: the file says for each layer."""
    dense_first: bool = False
    size: int | None = None
    """Where the file does not say; None: then there are no windows."""
    fixed: bool = False
    """`size` holds whatever positive size the file says."""


WINDOWS: Final = {
    "afmoe": Window(4),
    "cohere2": Window(4),
    "cohere2moe": Window(4, dense_first=True),
    "exaone-moe": Window(4, size=128),
    "exaone4": Window(4, size=4096),
    "gemma2": Window(2, size=4096),
    "gemma3": Window(6),
    "gemma3n": Window(5),
    "gemma4": Window(None),
    "gpt-oss": Window(2),
    "granite_swa": Window(None),
    "laguna": Window(4, dense_first=True),
    "llama4": Window(4, size=8192, fixed=True),
    "maple": Window(None),
    "mellum": Window(4),
    "mimo2": Window(None),
    "muse-glimmer": Window(4),
    "olmo2": Window(4),
    "plamo3": Window(8),
    "smallthinker": Window(4, dense_first=True, size=4096, fixed=True),
    "spark2_5": Window(None),
    "step35": Window(None),
}
_WINDOWS_AT: Final = {"exaone4": 64}
"""Only models of so many layers have windows."""
_WINDOW_NEEDS_KEY: Final = frozenset({"smallthinker"})

RECURRENT: Final = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
"""No layer attends (``llm_arch_is_recurrent``)."""
BOTH: Final = frozenset({"falcon-h1"})
"""Every layer attends and recurs."""
_BY_HEADS: Final = frozenset(
    {"jamba", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "kimi-linear", "kimi-k3", "bailingmoe3"}
)
"""A layer without heads of keys recurs."""
_BY_HEADS_OR_WIDTH: Final = frozenset({"nemotron_h", "nemotron_h_moe"})
"""And one with a feed-forward part does neither."""
_BY_INTERVAL: Final = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "minimax-01": 8}
"""One of so many layers attends."""

NO_CACHE: Final = frozenset(
    {
        "bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert", "modern-bert",
        "gemma-embedding", "wavtokenizer-dec", "dream", "llada", "llada-moe", "rnd1",
    }
)  # fmt: skip
"""Encoders and diffusion models: llama.cpp makes no memory for them."""

INDEXED: Final = frozenset({"deepseek32", "glm-dsa"})
"""An index of keys lies beside the cache (``llama_kv_cache_dsa``)."""

NEXT_TOKENS_SKIPPED: Final = frozenset(
    {
        "bailingmoe2", "bailingmoe3", "cohere2moe", "deepseek2", "deepseek32", "exaone-moe", "exaone4", "glm-dsa",
        "glm4", "glm4moe", "hy_v3", "mimo2", "nemotron_h", "nemotron_h_moe", "qwen35", "qwen35moe", "qwen3next",
        "step35",
    }
)  # fmt: skip
"""The layers that predict further tokens are not loaded unless asked for (``load_mtp``)."""

UNMODELLED: Final = frozenset(
    {"deepseek4", "dflash", "dots3note", "eagle3", "gemma4-assistant", "glm5-next", "hy_v4", "minimax-m3", "qwen4exp"}
)
"""Their caches have a form of their own, which kandil does not know: all layers are counted in full."""


def windowed_layers(architecture: str, numbers: Numbers, layers: int, trunk: int) -> tuple[int, tuple[bool, ...]]:
    """The window's tokens, and which layers see no more; 0 and none where there are no windows.

    `trunk` of the layers, the first, are those that do not predict further tokens.
    """
    nothing = (0, (False,) * layers)
    if architecture == "lfm2" and numbers.one("attention.sliding_window", 0):
        return numbers.one("attention.sliding_window"), (True,) * layers
    rule = WINDOWS.get(architecture)
    if rule is None or trunk != _WINDOWS_AT.get(architecture, trunk):
        return nothing
    said = "attention.sliding_window" in numbers
    size = numbers.one("attention.sliding_window", rule.size or 0)
    if size == 0 or (architecture in _WINDOW_NEEDS_KEY and not said):
        return nothing
    if rule.fixed:
        size = rule.size or size
    pattern = "attention.sliding_window_pattern"
    if numbers.is_array(pattern):
        return size, tuple(bool(one) for one in numbers.each(pattern, layers))
    period = numbers.one(pattern, rule.period)
    if period == 0:
        return size, (True,) * layers
    dense = 0 if rule.dense_first else period - 1
    return size, tuple(layer % period != dense for layer in range(layers))


def recurrent_layers(
    architecture: str, numbers: Numbers, layers: int, shared: tuple[int, ...]
) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Which layers attend, and which recur; `shared` are the heads of keys of each."""
    every, none = (True,) * layers, (False,) * layers
    if architecture in RECURRENT:
        return none, every
    if architecture in BOTH:
        return every, every
    if architecture in _BY_HEADS:
        return tuple(count > 0 for count in shared), tuple(count == 0 for count in shared)
    if architecture in _BY_HEADS_OR_WIDTH:
        widths = numbers.each("feed_forward_length", layers, 0)
        pairs = tuple(zip(shared, widths, strict=True))
        return tuple(c > 0 and w == 0 for c, w in pairs), tuple(c == 0 and w == 0 for c, w in pairs)
    if architecture in _BY_INTERVAL:
        if "attention.recurrent_layers" in numbers:
            recur = tuple(bool(one) for one in numbers.each("attention.recurrent_layers", layers))
        else:
            interval = numbers.one("full_attention_interval", _BY_INTERVAL[architecture])
            if interval == 0:
                raise ShapeUnusable("full_attention_interval is 0")
            recur = tuple((layer + 1) % interval != 0 for layer in range(layers))
        return tuple(not one for one in recur), recur
    return every, none


def layers_with_keys(architecture: str, numbers: Numbers, layers: int) -> int:
    """How many of the layers, from the first, have keys and values of their own; the rest use theirs."""
    if architecture == "gemma3n":
        return min(20, layers)
    if architecture == "gemma4":
        return max(layers - numbers.one("attention.shared_kv_layers", 0), 0)
    return layers
