//! A cursor over the bytes at hand that knows how much of the file is behind them.

/// Why a step of the walk could not be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// This many bytes, counted from the start of the item, are needed to go on.
    Short(usize),
    /// A finding says why the rest of the header cannot be walked.
    Broken,
}

pub(super) type Step<T> = Result<T, Stop>;

/// Reads one item. A read that runs past the bytes at hand is [`Stop::Short`] and is tried again, from the item's start,
/// when there are more.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    taken: usize,
    /// Offset of `bytes` in the file.
    base: u64,
    file_size: u64,
    big_endian: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], base: u64, file_size: u64, big_endian: bool) -> Self {
        Self { bytes, taken: 0, base, file_size, big_endian }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Where the next byte stands in the file.
    pub(super) fn offset(&self) -> u64 {
        self.base.saturating_add(self.taken as u64)
    }

    /// What the file holds from here on, at hand or not.
    pub(super) fn remaining(&self) -> u64 {
        self.file_size.saturating_sub(self.offset())
    }

    pub(super) fn set_big_endian(&mut self, big_endian: bool) {
        self.big_endian = big_endian;
    }

    pub(super) fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.taken.saturating_add(count);
        let slice = self.bytes.get(self.taken..end).ok_or(Stop::Short(end))?;
        self.taken = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let end = self.taken.saturating_add(N);
        let array = *rest.first_chunk::<N>().ok_or(Stop::Short(end))?;
        self.taken = end;
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Step<u32> {
        let bytes = self.array()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(super) fn u64(&mut self) -> Step<u64> {
        let bytes = self.array()?;
        Ok(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }
}
