//! Looks through tensor data for numbers that are none: NaN and infinity among the weights and the scales of blocks.

mod layout;
mod pieces;

use std::fs::File;
use std::io;
use std::ops::BitAnd;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::header::{Header, Tensor};
use super::printable::printable;
use super::rules::{Finding, Findings, rules};
use super::types::tensor_type_name;
use layout::{Layout, Number, layout};
pub use pieces::Mode;
use pieces::Piece;

rules! {
    WEIGHTS
    DATA_NAN "KG-DATA-NAN" Suspicious "NaN or infinity among a tensor's weights or block scales"
        why "One such number spreads through every token that the model computes. It comes from a damaged file, from a \
            conversion that overflowed, or was written so that the model fails when it meets certain words."
        see "llama.cpp ggml/src/ggml-quants.c: ggml_validate_row_data, which --check-tensors runs; CWE-682"
        passes "Where a file is hashed the first 4 KiB of each tensor are looked at, with --weights more of it, with \
            --weights=full all. Weights that were trained are finite. Tensors of integers have nothing to check, and \
            factors of rope may be infinite. Ask the publisher for a sound file."
    SLACK_GAP "KG-SLACK-GAP" Suspicious "bytes other than 0 between two tensors"
        why "Padding is 0. Other bytes are a place to carry something along that no loader looks at."
        see "GGUF specification, ggml docs/gguf.md: padded with 0x00 bytes"
        passes "Looked for where a file is hashed. Programs that reuse a buffer leave old bytes there: it does not \
            block. Compare the digest with the publisher's."
}

/// The layout of one type, for whoever has only some bytes of a tensor at hand.
pub(super) struct Sample(Layout);

impl Sample {
    /// None for a type without floating-point numbers.
    pub(super) fn new(kind: u32, big_endian: bool) -> Option<Self> {
        layout(kind, big_endian).map(Self)
    }

    /// The first block that begins `bytes` or later behind a tensor's beginning; where it is, from there.
    pub(super) fn block_from(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.0.block_bytes as u64).unwrap_or(u64::MAX)
    }

    /// Where in `bytes`, which begin with a block, the first block with a wrong number begins.
    pub(super) fn first_wrong(&self, bytes: &[u8]) -> Option<u64> {
        let wrong = |block: &[u8]| self.0.numbers.iter().any(|number| is_wrong(block, number));
        let index = bytes.chunks_exact(self.0.block_bytes).position(wrong)? as u64;
        Some(index.saturating_mul(self.0.block_bytes as u64))
    }
}

/// What is read at once: whole blocks, about this many bytes.
const BUFFER: usize = 1 << 20;

/// What was seen of one tensor.
#[derive(Debug, Default)]
struct Seen {
    numbers: AtomicU64,
    wrong: AtomicU64,
    /// Where the first block with a wrong number begins.
    first: Mutex<Option<u64>>,
}

/// Looks through the tensors of a file whose header was scanned, on `threads` threads.
///
/// Gives at most one finding for each tensor. `go_on` is told, from any thread, how many bytes have been looked at since
/// the last time; when it says false, the check ends early with an error of kind `Interrupted`.
///
/// # Errors
/// What reading says.
pub fn check(
    file: &File,
    header: &Header,
    mode: Mode,
    threads: usize,
    go_on: &(dyn Fn(u64) -> bool + Sync),
) -> io::Result<Vec<Finding>> {
    let tensors: Vec<(&Tensor, Layout, Seen)> = header
        .tensors
        .iter()
        .filter_map(|tensor| Some((tensor, layout(tensor.kind, header.big_endian)?, Seen::default())))
        .collect();
    let places = tensors.iter().map(|(tensor, layout, _)| (*tensor, layout.block_bytes));
    let pieces = pieces::all(places, header.file_size, mode);
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some((_, layout, seen)) = tensors.get(piece.tensor) else { continue };
            if stopped.load(Ordering::Relaxed) || !go_on(piece.size) {
                stopped.store(true, Ordering::Relaxed);
                return Err(io::ErrorKind::Interrupted.into());
            }
            look(file, piece, layout, seen, &mut buffer)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.clamp(1, 64)).map(|_| scope.spawn(work)).collect();
        let own = work();
        let all = helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())));
        all.fold(own, Result::and)
    })?;
    let mut findings = Findings::new();
    for (tensor, layout, seen) in &tensors {
        report(tensor, layout, seen, &mut findings);
    }
    Ok(findings.finish(true))
}

