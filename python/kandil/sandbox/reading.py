"""What another parser sees in a file's header, beside kandil's scan of the same bytes.

The quick proof is the parser's own writer: what it has read, written again, must be the file's bytes, so each key,
value and tensor was read as it stands there. Where it writes them differently (dimensions of 1 at a shape's end are not
written), every value is compared. Keys, types, counts, scalars and tensors are compared with the scan in any case.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from kandil._core import Header, Tensor
from kandil.sandbox.ggml import Library

TYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"),
    *("bool", "string", "array", "uint64", "int64", "float64"),
)
_GETTERS = dict(
    zip(TYPES, ("u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "", "u64", "i64", "f64"), strict=True)
)
_C_TYPES = {**{name: f"{name}_t" for name in TYPES if "int" in name}, "float32": "float", "float64": "double"}
_INITS = ("gguf_init_from_file_ptr", "_Z24gguf_init_from_file_implP8_IO_FILE16gguf_init_params")
_GETTERS_NEEDED = (
    *("gguf_get_n_kv", "gguf_get_key", "gguf_get_kv_type", "gguf_get_arr_type", "gguf_get_arr_n", "gguf_get_arr_str"),
    *("gguf_get_arr_data", "gguf_get_val_str", "gguf_get_n_tensors", "gguf_get_tensor_name", "gguf_get_tensor_type"),
    *("gguf_get_tensor_offset", "gguf_get_tensor_size", "gguf_get_data_offset", "gguf_get_alignment", "ggml_type_name"),
)
_VERSION_BYTES = 8  # magic and version, which a writer gives as its own
_BLOCKING = ("malformed", "malicious")
_MOST = 20
_SHOWN = 80


def why_not(library: Library) -> str | None:
    """Why the library cannot read a header from a descriptor; None where it can."""
    if not library.has("gguf_get_n_kv"):
        return "this library has none of gguf's functions"
    if not any(map(library.has, _INITS)):
        return "this library opens files by their path alone, which the sandbox forbids"
    if not library.has(*_GETTERS_NEEDED):
        return "this library lacks functions that tell what it has read"
    return None


def sound(header: Header) -> bool:
    """Whether the scan has nothing against the file that blocks it."""
    return header.is_gguf and not any(finding.severity in _BLOCKING for finding in header.findings)


def read(library: Library, stream: Any) -> Any:  # noqa: ANN401 (a C pointer)
    """The library's view of a header, or NULL where it refuses the file."""
    init = getattr(library, next(filter(library.has, _INITS)))
    library.rewind(stream)
    parameters = library.ffi.new("struct gguf_init_params *", {"no_alloc": True})
    return init(stream, parameters[0])


def differences(library: Library, view: Any, header: Header, fd: int) -> list[str]:  # noqa: ANN401
    """What the library sees otherwise than the scan; the first twenty."""
    if header.data_offset is None:
        return ["kandil's scan breaks off in the header, and the loader reads on"]
    return list(islice(_Comparison(library, view, header).differences(fd), _MOST))


