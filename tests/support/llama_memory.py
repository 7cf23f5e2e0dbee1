"""What llama.cpp itself would allocate for a file: `python llama_memory.py LIBRARY FILE`, questions on standard input.

A question is a line of JSON, {"context", "key_type", "value_type", "flash", "sequences"}; so is each answer, in
bytes by buffer type: {"CPU": {"weights", "context", "compute"}}, or nothing where llama.cpp refuses. Without
``--allocate``, recurrent states alone are allocated (`no_alloc`, as when llama.cpp fits its own parameters), so
that models of any size can be asked about.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
_NO_LAYERS_ON_GPU, _LOAD_MODE, _EXTRA_BUFFERS, _NO_ALLOC = 16, 24, 74, 76
_CONTEXT, _SEQUENCES, _FLASH, _TYPE_K, _TYPE_V, _SWA_FULL, _UNIFIED = 0, 12, 52, 104, 108, 140, 141
_BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"


class _Parameters(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_uint8 * 512),)


class _Map(ctypes.Structure):
    """libstdc++'s ``std::map``: the root of its tree is the third word."""

    _fields_ = (("words", ctypes.c_uint64 * 6),)


def _library(path: str) -> Any:
    library = ctypes.CDLL(path)
    for name in ("llama_model_default_params", "llama_context_default_params"):
        getattr(library, name).restype = _Parameters
    pointer = ctypes.c_void_p
    library.llama_model_load_from_file.argtypes = (ctypes.c_char_p, _Parameters)
    library.llama_model_load_from_file.restype = pointer
    library.llama_init_from_model.argtypes = (pointer, _Parameters)
    library.llama_init_from_model.restype = pointer
    library.llama_free.argtypes = (pointer,)
    library.llama_log_set.argtypes = (pointer, pointer)
    library.ggml_backend_buft_name.argtypes = (pointer,)
    library.ggml_backend_buft_name.restype = ctypes.c_char_p
    getattr(library, _BREAKDOWN).argtypes = (pointer,)
    getattr(library, _BREAKDOWN).restype = _Map
    return library


def _set(parameters: _Parameters, place: int, usual: int, value: int, code: str = "i") -> None:
    """Writes a field whose default is known, so that another layout is seen and not written to."""
    (found,) = struct.unpack_from(code, parameters.bytes, place)
    if found != usual:
        sys.exit(f"another layout of llama.cpp's parameters: {found} is at {place}, not {usual}")
    struct.pack_into(code, parameters.bytes, place, value)


def _model(library: Any, path: str, *, allocate: bool) -> int:
    parameters = library.llama_model_default_params()
    _set(parameters, _NO_LAYERS_ON_GPU, -1, 0)
    _set(parameters, _LOAD_MODE, -1, 0)
    _set(parameters, _EXTRA_BUFFERS, 1, 0, "B")
    _set(parameters, _NO_ALLOC, 0, int(not allocate), "B")
    model = library.llama_model_load_from_file(path.encode(), parameters)
    return int(model) if model else sys.exit("llama.cpp does not load it")


def _nodes(address: int) -> Iterator[tuple[int, ...]]:
    """A tree's: the buffer type, and three sizes."""
    if address:
        words = (ctypes.c_uint64 * 8).from_address(address)
        yield from _nodes(words[2])
        yield tuple(words[4:])
        yield from _nodes(words[3])


def _answer(library: Any, model: int, question: dict[str, Any]) -> dict[str, dict[str, int]]:
    parameters = library.llama_context_default_params()
    _set(parameters, _CONTEXT, 512, question["context"])
    _set(parameters, _SEQUENCES, 1, question["sequences"])
    _set(parameters, _FLASH, -1, int(question["flash"]))
    _set(parameters, _TYPE_K, _TYPES["f16"], _TYPES[question["key_type"]])
    _set(parameters, _TYPE_V, _TYPES["f16"], _TYPES[question["value_type"]])
    _set(parameters, _SWA_FULL, 1, 0, "B")
    _set(parameters, _UNIFIED, 0, 1, "B")
    context = library.llama_init_from_model(model, parameters)
    if not context:
        return {}
    found = {}
    for kind, *sizes in _nodes(getattr(library, _BREAKDOWN)(context).words[2]):
        name = library.ggml_backend_buft_name(kind).decode()
        found[name] = dict(zip(("weights", "context", "compute"), sizes, strict=True))
    library.llama_free(context)
    return found


def main() -> None:
    library = _library(sys.argv[1])
    if "-v" not in sys.argv:
        quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        library.llama_log_set(quiet, None)
    library.llama_backend_init()
    model = _model(library, sys.argv[2], allocate="--allocate" in sys.argv)
    for line in sys.stdin:
        print(json.dumps(_answer(library, model, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
