//! The Arm intrinsics that `neon.rs` uses, in plain Rust, so that its logic is tested on every machine.
//!
//! After the pseudocode of the Arm Architecture Reference Manual (DDI 0487): SHA256H, SHA256H2, SHA256SU0, SHA256SU1.

#![allow(non_camel_case_types)]

pub(super) type uint32x4_t = [u32; 4];
pub(super) type uint8x16_t = [u8; 16];

pub(super) unsafe fn vld1q_u32(from: *const u32) -> uint32x4_t {
    // SAFETY: as the real one: four words.
    unsafe { from.cast::<uint32x4_t>().read_unaligned() }
}

pub(super) unsafe fn vst1q_u32(to: *mut u32, vector: uint32x4_t) {
    // SAFETY: as the real one: four words.
    unsafe { to.cast::<uint32x4_t>().write_unaligned(vector) };
}

pub(super) unsafe fn vld1q_u8(from: *const u8) -> uint8x16_t {
    // SAFETY: as the real one: sixteen bytes.
    unsafe { from.cast::<uint8x16_t>().read_unaligned() }
}

pub(super) fn vrev32q_u8(v: uint8x16_t) -> uint8x16_t {
    std::array::from_fn(|i| v[i ^ 3])
}

pub(super) fn vreinterpretq_u32_u8(v: uint8x16_t) -> uint32x4_t {
    std::array::from_fn(|i| u32::from_ne_bytes([v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]]))
}

pub(super) fn vaddq_u32(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
    std::array::from_fn(|i| a[i].wrapping_add(b[i]))
}

pub(super) fn vsha256hq_u32(abcd: uint32x4_t, efgh: uint32x4_t, wk: uint32x4_t) -> uint32x4_t {
    four_rounds(abcd, efgh, wk).0
}

pub(super) fn vsha256h2q_u32(efgh: uint32x4_t, abcd: uint32x4_t, wk: uint32x4_t) -> uint32x4_t {
    four_rounds(abcd, efgh, wk).1
}

fn four_rounds(mut x: uint32x4_t, mut y: uint32x4_t, wk: uint32x4_t) -> (uint32x4_t, uint32x4_t) {
    for w in wk {
        let choose = ((y[1] ^ y[2]) & y[0]) ^ y[2];
        let majority = (x[0] & x[1]) | ((x[0] | x[1]) & x[2]);
        let sigma1 = y[0].rotate_right(6) ^ y[0].rotate_right(11) ^ y[0].rotate_right(25);
        let sigma0 = x[0].rotate_right(2) ^ x[0].rotate_right(13) ^ x[0].rotate_right(22);
        let t = y[3].wrapping_add(sigma1).wrapping_add(choose).wrapping_add(w);
        let (new_e, new_a) = (x[3].wrapping_add(t), t.wrapping_add(sigma0).wrapping_add(majority));
        x = [new_a, x[0], x[1], x[2]];
        y = [new_e, y[0], y[1], y[2]];
    }
    (x, y)
}

pub(super) fn vsha256su0q_u32(w0: uint32x4_t, w4: uint32x4_t) -> uint32x4_t {
    let next = [w0[1], w0[2], w0[3], w4[0]];
    let sigma = |x: u32| x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
    std::array::from_fn(|i| w0[i].wrapping_add(sigma(next[i])))
}

pub(super) fn vsha256su1q_u32(sum: uint32x4_t, w8: uint32x4_t, w12: uint32x4_t) -> uint32x4_t {
    let seventh = [w8[1], w8[2], w8[3], w12[0]];
    let sigma = |x: u32| x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10);
    let mut out = [0; 4];
    for i in 0..4 {
        let second = if i < 2 { w12[i + 2] } else { out[i - 2] };
        out[i] = sum[i].wrapping_add(seventh[i]).wrapping_add(sigma(second));
    }
    out
}
