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
        let mut rounds = Rounds::new(state);
        for t in (0..64).step_by(8) {
            rounds.eight(std::array::from_fn(|i| w[t + i].wrapping_add(K[t + i])));
        }
        rounds.add_to(state);
    }
}

/// The working variables of FIPS 180-4, 6.2.2, between rounds.
pub(super) struct Rounds {
    v: [u32; 8],
    /// `b ^ c`, which is the last round's `a ^ b`: majority(a, b, c) = b ^ ((a ^ b) & (b ^ c)).
    bc: u32,
}

impl Rounds {
    #[inline(always)]
    pub(super) fn new(state: &State) -> Rounds {
        Rounds { v: *state, bc: state[1] ^ state[2] }
    }

    /// Eight rounds, after which every variable is in its place again. `wk`: words of the message schedule plus their
    /// round constants.
    ///
    /// Inlined into callers that enable BMI2, where a rotation is one instruction that keeps its operand.
    #[inline(always)]
    pub(super) fn eight(&mut self, wk: [u32; 8]) {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = self.v;
        let mut bc = self.bc;
        macro_rules! round {
            ($a:ident $b:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $i:literal) => {{
                let ab = $a ^ $b;
                $h = $h
                    .wrapping_add(wk[$i])
                    .wrapping_add(($e & $f).wrapping_add(!$e & $g))
                    .wrapping_add($e.rotate_right(6) ^ $e.rotate_right(11) ^ $e.rotate_right(25));
                $d = $d.wrapping_add($h);
                $h = $h
                    .wrapping_add($b ^ (ab & bc))
                    .wrapping_add($a.rotate_right(2) ^ $a.rotate_right(13) ^ $a.rotate_right(22));
                bc = ab;
            }};
        }
        round!(a b d e f g h, 0);
        round!(h a c d e f g, 1);
        round!(g h b c d e f, 2);
        round!(f g a b c d e, 3);
        round!(e f h a b c d, 4);
        round!(d e g h a b c, 5);
        round!(c d f g h a b, 6);
        round!(b c e f g h a, 7);
        *self = Rounds { v: [a, b, c, d, e, f, g, h], bc };
    }

    #[inline(always)]
    pub(super) fn add_to(&self, state: &mut State) {
        for (s, v) in state.iter_mut().zip(self.v) {
            *s = s.wrapping_add(v);
        }
    }
}