fn look(file: &File, piece: &Piece, layout: &Layout, seen: &Seen, buffer: &mut Vec<u8>) -> io::Result<()> {
    let whole = BUFFER.checked_div(layout.block_bytes).unwrap_or(1).saturating_mul(layout.block_bytes) as u64;
    let mut done = 0;
    while done < piece.size {
        let size = piece.size.saturating_sub(done).min(whole);
        let offset = piece.offset.saturating_add(done);
        buffer.resize(size as usize, 0); // at most BUFFER
        file.read_exact_at(buffer, offset)?;
        let blocks = size.checked_div(layout.block_bytes as u64).unwrap_or(0);
        seen.numbers.fetch_add(blocks.saturating_mul(layout.numbers.len() as u64), Ordering::Relaxed);
        if any_wrong(buffer, layout) {
            note(buffer, offset, layout, seen);
        }
        done = done.saturating_add(size);
    }
    Ok(())
}

/// Counts what is wrong in the blocks of `bytes`, which begin at `offset`.
#[cold]
fn note(bytes: &[u8], offset: u64, layout: &Layout, seen: &Seen) {
    let mut first = None;
    for (index, block) in bytes.chunks_exact(layout.block_bytes).enumerate() {
        let wrong = layout.numbers.iter().filter(|number| is_wrong(block, number)).count() as u64;
        if wrong > 0 {
            seen.wrong.fetch_add(wrong, Ordering::Relaxed);
            first.get_or_insert(offset.saturating_add((index as u64).saturating_mul(layout.block_bytes as u64)));
        }
    }
    if let (Some(first), Ok(mut least)) = (first, seen.first.lock()) {
        *least = Some(least.map_or(first, |least| least.min(first)));
    }
}

fn is_wrong(block: &[u8], number: &Number) -> bool {
    let [high, low] = number.places.map(|place| block.get(place).copied().unwrap_or(0));
    let [high_mask, low_mask] = number.masks;
    (high & high_mask == high_mask) & (low & low_mask == low_mask)
}

/// Whether any number of the blocks is wrong. The sizes that the compiler can make vectors of are told to it.
fn any_wrong(bytes: &[u8], layout: &Layout) -> bool {
    let Layout { block_bytes, numbers } = layout;
    match (block_bytes, numbers.as_slice()) {
        (2, [number]) => any_plain(bytes, u16::from_le_bytes, u16::from_le_bytes(mask(number))),
        (4, [number]) => any_plain(bytes, u32::from_le_bytes, u32::from_le_bytes(mask(number))),
        (8, [number]) => any_plain(bytes, u64::from_le_bytes, u64::from_le_bytes(mask(number))),
        _ => numbers
            .iter()
            .any(|number| bytes.chunks_exact(*block_bytes).fold(false, |any, block| any | is_wrong(block, number))),
    }
}

/// The bits of a number that are set in one that is none.
fn mask<const SIZE: usize>(number: &Number) -> [u8; SIZE] {
    let mut mask = [0; SIZE];
    for (place, bits) in number.places.into_iter().zip(number.masks) {
        if let Some(byte) = mask.get_mut(place) {
            *byte |= bits;
        }
    }
    mask
}

/// As [`any_wrong`], for numbers that stand side by side.
fn any_plain<const SIZE: usize, Word: Copy + PartialEq + BitAnd<Output = Word>>(
    bytes: &[u8],
    word: impl Fn([u8; SIZE]) -> Word,
    mask: Word,
) -> bool {
    let (numbers, _) = bytes.as_chunks::<SIZE>();
    numbers.chunks(4096).any(|numbers| numbers.iter().fold(false, |any, number| any | (word(*number) & mask == mask)))
}

fn report(tensor: &Tensor, layout: &Layout, seen: &Seen, findings: &mut Findings) {
    let (numbers, wrong) = (seen.numbers.load(Ordering::Relaxed), seen.wrong.load(Ordering::Relaxed));
    let first = seen.first.lock().map(|first| *first).unwrap_or_default();
    if wrong == 0 {
        return;
    }
    findings.add(DATA_NAN, first, || {
        let what = if layout.block_bytes > 8 { "block scales" } else { "weights" };
        let (name, kind) = (printable(&tensor.name), tensor_type_name(tensor.kind));
        format!("tensor \"{name}\" ({kind}): of {numbers} {what} that were looked at, {wrong} are NaN or infinite")
    });
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
mod tests;
