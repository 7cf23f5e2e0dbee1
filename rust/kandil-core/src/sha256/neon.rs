//! The SHA2 extension of 64-bit Arm, one stream. Elsewhere it is compiled for tests alone, over a model of the instructions.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::*;

#[cfg(not(target_arch = "aarch64"))]
use super::neon_model::*;
use super::{BLOCK, K, State};

#[cfg(target_arch = "aarch64")]
pub(super) fn available() -> bool {
    std::arch::is_aarch64_feature_detected!("sha2")
}

/// # Safety
///
/// [`available`]; 1 state and 1 pointer to `blocks` blocks.
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "sha2"))]
pub(super) unsafe fn compress1(states: &mut [State], data: &[*const u8], blocks: usize) {
    let state = &mut states[0];
    // SAFETY: by the function's contract.
    unsafe {
        let mut abcd = vld1q_u32(state.as_ptr());
        let mut efgh = vld1q_u32(state.as_ptr().add(4));
        for block in 0..blocks {
            let start = data[0].add(block * BLOCK);
            let before = (abcd, efgh);
            let mut w: [uint32x4_t; 4] =
                std::array::from_fn(|i| vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(start.add(16 * i)))));
            for g in 0..16 {
                let wk = vaddq_u32(w[g % 4], vld1q_u32(K.as_ptr().add(4 * g)));
                let abcd_old = abcd;
                abcd = vsha256hq_u32(abcd, efgh, wk);
                efgh = vsha256h2q_u32(efgh, abcd_old, wk);
                if g < 12 {
                    let sum = vsha256su0q_u32(w[g % 4], w[(g + 1) % 4]);
                    w[g % 4] = vsha256su1q_u32(sum, w[(g + 2) % 4], w[(g + 3) % 4]);
                }
            }
            abcd = vaddq_u32(abcd, before.0);
            efgh = vaddq_u32(efgh, before.1);
        }
        vst1q_u32(state.as_mut_ptr(), abcd);
        vst1q_u32(state.as_mut_ptr().add(4), efgh);
    }
}
