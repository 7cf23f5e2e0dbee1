"""Vocabularies that do harm or fit nothing, as GGUF files.

`HOSTILE` names every builder, with the id of a finding that it must cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.support.gguf_files import ARCHITECTURE, Entry, Kind, Scalar, Tensor, build
from tests.support.gguf_hostile import Builder

HOSTILE: dict[str, tuple[Builder, str]] = {}

BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What SentencePiece would write for 263 tokens; `keys` stand beside it, or in place of its own."""

    tokens: tuple[str | bytes, ...] = ("<unk>", "<s>", "</s>", *BYTE_TOKENS, "\u2581", "the", "\u2581the", "日本")
    types: tuple[int, ...] = (2, 3, 3, *(6,) * 256, 1, 1, 1, 1)
    model: str = "llama"
    rows: int = 263
    keys: tuple[Entry, ...] = field(default=())

    def entries(self) -> list[Entry]:
        own = [
            Entry("tokenizer.ggml.model", Kind.STRING, self.model),
            _array("tokens", Kind.STRING, self.tokens),
            _array("scores", Kind.F32, [-float(index) for index in range(len(self.tokens))]),
            _array("token_type", Kind.I32, self.types),
            _id("bos", 1),
            _id("eos", 2),
        ]
        others = {entry.key for entry in self.keys}
        return [*(entry for entry in own if entry.key not in others), *self.keys]

    def file(self) -> bytes:
        tensors = (Tensor("token_embd.weight", (32, self.rows)), Tensor("output.weight", (32, self.rows)))
        return build((ARCHITECTURE, *self.entries()), tensors)

    def with_token(self, index: int, text: str | bytes, kind: int | None = None) -> Vocabulary:
        kinds = self.types if kind is None else (*self.types[:index], kind, *self.types[index + 1 :])
        return replace(self, tokens=(*self.tokens[:index], text, *self.tokens[index + 1 :]), types=kinds)


def _array(name: str, kind: Kind, values: Sequence[Scalar]) -> Entry:
    return Entry(f"tokenizer.ggml.{name}", Kind.ARRAY, tuple(values), kind)


def _id(name: str, value: int, kind: Kind = Kind.U32) -> Entry:
    return Entry(f"tokenizer.ggml.{name}_token_id", kind, value)


def _keys(*keys: Entry) -> bytes:
    return Vocabulary(keys=keys).file()


NONE = 2**32 - 1


def _sound() -> dict[str, Builder]:
    plain = Vocabulary()
    merges = _array("merges", Kind.STRING, ("t h", "th e", "\u2581 the"))
    words = (f"w{number}" for number in range(9))
    pieces = ("<|endoftext|>", "t", "h", "e", "th", "the", "\u2581", "\u2581the", *words)
    bpe = Vocabulary(tokens=pieces, types=(3, *(1,) * 16), model="gpt2", rows=17, keys=(_id("eos", 0), merges))
    charsmap = _array("precompiled_charsmap", Kind.U8, (4, 0, 0, 0, 1, 2, 3, 4, 65, 0))
    vision = Entry("general.architecture", Kind.STRING, "mllama")
    return {
        "sentencepiece": plain.file,
        "byte_pairs": bpe.file,
        "no_such_token": replace(plain, keys=(_id("bos", NONE), _id("padding", NONE))).file,
        "end_is_the_last_token": replace(plain, keys=(_id("eos", 262),)).file,
        "flags": replace(plain, keys=(Entry("tokenizer.ggml.add_bos_token", Kind.BOOL, value=True),)).file,
        "scores_are_integers": replace(plain, keys=(_array("scores", Kind.I32, range(263)),)).file,
        "normalized": replace(plain, keys=(charsmap,)).file,
        "tokens_not_utf8": plain.with_token(260, b"\xe6\x97").file,
        "empty_tokens": plain.with_token(260, "").with_token(261, "").file,
        "angle_bracket_zero": plain.with_token(260, "<0x").with_token(261, "<0xDEADBEEF").file,
        "longest_token": plain.with_token(260, " " * 1000).file,
        "tokens_alone": lambda: build((ARCHITECTURE, *plain.entries()[:2])),
        "eight_rows_for_pictures": lambda: build((vision, *plain.entries()), (Tensor("token_embd.weight", (32, 271)),)),
        "other_output": lambda: build(
            (ARCHITECTURE, *plain.entries()), (Tensor("d2t", (99,), 0), Tensor("output.weight", (32, 99)))
        ),
    }


