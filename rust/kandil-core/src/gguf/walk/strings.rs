//! Arrays of strings, and UTF-8 that comes in pieces.
//!
//! A vocabulary has hundreds of thousands of strings of a few bytes each, so that checking each one's UTF-8 costs ten
//! times the walk. A length below 128 is itself ASCII (its bytes are one below 128 and seven zeros, in either byte order).
//! ASCII neither begins nor continues a longer character, so a run of such lengths with their strings is valid UTF-8 if and
//! only if each string is: whole runs are checked at once.

use super::super::rules::vocabulary::Look;

/// llama.cpp reads strings of at most this length.
pub(super) const MAX_STRING: u64 = 1 << 30;
/// A run that is checked at once; it stays in the first-level cache between the walk and the check.
const WINDOW: usize = 16 << 10;
/// Lengths below this are ASCII.
const ASCII: u64 = 128;
/// Elements up to this length are looked at whole; longer ones as their bytes come.
const WHOLE: u64 = 64 << 10;

/// Why an element could not be walked.
pub(super) enum RunStop {
    Short(usize),
    Length { index: u64, length: u64 },
}

/// The walk over an array of strings.
#[derive(Debug)]
pub(super) struct StringRun {
    count: u64,
    left: u64,
    big_endian: bool,
    /// What remains of an element that is too long to be looked at whole.
    long: Option<(u64, Utf8Stream)>,
    invalid: u64,
    first_invalid: u64,
}

impl StringRun {
    pub(super) fn new(count: u64, big_endian: bool) -> Self {
        Self { count, left: count, big_endian, long: None, invalid: 0, first_invalid: 0 }
    }

    pub(super) fn done(&self) -> bool {
        self.left == 0
    }

    /// How many strings were not UTF-8, and the index of the first of them.
    pub(super) fn invalid(&self) -> Option<(u64, u64)> {
        (self.invalid > 0).then_some((self.invalid, self.first_invalid))
    }

    /// Walks one element or more, `remaining` bytes before the end of the file; says how many bytes it has taken. Shows
    /// `look` each element once, in order.
    pub(super) fn step(&mut self, bytes: &[u8], remaining: u64, look: &mut impl Look) -> Result<usize, RunStop> {
        if self.long.is_some() {
            return self.long_part(bytes);
        }
        match if self.big_endian {
            self.sweep(bytes, u64::from_be_bytes, look)
        } else {
            self.sweep(bytes, u64::from_le_bytes, look)
        } {
            0 => self.one(bytes, remaining, look),
            taken => Ok(taken),
        }
    }

    /// Walks and checks short strings, as many as lie whole in the window.
    #[inline(always)]
    fn sweep(&mut self, bytes: &[u8], length_of: impl Fn([u8; 8]) -> u64 + Copy, look: &mut impl Look) -> usize {
        let window = bytes.get(..WINDOW).unwrap_or(bytes);
        let (mut rest, mut left) = (window, self.left);
        while left != 0 {
            let Some((length, tail)) = rest.split_first_chunk() else { break };
            let length = length_of(*length);
            if length >= ASCII {
                break;
            }
            let Some(next) = tail.get(length as usize..) else { break };
            let index = self.count.wrapping_sub(left);
            if look.wants(index) {
                look.look(index, tail, length as usize);
            }
            (rest, left) = (next, left.wrapping_sub(1));
        }
        let taken = window.len().wrapping_sub(rest.len());
        let run = window.get(..taken).unwrap_or(window);
        if simdutf8::basic::from_utf8(run).is_err() {
            self.find_invalid(run, length_of);
        }
        self.left = left;
        taken
    }

    /// Counts the strings that make a run invalid.
    #[cold]
    fn find_invalid(&mut self, run: &[u8], length_of: impl Fn([u8; 8]) -> u64) {
        let mut rest = run;
        let mut index = self.index();
        while let Some((length, tail)) = rest.split_first_chunk() {
            let Some((string, next)) = tail.split_at_checked(length_of(*length) as usize) else { break };
            self.judge(simdutf8::basic::from_utf8(string).is_ok(), index);
            (rest, index) = (next, index.saturating_add(1));
        }
    }

