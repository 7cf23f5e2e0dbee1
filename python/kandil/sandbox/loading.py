"""A whole load by llama.cpp from a descriptor, and a few tokens: on the CPU, with one thread and a small context.

`llama_model_params` and `llama_context_params` differ from version to version, and no number says which version it
is. So the defaults that a library gives are compared with what each known form of the structure has there: where every
field agrees, the few that are changed here are where they are thought to be. Otherwise nothing is loaded.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kandil._core import Header
from kandil.sandbox.ggml import Library

Result = Literal["passed", "failed", "not-possible"]

CONTEXT_BYTES = 512 << 20
"""More than a context of this size takes beside the weights, in any model."""

OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "failed to allocate")
"""What loaders say then."""

_COMPUTED = "loaded and computed; this architecture gives no next token"
_TOKENS, _BATCH, _MORE = 64, 32, 2
_NEEDED = (
    *("llama_model_default_params", "llama_context_default_params", "llama_init_from_model"),
    *("llama_set_n_threads", "llama_model_get_vocab", "llama_vocab_n_tokens", "llama_vocab_bos"),
    *("llama_batch_get_one", "llama_decode", "llama_get_logits_ith"),
)
_PARTS = {"adapter": "an adapter", "mmproj": "a projector", "imatrix": "an importance matrix"}
_HELPERS = {"clip": "a projector", "eagle3": "a draft head", "dflash": "a draft head"}
_UNKNOWN = (
    "unknown model architecture",
    "unknown pre-tokenizer",
    "unknown tokenizer",
    "invalid ggml type",
    "not supported",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load. `rule` is the finding's id where there is one."""

    result: Result
    reason: str | None = None
    rule: str | None = None


def why_not(library: Library) -> str | None:
    """Why the library cannot load a model from a descriptor; None where it can."""
    if not library.has("llama_model_default_params"):
        return "this library reads headers alone"
    if not library.has("llama_model_load_from_file_ptr"):
        return "this llama.cpp opens files by their path alone, which the sandbox forbids"
    if not library.has(*_NEEDED):
        return "this llama.cpp lacks functions that loading needs"
    return None


def not_a_model(header: Header) -> str | None:
    """Why a sound file is nothing that can be loaded alone."""
    kind, architecture, shards = (
        header.kept(f"{key}") for key in ("general.type", "general.architecture", "split.count")
    )
    if isinstance(shards, int) and shards > 1:
        return "a shard of a model: the loader opens the others by their paths, which the sandbox forbids"
    what = _PARTS.get(str(kind)) or _HELPERS.get(str(architecture)) or _PARTS.get(str(architecture))
    if what:
        return f"{what}: it is loaded together with a model"
    if architecture is None:
        return "it names no architecture"
    return None


def load(library: Library, stream: Any, header: Header, step: Callable[[str], None]) -> Loaded:  # noqa: ANN401
    """Loads and decodes."""
    step("model: load")
    parameters = _model_parameters(library, vocabulary_only=header.tensor_count == 0)
    context_parameters = _context_parameters(library)
    if parameters is None or context_parameters is None:
        return Loaded("not-possible", "the parameters of this llama.cpp are not known to kandil")
    library.errors.clear()
    library.rewind(stream)
    model = library.llama_model_load_from_file_ptr(stream, parameters[0])
    if not model:
        return _refused(library)
    count = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))
    listed = header.count("tokenizer.ggml.tokens") if "tokenizer.ggml.tokens" in header else None
    if listed not in (None, count) and header.kept("tokenizer.ggml.model") != "no_vocab":
        return Loaded("failed", f"the loader has {count} tokens, the file {listed}", "KG-LOAD-DIFFERS")
    if header.tensor_count == 0:
        return Loaded("passed", f"a vocabulary of {count} tokens, without weights")
    step("model: context")
    context = library.llama_init_from_model(model, context_parameters)
    if not context:
        return _refused(library)
    loaded = _decoded(library, model, context, count, step)
    constant = loaded.rule == "KG-LOAD-CONSTANT"
    return Loaded("passed", _COMPUTED) if constant and _embeds(header) else loaded


def _embeds(header: Header) -> bool:
    """Whether the model is for embeddings: then llama.cpp gives a next token's logits as zeros."""
    architecture = header.kept("general.architecture")
    return f"{architecture}.pooling_type" in header or header.kept(f"{architecture}.attention.causal") is False


def _refused(library: Library) -> Loaded:
    reason = "; ".join(library.errors) or "it gave no reason"
    if any(unknown in reason for unknown in _UNKNOWN):
        return Loaded("not-possible", f"this loader does not know such files: {reason}")
    if any(sign in reason for sign in OUT_OF_MEMORY):
        return Loaded("failed", f"the loader asked for more memory than it was given: {reason}", "KG-LOAD-MEMORY")
    return Loaded("failed", reason, "KG-LOAD-REFUSED")


