//! Where the floating-point numbers stand in a block of each tensor type, and which bits say that one is no number.
//!
//! From `ggml-common.h` of llama.cpp, November 2026. A number is NaN or infinite when all bits of its exponent are set:
//! in every format these lie in one byte or in two, so that two masks are enough to tell.

/// One floating-point number of a block: it is none when all bits of both masks are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    /// Where the two bytes stand in the block.
    pub(super) places: [usize; 2],
    pub(super) masks: [u8; 2],
}

/// The formats of numbers. Which of two bytes is the high one depends on the file's byte order, except in IQ1_M.
#[derive(Debug, Clone, Copy)]
enum Format {
    Half,
    Brain,
    Single,
    Double,
    /// An exponent alone, 255 is NaN.
    E8M0,
    /// Four bits of exponent and three of fraction, of which all set are NaN.
    E4M3,
    /// The scale of IQ1_M: four bits in each of four 16-bit words, of which the third and fourth have the exponent.
    Spread,
}

impl Format {
    /// `at` is where the number begins in the block.
    fn number(self, at: usize, big_endian: bool) -> Number {
        let (size, masks) = match self {
            Self::Half => (2_usize, [0x7c, 0]),
            Self::Brain => (2, [0x7f, 0x80]),
            Self::Single => (4, [0x7f, 0x80]),
            Self::Double => (8, [0x7f, 0xf0]),
            Self::E8M0 => (1, [0xff, 0]),
            Self::E4M3 => (1, [0x7f, 0]),
            Self::Spread => (8, [0x70, 0xc0]),
        };
        let places = match (self, big_endian) {
            (Self::Spread, false) => [7, 5],
            (Self::Spread, true) => [6, 4],
            (_, true) => [0, 1.min(size.saturating_sub(1))],
            (_, false) => [size.saturating_sub(1), size.saturating_sub(2)],
        };
        Number { places: places.map(|place| place.saturating_add(at)), masks }
    }
}

/// Bytes of a block, and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) block_bytes: usize,
    pub(super) numbers: Vec<Number>,
}

/// The layout of a type by ggml's number; None for types without floating-point numbers, and for unknown ones.
pub(super) fn layout(kind: u32, big_endian: bool) -> Option<Layout> {
    use Format::{Brain, Double, E4M3, E8M0, Half, Single, Spread};
    let (block_bytes, format, places): (usize, Format, &[usize]) = match kind {
        0 => (4, Single, &[0]),
        1 => (2, Half, &[0]),
        2 => (18, Half, &[0]),           // Q4_0
        3 => (20, Half, &[0, 2]),        // Q4_1
        6 => (22, Half, &[0]),           // Q5_0
        7 => (24, Half, &[0, 2]),        // Q5_1
        8 => (34, Half, &[0]),           // Q8_0
        9 => (36, Half, &[0, 2]),        // Q8_1
        10 => (84, Half, &[80, 82]),     // Q2_K
        11 => (110, Half, &[108]),       // Q3_K
        12 => (144, Half, &[0, 2]),      // Q4_K
        13 => (176, Half, &[0, 2]),      // Q5_K
        14 => (210, Half, &[208]),       // Q6_K
        15 => (292, Single, &[0]),       // Q8_K
        16 => (66, Half, &[0]),          // IQ2_XXS
        17 => (74, Half, &[0]),          // IQ2_XS
        18 => (98, Half, &[0]),          // IQ3_XXS
        19 => (50, Half, &[0]),          // IQ1_S
        20 => (18, Half, &[0]),          // IQ4_NL
        21 => (110, Half, &[0]),         // IQ3_S
        22 => (82, Half, &[0]),          // IQ2_S
        23 => (136, Half, &[0]),         // IQ4_XS
        28 => (8, Double, &[0]),         // F64
        29 => (56, Spread, &[48]),       // IQ1_M
        30 => (2, Brain, &[0]),          // BF16
        34 => (54, Half, &[52]),         // TQ1_0
        35 => (66, Half, &[64]),         // TQ2_0
        39 => (17, E8M0, &[0]),          // MXFP4
        40 => (36, E4M3, &[0, 1, 2, 3]), // NVFP4
        41 | 42 => (18, Half, &[0]),     // Q1_0, Q2_0
        _ => return None,
    };
    Some(Layout { block_bytes, numbers: places.iter().map(|&at| format.number(at, big_endian)).collect() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::super::types::tensor_type;
    use super::layout;

    #[test]
    fn blocks_have_the_sizes_of_their_types() {
        for kind in 0..200 {
            let known = tensor_type(kind).filter(|kind| !kind.removed());
            let integer = known.is_some_and(|kind| matches!(kind.name, "I8" | "I16" | "I32" | "I64"));
            let size = known.filter(|_| !integer).map(|kind| kind.bytes as usize);
            assert_eq!(layout(kind, false).map(|layout| layout.block_bytes), size, "type {kind}");
            for big_endian in [false, true] {
                for number in layout(kind, big_endian).into_iter().flat_map(|layout| layout.numbers) {
                    assert!(number.places.iter().all(|&place| place < size.unwrap()), "type {kind}: {number:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_told_from_what_is_none() {
        let is_none = |kind: u32, big_endian: bool, bytes: &[u8]| {
            let number = layout(kind, big_endian).unwrap().numbers[0];
            number.places.iter().zip(number.masks).all(|(&place, mask)| bytes[place] & mask == mask)
        };
        for value in [0.0_f32, -1.5, f32::MAX, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let wide = f64::from(value);
            assert_eq!(is_none(0, false, &value.to_le_bytes()), !value.is_finite());
            assert_eq!(is_none(0, true, &value.to_be_bytes()), !value.is_finite());
            assert_eq!(is_none(28, false, &wide.to_le_bytes()), !value.is_finite());
            assert_eq!(is_none(28, true, &wide.to_be_bytes()), !value.is_finite());
            let brain = (value.to_bits() >> 16) as u16;
            assert_eq!(is_none(30, false, &brain.to_le_bytes()), !value.is_finite());
            assert_eq!(is_none(30, true, &brain.to_be_bytes()), !value.is_finite());
        }
        for (half, none) in [(0_u16, false), (0x7bff, false), (0xfbff, false), (0x7c00, true), (0xfe00, true)] {
            assert_eq!(is_none(1, false, &half.to_le_bytes()), none);
            assert_eq!(is_none(1, true, &half.to_be_bytes()), none);
            // as IQ1_M spreads it over the high four bits of four words
            let words = [half << 12, half << 8 & 0xf000, half << 4 & 0xf000, half & 0xf000];
            let mut block = [0; 56];
            for (to, word) in block[48..].chunks_exact_mut(2).zip(words) {
                to.copy_from_slice(&word.to_le_bytes());
            }
            assert_eq!(is_none(29, false, &block), none);
        }
    }
}