class _Comparison:
    """A library's view of a header beside the scan."""

    def __init__(self, library: Library, view: Any, header: Header) -> None:  # noqa: ANN401
        self.library = library
        self.view = view
        self.header = header
        self.keys = header.keys()

    def differences(self, fd: int) -> Iterator[str]:
        whole = self._written_again(fd)
        yield from _differ("general.alignment", self.library.gguf_get_alignment(self.view), self.header.alignment)
        count = self.library.gguf_get_n_kv(self.view)
        yield from _differ("the number of keys", count, len(self.keys))
        for index in range(min(count, len(self.keys))):
            yield from self._key(index, values=not whole)
        yield from self._tensors()

    def _written_again(self, fd: int) -> bool:
        """Whether the library writes what it has read as it stands in the file, but for magic and version."""
        library = self.library
        if not library.has("gguf_get_meta_size", "gguf_get_meta_data"):
            return False
        size = library.gguf_get_meta_size(self.view)
        written = library.ffi.new("char[]", size)
        library.gguf_get_meta_data(self.view, written)
        own = os.pread(fd, size, 0)[_VERSION_BYTES:]
        again = memoryview(library.ffi.buffer(written, size))[_VERSION_BYTES : _VERSION_BYTES + len(own)]
        # A file without tensors may end before the padding.
        return again == own and size - _VERSION_BYTES - len(own) < library.gguf_get_alignment(self.view)

    def _key(self, index: int, *, values: bool) -> list[str]:
        library, header, key = self.library, self.header, self.keys[index]
        name = _text(library.text(library.gguf_get_key(self.view, index)))
        if name != key:
            return _differ(f"key {index}", name, key)
        kind = _type(library.gguf_get_kv_type(self.view, index))
        if kind != "array":
            return _differ(f"the type of {key!r}", kind, header.type(key)) or self._scalar(index, kind)
        element = _type(library.gguf_get_arr_type(self.view, index))
        length = library.gguf_get_arr_n(self.view, index)
        different = _differ(f"the type of {key!r}", f"array[{element}]", header.type(key))
        different += _differ(f"the number of elements of {key!r}", length, header.count(key))
        if values and not different:
            return list(islice(self._elements(index, element), _MOST))
        return different

    def _scalar(self, index: int, kind: str) -> list[str]:
        key = self.keys[index]
        seen = getattr(self.library, f"gguf_get_val_{_GETTERS[kind]}")(self.view, index)
        own = self.header[key]
        if kind == "string":
            seen, own = _text(self.library.text(seen)), str(own).rstrip("\0")  # NUL at the end hides nothing
        return _differ(f"the value of {key!r}", seen, own)

    def _elements(self, index: int, element: str) -> Iterator[str]:
        key = self.keys[index]
        own = self.header[key]
        assert isinstance(own, list)
        if element == "string":
            own = [str(text).split("\0", 1)[0] for text in own]  # a C string ends at its NUL byte
        seen = self._strings(index, len(own)) if element == "string" else self._numbers(index, len(own), element)
        for place, (one, other) in enumerate(zip(seen, own, strict=True)):
            yield from _differ(f"element {place} of {key!r}", one, other)

    def _strings(self, index: int, count: int) -> list[str]:
        library = self.library
        return [_text(library.text(library.gguf_get_arr_str(self.view, index, place))) for place in range(count)]

    def _numbers(self, index: int, count: int, element: str) -> list[Any]:
        if not count:
            return []
        ffi = self.library.ffi
        pointer = ffi.cast(f"{_C_TYPES.get(element, 'int8_t')} *", self.library.gguf_get_arr_data(self.view, index))
        numbers = ffi.unpack(pointer, count)
        return [bool(number) for number in numbers] if element == "bool" else list(numbers)

    def _tensors(self) -> Iterator[str]:
        count, start = self.library.gguf_get_n_tensors(self.view), self.library.gguf_get_data_offset(self.view)
        yield from _differ("the number of tensors", count, self.header.tensor_count)
        if self.header.tensor_count:
            yield from _differ("the start of the tensor data", start, self.header.data_offset)
        for index, tensor in enumerate(self.header.tensors[:count]):
            for what, one in self._tensor(index, start).items():
                yield from _differ(f"{what} of tensor {tensor.name!r}", one, _own(tensor, what))

    def _tensor(self, index: int, start: int) -> dict[str, object]:
        library, view = self.library, self.view
        seen: dict[str, object] = {
            "the name": _text(library.text(library.gguf_get_tensor_name(view, index))),
            "the type": _text(library.text(library.ggml_type_name(library.gguf_get_tensor_type(view, index)))).lower(),
            "the offset": start + library.gguf_get_tensor_offset(view, index),
            "the size": library.gguf_get_tensor_size(view, index),
        }
        if library.has("gguf_get_tensor_ne"):
            seen["the shape"] = tuple(library.ffi.unpack(library.gguf_get_tensor_ne(view, index), 4))
        return seen


def _own(tensor: Tensor, what: str) -> object:
    match what:
        case "the name":
            return tensor.name
        case "the type":
            return tensor.type.lower()
        case "the offset":
            return tensor.offset
        case "the size":
            return tensor.size_bytes
        case _:
            return (*tensor.shape, 1, 1, 1, 1)[:4]


def _differ(what: str, seen: object, own: object) -> list[str]:
    if seen == own or (seen != seen and own != own):  # noqa: PLR0124 (NaN)
        return []
    where = ""
    if isinstance(seen, str) and isinstance(own, str):
        places = enumerate(zip(seen, own, strict=False))
        same = next((place for place, (one, other) in places if one != other), min(len(seen), len(own)))
        if same >= _SHOWN:
            seen, own, where = seen[same:], own[same:], f" from character {same} on"
    return [f"{what}: the loader sees {_short(seen)}{where}, kandil's scan {_short(own)}"]


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _type(number: int) -> str:
    return TYPES[number] if 0 <= number < len(TYPES) else f"type {number}"


def _text(raw: bytes) -> str:
    """As kandil shows bytes that are not UTF-8."""
    return raw.decode("utf-8", "replace")
