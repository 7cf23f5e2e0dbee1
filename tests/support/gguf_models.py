"""Small sound models of many architectures as GGUF files: with the keys and tensors that converters write for them.

`MODELS` names every builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.support.gguf_files import Entry, Kind, Tensor, build

Builder = Callable[[], bytes]
Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]

MODELS: dict[str, Builder] = {}

WIDTH, ROWS = 32, 40

GATED = ("ffn_gate", "ffn_up", "ffn_down")
PLAIN = ("ffn_up", "ffn_down")


def _model(builder: Builder) -> Builder:
    MODELS[builder.__name__] = builder
    return builder


def _entry(key: str, value: Value) -> Entry:
    """A key as converters write it: counts are uint32, whole numbers in arrays int32."""
    if isinstance(value, tuple):
        first = value[0]
        kind = Kind.BOOL if isinstance(first, bool) else Kind.I32 if isinstance(first, int) else Kind.F32
        return Entry(key, Kind.ARRAY, value, kind)
    if isinstance(value, bool):
        return Entry(key, Kind.BOOL, value)
    if isinstance(value, str):
        return Entry(key, Kind.STRING, value)
    return Entry(key, Kind.U32 if isinstance(value, int) else Kind.F32, value)


def entries(architecture: str, own: dict[str, Value], other: dict[str, Value] | None = None) -> list[Entry]:
    """The keys of a file: `own` ones begin with the architecture."""
    keys: dict[str, Value] = {"general.architecture": architecture}
    keys |= {f"{architecture}.{name}": value for name, value in own.items()} | (other or {})
    return [_entry(key, value) for key, value in keys.items()]


def sizes(**changed: Value) -> dict[str, Value]:
    """The keys of a small model of two blocks, with `changed` ones; a double underscore stands for a dot."""
    usual: dict[str, Value] = {
        "vocab_size": ROWS,
        "context_length": 128,
        "embedding_length": WIDTH,
        "block_count": 2,
        "feed_forward_length": 64,
        "attention.head_count": 4,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    return usual | {name.replace("__", "."): value for name, value in changed.items()}


NO_VOCABULARY: dict[str, Value] = {"tokenizer.ggml.model": "no_vocab"}


def attention(block: int, *, queries: int = WIDTH, keys: int = WIDTH, bias: bool = False) -> list[Tensor]:
    shapes = {"attn_q": queries, "attn_k": keys, "attn_v": keys}
    tensors = [Tensor(f"blk.{block}.{part}.weight", (WIDTH, length)) for part, length in shapes.items()]
    if bias:
        tensors += [Tensor(f"blk.{block}.{part}.bias", (length,)) for part, length in shapes.items()]
    return [*tensors, Tensor(f"blk.{block}.attn_output.weight", (queries, WIDTH))]


def feed_forward(block: int, parts: Sequence[str], length: int = 64) -> list[Tensor]:
    shape = {"ffn_gate": (WIDTH, length), "ffn_up": (WIDTH, length), "ffn_down": (length, WIDTH)}
    return [Tensor(f"blk.{block}.{part}.weight", shape[part]) for part in parts]


def norms(block: int, *parts: str, length: int = WIDTH, bias: bool = False) -> list[Tensor]:
    kinds = ("weight", "bias") if bias else ("weight",)
    return [Tensor(f"blk.{block}.{part}.{kind}", (length,)) for part in parts for kind in kinds]


def around(tensors: Iterable[Tensor], *, output: bool = True, bias: bool = False) -> list[Tensor]:
    """The blocks' tensors, with embedding and output."""
    ends = [Tensor("token_embd.weight", (WIDTH, ROWS)), Tensor("output_norm.weight", (WIDTH,))]
    if bias:
        ends.append(Tensor("output_norm.bias", (WIDTH,)))
    if output:
        ends.append(Tensor("output.weight", (WIDTH, ROWS)))
    return [*ends, *tensors]


def llama_block(block: int, *, keys: int = WIDTH) -> list[Tensor]:
    return [*norms(block, "attn_norm", "ffn_norm"), *attention(block, keys=keys), *feed_forward(block, GATED)]


def llama(own: dict[str, Value] | None = None, *extra: Entry, without: Sequence[str] = (), add: Sequence[Tensor] = ()) -> bytes:
    """A sound llama model that llama.cpp loads, with changed keys, and tensors left out or added."""
    tensors = [tensor for tensor in around([*llama_block(0), *llama_block(1)]) if tensor.name not in without]
    keys = entries("llama", sizes(rope__dimension_count=8) | (own or {}), NO_VOCABULARY)
    return build([*keys, *extra], [*tensors, *add])


