//! SHA-256 (FIPS 180-4): a [`Sha256`] stream, and [`lanes`] for many streams at once.
//!
//! A [`Kernel`] is one implementation of the compression function for one instruction set and a fixed number of
//! streams. Which kernels a machine has is looked up once; `KANDIL_SHA256` restricts them to one instruction set
//! (`portable`, `shani`, `avx2`, `avx512`, `neon`), for tests and benches.

pub mod lanes;
mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "aarch64", test))]
mod neon;
#[cfg(all(not(target_arch = "aarch64"), test))]
mod neon_model;
#[cfg(target_arch = "x86_64")]
mod shani;
#[cfg(target_arch = "x86_64")]
mod vector;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

/// Bytes in a block.
pub const BLOCK: usize = 64;

/// A digest, big-endian as it is printed.
pub type Digest = [u8; 32];

/// The chaining value: eight words, native endian.
pub type State = [u32; 8];

/// The state before the first block (FIPS 180-4, 5.3.3).
pub const INITIAL: State =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The round constants (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// One implementation of the compression function.
#[derive(Clone, Copy)]
pub struct Kernel {
    /// The instruction set, as `KANDIL_SHA256` spells it.
    pub set: &'static str,
    /// Streams it takes in one call.
    pub width: usize,
    /// Needs the CPU feature of `set`, `width` states, and `width` pointers to as many blocks as the last argument says.
    compress: unsafe fn(&mut [State], &[*const u8], usize),
}

impl Kernel {
    /// Takes `data[i]`, whole blocks and all of the same length, into `states[i]`.
    ///
    /// # Panics
    ///
    /// When the slices are not as described, or there are more than `width` of them.
    pub fn compress(&self, states: &mut [State], data: &[&[u8]]) {
        let bytes = data.first().map_or(0, |first| first.len());
        assert!(states.len() == data.len() && data.len() <= self.width, "as many states as data, at most the width");
        assert!(bytes.is_multiple_of(BLOCK) && data.iter().all(|d| d.len() == bytes), "whole blocks, equally many");
        if bytes == 0 {
            return;
        }
        // Lanes without a stream work on the first one's data, into a state that is thrown away.
        let mut all = [INITIAL; MAX_WIDTH];
        let mut pointers = [data[0].as_ptr(); MAX_WIDTH];
        for (i, (state, slice)) in states.iter().zip(data).enumerate() {
            all[i] = *state;
            pointers[i] = slice.as_ptr();
        }
        // SAFETY: kernels are only made of what the CPU has (`detect`); lengths were checked above.
        unsafe { (self.compress)(&mut all[..self.width], &pointers[..self.width], bytes / BLOCK) };
        states.copy_from_slice(&all[..states.len()]);
    }
}

/// The widest kernel's width.
pub const MAX_WIDTH: usize = 32;

/// The kernels of this machine, `KANDIL_SHA256` respected; one of width 1 is always among them.
pub fn kernels() -> &'static [Kernel] {
    static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
        let all = detect();
        let wanted = std::env::var("KANDIL_SHA256").unwrap_or_default();
        let chosen: Vec<Kernel> = all.iter().filter(|k| k.set == wanted).copied().collect();
        if chosen.is_empty() { all } else { chosen }
    });
    &KERNELS
}

/// All kernels that this machine can run, the portable one first.
fn detect() -> Vec<Kernel> {
    let mut found = vec![Kernel {
        set: "portable",
        width: 1,
        // Not unsafe, but of the common signature.
        compress: |states, data, blocks| {
            // SAFETY: the field's contract.
            let bytes = unsafe { std::slice::from_raw_parts(data[0], blocks * BLOCK) };
            portable::compress(&mut states[0], bytes);
        },
    }];
    #[cfg(target_arch = "x86_64")]
    {
        if shani::available() {
            found.push(Kernel { set: "shani", width: 1, compress: shani::compress1 });
            found.push(Kernel { set: "shani", width: 2, compress: shani::compress2 });
        }
        if avx2::available() {
            found.push(Kernel { set: "avx2", width: 1, compress: avx2::compress1 });
            found.push(Kernel { set: "avx2", width: 8, compress: avx2::compress8 });
        }
        if avx512::available() {
            found.push(Kernel { set: "avx512", width: 1, compress: avx512::compress1 });
            found.push(Kernel { set: "avx512", width: 8, compress: avx512::compress8 });
            found.push(Kernel { set: "avx512", width: 16, compress: avx512::compress16 });
            found.push(Kernel { set: "avx512", width: 32, compress: avx512::compress32 });
        }
    }
    #[cfg(target_arch = "aarch64")]
    if neon::available() {
        found.push(Kernel { set: "neon", width: 1, compress: neon::compress1 });
    }
    found
}

/// A stream of bytes and its SHA-256, like `hashlib.sha256()`.
#[derive(Clone)]
pub struct Sha256 {
    state: State,
    /// Bytes taken so far, those in `rest` included.
    length: u64,
    rest: [u8; BLOCK],
}

impl Default for Sha256 {
    fn default() -> Self {
        Sha256 { state: INITIAL, length: 0, rest: [0; BLOCK] }
    }
}

impl Sha256 {
    /// Appends `data`.
    pub fn update(&mut self, mut data: &[u8]) {
        let kernel = lanes::plan().single();
        let held = (self.length % BLOCK as u64) as usize;
        self.length += data.len() as u64;
        if held > 0 {
            let (head, tail) = data.split_at(data.len().min(BLOCK - held));
            self.rest[held..held + head.len()].copy_from_slice(head);
            if held + head.len() < BLOCK {
                return;
            }
            kernel.compress(std::slice::from_mut(&mut self.state), &[&self.rest]);
            data = tail;
        }
        let (blocks, tail) = data.split_at(data.len() - data.len() % BLOCK);
        kernel.compress(std::slice::from_mut(&mut self.state), &[blocks]);
        self.rest[..tail.len()].copy_from_slice(tail);
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> Digest {
        let held = (self.length % BLOCK as u64) as usize;
        let mut last = [0u8; 2 * BLOCK];
        last[..held].copy_from_slice(&self.rest[..held]);
        let blocks = pad(&mut last, held, self.length);
        let mut state = self.state;
        lanes::plan().single().compress(std::slice::from_mut(&mut state), &[&last[..blocks]]);
        to_digest(&state)
    }
}

/// Writes the padding (FIPS 180-4, 5.1.1) of a message of `length` bytes behind the `held` bytes of its last, partial
/// block; returns the bytes that are then whole blocks. `buffer` must have room for [`padded`]`(held)` bytes.
fn pad(buffer: &mut [u8], held: usize, length: u64) -> usize {
    let end = padded(held);
    buffer[held] = 0x80;
    buffer[held + 1..end - 8].fill(0);
    buffer[end - 8..end].copy_from_slice(&(length * 8).to_be_bytes());
    end
}

/// `held` bytes with their padding.
const fn padded(held: usize) -> usize {
    (held + 9).next_multiple_of(BLOCK)
}

fn to_digest(state: &State) -> Digest {
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// The SHA-256 of `data`.
pub fn digest(data: &[u8]) -> Digest {
    let mut hash = Sha256::default();
    hash.update(data);
    hash.digest()
}
