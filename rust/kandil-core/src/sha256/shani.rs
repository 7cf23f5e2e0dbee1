//! The SHA extensions of x86: one stream, or two interleaved, which hides the latency of `sha256rnds2`.

use std::arch::x86_64::*;

use super::{BLOCK, K, State};

pub(super) fn available() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
}

/// # Safety
///
/// [`available`]; 1 state and 1 pointer to `blocks` blocks.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) unsafe fn compress1(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { compress::<1>(states, data, blocks) }
}

/// # Safety
///
/// [`available`]; 2 states and 2 pointers to `blocks` blocks.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) unsafe fn compress2(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: the function's contract.
    unsafe { compress::<2>(states, data, blocks) }
}

/// `N` streams in step. The instructions hold the state as `abef` and `cdgh`, highest word first
/// (Intel SDM, SHA256RNDS2).
#[inline(always)]
unsafe fn compress<const N: usize>(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: by the callers' contract: the features, `N` states and `N` pointers to `blocks` blocks.
    unsafe {
        let mut s: [(__m128i, __m128i); N] = std::array::from_fn(|n| load_state(&states[n]));
        for block in 0..blocks {
            let before = s;
            let mut w: [[__m128i; 4]; N] = std::array::from_fn(|n| load_block(data[n].add(block * BLOCK)));
            macro_rules! four_rounds {
                ($($g:literal)*) => {$(
                    let k = _mm_loadu_si128(K.as_ptr().add(4 * $g).cast());
                    for n in 0..N {
                        let wk = _mm_add_epi32(w[n][$g % 4], k);
                        s[n].1 = _mm_sha256rnds2_epu32(s[n].1, s[n].0, wk);
                        s[n].0 = _mm_sha256rnds2_epu32(s[n].0, s[n].1, _mm_shuffle_epi32::<0x0e>(wk));
                        if $g < 12 {
                            w[n][$g % 4] = next_words(&w[n], $g % 4);
                        }
                    }
                )*};
            }
            four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            for n in 0..N {
                s[n].0 = _mm_add_epi32(s[n].0, before[n].0);
                s[n].1 = _mm_add_epi32(s[n].1, before[n].1);
            }
        }
        for n in 0..N {
            store_state(s[n], &mut states[n]);
        }
    }
}

/// Words `t + 16 .. t + 20` of the schedule, where `w[g]` still holds words `t .. t + 4`.
#[inline(always)]
unsafe fn next_words(w: &[__m128i; 4], g: usize) -> __m128i {
    let (w1, w2, w3) = (w[(g + 1) % 4], w[(g + 2) % 4], w[(g + 3) % 4]);
    // SAFETY: the caller has SHA and SSSE3.
    unsafe {
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[g], w1), _mm_alignr_epi8::<4>(w3, w2));
        _mm_sha256msg2_epu32(sum, w3)
    }
}

#[inline(always)]
unsafe fn load_block(block: *const u8) -> [__m128i; 4] {
    // SAFETY: the caller has SSSE3 and gives 64 bytes.
    unsafe {
        let swap = _mm_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203);
        std::array::from_fn(|i| _mm_shuffle_epi8(_mm_loadu_si128(block.add(16 * i).cast()), swap))
    }
}

#[inline(always)]
unsafe fn load_state(state: &State) -> (__m128i, __m128i) {
    // SAFETY: the caller has SSE4.1.
    unsafe {
        let badc = _mm_shuffle_epi32::<0xb1>(_mm_loadu_si128(state.as_ptr().cast()));
        let hgfe = _mm_shuffle_epi32::<0x1b>(_mm_loadu_si128(state.as_ptr().add(4).cast()));
        (_mm_alignr_epi8::<8>(badc, hgfe), _mm_blend_epi16::<0xf0>(hgfe, badc))
    }
}

#[inline(always)]
unsafe fn store_state((abef, cdgh): (__m128i, __m128i), state: &mut State) {
    // SAFETY: the caller has SSE4.1.
    unsafe {
        let feba = _mm_shuffle_epi32::<0x1b>(abef);
        let dchg = _mm_shuffle_epi32::<0xb1>(cdgh);
        _mm_storeu_si128(state.as_mut_ptr().cast(), _mm_blend_epi16::<0xf0>(feba, dchg));
        _mm_storeu_si128(state.as_mut_ptr().add(4).cast(), _mm_alignr_epi8::<8>(dchg, feba));
    }
}