def _full(architecture: str, own: dict[str, Value], block: Callable[[int], list[Tensor]], **ends: bool) -> bytes:
    """A model of two blocks, whole as llama.cpp needs it."""
    return build(entries(architecture, own, NO_VOCABULARY), around([*block(0), *block(1)], **ends))


def _sketch(architecture: str, own: dict[str, Value], *tensors: Tensor) -> bytes:
    """A model's keys, with its embedding and some tensors."""
    return build(entries(architecture, own, NO_VOCABULARY), [Tensor("token_embd.weight", (WIDTH, ROWS)), *tensors])


@_model
def llama_plain() -> bytes:
    return llama()


@_model
def llama_grouped_heads_tied_output() -> bytes:
    own = sizes(attention__head_count_kv=2, rope__dimension_count=8)
    return _full("llama", own, lambda block: llama_block(block, keys=16), output=False)


@_model
def llama_experts() -> bytes:
    def block(number: int) -> list[Tensor]:
        experts = {"ffn_gate_exps": (WIDTH, 64, 4), "ffn_up_exps": (WIDTH, 64, 4), "ffn_down_exps": (64, WIDTH, 4)}
        tensors = [Tensor(f"blk.{number}.{part}.weight", shape) for part, shape in experts.items()]
        router = Tensor(f"blk.{number}.ffn_gate_inp.weight", (WIDTH, 4))
        return [*norms(number, "attn_norm", "ffn_norm"), *attention(number), router, *tensors]

    return _full("llama", sizes(expert_count=4, expert_used_count=2, rope__dimension_count=8), block)


@_model
def qwen2_bias() -> bytes:
    def block(number: int) -> list[Tensor]:
        heads = attention(number, keys=16, bias=True)
        return [*norms(number, "attn_norm", "ffn_norm"), *heads, *feed_forward(number, GATED)]

    return _full("qwen2", sizes(attention__head_count_kv=2), block)


@_model
def qwen3_wide_heads() -> bytes:
    def block(number: int) -> list[Tensor]:
        own = norms(number, "attn_q_norm", "attn_k_norm", length=16)
        heads = attention(number, queries=64, keys=32)
        return [*norms(number, "attn_norm", "ffn_norm"), *own, *heads, *feed_forward(number, GATED)]

    lengths = {"attention.key_length": 16, "attention.value_length": 16}
    return _full("qwen3", sizes(attention__head_count_kv=2) | lengths, block, output=False)


