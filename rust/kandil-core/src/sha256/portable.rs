//! SHA-256 compression in plain Rust: what every kernel is tested against, short enough to check against FIPS 180-4.

use super::{BLOCK, K, State};

/// Takes `data`, whole blocks, into `state` (FIPS 180-4, section 6.2.2).
pub(super) fn compress(state: &mut State, data: &[u8]) {
    for block in data.chunks_exact(BLOCK) {
        let mut w = [0u32; 64];
        for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for t in 16..64 {
            let s0 = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ (w[t - 15] >> 3);
            let s1 = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ (w[t - 2] >> 10);
            w[t] = w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1);
        }
        rounds(state, |t| w[t].wrapping_add(K[t]));
    }
}

/// The 64 rounds; `wk(t)` is word `t` of the message schedule plus its round constant.
///
/// Inlined into callers that enable BMI2, where a rotation is one instruction that keeps its operand.
#[inline(always)]
pub(super) fn rounds(state: &mut State, wk: impl Fn(usize) -> u32) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    // b ^ c of this round is a ^ b of the next but one: maj(a, b, c) = b ^ ((a ^ b) & (b ^ c)).
    let mut bc = b ^ c;
    macro_rules! round {
        ($a:ident $b:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $wk:expr) => {{
            let ab = $a ^ $b;
            $h = $h
                .wrapping_add($wk)
                .wrapping_add(($e & $f).wrapping_add(!$e & $g))
                .wrapping_add($e.rotate_right(6) ^ $e.rotate_right(11) ^ $e.rotate_right(25));
            $d = $d.wrapping_add($h);
            $h = $h
                .wrapping_add($b ^ (ab & bc))
                .wrapping_add($a.rotate_right(2) ^ $a.rotate_right(13) ^ $a.rotate_right(22));
            bc = ab;
            let _ = bc;
        }};
    }
    macro_rules! eight_rounds {
        ($($t:literal)*) => {$(
            let [w7, w6, w5, w4, w3, w2, w1, w0] =
                [wk($t + 7), wk($t + 6), wk($t + 5), wk($t + 4), wk($t + 3), wk($t + 2), wk($t + 1), wk($t)];
            round!(a b d e f g h, w0);
            round!(h a c d e f g, w1);
            round!(g h b c d e f, w2);
            round!(f g a b c d e, w3);
            round!(e f h a b c d, w4);
            round!(d e g h a b c, w5);
            round!(c d f g h a b, w6);
            round!(b c e f g h a, w7);
        )*};
    }
    eight_rounds!(0 8 16 24 32 40 48 56);
    for (s, v) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *s = s.wrapping_add(v);
    }
}
