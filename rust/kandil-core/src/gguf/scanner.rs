//! Feeds a walk from chunks of any size.

use super::header::Header;
use super::read::Stop;
use super::rules::{Finding, HDR_SHRANK};
use super::walk::Walk;

/// Keys that a compact scan has at most; models have some dozens.
const KEPT_ENTRIES: usize = 1000;

/// A scan in progress.
///
/// Items that lie whole in a chunk are read from it; only one that straddles two chunks is copied, into a buffer of at
/// most about 70 KiB. The result does not depend on how the bytes are cut into chunks.
#[derive(Debug)]
pub struct Scanner {
    walk: Walk,
    /// The beginning of an item whose end has not come yet.
    carry: Vec<u8>,
    /// How many bytes of that item the next attempt needs; more than `carry` holds.
    needed: usize,
    fed: u64,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The file begins with GGUF's magic number.
    pub is_gguf: bool,
    /// None unless `is_gguf`; what could be read of it where findings say that it is broken.
    pub header: Option<Header>,
    /// In the order of the file.
    pub findings: Vec<Finding>,
}

impl Scan {
    /// Without the list of tensors, of which the number stays, and with no more than the first [`KEPT_ENTRIES`] of the
    /// keys whose values were kept: what many scans at once can be held in memory as.
    pub fn compact(mut self) -> Scan {
        if let Some(header) = &mut self.header {
            header.tensors = Vec::new();
            header.entries.retain(|entry| entry.kept.is_some());
            header.entries.truncate(KEPT_ENTRIES);
            header.entries.shrink_to_fit();
        }
        self
    }
}

impl Scanner {
    /// A scan of a file of this many bytes.
    pub fn new(file_size: u64) -> Self {
        Self { walk: Walk::new(file_size), carry: Vec::new(), needed: 0, fed: 0 }
    }

    /// Takes the next bytes, consecutive from offset 0. Costs nothing once [`Self::header_done`].
    pub fn feed(&mut self, bytes: &[u8]) {
        let left = self.walk.file_size().saturating_sub(self.fed);
        let end = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.fed = self.fed.saturating_add(end as u64); // a file that has grown is judged by the size it had
        let mut rest = bytes.get(..end).unwrap_or(bytes);
        while !self.walk.done() {
            if !self.carry.is_empty() {
                let missing = self.needed.saturating_sub(self.carry.len());
                let Some((head, tail)) = rest.split_at_checked(missing) else {
                    self.carry.extend_from_slice(rest);
                    return;
                };
                self.carry.extend_from_slice(head);
                rest = tail;
                self.step_from_carry();
            } else {
                match self.walk.step(rest) {
                    Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                    Err(Stop::Broken) => break,
                    Err(Stop::Short(needed)) => {
                        self.needed = needed;
                        self.carry.extend_from_slice(rest);
                        return;
                    }
                }
            }
        }
        self.carry = Vec::new();
    }

    fn step_from_carry(&mut self) {
        match self.walk.step(&self.carry) {
            Ok(taken) => {
                self.carry.drain(..taken.min(self.carry.len()));
                self.needed = self.carry.len();
            }
            Err(Stop::Short(needed)) => self.needed = needed,
            Err(Stop::Broken) => {}
        }
    }

    /// The header has been walked to its end, or is broken for good, or is none: no more bytes are needed.
    pub fn header_done(&self) -> bool {
        self.walk.done()
    }

    /// The result, when all the bytes that there are have been fed. They may be fewer than the file's size was.
    pub fn finish(mut self) -> Scan {
        self.feed(&[]); // of an empty file nothing was fed
        if !self.walk.done() {
            let (fed, size) = (self.fed, self.walk.file_size());
            self.walk.break_off(HDR_SHRANK, fed, || {
                format!("only {fed} bytes could be read inside the header, the file was said to have {size}")
            });
        }
        self.walk.finish()
    }
}
