//! AVX2: eight lanes; and a single stream whose schedule is made for eight blocks at once and whose rounds use BMI2.

use std::arch::x86_64::*;

use super::vector::{self, Scheduler, Schedules, Vector};
use super::{BLOCK, State, portable};

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")
}

/// # Safety
///
/// [`available`]; 8 states and 8 pointers to `blocks` blocks.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn compress8(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { vector::compress::<X8>(states, data, blocks) }
}

/// # Safety
///
/// [`available`]; 1 state and 1 pointer to `blocks` blocks.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn compress1(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { stream::<X8>(&mut states[0], data[0], blocks) }
}

/// Takes `blocks` blocks into one `state`. The schedules of eight blocks are made at once in a vector, a word between
/// eight rounds of the blocks before, which go through general registers: the rounds alone are on the critical path.
///
/// # Safety
///
/// [`available`], and `V`'s CPU feature, with eight lanes; `data` has `blocks` blocks.
#[inline(always)]
pub(super) unsafe fn stream<V: Vector>(state: &mut State, data: *const u8, blocks: usize) {
    let mut schedules: [Schedules; 2] = [[[0; 8]; 64]; 2];
    let [mut ready, mut next] = schedules.each_mut();
    // SAFETY: by the function's contract; `group` stays inside the data.
    unsafe {
        let mut scheduler = Scheduler::<V>::new(&group(data, 0, blocks));
        for _ in 0..64 {
            scheduler.step(ready);
        }
        for first in (0..blocks).step_by(8) {
            let mut scheduler = Scheduler::<V>::new(&group(data, first + 8, blocks));
            for i in 0..8.min(blocks - first) {
                let mut rounds = portable::Rounds::new(state);
                for wk in ready.as_chunks::<8>().0 {
                    rounds.eight([wk[0][i], wk[1][i], wk[2][i], wk[3][i], wk[4][i], wk[5][i], wk[6][i], wk[7][i]]);
                    scheduler.step(next);
                }
                rounds.add_to(state);
            }
            std::mem::swap(&mut ready, &mut next);
        }
    }
}

/// Blocks `first..first + 8` of `blocks`; beyond the end the last one stands in.
#[inline(always)]
unsafe fn group(data: *const u8, first: usize, blocks: usize) -> [*const u8; 8] {
    let mut group = [data; 8];
    for (i, block) in group.iter_mut().enumerate() {
        // SAFETY: `blocks` is not 0, and the block is inside the data.
        *block = unsafe { data.add((first + i).min(blocks - 1) * BLOCK) };
    }
    group
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct X8(__m256i);

impl Vector for X8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        // SAFETY: AVX2 by the trait's contract, here and below.
        X8(unsafe { _mm256_set1_epi32(word as i32) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        X8(unsafe { _mm256_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        X8(unsafe { _mm256_xor_si256(self.0, _mm256_xor_si256(b.0, c.0)) })
    }

    #[inline(always)]
    unsafe fn choose(self, f: Self, g: Self) -> Self {
        // SAFETY: see above.
        X8(unsafe { _mm256_xor_si256(g.0, _mm256_and_si256(self.0, _mm256_xor_si256(f.0, g.0))) })
    }

    #[inline(always)]
    unsafe fn majority(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            let differ = _mm256_and_si256(_mm256_xor_si256(self.0, b.0), _mm256_xor_si256(b.0, c.0));
            X8(_mm256_xor_si256(b.0, differ))
        }
    }

    #[inline(always)]
    unsafe fn rotate_right<const N: i32>(self) -> Self {
        // SAFETY: see above. Constant counts: both shifts become immediates.
        unsafe {
            let right = _mm256_srl_epi32(self.0, _mm_cvtsi32_si128(N));
            X8(_mm256_or_si256(right, _mm256_sll_epi32(self.0, _mm_cvtsi32_si128(32 - N))))
        }
    }

    #[inline(always)]
    unsafe fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: see above.
        X8(unsafe { _mm256_srli_epi32::<N>(self.0) })
    }

    #[inline(always)]
    unsafe fn gather(states: &[State], word: usize) -> Self {
        // SAFETY: see above.
        X8(unsafe { gather(states, word) })
    }

    #[inline(always)]
    unsafe fn scatter(self, states: &mut [State], word: usize) {
        // SAFETY: see above.
        unsafe { scatter(self.0, states, word) }
    }

    #[inline(always)]
    unsafe fn load(blocks: &[*const u8], offset: usize) -> [Self; 16] {
        // SAFETY: see above.
        unsafe { std::mem::transmute(load(blocks, offset)) }
    }
}

/// Word `word` of eight states.
///
/// # Safety
///
/// AVX2; 8 states.
#[inline(always)]
pub(super) unsafe fn gather(states: &[State], word: usize) -> __m256i {
    let words: [u32; 8] = std::array::from_fn(|lane| states[lane][word]);
    // SAFETY: `words` is 32 bytes.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Writes word `word` of eight states.
///
/// # Safety
///
/// AVX2; 8 states.
#[inline(always)]
pub(super) unsafe fn scatter(vector: __m256i, states: &mut [State], word: usize) {
    let mut words = [0u32; 8];
    // SAFETY: `words` is 32 bytes.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
    for (state, new) in states.iter_mut().zip(words) {
        state[word] = new;
    }
}

/// The 16 big-endian words of one block of eight lanes, transposed.
///
/// # Safety
///
/// AVX2; 8 pointers with 64 bytes at `offset`.
#[inline(always)]
pub(super) unsafe fn load(blocks: &[*const u8], offset: usize) -> [__m256i; 16] {
    // SAFETY: by the function's contract.
    unsafe {
        // Loops and no closures: a closure would not inherit the caller's CPU features.
        let swap = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203));
        let mut low = [swap; 8];
        let mut high = [swap; 8];
        for lane in 0..8 {
            let block = blocks[lane].add(offset);
            low[lane] = _mm256_shuffle_epi8(_mm256_loadu_si256(block.cast()), swap);
            high[lane] = _mm256_shuffle_epi8(_mm256_loadu_si256(block.add(32).cast()), swap);
        }
        let (low, high) = (transpose(low), transpose(high));
        let mut words = [swap; 16];
        words[..8].copy_from_slice(&low);
        words[8..].copy_from_slice(&high);
        words
    }
}

/// Eight rows of eight words become eight columns.
#[inline(always)]
unsafe fn transpose(r: [__m256i; 8]) -> [__m256i; 8] {
    // SAFETY: AVX2 by the caller's contract.
    unsafe {
        let mut t = r;
        for i in (0..8).step_by(2) {
            t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
            t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
        }
        let mut u = t;
        for q in (0..8).step_by(4) {
            u[q] = _mm256_unpacklo_epi64(t[q], t[q + 2]);
            u[q + 1] = _mm256_unpackhi_epi64(t[q], t[q + 2]);
            u[q + 2] = _mm256_unpacklo_epi64(t[q + 1], t[q + 3]);
            u[q + 3] = _mm256_unpackhi_epi64(t[q + 1], t[q + 3]);
        }
        let mut out = u;
        for j in 0..4 {
            out[j] = _mm256_permute2x128_si256::<0x20>(u[j], u[j + 4]);
            out[j + 4] = _mm256_permute2x128_si256::<0x31>(u[j], u[j + 4]);
        }
        out
    }
}
