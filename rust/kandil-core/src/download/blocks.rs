//! What of a file is there, and what is to be fetched next. Nothing is fetched or written here.

use std::ops::Range;

use super::journal::Begun;

/// What is recorded as one: after a crash, what has begun of a block is fetched again.
pub const BLOCK: u64 = 4 << 20;
/// What one request asks for, at most: large, so that the way to the server is waited for seldom.
const LARGEST_SPAN: usize = 16;

/// The blocks of a file, of which the last may be shorter.
#[derive(Debug)]
pub(super) struct Blocks {
    size: u64,
    /// Bytes of each, from its beginning.
    written: Vec<u32>,
    /// Somebody fetches it.
    taken: Vec<bool>,
    /// All before it are whole.
    front: usize,
    /// Bytes of all.
    total: u64,
}

impl Blocks {
    pub(super) fn new(size: u64) -> Blocks {
        let count = usize::try_from(size.div_ceil(BLOCK)).unwrap_or(usize::MAX);
        Blocks { size, written: vec![0; count], taken: vec![false; count], front: 0, total: 0 }
    }

    /// A block, or the beginning of one, that was written in a former run, if the file is so long. What is no block is
    /// ignored.
    pub(super) fn restore(&mut self, (block, bytes): Begun, file: u64) {
        let range = self.range(block);
        let length = range.end.saturating_sub(range.start);
        let length = bytes.map_or(length, |bytes| length.min(bytes.into()));
        if range.start.saturating_add(length) <= file {
            self.wrote(range.start, length);
        }
    }

    /// Blocks that have begun and are not whole.
    pub(super) fn begun(&self) -> Vec<Begun> {
        let written = self.written.iter().enumerate();
        let begun = written.filter(|(block, bytes)| **bytes > 0 && !self.is_whole(*block));
        begun.map(|(block, bytes)| (block, Some(*bytes))).collect()
    }

    fn range(&self, block: usize) -> Range<u64> {
        let start = (block as u64).saturating_mul(BLOCK);
        start..start.saturating_add(BLOCK).min(self.size)
    }

    fn is_whole(&self, block: usize) -> bool {
        let range = self.range(block);
        self.written.get(block).is_some_and(|written| range.start + u64::from(*written) >= range.end)
    }

    /// Bytes that are there.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes from the beginning without a gap.
    pub(super) fn front(&self) -> u64 {
        let range = self.range(self.front);
        self.written.get(self.front).map_or(self.size, |written| range.start + u64::from(*written))
    }

    /// What to fetch next, the first first; it is taken until it is given back. `shares`: how many fetch at once, who
    /// are to end together.
    pub(super) fn take(&mut self, shares: usize) -> Option<Range<u64>> {
        let is_free =
            |blocks: &Blocks, at: usize| !blocks.taken.get(at).copied().unwrap_or(true) && !blocks.is_whole(at);
        let first = (self.front..self.written.len()).find(|at| is_free(self, *at))?;
        let left = (self.size - self.total).div_ceil(BLOCK);
        let most = usize::try_from(left).unwrap_or(usize::MAX).div_ceil(2 * shares.max(1)).clamp(1, LARGEST_SPAN);
        let mut end = first + 1;
        while end < first + most && is_free(self, end) && self.written.get(end) == Some(&0) {
            end += 1;
        }
        self.taken.get_mut(first..end)?.fill(true);
        let begun = self.written.get(first).copied().unwrap_or_default();
        Some(self.range(first).start + u64::from(begun)..self.range(end - 1).end)
    }

    /// Nobody fetches anything any more.
    pub(super) fn free(&mut self) {
        self.taken.fill(false);
    }

    /// Nobody fetches any more what is left of it.
    pub(super) fn give_back(&mut self, span: &Range<u64>) {
        let blocks = block_of(span.start)..block_of(span.end.saturating_sub(1)) + 1;
        if let Some(taken) = self.taken.get_mut(blocks) {
            taken.fill(false);
        }
    }