@_model
def gemma3_sliding_windows() -> bytes:
    def block(number: int) -> list[Tensor]:
        around_ = norms(number, "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
        own = norms(number, "attn_q_norm", "attn_k_norm", length=8)
        return [*around_, *own, *attention(number, keys=8), *feed_forward(number, GATED)]

    lengths = {"attention.key_length": 8, "attention.value_length": 8, "attention.sliding_window": 64}
    return _full("gemma3", sizes(attention__head_count_kv=1) | lengths, block, output=False)


@_model
def gpt2_fused() -> bytes:
    def block(number: int) -> list[Tensor]:
        fused = [
            Tensor(f"blk.{number}.attn_qkv.weight", (WIDTH, 3 * WIDTH)),
            Tensor(f"blk.{number}.attn_qkv.bias", (3 * WIDTH,)),
            Tensor(f"blk.{number}.attn_output.weight", (WIDTH, WIDTH)),
            Tensor(f"blk.{number}.attn_output.bias", (WIDTH,)),
            Tensor(f"blk.{number}.ffn_up.bias", (64,)),
            Tensor(f"blk.{number}.ffn_down.bias", (WIDTH,)),
        ]
        return [*norms(number, "attn_norm", "ffn_norm", bias=True), *fused, *feed_forward(number, PLAIN)]

    own = sizes(attention__layer_norm_epsilon=1e-5)
    del own["attention.layer_norm_rms_epsilon"]
    positions = [Tensor("position_embd.weight", (WIDTH, 128))]
    blocks = [*block(0), *block(1), *positions]
    return build(entries("gpt2", own, NO_VOCABULARY), around(blocks, bias=True))


@_model
def starcoder_one_shared_head() -> bytes:
    own = sizes(attention__head_count_kv=1, attention__layer_norm_epsilon=1e-5)
    fused = [Tensor(f"blk.{number}.attn_qkv.weight", (WIDTH, WIDTH + 16)) for number in range(2)]
    rest = [[*norms(n, "attn_norm", "ffn_norm"), *feed_forward(n, PLAIN)] for n in range(2)]
    heads = [Tensor(f"blk.{number}.attn_output.weight", (WIDTH, WIDTH)) for number in range(2)]
    return build(entries("starcoder", own, NO_VOCABULARY), around([*fused, *heads, *rest[0], *rest[1]]))


@_model
def falcon_one_shared_head() -> bytes:
    return _sketch("falcon", sizes(attention__head_count_kv=1, attention__layer_norm_epsilon=1e-5))


@_model
def phi3_long_rotations() -> bytes:
    own = sizes(rope__scaling__type="longrope", rope__scaling__original_context_length=64, rope__scaling__attn_factor=1.1)
    return _sketch("phi3", own, Tensor("blk.1.attn_qkv.weight", (WIDTH, 3 * WIDTH)))


@_model
def openelm_heads_for_each_layer() -> bytes:
    own = {"attention.head_count": (12, 16), "attention.head_count_kv": (3, 4), "feed_forward_length": (64, 96)}
    return _sketch("openelm", sizes(attention__key_length=8, attention__value_length=8) | own)


@_model
def deci_layers_without_heads() -> bytes:
    own = {"attention.head_count": (4, 0), "attention.head_count_kv": (2, 0), "feed_forward_length": (64, 0)}
    return _sketch("deci", sizes(rope__dimension_count=8) | own)


@_model
def deepseek2_latent_heads() -> bytes:
    own = sizes(
        attention__head_count_kv=1, attention__key_length=576, attention__value_length=512,
        attention__key_length_mla=192, attention__value_length_mla=128, attention__kv_lora_rank=512,
        rope__dimension_count=64, leading_dense_block_count=1, expert_count=8, expert_used_count=2,
        expert_group_count=4, expert_group_used_count=2, expert_weights_scale=2.5, expert_weights_norm=True,
    )  # fmt: skip
    return _sketch("deepseek2", own, Tensor("blk.1.attn_kv_a_mqa.weight", (WIDTH, 576)))


@_model
def glm4moe_predicted_tokens() -> bytes:
    own = sizes(block_count=3, nextn_predict_layers=1, attention__key_length=8, attention__value_length=8)
    experts: dict[str, Value] = {"expert_count": 8, "expert_used_count": 2, "expert_group_count": 1}
    experts["expert_group_used_count"] = 1
    return _sketch("glm4moe", own | experts, Tensor("blk.2.nextn.eh_proj.weight", (2 * WIDTH, WIDTH)))


@_model
def mamba_no_heads() -> bytes:
    own = sizes(attention__head_count=0, feed_forward_length=0, context_length=1 << 20, ssm__conv_kernel=4)
    return _sketch("mamba", own | {"ssm.inner_size": 64, "ssm.state_size": 16, "ssm.time_step_rank": 2})


@_model
def mamba2_no_heads() -> bytes:
    own = sizes(attention__head_count=0, feed_forward_length=0, ssm__conv_kernel=4, ssm__inner_size=64)
    return _sketch("mamba2", own | {"ssm.state_size": 128, "ssm.time_step_rank": 4, "ssm.group_count": 2})


@_model
def rwkv7_no_heads() -> bytes:
    own = sizes(attention__head_count=0, wkv__head_size=16, attention__layer_norm_epsilon=1e-5, token_shift_count=2)
    return _sketch("rwkv7", own)


@_model
def rwkv6qwen2_shared_heads_only() -> bytes:
    own = sizes(attention__head_count=0, attention__head_count_kv=2, wkv__head_size=8, time_decay_extra_dim=8)
    return _sketch("rwkv6qwen2", own)


@_model
def jamba_layers_without_heads() -> bytes:
    own = {"attention.head_count_kv": (0, 2), "ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16}
    return _sketch("jamba", sizes(expert_count=4, expert_used_count=2, ssm__time_step_rank=2) | own)


@_model
def lfm2_convolutions() -> bytes:
    return _sketch("lfm2", sizes(shortconv__l_cache=3) | {"attention.head_count_kv": (0, 2)})


@_model
def nemotron_h_mixed() -> bytes:
    own = {"feed_forward_length": (0, 64), "attention.head_count_kv": (0, 0), "ssm.group_count": 8}
    return _sketch("nemotron_h", sizes(attention__key_length=16, attention__value_length=16) | own)


@_model
def nemotron_h_moe_experts_for_each_layer() -> bytes:
    own = {"expert_used_count": (0, 2), "expert_feed_forward_length": (0, 32), "attention.head_count_kv": (0, 2)}
    return _sketch("nemotron_h_moe", sizes(expert_count=4) | own)


@_model
def granitehybrid_mixed() -> bytes:
    return _sketch("granitehybrid", sizes(logit_scale=8.0, residual_scale=0.22) | {"attention.head_count_kv": (0, 2)})


@_model
def qwen3next_mixed() -> bytes:
    own = sizes(attention__head_count_kv=2, attention__key_length=16, attention__value_length=16, expert_count=8)
    ssm: dict[str, Value] = {"ssm.conv_kernel": 4, "ssm.inner_size": 64, "ssm.state_size": 16, "ssm.group_count": 2}
    return _sketch("qwen3next", own | ssm | {"expert_used_count": 2, "ssm.time_step_rank": 4})


@_model
def kimi_linear_mixed() -> bytes:
    return _sketch("kimi-linear", sizes(kda__head_dim=8, attention__key_length=16) | {"attention.head_count_kv": (0, 1)})


@_model
def gpt_oss_experts() -> bytes:
    own = sizes(attention__head_count_kv=1, attention__key_length=16, attention__value_length=16, expert_count=4)
    window: dict[str, Value] = {"attention.sliding_window": 128, "expert_used_count": 4, "rope.freq_base": 150000.0}
    return _sketch("gpt-oss", own | window | {"rope.scaling.type": "yarn", "rope.scaling.factor": 32.0})


@_model
def llama4_experts() -> bytes:
    own = sizes(expert_count=16, expert_used_count=1, interleave_moe_layer_step=1, context_length=10_485_760)
    return _sketch("llama4", own)


@_model
def hunyuan_dense_one_expert() -> bytes:
    return _sketch("hunyuan-dense", sizes(expert_count=1, attention__key_length=8))


@_model
def gemma3n_windows_for_each_layer() -> bytes:
    own = {"attention.sliding_window_pattern": (True, False), "feed_forward_length": (64, 64)}
    wide = Tensor("per_layer_token_embd.weight", (64, ROWS))
    return _sketch("gemma3n", sizes(attention__key_length=8, attention__value_length=8) | own, wide)


@_model
def bert_embedding() -> bytes:
    own = sizes(attention__layer_norm_epsilon=1e-12, attention__causal=False, pooling_type=2)
    del own["attention.layer_norm_rms_epsilon"]
    return _sketch("bert", own, Tensor("blk.0.attn_q.weight", (WIDTH, WIDTH)), Tensor("token_types.weight", (WIDTH, 2)))


@_model
def t5_encoder_and_decoder() -> bytes:
    own = sizes(attention__key_length=64, attention__value_length=64, decoder_block_count=3, decoder_start_token_id=0)
    return _sketch("t5", own, Tensor("dec.blk.2.attn_q.weight", (WIDTH, 256)), Tensor("enc.blk.1.attn_q.weight", (WIDTH, 256)))


@_model
def wavtokenizer_decoder() -> bytes:
    own = sizes(features_length=16, attention__layer_norm_epsilon=1e-6, attention__group_norm_epsilon=1e-6)
    parts: dict[str, Value] = {"posnet.block_count": 2, "convnext.block_count": 1, "attention.head_count": 1}
    return build(entries("wavtokenizer-dec", own | parts, NO_VOCABULARY), [Tensor("token_embd.weight", (16, ROWS))])


@_model
def eagle3_draft() -> bytes:
    return build(entries("eagle3", sizes(block_count=1), NO_VOCABULARY), [Tensor("blk.0.attn_q.weight", (64, WIDTH)), Tensor("d2t", (ROWS,), 26)])


@_model
def vocabulary_and_sizes() -> bytes:
    """What vocabulary-only files have, whether or not a loader could do with these keys."""
    return build(entries("command-r", sizes(), {"general.file_type": 0}))


@_model
def first_of_two_shards() -> bytes:
    """A first shard: the second block and the output are in the other."""
    split = (
        Entry("split.no", Kind.U16, 0), Entry("split.count", Kind.U16, 2), Entry("split.tensors.count", Kind.I32, 21),
    )  # fmt: skip
    return build([*entries("llama", sizes(), NO_VOCABULARY | {"general.file_type": 2}), *split], around(llama_block(0), output=False))


@_model
def image_model_without_sizes() -> bytes:
    keys = entries("flux", {}, {"general.quantization_version": 2, "general.file_type": 2})
    return build(keys, [Tensor("double_blocks.0.img_attn.qkv.weight", (64, 192), 2), Tensor("img_in.weight", (64, 64))])


@_model
def tensors_of_no_model() -> bytes:
    return build([_entry("my_key", 1)], [Tensor("model.diffusion_model.input_blocks.0.weight", (32, 4))])


@_model
def importance_matrix() -> bytes:
    keys = {"general.type": "imatrix", "imatrix.chunk_count": 10}
    sums = [Tensor("blk.0.attn_q.weight.in_sum2", (WIDTH, 1)), Tensor("blk.0.attn_q.weight.counts", (1, 1))]
    return build([_entry(key, value) for key, value in keys.items()], sums)


@_model
def control_vector() -> bytes:
    keys = entries("controlvector", {"model_hint": "llama", "layer_count": 2})
    return build(keys, [Tensor("direction.1", (WIDTH,))])


def lora(*tensors: Tensor, alpha: Value = 16.0, kind: Value = "lora") -> bytes:
    """An adapter for a llama model, with these tensors."""
    other = {"general.type": "adapter", "adapter.type": kind, "adapter.lora.alpha": alpha}
    return build(entries("llama", {}, other), tensors)


@_model
def lora_adapter() -> bytes:
    pairs = [
        Tensor("blk.0.attn_q.weight.lora_a", (WIDTH, 4)), Tensor("blk.0.attn_q.weight.lora_b", (4, WIDTH)),
        Tensor("token_embd.weight.lora_a", (4, ROWS)), Tensor("token_embd.weight.lora_b", (4, WIDTH)),
        Tensor("blk.0.attn_norm.weight", (WIDTH,)),
    ]  # fmt: skip
    return lora(*pairs)


VISION: dict[str, Value] = {
    "has_vision_encoder": True, "projector_type": "mlp", "vision.image_size": 336, "vision.patch_size": 14,
    "vision.embedding_length": 64, "vision.feed_forward_length": 128, "vision.projection_dim": 32,
    "vision.block_count": 1, "vision.attention.head_count": 4, "vision.attention.layer_norm_epsilon": 1e-5,
    "vision.image_mean": (0.5, 0.5, 0.5), "vision.image_std": (0.5, 0.5, 0.5), "use_gelu": True,
}  # fmt: skip


def projector(changed: dict[str, Value] | None = None, *extra: Entry) -> bytes:
    """A projector for images, with changed keys."""
    keys = entries("clip", VISION | (changed or {}), {"general.type": "mmproj"})
    gone = {entry.key for entry in extra}
    patches = [Tensor("v.patch_embd.weight", (14, 14, 3, 64), 1), Tensor("mm.0.weight", (64, 32), 1)]
    return build([*(entry for entry in keys if entry.key not in gone), *extra], patches)


@_model
def projector_of_tiles() -> bytes:
    return projector({"vision.image_grid_pinpoints": (336, 672, 672, 336)})


@_model
def projector_of_any_size() -> bytes:
    own: dict[str, Value] = {"projector_type": "qwen2.5vl_merger", "vision.image_size": 0, "vision.spatial_merge_size": 2}
    return projector(own | {"vision.image_min_pixels": 3136, "vision.image_max_pixels": 12_845_056})


@_model
def projector_without_encoder() -> bytes:
    own: dict[str, Value] = {"projector_type": "gemma4uv", "vision.block_count": 0, "vision.attention.head_count": 0}
    return projector(own | {"vision.feed_forward_length": 0})


@_model
def projector_of_sound() -> bytes:
    own: dict[str, Value] = {
        "has_audio_encoder": True, "projector_type": "ultravox", "audio.embedding_length": 64,
        "audio.feed_forward_length": 128, "audio.projection_dim": 32, "audio.block_count": 1, "audio.num_mel_bins": 128,
        "audio.attention.head_count": 4, "audio.attention.layer_norm_epsilon": 1e-5, "audio.projector.stack_factor": 8,
    }  # fmt: skip
    return build(entries("clip", own, {"general.type": "mmproj"}), [Tensor("mm.a.mlp.1.weight", (64, 32), 1)])
