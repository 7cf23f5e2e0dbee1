//! The compression function over vectors: lane `i` of every vector belongs to message `i`.

use super::{K, State};

/// One SIMD register of 32-bit lanes.
///
/// # Safety
///
/// Every method needs the CPU feature of the implementing file; callers are functions with that `target_feature`.
pub(super) trait Vector: Copy {
    /// Lanes in a register.
    const LANES: usize;

    unsafe fn splat(word: u32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// `self ^ b ^ c`
    unsafe fn xor3(self, b: Self, c: Self) -> Self;
    /// `(self & f) ^ (!self & g)`
    unsafe fn choose(self, f: Self, g: Self) -> Self;
    unsafe fn majority(self, b: Self, c: Self) -> Self;
    unsafe fn rotate_right<const N: i32>(self) -> Self;
    unsafe fn shift_right<const N: i32>(self) -> Self;
    /// Reads word `word` of each lane's state.
    unsafe fn gather(states: &[State], word: usize) -> Self;
    /// Writes word `word` of each lane's state.
    unsafe fn scatter(self, states: &mut [State], word: usize);
    /// Reads one 64-byte block of each lane as sixteen vectors of big-endian words.
    unsafe fn load(blocks: &[*const u8], offset: usize) -> [Self; 16];
}

/// Two registers in step: twice the lanes, and twice the independent work in flight. It wins where the latency of one
/// register's chain of operations is longer than the processor takes to issue them.
#[derive(Clone, Copy)]
pub(super) struct Pair<V>(V, V);

impl<V: Vector> Vector for Pair<V> {
    const LANES: usize = 2 * V::LANES;

    #[inline(always)]
    unsafe fn splat(word: u32) -> Self {
        // SAFETY: the trait's contract is that of both halves, here and below.
        unsafe { Pair(V::splat(word), V::splat(word)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.add(other.0), self.1.add(other.1)) }
    }

    #[inline(always)]
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.xor3(b.0, c.0), self.1.xor3(b.1, c.1)) }
    }

    #[inline(always)]
    unsafe fn choose(self, f: Self, g: Self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.choose(f.0, g.0), self.1.choose(f.1, g.1)) }
    }

    #[inline(always)]
    unsafe fn majority(self, b: Self, c: Self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.majority(b.0, c.0), self.1.majority(b.1, c.1)) }
    }

    #[inline(always)]
    unsafe fn rotate_right<const N: i32>(self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.rotate_right::<N>(), self.1.rotate_right::<N>()) }
    }

    #[inline(always)]
    unsafe fn shift_right<const N: i32>(self) -> Self {
        // SAFETY: see above.
        unsafe { Pair(self.0.shift_right::<N>(), self.1.shift_right::<N>()) }
    }

    #[inline(always)]
    unsafe fn gather(states: &[State], word: usize) -> Self {
        let (low, high) = states.split_at(V::LANES);
        // SAFETY: see above.
        unsafe { Pair(V::gather(low, word), V::gather(high, word)) }
    }

    #[inline(always)]
    unsafe fn scatter(self, states: &mut [State], word: usize) {
        let (low, high) = states.split_at_mut(V::LANES);
        // SAFETY: see above.
        unsafe {
            self.0.scatter(low, word);
            self.1.scatter(high, word);
        }
    }

    #[inline(always)]
    unsafe fn load(blocks: &[*const u8], offset: usize) -> [Self; 16] {
        let (low, high) = blocks.split_at(V::LANES);
        // SAFETY: see above.
        unsafe {
            let (low, high) = (V::load(low, offset), V::load(high, offset));
            let mut words = [Pair(low[0], high[0]); 16];
            for i in 1..16 {
                words[i] = Pair(low[i], high[i]);
            }
            words
        }
    }
}

#[inline(always)]
unsafe fn big_sigma<V: Vector, const A: i32, const B: i32, const C: i32>(x: V) -> V {
    // SAFETY: the caller's, for this and every function of the file.
    unsafe { x.rotate_right::<A>().xor3(x.rotate_right::<B>(), x.rotate_right::<C>()) }
}

