//! The lines of a file, one after another, in bounded memory.

use std::io::{self, Read};

use memchr::memchr;

const READ: usize = 256 << 10;

/// A line, and where it is.
pub(super) struct Line<'a> {
    /// Where it begins.
    pub(super) offset: u64,
    /// From 1.
    pub(super) number: u64,
    /// Without its line feed. One that is too long is longer than allowed here too, but not all of it is.
    pub(super) text: &'a [u8],
    /// In the file, with its line feed.
    pub(super) length: u64,
    /// It has a line feed; only the last one may lack it.
    pub(super) ended: bool,
}

/// Reads lines of up to `longest` bytes; of longer ones the beginning.
pub(super) struct Lines<R> {
    reader: R,
    longest: usize,
    buffer: Vec<u8>,
    /// What is read and not given out yet.
    start: usize,
    end: usize,
    offset: u64,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R, longest: usize) -> Lines<R> {
        Lines { reader, longest, buffer: vec![0; READ], start: 0, end: 0, offset: 0, number: 0 }
    }

    /// # Errors
    /// Of the file system.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let (mut searched, mut ended) = (0, false);
        let mut text = loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                ended = true;
                break searched + at;
            }
            searched = self.end - self.start;
            if searched > self.longest || self.fill()? == 0 {
                break searched;
            }
        };
        let (from, offset) = (self.start, self.offset);
        let mut length = (text + usize::from(ended)) as u64;
        self.start += text + usize::from(ended);
        if text > self.longest {
            text = self.longest + 1;
            if !ended {
                (length, ended) = self.skip(from + text, length)?;
            }
        }
        self.offset += length;
        self.number += 1;
        let text = &self.buffer[from..from + text];
        Ok((length > 0).then_some(Line { offset, number: self.number, text, length, ended }))
    }

    /// To the end of a line of which so much is known already; what is in the buffer before `keep` stays.
    fn skip(&mut self, keep: usize, mut length: u64) -> io::Result<(u64, bool)> {
        if self.buffer.len() < keep + READ {
            self.buffer.resize(keep + READ, 0);
        }
        loop {
            let read = read(&mut self.reader, &mut self.buffer[keep..])?;
            let at = memchr(b'\n', &self.buffer[keep..keep + read]);
            let taken = at.map_or(read, |at| at + 1);
            (self.start, self.end) = (keep + taken, keep + read);
            length += taken as u64;
            if at.is_some() || read == 0 {
                return Ok((length, at.is_some()));
            }
        }
    }

    /// More behind what is there; how much.
    fn fill(&mut self) -> io::Result<usize> {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.end > self.buffer.len() / 2 {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let read = read(&mut self.reader, &mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read)
    }
}

fn read(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file has, cut up by the standard library.
    fn expected(content: &[u8], longest: usize) -> Vec<(u64, Vec<u8>, u64, bool)> {
        let mut offset = 0;
        content
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let found =
                    (offset, text[..text.len().min(longest + 1)].to_vec(), line.len() as u64, text.len() < line.len());
                offset += line.len() as u64;
                found
            })
            .collect()
    }

    #[test]
    fn all_lines_are_found_whatever_their_length() {
        let mut random = 7_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for round in 0..60 {
            let most = [3, 1000, 3 * READ as u64][round % 3];
            let mut content = Vec::new();
            for _ in 0..next(12) {
                content.resize(content.len() + next(most) as usize, b'x');
                content.push(b'\n');
            }
            content.resize(content.len() + next(most) as usize, b'y');
            let longest = [10, READ, 10 * READ][next(3) as usize];
            let mut lines = Lines::new(&content[..], longest);
            let mut found = Vec::new();
            while let Some(line) = lines.next().unwrap() {
                assert_eq!(line.number, found.len() as u64 + 1);
                found.push((line.offset, line.text.to_vec(), line.length, line.ended));
            }
            assert!(found == expected(&content, longest), "round {round}");
        }
    }
}
