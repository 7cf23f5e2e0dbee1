"""Hostile and broken GGUF files as bytes.

`HOSTILE` names every builder, with the id of a finding that it must cause.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.support.gguf_files import ARCHITECTURE, EMBEDDING, NAME, OUTPUT, Entry, Kind, build, model

Builder = Callable[[], bytes]

HOSTILE: dict[str, tuple[Builder, str]] = {}


def hostile(finding: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        HOSTILE[builder.__name__] = (builder, finding)
        return builder

    return register


def _raw(key: str | bytes, raw: bytes) -> bytes:
    """A model with one more key, of which type and value are `raw`."""
    return model(Entry(key, 0, raw=raw))


_U32 = struct.Struct("<I").pack
_U64 = struct.Struct("<Q").pack


@hostile("KG-HDR-MAGIC")
def empty() -> bytes:
    return b""


@hostile("KG-HDR-MAGIC")
def html_page() -> bytes:
    return b"\n<!DOCTYPE html><html><body>404</body></html>"


@hostile("KG-HDR-MAGIC")
def lfs_pointer() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4661211808\n"


@hostile("KG-HDR-MAGIC")
def pickle() -> bytes:
    return b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94"


@hostile("KG-HDR-MAGIC")
def zip_archive() -> bytes:
    return b"PK\x03\x04" + bytes(60)


@hostile("KG-HDR-MAGIC")
def safetensors() -> bytes:
    text = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return _U64(len(text)) + text + bytes(4)


@hostile("KG-HDR-MAGIC")
def zeros() -> bytes:
    return bytes(1 << 16)


@hostile("KG-HDR-MAGIC")
def three_bytes() -> bytes:
    return b"GGU"


@hostile("KG-HDR-TRUNC")
def magic_alone() -> bytes:
    return b"GGUF"


@hostile("KG-HDR-V1")
def version_1() -> bytes:
    return b"GGUF" + _U32(1) + bytes(8)


@hostile("KG-HDR-VERSION")
def version_4() -> bytes:
    return build(version=4)


@hostile("KG-HDR-COUNT")
def keys_beyond_the_file() -> bytes:
    return build((ARCHITECTURE,), n_kv=2**60)


@hostile("KG-HDR-COUNT")
def tensors_beyond_the_file() -> bytes:
    return build((ARCHITECTURE,), n_tensors=2**63)


@hostile("KG-HDR-TRUNC")
def cut_in_a_key() -> bytes:
    return build((ARCHITECTURE, NAME))[:80]


@hostile("KG-HDR-TRUNC")
def cut_in_a_tensor() -> bytes:
    whole = build((ARCHITECTURE,), (EMBEDDING, OUTPUT))
    return whole[: whole.index(b"output.weight") + 30]


@hostile("KG-KEY-EMPTY")
def empty_key() -> bytes:
    return model(Entry("", Kind.U8, 1))


@hostile("KG-KEY-LEN")
def key_beyond_the_file() -> bytes:
    return build(n_kv=1) + _U64(2**64 - 1) + bytes(64)


@hostile("KG-KEY-LEN")
def key_of_70_000_bytes() -> bytes:
    return model(Entry("k" * 70_000, Kind.U8, 1))


@hostile("KG-KEY-UTF8")
def key_not_utf8() -> bytes:
    return model(Entry(b"general.\xff", Kind.U8, 1))


@hostile("KG-KEY-NUL")
def nul_in_key() -> bytes:
    return model(Entry("general.name\0x", Kind.U8, 1))


@hostile("KG-KEY-CTRL")
def ansi_in_key() -> bytes:
    return model(Entry("general.\x1b[2J", Kind.U8, 1))


@hostile("KG-KEY-CTRL")
def tag_characters_in_key() -> bytes:
    return model(Entry("general.\U000e0041", Kind.U8, 1))


@hostile("KG-KEY-BIDI")
def bidi_in_key() -> bytes:
    return model(Entry("general.\u202eeman", Kind.U8, 1))


@hostile("KG-KEY-GRAMMAR")
def homoglyph_in_key() -> bytes:
    return model(Entry("gener\u0430l.name", Kind.U8, 1))


@hostile("KG-KEY-CASE")
def upper_case_key() -> bytes:
    return model(Entry("General.Name", Kind.U8, 1))


@hostile("KG-KEY-DUP")
def duplicate_key() -> bytes:
    return model(NAME)


@hostile("KG-TYPE-RANGE")
def value_type_13() -> bytes:
    return _raw("x", _U32(13) + bytes(16))


@hostile("KG-TYPE-RANGE")
def element_type_13() -> bytes:
    return _raw("x", _U32(Kind.ARRAY) + _U32(13) + _U64(1) + bytes(16))


@hostile("KG-STR-LEN")
def string_beyond_the_file() -> bytes:
    return _raw("x", _U32(Kind.STRING) + _U64(2**64 - 1) + b"abc")


@hostile("KG-STR-LEN")
def element_beyond_the_file() -> bytes:
    return _raw("x", _U32(Kind.ARRAY) + _U32(Kind.STRING) + _U64(2) + _U64(1) + b"a" + _U64(1 << 40))


@hostile("KG-STR-UTF8")
def string_not_utf8() -> bytes:
    return model(Entry("general.author", Kind.STRING, b"\xc3("))


@hostile("KG-STR-UTF8")
def tag_not_utf8() -> bytes:
    return model(Entry("general.tags", Kind.ARRAY, (b"chat", b"\xc3("), Kind.STRING))


@hostile("KG-STR-UTF8")
def long_string_not_utf8() -> bytes:
    return model(Entry("tokenizer.chat_template", Kind.STRING, b"x" * 70_000 + b"\xe6\x97"))


@hostile("KG-ARR-UTF8")
def tokens_not_utf8() -> bytes:
    return model(Entry("tokenizer.ggml.added_tokens", Kind.ARRAY, (b"a", b"\xe6\x97", b"\xa5", b"zzz"), Kind.STRING))


@hostile("KG-ARR-COUNT")
def array_beyond_the_file() -> bytes:
    return _raw("x", _U32(Kind.ARRAY) + _U32(Kind.F64) + _U64(1 << 61) + bytes(64))


@hostile("KG-ARR-COUNT")
def strings_beyond_the_file() -> bytes:
    return _raw("x", _U32(Kind.ARRAY) + _U32(Kind.STRING) + _U64(1 << 40) + bytes(64))


@hostile("KG-ARR-NEST")
def nested_array() -> bytes:
    return _raw("x", (_U32(Kind.ARRAY) + _U32(Kind.ARRAY) + _U64(1)) * 1000)


@hostile("KG-BOOL-VAL")
def bool_2() -> bytes:
    return _raw("x", _U32(Kind.BOOL) + b"\x02")


@hostile("KG-BOOL-VAL")
def bools_255() -> bytes:
    return model(Entry("x", Kind.ARRAY, (0, 1, 255), Kind.BOOL))


@hostile("KG-ALIGN")
def alignment_24() -> bytes:
    return model(Entry("general.alignment", Kind.U32, 24))


@hostile("KG-ALIGN")
def alignment_0() -> bytes:
    return model(Entry("general.alignment", Kind.U32, 0))


@hostile("KG-ALIGN")
def alignment_of_type_u64() -> bytes:
    return model(Entry("general.alignment", Kind.U64, 32))


@hostile("KG-ALIGN-SMALL")
def alignment_8() -> bytes:
    return model(Entry("general.alignment", Kind.U32, 8), alignment=8)


@hostile("KG-SPLIT-TYPE")
def shard_number_of_type_u32() -> bytes:
    return model(Entry("split.no", Kind.U32, 0))


@hostile("KG-SPLIT-NO")
def shard_5_of_3() -> bytes:
    return model(Entry("split.no", Kind.U16, 5), Entry("split.count", Kind.U16, 3))


@hostile("KG-SPLIT-COUNT")
def whole_model_as_a_shard() -> bytes:
    split = (
        Entry("split.no", Kind.U16, 0),
        Entry("split.count", Kind.U16, 65535),
        Entry("split.tensors.count", Kind.I32, 2),
    )
    return model(*split)


@hostile("KG-MORE")
def a_thousand_bad_names() -> bytes:
    return model(*(Entry(f"x\x01{index}", Kind.U8, 1) for index in range(1000)))