#[inline(always)]
unsafe fn small_sigma<V: Vector, const A: i32, const B: i32, const C: i32>(x: V) -> V {
    // SAFETY: as above.
    unsafe { x.rotate_right::<A>().xor3(x.rotate_right::<B>(), x.shift_right::<C>()) }
}

/// Word `t + 16` of the schedule, where `w[t % 16]` still holds word `t`.
#[inline(always)]
unsafe fn next_word<V: Vector>(w: &[V; 16], i: usize) -> V {
    // SAFETY: as above.
    unsafe {
        let s0 = small_sigma::<V, 7, 18, 3>(w[(i + 1) & 15]);
        let s1 = small_sigma::<V, 17, 19, 10>(w[(i + 14) & 15]);
        w[i].add(s0).add(w[(i + 9) & 15].add(s1))
    }
}

macro_rules! sixteen_rounds {
    ($s:ident, $w:ident, $k:expr, $schedule:literal) => {
        sixteen_rounds!(@ $s, $w, $k, $schedule, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $s:ident, $w:ident, $k:expr, $schedule:literal, $($i:literal)*) => {$({
        // Register names rotate by index instead of moving values: round i has `a` at (16 - i) % 8.
        const A: usize = (16 - $i) % 8;
        let (a, b, c) = ($s[A], $s[(A + 1) % 8], $s[(A + 2) % 8]);
        let (e, f, g, h) = ($s[(A + 4) % 8], $s[(A + 5) % 8], $s[(A + 6) % 8], $s[(A + 7) % 8]);
        let t1 = h.add($w[$i].add(V::splat($k[$i]))).add(e.choose(f, g)).add(big_sigma::<V, 6, 11, 25>(e));
        $s[(A + 3) % 8] = $s[(A + 3) % 8].add(t1);
        $s[(A + 7) % 8] = t1.add(a.majority(b, c)).add(big_sigma::<V, 2, 13, 22>(a));
        if $schedule {
            $w[$i] = next_word(&$w, $i);
        }
    })*};
}

/// Takes `blocks` 64-byte blocks of every lane into its state.
///
/// # Safety
///
/// `V`'s CPU feature is there; `states` and `data` hold as many items as `V` has lanes, and every pointer `blocks * 64` bytes.
#[inline(always)]
pub(super) unsafe fn compress<V: Vector>(states: &mut [State], data: &[*const u8], blocks: usize) {
    // SAFETY: by the function's contract.
    unsafe {
        let mut state: [V; 8] = std::array::from_fn(|word| V::gather(states, word));
        for block in 0..blocks {
            let mut w = V::load(data, block * 64);
            let mut s = state;
            for k in K[..48].as_chunks::<16>().0 {
                sixteen_rounds!(s, w, k, true);
            }
            sixteen_rounds!(s, w, K[48..], false);
            for (old, new) in state.iter_mut().zip(s) {
                *old = old.add(new);
            }
        }
        for (word, vector) in state.into_iter().enumerate() {
            vector.scatter(states, word);
        }
    }
}

/// The message schedules of eight blocks, round constants added: word `t` of block `i` at `[t][i]`.
pub(super) type Schedules = [[u32; 8]; 64];

/// Makes the schedules of eight blocks, one a lane, a word at a time.
pub(super) struct Scheduler<V> {
    w: [V; 16],
    t: usize,
}

impl<V: Vector> Scheduler<V> {
    /// # Safety
    ///
    /// `V`'s CPU feature is there, here and in [`Scheduler::step`], and it has eight lanes; 8 pointers to 64 bytes each.
    #[inline(always)]
    pub(super) unsafe fn new(blocks: &[*const u8]) -> Self {
        // SAFETY: by the function's contract.
        Scheduler { w: unsafe { V::load(blocks, 0) }, t: 0 }
    }

    /// Writes the next of the 64 words.
    #[inline(always)]
    pub(super) unsafe fn step(&mut self, out: &mut Schedules) {
        let i = self.t & 15;
        // SAFETY: by the contract of `new`; a row of `out` is as large as `V`.
        unsafe {
            let sum = self.w[i].add(V::splat(K[self.t & 63]));
            std::ptr::write_unaligned(out[self.t & 63].as_mut_ptr().cast(), sum);
            if self.t < 48 {
                self.w[i] = next_word(&self.w, i);
            }
        }
        self.t += 1;
    }
}