def _decoded(library: Library, model: Any, context: Any, count: int, step: Callable[[str], None]) -> Loaded:  # noqa: ANN401
    if count < 1:
        return Loaded("passed", "loaded; it has no tokens to decode")
    library.llama_set_n_threads(context, 1, 1)
    first = library.llama_vocab_bos(library.llama_model_get_vocab(model))
    prompt = [first if 0 <= first < count else 0, count // 4, count // 2, 3 * count // 4]
    encodes = library.has("llama_model_has_encoder", "llama_encode") and library.llama_model_has_encoder(model)
    for round_ in range(1 + _MORE):
        step(f"model: decode {round_}")
        tokens = library.ffi.new("int32_t[]", prompt)
        batch = library.llama_batch_get_one(tokens, len(prompt))
        status = (library.llama_encode if encodes else library.llama_decode)(context, batch)
        if status != 0:
            reason = "; ".join(library.errors) or f"llama_decode returned {status}"
            return Loaded("failed", reason, "KG-LOAD-REFUSED")
        logits = None if encodes else library.llama_get_logits_ith(context, -1)
        if not logits:
            return Loaded("passed", _COMPUTED)
        numbers = library.ffi.unpack(logits, count)
        if fault := _fault(numbers):
            return fault
        prompt = [max(range(count), key=numbers.__getitem__)]
    return Loaded("passed", f"loaded, {1 + _MORE} tokens decoded")


def _fault(numbers: Sequence[float]) -> Loaded | None:
    """What there is to say of logits. -inf alone is how a token is forbidden."""
    if not math.isfinite(sum(numbers)):
        broken = sum(1 for number in numbers if number != number or number == math.inf)  # noqa: PLR0124 (NaN)
        if broken or max(numbers) == -math.inf:
            reason = f"{broken or len(numbers)} of {len(numbers)} logits are NaN or infinite"
            return Loaded("failed", reason, "KG-LOAD-NAN")
    if len(numbers) > 1 and min(numbers) == max(numbers):
        return Loaded("passed", f"loaded; all {len(numbers)} logits are {numbers[0]:g}", "KG-LOAD-CONSTANT")
    return None


Form = tuple[tuple[str, str, Container[int] | None], ...]
"""The fields of a structure in C's order: name, code of `struct`, the defaults that are known (None: any)."""

_NOTHING, _ANY_LAYERS = (0,), (0, 999, -1)
_BEGIN: Form = (
    ("devices", "Q", _NOTHING),
    ("tensor_buft_overrides", "Q", _NOTHING),
    ("n_gpu_layers", "i", _ANY_LAYERS),
    ("split_mode", "i", (1,)),
)
_END: Form = (
    ("main_gpu", "i", _NOTHING),
    ("tensor_split", "Q", _NOTHING),
    ("progress_callback", "Q", _NOTHING),
    ("progress_callback_user_data", "Q", _NOTHING),
    ("kv_overrides", "Q", _NOTHING),
    ("vocab_only", "B", _NOTHING),
)
_LOAD_MODE: Form = (("load_mode", "i", (1, -1)),)
_SINCE_LOAD_MODE: Form = (
    ("check_tensors", "B", _NOTHING),
    ("use_extra_bufts", "B", (1,)),
    ("no_host", "B", _NOTHING),
    ("no_alloc", "B", _NOTHING),
)
MODEL_FORMS: tuple[Form, ...] = (
    # Since b10361: llama_load_mode, llama_lazy_mode.
    (*_BEGIN, *_LOAD_MODE, ("lazy_mode", "i", (1,)), *_END, *_SINCE_LOAD_MODE),
    # Since b10107: llama_load_mode.
    (*_BEGIN, *_LOAD_MODE, *_END, *_SINCE_LOAD_MODE),
    # Before: one bool for each way to load.
    (
        *(*_BEGIN, *_END),
        *(("use_mmap", "B", (1,)), ("use_direct_io", "B", _NOTHING), ("use_mlock", "B", _NOTHING)),
        *_SINCE_LOAD_MODE,
    ),
)
CONTEXT_FORM: Form = (
    ("n_ctx", "I", (512,)),
    ("n_batch", "I", (2048,)),
    ("n_ubatch", "I", (512,)),
    ("n_seq_max", "I", (1,)),
)


def places(form: Form, defaults: bytes) -> dict[str, tuple[str, int]] | None:
    """Code and offset of each field; None where the defaults are not those of this form."""
    codes, found = "@", {}
    for name, code, known in form:
        codes += code
        offset = struct.calcsize(codes) - struct.calcsize(code)
        if known is not None and struct.unpack_from(f"@{code}", defaults, offset)[0] not in known:
            return None
        found[name] = (code, offset)
    return found


def _changed(library: Library, block: Any, forms: Sequence[Form], values: dict[str, int]) -> bool:  # noqa: ANN401
    buffer = library.ffi.buffer(block)
    known = next(filter(None, (places(form, bytes(buffer)) for form in forms)), None)
    for name, (code, offset) in (known or {}).items():
        if name in values:
            struct.pack_into(f"@{code}", buffer, offset, values[name])
    return known is not None


def _model_parameters(library: Library, *, vocabulary_only: bool) -> tuple[Any, Any] | None:
    """The parameters, and what must live as long as they do."""
    block = library.ffi.new("struct block *", library.llama_model_default_params())
    no_devices = library.ffi.new("void *[1]")
    values = {
        "devices": int(library.ffi.cast("uintptr_t", no_devices)),
        "n_gpu_layers": 0,
        "vocab_only": int(vocabulary_only),
        "use_extra_bufts": 0,  # weights stay as they are in the file, and are not copied
    }
    if vocabulary_only:  # such a file ends where nothing can be mapped
        values |= {"load_mode": 0, "use_mmap": 0}
    return (block[0], no_devices) if _changed(library, block, MODEL_FORMS, values) else None


def _context_parameters(library: Library) -> Any:  # noqa: ANN401
    block = library.ffi.new("struct block *", library.llama_context_default_params())
    values = {"n_ctx": _TOKENS, "n_batch": _BATCH, "n_ubatch": _BATCH}
    return block[0] if _changed(library, block, (CONTEXT_FORM,), values) else None
