"""GGUF files with hostile and broken tensor infos or tensor data, as bytes.

`HOSTILE` names every builder, with the id of a finding that it must cause.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.support.gguf_files import ARCHITECTURE, EMBEDDING, OUTPUT, Tensor, build, model

Builder = Callable[[], bytes]

HOSTILE: dict[str, tuple[Builder, str]] = {}


def hostile(finding: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        HOSTILE[builder.__name__] = (builder, finding)
        return builder

    return register


_U64 = struct.Struct("<Q").pack


@hostile("KG-TEN-NAME")
def tensor_name_of_64_bytes() -> bytes:
    return model(tensors=(Tensor("n" * 64),))


@hostile("KG-TEN-NAME")
def tensor_name_beyond_the_file() -> bytes:
    return build((ARCHITECTURE,), n_tensors=1) + _U64(1 << 50) * 8


@hostile("KG-TEN-CTRL")
def nul_in_tensor_name() -> bytes:
    return model(tensors=(Tensor("output\0.weight"),))


@hostile("KG-TEN-BIDI")
def bidi_in_tensor_name() -> bytes:
    return model(tensors=(Tensor("output\u2066.weight"),))


@hostile("KG-TEN-PATH")
def tensor_name_climbs() -> bytes:
    return model(tensors=(Tensor("a/../../etc/cron.d/x"),))


@hostile("KG-TEN-PATH")
def tensor_name_is_absolute() -> bytes:
    return model(tensors=(Tensor("\\\\server\\share"),))


@hostile("KG-TEN-GRAMMAR")
def shell_in_tensor_name() -> bytes:
    return model(tensors=(Tensor("$(touch x).weight"),))


@hostile("KG-TEN-DUP")
def duplicate_tensor() -> bytes:
    return model(tensors=(EMBEDDING, EMBEDDING))


@hostile("KG-TEN-DIMS")
def five_dimensions() -> bytes:
    return model(tensors=(Tensor("a", (1,) * 5),))


@hostile("KG-TEN-DIMS")
def product_beyond_63_bits() -> bytes:
    return build((ARCHITECTURE,), (Tensor("a", (2**32, 2**32), 1),), data=b"")


@hostile("KG-TEN-DIMS")
def negative_dimension() -> bytes:
    return build((ARCHITECTURE,), (Tensor("a", (2**64 - 1,), 1),), data=b"")


@hostile("KG-TEN-ZERO")
def zero_dimension() -> bytes:
    return model(tensors=(Tensor("a", (32, 0)), OUTPUT))


@hostile("KG-TEN-TYPE")
def removed_type() -> bytes:
    return model(tensors=(Tensor("a", kind=4),))


@hostile("KG-TEN-TYPE")
def unknown_type() -> bytes:
    return model(tensors=(Tensor("a", kind=2**32 - 1),))


@hostile("KG-TEN-FORK")
def type_of_a_fork() -> bytes:
    return model(tensors=(Tensor("a", (256, 2), 144), Tensor("b", (256, 2), 212, offset=288)))


@hostile("KG-TEN-BLOCK")
def half_a_block() -> bytes:
    return model(tensors=(Tensor("a", (48,), 2),))


@hostile("KG-TEN-SIZE")
def bytes_beyond_63_bits() -> bytes:
    return build((ARCHITECTURE,), (Tensor("a", (2**62,), 0),), data=b"")


@hostile("KG-TEN-ALIGN")
def unaligned_tensor() -> bytes:
    return model(tensors=(Tensor("a", (8,), offset=4),))


@hostile("KG-TEN-ORDER")
def gap_between_tensors() -> bytes:
    return model(tensors=(Tensor("a", (8,)), Tensor("b", (8,), offset=64)))


@hostile("KG-TEN-OVERLAP")
def overlapping_tensors() -> bytes:
    return model(tensors=(Tensor("a", (32,)), Tensor("b", (8,), offset=32), Tensor("c", (32,), offset=128)))


@hostile("KG-DATA-TRUNC")
def cut_in_the_data() -> bytes:
    return model()[:-1]


@hostile("KG-DATA-TRUNC")
def no_data_at_all() -> bytes:
    return build((ARCHITECTURE,), (EMBEDDING,), data=b"")


@hostile("KG-SLACK-PAD")
def padding_not_zero() -> bytes:
    sound = build((ARCHITECTURE,), (Tensor("abcdef"),))
    place = sound.index(b"abcdef") + 6 + 4 + 16 + 4 + 8
    return sound[:place] + b"\x01" + sound[place + 1 :]


@hostile("KG-SLACK-TRAIL")
def program_after_the_data() -> bytes:
    return model() + b"\x7fELF" + bytes(60)
