//! AVX-512: sixteen lanes in a 512-bit register, thirty-two in two, eight in a 256-bit one (VL). Rotations and three-operand logic are one
//! instruction each (`vprord`, `vpternlogd`).

use std::arch::x86_64::*;

use super::State;
use super::vector::{self, Pair, Vector};

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

/// # Safety
///
/// [`available`]; 16 states and 16 pointers to `blocks` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2")]
pub(super) unsafe fn compress16(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { vector::compress::<X16>(states, data, blocks) }
}

/// # Safety
///
/// [`available`]; 32 states and 32 pointers to `blocks` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2")]
pub(super) unsafe fn compress32(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { vector::compress::<Pair<X16>>(states, data, blocks) }
}

/// # Safety
///
/// [`available`]; 8 states and 8 pointers to `blocks` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2")]
pub(super) unsafe fn compress8(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { vector::compress::<X8>(states, data, blocks) }
}

/// # Safety
///
/// [`available`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2")]
pub(super) unsafe fn compress1(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { super::avx2::stream::<X8>(&mut states[0], data[0], blocks) }
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct X16(__m512i);

#[derive(Clone, Copy)]
#[repr(transparent)]
struct X8(__m256i);

/// For `_mm512_ternarylogic_epi32`: the truth tables of the three functions.
const XOR3: i32 = 0x96;
const CHOOSE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

macro_rules! common {
    ($vector:ident, $splat:ident, $add:ident, $ternary:ident, $ror:ident) => {
        #[inline(always)]
        unsafe fn splat(word: u32) -> Self {
            // SAFETY: AVX-512 by the trait's contract, here and below.
            $vector(unsafe { $splat(word as i32) })
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            $vector(unsafe { $add(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn xor3(self, b: Self, c: Self) -> Self {
            // SAFETY: see above.
            $vector(unsafe { $ternary::<XOR3>(self.0, b.0, c.0) })
        }

        #[inline(always)]
        unsafe fn choose(self, f: Self, g: Self) -> Self {
            // SAFETY: see above.
            $vector(unsafe { $ternary::<CHOOSE>(self.0, f.0, g.0) })
        }

        #[inline(always)]
        unsafe fn majority(self, b: Self, c: Self) -> Self {
            // SAFETY: see above.
            $vector(unsafe { $ternary::<MAJORITY>(self.0, b.0, c.0) })
        }

        #[inline(always)]
        unsafe fn rotate_right<const N: i32>(self) -> Self {
            // SAFETY: see above.
            $vector(unsafe { $ror::<N>(self.0) })
        }
    };
}

impl Vector for X16 {
    const LANES: usize = 16;

    common!(X16, _mm512_set1_epi32, _mm512_add_epi32, _mm512_ternarylogic_epi32, _mm512_ror_epi32);

    #[inline(always)]
    unsafe fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: see above. The intrinsic wants an unsigned constant, which cannot be made of a const parameter.
        X16(unsafe { _mm512_srl_epi32(self.0, _mm_cvtsi32_si128(N)) })
    }

    #[inline(always)]
    unsafe fn gather(states: &[State], word: usize) -> Self {
        let words: [u32; 16] = std::array::from_fn(|lane| states[lane][word]);
        // SAFETY: `words` is 64 bytes.
        X16(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    unsafe fn scatter(self, states: &mut [State], word: usize) {
        let mut words = [0u32; 16];
        // SAFETY: `words` is 64 bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) };
        for (state, new) in states.iter_mut().zip(words) {
            state[word] = new;
        }
    }

    #[inline(always)]
    unsafe fn load(blocks: &[*const u8], offset: usize) -> [Self; 16] {
        // SAFETY: the caller's pointers have a block at `offset`.
        unsafe {
            let swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203));
            let mut rows = [swap; 16];
            for (row, block) in rows.iter_mut().zip(blocks) {
                *row = _mm512_shuffle_epi8(_mm512_loadu_si512(block.add(offset).cast()), swap);
            }
            std::mem::transmute(transpose(rows))
        }
    }
}

/// Sixteen rows of sixteen words become sixteen columns.
#[inline(always)]
unsafe fn transpose(r: [__m512i; 16]) -> [__m512i; 16] {
    // SAFETY: AVX-512 by the caller's contract.
    unsafe {
        let mut t = r;
        for i in (0..16).step_by(2) {
            t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
            t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
        }
        // u[4q + j]: words j, j + 4, j + 8, j + 12 of rows 4q..4q + 4, a quarter register each.
        let mut u = t;
        for q in (0..16).step_by(4) {
            u[q] = _mm512_unpacklo_epi64(t[q], t[q + 2]);
            u[q + 1] = _mm512_unpackhi_epi64(t[q], t[q + 2]);
            u[q + 2] = _mm512_unpacklo_epi64(t[q + 1], t[q + 3]);
            u[q + 3] = _mm512_unpackhi_epi64(t[q + 1], t[q + 3]);
        }
        let mut out = u;
        for j in 0..4 {
            let low = _mm512_shuffle_i32x4::<0x88>(u[j], u[j + 4]);
            let odd = _mm512_shuffle_i32x4::<0xdd>(u[j], u[j + 4]);
            let low2 = _mm512_shuffle_i32x4::<0x88>(u[j + 8], u[j + 12]);
            let odd2 = _mm512_shuffle_i32x4::<0xdd>(u[j + 8], u[j + 12]);
            out[j] = _mm512_shuffle_i32x4::<0x88>(low, low2);
            out[j + 4] = _mm512_shuffle_i32x4::<0x88>(odd, odd2);
            out[j + 8] = _mm512_shuffle_i32x4::<0xdd>(low, low2);
            out[j + 12] = _mm512_shuffle_i32x4::<0xdd>(odd, odd2);
        }
        out
    }
}

impl Vector for X8 {
    const LANES: usize = 8;

    common!(X8, _mm256_set1_epi32, _mm256_add_epi32, _mm256_ternarylogic_epi32, _mm256_ror_epi32);

    #[inline(always)]
    unsafe fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: see above.
        X8(unsafe { _mm256_srli_epi32::<N>(self.0) })
    }

    #[inline(always)]
    unsafe fn gather(states: &[State], word: usize) -> Self {
        // SAFETY: the caller has AVX2.
        X8(unsafe { super::avx2::gather(states, word) })
    }

    #[inline(always)]
    unsafe fn scatter(self, states: &mut [State], word: usize) {
        // SAFETY: the caller has AVX2.
        unsafe { super::avx2::scatter(self.0, states, word) }
    }

    #[inline(always)]
    unsafe fn load(blocks: &[*const u8], offset: usize) -> [Self; 16] {
        // SAFETY: the caller has AVX2, and its pointers a block at `offset`.
        unsafe { std::mem::transmute(super::avx2::load(blocks, offset)) }
    }
}