    /// Walks one element of any length, or begins with it.
    fn one(&mut self, bytes: &[u8], remaining: u64, look: &mut impl Look) -> Result<usize, RunStop> {
        let Some((length, tail)) = bytes.split_first_chunk() else { return Err(RunStop::Short(8)) };
        let length = if self.big_endian { u64::from_be_bytes(*length) } else { u64::from_le_bytes(*length) };
        if length > remaining.saturating_sub(8) || length > MAX_STRING {
            return Err(RunStop::Length { index: self.index(), length });
        }
        if length > WHOLE {
            look.skip(self.index(), length);
            self.long = Some((length, Utf8Stream::default()));
            return Ok(8);
        }
        let end = (length as usize).saturating_add(8); // at most 64 KiB, see above
        let string = tail.get(..length as usize).ok_or(RunStop::Short(end))?;
        let index = self.index();
        self.judge(simdutf8::basic::from_utf8(string).is_ok(), index);
        if look.wants(index) {
            look.look(index, string, string.len());
        }
        self.left = self.left.saturating_sub(1);
        Ok(end)
    }

    fn long_part(&mut self, bytes: &[u8]) -> Result<usize, RunStop> {
        let Some((left, utf8)) = &mut self.long else { return Ok(0) };
        let part = usize::try_from(*left).ok().and_then(|left| bytes.get(..left)).unwrap_or(bytes);
        if part.is_empty() {
            return Err(RunStop::Short(1));
        }
        utf8.push(part);
        *left = left.saturating_sub(part.len() as u64);
        if *left == 0 {
            let valid = utf8.valid();
            self.long = None;
            self.judge(valid, self.index());
            self.left = self.left.saturating_sub(1);
        }
        Ok(part.len())
    }

    fn index(&self) -> u64 {
        self.count.saturating_sub(self.left)
    }

    fn judge(&mut self, valid: bool, index: u64) {
        if !valid {
            if self.invalid == 0 {
                self.first_invalid = index;
            }
            self.invalid = self.invalid.saturating_add(1);
        }
    }
}

/// Checks UTF-8 that comes in pieces, which may cut characters.
#[derive(Debug, Default)]
pub(super) struct Utf8Stream {
    /// The bytes of a character whose end has not come yet.
    pending: Vec<u8>,
    broken: bool,
}

impl Utf8Stream {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !self.broken && !self.pending.is_empty() {
            let Some((&byte, rest)) = bytes.split_first() else { return };
            self.pending.push(byte);
            bytes = rest;
            match std::str::from_utf8(&self.pending) {
                Ok(_) => self.pending.clear(),
                Err(error) => self.broken = error.error_len().is_some(),
            }
        }
        if !self.broken {
            let (whole, cut) = bytes.split_at(bytes.len().saturating_sub(cut_character(bytes)));
            self.broken = simdutf8::basic::from_utf8(whole).is_err();
            self.pending.extend_from_slice(cut);
        }
    }

    /// Whether all that was pushed is UTF-8, up to its end.
    pub(super) fn valid(&self) -> bool {
        !self.broken && self.pending.is_empty()
    }
}

/// How many bytes at the end of `bytes` begin a character that they do not end.
fn cut_character(bytes: &[u8]) -> usize {
    for (back, &byte) in bytes.iter().rev().take(3).enumerate() {
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        let have = back.saturating_add(1);
        return if needed > have { have } else { 0 };
    }
    0
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::Utf8Stream;

    #[test]
    fn pieces_are_judged_as_the_whole() {
        let samples: [&[u8]; 10] = [
            "aé日😀z".as_bytes(),
            b"\xff",
            b"a\xc3",
            b"\xc3(",
            b"\xe6\x97",
            b"\xf0\x9f\x98",
            b"\x80",
            b"\xed\xa0\x80",
            b"\xf0\x9f\x98\x80\x80",
            b"\xc0\x80",
        ];
        for sample in samples {
            for first in 0..=sample.len() {
                for second in first..=sample.len() {
                    let mut stream = Utf8Stream::default();
                    for piece in [&sample[..first], &sample[first..second], &sample[second..]] {
                        stream.push(piece);
                    }
                    assert_eq!(stream.valid(), std::str::from_utf8(sample).is_ok(), "{sample:x?} at {first}, {second}");
                }
            }
        }
    }
}