SOUND = _sound()


def hostile(finding: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        HOSTILE[builder.__name__] = (builder, finding)
        return builder

    return register


@hostile("KG-VOC-TYPE")
def tokens_are_bytes() -> bytes:
    return _keys(_array("tokens", Kind.U8, (1,) * 263))


@hostile("KG-VOC-TYPE")
def tokens_are_one_string() -> bytes:
    return _keys(Entry("tokenizer.ggml.tokens", Kind.STRING, "a b c"))


@hostile("KG-VOC-TYPE")
def scores_of_one_byte() -> bytes:
    return _keys(_array("scores", Kind.U8, (0,) * 263))


@hostile("KG-VOC-TYPE")
def types_of_one_byte() -> bytes:
    return _keys(_array("token_type", Kind.U8, (1,) * 263))


@hostile("KG-VOC-TYPE")
def suppressed_tokens_of_one_byte() -> bytes:
    return _keys(_array("suppress_tokens", Kind.U8, (1,)))


@hostile("KG-VOC-TYPE")
def merges_are_numbers() -> bytes:
    return _keys(_array("merges", Kind.U32, (1, 2)))


@hostile("KG-VOC-TYPE")
def charsmap_of_numbers() -> bytes:
    return _keys(_array("precompiled_charsmap", Kind.U32, (1,) * 64))


@hostile("KG-VOC-TYPE")
def flag_is_a_number() -> bytes:
    return _keys(Entry("tokenizer.ggml.add_bos_token", Kind.U32, 1))


@hostile("KG-VOC-TYPE")
def tokenizer_is_a_number() -> bytes:
    return _keys(Entry("tokenizer.ggml.model", Kind.U32, 1))


@hostile("KG-VOC-TYPE")
def padding_id_with_a_sign() -> bytes:
    return _keys(_id("padding", 0, Kind.I32))


@hostile("KG-VOC-LEN")
def no_tokens() -> bytes:
    return replace(Vocabulary(), tokens=(), types=()).file()


@hostile("KG-VOC-LEN")
def one_score_too_few() -> bytes:
    return _keys(_array("scores", Kind.F32, (0.0,) * 262))


@hostile("KG-VOC-LEN")
def one_type() -> bytes:
    return replace(Vocabulary(), types=(1,)).file()


@hostile("KG-VOC-EMBD")
def more_tokens_than_rows() -> bytes:
    return replace(Vocabulary(), rows=223).file()


@hostile("KG-VOC-EMBD")
def fewer_tokens_than_rows() -> bytes:
    return replace(Vocabulary(), rows=264).file()


@hostile("KG-VOC-ID")
def end_beyond_the_tokens() -> bytes:
    return _keys(_id("eos", 263))


@hostile("KG-VOC-ID")
def negative_begin() -> bytes:
    return _keys(_id("bos", -5, Kind.I32))


@hostile("KG-VOC-ID")
def default_end_beyond_the_tokens() -> bytes:
    keys = _array("tokens", Kind.STRING, ("a", "b")), _array("merges", Kind.STRING, ("a b",))
    model = Entry("tokenizer.ggml.model", Kind.STRING, "gpt2")
    return build((ARCHITECTURE, model, *keys))


@hostile("KG-VOC-ID-OTHER")
def padding_beyond_the_tokens() -> bytes:
    return _keys(_id("padding", 50_000))


@hostile("KG-VOC-ID-OTHER")
def one_of_many_ends_beyond_the_tokens() -> bytes:
    return _keys(_array("eos_token_ids", Kind.I32, (2, 9999)))


@hostile("KG-VOC-BYTE")
def negative_byte() -> bytes:
    return Vocabulary().with_token(13, "<0x-1>").file()


@hostile("KG-VOC-BYTE")
def byte_with_a_plus() -> bytes:
    return Vocabulary().with_token(13, "<0x+A>").file()


@hostile("KG-VOC-BYTE")
def byte_without_digits() -> bytes:
    return Vocabulary().with_token(13, "<0xZZ>").file()


@hostile("KG-VOC-BYTE")
def byte_of_three_digits() -> bytes:
    return Vocabulary().with_token(13, "<0x100>").file()


@hostile("KG-VOC-BYTE")
def byte_of_one_letter() -> bytes:
    return Vocabulary().with_token(13, "a").file()


@hostile("KG-VOC-BYTE")
def byte_cut_by_a_zero() -> bytes:
    return Vocabulary().with_token(13, "<\0\0\0A>").file()


@hostile("KG-VOC-BYTE")
def half_a_byte_for_plamo() -> bytes:
    return replace(Vocabulary().with_token(13, "<0x A>"), model="plamo2").file()


@hostile("KG-VOC-BYTE-LIKE")
def half_a_byte() -> bytes:
    return Vocabulary().with_token(13, "<0xA >").file()


@hostile("KG-VOC-BYTE-LIKE")
def byte_in_lower_case() -> bytes:
    return Vocabulary().with_token(258, "<0xff>").file()


@hostile("KG-VOC-BYTE-LIKE")
def word_of_the_type_byte() -> bytes:
    return Vocabulary().with_token(260, "the", 6).file()


@hostile("KG-VOC-DUP")
def a_token_twice() -> bytes:
    return Vocabulary().with_token(262, "the").file()


@hostile("KG-VOC-LONG")
def token_of_5000_bytes() -> bytes:
    return Vocabulary().with_token(262, "x" * 5000).file()


@hostile("KG-VOC-HUGE")
def token_of_a_million_bytes() -> bytes:
    return Vocabulary().with_token(262, "x" * 1_000_000).file()


@hostile("KG-VOC-MANY")
def five_million_tokens() -> bytes:
    count = 5_000_000
    head = Entry("tokenizer.ggml.tokens", Kind.ARRAY, raw=b"\x09\0\0\0\x08\0\0\0" + count.to_bytes(8, "little"))
    return build((ARCHITECTURE, head)) + bytes(8 * count)


@hostile("KG-VOC-KIND")
def type_77() -> bytes:
    return replace(Vocabulary(), types=(77, *Vocabulary().types[1:])).file()


@hostile("KG-VOC-BYTE-LIKE")
def byte_of_type_77() -> bytes:
    types = list(Vocabulary().types)
    return replace(Vocabulary(), types=(*types[:13], 77, *types[14:])).file()


@hostile("KG-VOC-SCORE")
def score_that_is_no_number() -> bytes:
    return _keys(_array("scores", Kind.F32, (*(0.0,) * 262, float("nan"))))


@hostile("KG-VOC-CHARSMAP")
def charsmap_of_three_bytes() -> bytes:
    return _keys(_array("precompiled_charsmap", Kind.U8, (1, 0, 0)))


@hostile("KG-VOC-CHARSMAP")
def charsmap_shorter_than_its_trie() -> bytes:
    return _keys(_array("precompiled_charsmap", Kind.U8, (255, 255, 255, 255, 0, 0, 0, 0)))


@hostile("KG-VOC-CHARSMAP")
def charsmap_without_an_end() -> bytes:
    return _keys(_array("precompiled_charsmap", Kind.I8, (4, 0, 0, 0, 1, 2, 3, 4, 65)))


@hostile("KG-VOC-PAIR")
def merge_of_one_part() -> bytes:
    return _keys(_array("merges", Kind.STRING, ("the",)))


@hostile("KG-VOC-MERGES")
def merges_of_no_tokens() -> bytes:
    return _keys(_array("merges", Kind.STRING, ("\u2581 the", "q z")))
