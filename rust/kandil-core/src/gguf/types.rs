//! ggml's tensor types: how many elements make a block, and how many bytes a block takes.
//!
//! From `ggml.h` and `ggml-common.h` of llama.cpp, November 2026. Numbers are written into files and never used again for
//! something else, so the table only grows. Forks give numbers of their own to types that no other program reads. Those of
//! ik_llama.cpp, in which many models are published, are known by name; their rows carry extra bytes, and sizes are not given.

/// One row of the table. `block` is 0 for a number that ggml has given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorType {
    /// ggml's name, in upper case.
    pub name: &'static str,
    /// Elements in a block; the first dimension is a multiple of it.
    pub block: u64,
    /// Bytes of a block.
    pub bytes: u64,
}

impl TensorType {
    /// Whether ggml once had this type and dropped it: no current program reads its data.
    pub fn removed(self) -> bool {
        self.block == 0
    }
}

const fn row(name: &'static str, block: u64, bytes: u64) -> TensorType {
    TensorType { name, block, bytes }
}

const fn gone(name: &'static str) -> TensorType {
    row(name, 0, 0)
}

static TABLE: [TensorType; 43] = [
    row("F32", 1, 4),
    row("F16", 1, 2),
    row("Q4_0", 32, 18),
    row("Q4_1", 32, 20),
    gone("Q4_2"),
    gone("Q4_3"),
    row("Q5_0", 32, 22),
    row("Q5_1", 32, 24),
    row("Q8_0", 32, 34),
    row("Q8_1", 32, 36), // two halves and 32 bytes; the `gguf` package's table has 40
    row("Q2_K", 256, 84),
    row("Q3_K", 256, 110),
    row("Q4_K", 256, 144),
    row("Q5_K", 256, 176),
    row("Q6_K", 256, 210),
    row("Q8_K", 256, 292),
    row("IQ2_XXS", 256, 66),
    row("IQ2_XS", 256, 74),
    row("IQ3_XXS", 256, 98),
    row("IQ1_S", 256, 50),
    row("IQ4_NL", 32, 18),
    row("IQ3_S", 256, 110),
    row("IQ2_S", 256, 82),
    row("IQ4_XS", 256, 136),
    row("I8", 1, 1),
    row("I16", 1, 2),
    row("I32", 1, 4),
    row("I64", 1, 8),
    row("F64", 1, 8),
    row("IQ1_M", 256, 56),
    row("BF16", 1, 2),
    gone("Q4_0_4_4"),
    gone("Q4_0_4_8"),
    gone("Q4_0_8_8"),
    row("TQ1_0", 256, 54),
    row("TQ2_0", 256, 66),
    gone("IQ4_NL_4_4"),
    gone("IQ4_NL_4_8"),
    gone("IQ4_NL_8_8"),
    row("MXFP4", 32, 17),
    row("NVFP4", 64, 36),
    row("Q1_0", 128, 18),
    row("Q2_0", 64, 18),
];

/// The type with this number; None where ggml has none.
pub fn tensor_type(number: u32) -> Option<TensorType> {
    TABLE.get(usize::try_from(number).ok()?).copied()
}

/// ik_llama.cpp's types, less its row-interleaved ones, which have the number of what they interleave plus 200.
static FORK: [(u32, &str); 18] = [
    (133, "Q6_0"),
    (134, "IQ1_BN"),
    (135, "IQ2_BN"),
    (137, "IQ2_K"),
    (138, "IQ3_K"),
    (139, "IQ4_K"),
    (140, "IQ5_K"),
    (141, "IQ6_K"),
    (144, "IQ4_KS"),
    (145, "IQ2_KS"),
    (146, "IQ4_KSS"),
    (152, "IQ5_KS"),
    (153, "IQ2_KT"),
    (154, "IQ3_KT"),
    (155, "IQ4_KT"),
    (156, "IQ3_KS"),
    (157, "IQ2_KL"),
    (158, "IQ1_KT"),
];

/// The name of a type that only ik_llama.cpp has.
pub fn fork_type_name(number: u32) -> Option<String> {
    let own = |number| FORK.iter().find(|(row, _)| *row == number).map(|(_, name)| *name);
    let base =
        |number| tensor_type(number).filter(|kind| !kind.removed()).map(|kind| kind.name).or_else(|| own(number));
    match own(number) {
        Some(name) => Some(name.to_owned()),
        None => base(number.checked_sub(200)?).map(|name| format!("{name}, interleaved")),
    }
}

/// The type's name, or `type 77` where neither ggml nor ik_llama.cpp has one.
pub fn tensor_type_name(number: u32) -> String {
    match tensor_type(number) {
        Some(found) => found.name.to_owned(),
        None => fork_type_name(number).unwrap_or_else(|| format!("type {number}")),
    }
}