    /// So many bytes are there, which follow what was there of their block. The blocks that are whole now.
    pub(super) fn wrote(&mut self, offset: u64, length: u64) -> Range<usize> {
        let end = offset.saturating_add(length).min(self.size);
        let first = block_of(offset);
        let mut at = offset;
        while at < end {
            let block = block_of(at);
            let range = self.range(block);
            let until = end.min(range.end);
            let Some(written) = self.written.get_mut(block) else { break };
            let new = u32::try_from(until - range.start).unwrap_or(u32::MAX);
            self.total += u64::from(new.saturating_sub(*written));
            *written = new.max(*written);
            at = until;
        }
        while self.front < self.written.len() && self.is_whole(self.front) {
            self.front += 1;
        }
        first..if end == self.size { self.written.len() } else { block_of(end) }
    }
}

fn block_of(offset: u64) -> usize {
    usize::try_from(offset / BLOCK).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 10 * BLOCK + 5;

    #[test]
    fn everything_is_taken_once_and_the_first_first() {
        let mut blocks = Blocks::new(SIZE);
        let mut at = 0;
        while let Some(span) = blocks.take(2) {
            assert_eq!(span.start, at);
            at = span.end;
        }
        assert_eq!(at, SIZE);
        assert_eq!(blocks.front(), 0);
    }

    #[test]
    fn the_front_waits_for_the_first_gap() {
        let mut blocks = Blocks::new(SIZE);
        let first = blocks.take(5).unwrap();
        let second = blocks.take(5).unwrap();
        assert_eq!(blocks.wrote(second.start, BLOCK + 7), 2..3);
        assert_eq!((blocks.front(), blocks.total()), (0, BLOCK + 7));
        assert_eq!(blocks.wrote(0, 9), 0..0);
        assert_eq!(blocks.front(), 9);
        assert_eq!(blocks.wrote(9, first.end - 9), 0..2);
        assert_eq!(blocks.front(), 3 * BLOCK + 7);
    }

    #[test]
    fn what_is_given_back_goes_on_where_it_ended() {
        let mut blocks = Blocks::new(SIZE);
        let span = blocks.take(1).unwrap();
        blocks.wrote(0, BLOCK + 3);
        blocks.give_back(&(BLOCK + 3..span.end));
        assert_eq!(blocks.take(1).unwrap().start, BLOCK + 3);
    }

    #[test]
    fn what_has_begun_goes_on_where_it_ended() {
        let mut blocks = Blocks::new(SIZE);
        for (block, bytes, file) in [(2, Some(7), SIZE), (3, Some(7), 3 * BLOCK + 6), (4, None, 5 * BLOCK - 1)] {
            blocks.restore((block, bytes), file);
        }
        assert_eq!((blocks.begun(), blocks.total()), (vec![(2, Some(7))], 7));
        assert_eq!(blocks.take(1), Some(0..2 * BLOCK));
        assert_eq!(blocks.take(1).map(|span| span.start), Some(2 * BLOCK + 7));
        blocks.restore((2, None), SIZE);
        assert_eq!((blocks.begun(), blocks.total()), (vec![], BLOCK));
    }

    #[test]
    fn the_last_block_is_shorter() {
        let mut blocks = Blocks::new(SIZE);
        (0..10).for_each(|block| blocks.restore((block, None), SIZE));
        assert_eq!(blocks.front(), 10 * BLOCK);
        blocks.restore((99, None), SIZE);
        assert_eq!(blocks.take(4), Some(10 * BLOCK..SIZE));
        assert_eq!(blocks.take(4), None);
        assert_eq!(blocks.wrote(10 * BLOCK, 5), 10..11);
        assert_eq!((blocks.front(), blocks.total()), (SIZE, SIZE));
        assert_eq!(Blocks::new(0).take(4), None);
        assert_eq!(Blocks::new(0).front(), 0);
    }
}
