//! What of each tensor is looked at, in pieces that threads share.

use super::super::header::Tensor;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Of each tensor its beginning, its end and places spread evenly between, 128 KiB at most.
    Sample,
    /// All.
    Full,
}

/// A piece of a tensor, of whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which of the tensors.
    pub(super) tensor: usize,
    /// From the start of the file.
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A piece of a tensor that is looked at whole.
const LARGE: u64 = 16 << 20;
/// A sample has this many places ...
const PLACES: u64 = 16;
/// ... of this size.
const SMALL: u64 = 8 << 10;

/// The pieces of all tensors that lie whole in the file; each comes with the size of its blocks.
///
/// Together they are no larger than the file: tensors that share bytes, as only hostile ones do, are not all looked at.
pub(super) fn all<'a>(tensors: impl Iterator<Item = (&'a Tensor, usize)>, file_size: u64, mode: Mode) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut left = file_size;
    for (index, (tensor, block)) in tensors.enumerate() {
        let size = tensor.size.filter(|&size| tensor.offset.checked_add(size).is_some_and(|end| end <= file_size));
        let blocks = size.and_then(|size| size.checked_div(block as u64)).unwrap_or(0);
        for (first, count) in spans(blocks, block as u64, mode) {
            let bytes = |blocks: u64| blocks.saturating_mul(block as u64);
            let piece = Piece { tensor: index, offset: tensor.offset.saturating_add(bytes(first)), size: bytes(count) };
            let Some(rest) = left.checked_sub(piece.size) else { return pieces };
            left = rest;
            pieces.push(piece);
        }
    }
    pieces
}

/// First block and number of blocks of each piece.
fn spans(blocks: u64, block: u64, mode: Mode) -> Vec<(u64, u64)> {
    let in_a = |size: u64| size.checked_div(block).unwrap_or(1).max(1);
    if mode == Mode::Full || blocks <= in_a(SMALL).saturating_mul(PLACES) {
        let step = in_a(LARGE);
        let starts = (0..blocks).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        return starts.map(|first| (first, step.min(blocks.saturating_sub(first)))).collect();
    }
    let count = in_a(SMALL);
    let last = u128::from(blocks.saturating_sub(count));
    let intervals = u128::from(PLACES.saturating_sub(1));
    (0..u128::from(PLACES))
        .filter_map(|place| u64::try_from(last.checked_mul(place)?.checked_div(intervals)?).ok())
        .map(|first| (first, count))
        .collect()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]
mod tests {
    use super::{LARGE, Mode, PLACES, SMALL, spans};

    #[test]
    fn all_is_all() {
        for blocks in [0, 1, 1000, LARGE / 34, LARGE / 34 + 1, LARGE] {
            let spans = spans(blocks, 34, Mode::Full);
            let mut next = 0;
            for (first, count) in spans {
                assert_eq!(first, next);
                next += count;
            }
            assert_eq!(next, blocks);
        }
    }

    #[test]
    fn a_sample_has_both_ends_and_is_bounded() {
        for blocks in [10_000, 1 << 30, u64::MAX / 34] {
            let spans = spans(blocks, 34, Mode::Sample);
            assert_eq!(spans.first().unwrap().0, 0);
            let (first, count) = *spans.last().unwrap();
            assert_eq!(first + count, blocks);
            assert!(spans.iter().map(|(_, count)| count * 34).sum::<u64>() <= PLACES * SMALL);
            assert!(spans.windows(2).all(|pair| pair.first().unwrap().0 + count <= pair.last().unwrap().0));
        }
        assert_eq!(spans(100, 34, Mode::Sample), [(0, 100)]);
    }
}
