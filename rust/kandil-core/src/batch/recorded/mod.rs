//! What the outputs already hold, after a run that ended in whatever way.
//!
//! Each line says which row it is of and what was sent, by its `custom_id` and the content hash in its `id`: the output
//! is the journal. A run that was killed leaves at most a torn last line; a power cut may leave damage further up.

#[cfg(test)]
mod tests;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::file::{add_part, beside, opened, take_out};
pub(super) use super::file::{private, sync_folder};
use super::lines::Lines;
pub(super) use super::result::unhex;
use super::result::{begins_like_one, result};

/// What is longer is damaged: answers are bounded far below.
pub(super) const LONGEST_RESULT: usize = 256 << 20;

/// One row's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Hash of its `custom_id`.
    pub id: [u8; 16],
    /// Half of the hash of what was sent: enough to see a change.
    content: [u8; 8],
    /// It stands in the errors.
    pub failed: bool,
}

impl Entry {
    /// Of the end of a row.
    #[must_use]
    pub fn new(id: [u8; 16], content: &[u8; 16], failed: bool) -> Entry {
        Entry { id, content: half(content), failed }
    }

    /// Whether this is what was sent.
    #[must_use]
    pub fn is_of(&self, content: &[u8; 16]) -> bool {
        self.content == half(content)
    }
}

/// The first half of a hash.
pub(super) fn half(hash: &[u8; 16]) -> [u8; 8] {
    let mut half = [0; 8];
    half.copy_from_slice(&hash[..8]);
    half
}

/// What outputs hold, and what was done to make them whole.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Sorted by `id`; of several ends of a row the first answer, or else the first error.
    pub entries: Vec<Entry>,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Of these, from providers' caches.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Bytes of torn last lines.
    pub torn_bytes: u64,
    /// Damaged lines.
    pub damaged: u64,
    /// Ends that are not the first ones of their rows.
    pub repeated: u64,
}

/// Why outputs cannot be gone on with.
#[derive(Debug)]
pub enum RecordedError {
    /// Of the file system.
    Io(PathBuf, io::Error),
    /// This line is none of a batch's results: nothing was touched.
    Foreign(PathBuf, u64),
}

impl Recorded {
    /// Reads the outputs of a former run, of which either may be missing, and makes them whole: torn last lines are cut
    /// off, damaged ones moved aside to `<name>.damaged`. The caller holds the output's [`Lock`](super::lock::Lock).
    ///
    /// # Errors
    /// A file that is not of our making is not touched, and neither is the other.
    pub fn read(output: &Path, errors: &Path) -> Result<Recorded, RecordedError> {
        Recorded::of(output, errors, Faults::mend)
    }

    /// Reads the outputs of a run that may be under way, and changes nothing.
    ///
    /// # Errors
    /// A file that is not of our making.
    pub fn look(output: &Path, errors: &Path) -> Result<Recorded, RecordedError> {
        Recorded::of(output, errors, |_, _| Ok(()))
    }

    fn of(
        output: &Path,
        errors: &Path,
        mend: impl Fn(&Faults, &Path) -> io::Result<()>,
    ) -> Result<Recorded, RecordedError> {
        for path in [output, errors] {
            is_ours(path)?;
        }
        let mut found = Recorded::default();
        for (path, failed) in [(output, false), (errors, true)] {
            found
                .add(path, failed)
                .and_then(|faults| mend(&faults, path))
                .map_err(|error| RecordedError::Io(path.to_owned(), error))?;
        }
        found.entries.shrink_to_fit();
        found.entries.sort_by_key(|entry| (entry.id, entry.failed));
        let before = found.entries.len();
        found.entries.dedup_by_key(|entry| entry.id);
        found.repeated = (before - found.entries.len()) as u64;
        Ok(found)
    }

    /// A row's end.
    #[must_use]
    pub fn find(&self, id: &[u8; 16]) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(id, |entry| entry.id).ok()?;
        self.entries.get(at)
    }

    fn add(&mut self, path: &Path, failed: bool) -> io::Result<Faults> {
        let mut faults = Faults::default();
        let Some(file) = opened(path)? else { return Ok(faults) };
        let mut lines = Lines::new(file, LONGEST_RESULT);
        while let Some(line) = lines.next()? {
            if line.ended && line.text.trim_ascii().is_empty() {
                continue;
            }
            let part = line.offset..line.offset + line.length;
            if let Some(found) = result(line.text) {
                self.input_tokens = self.input_tokens.saturating_add(found.usage.input());
                self.cached_tokens = self.cached_tokens.saturating_add(found.usage.cached());
                self.output_tokens = self.output_tokens.saturating_add(found.usage.output());
                self.entries.push(Entry::new(found.id(), &found.content, failed));
                faults.unended |= !line.ended;
            } else if !line.ended && is_torn(line.text) {
                self.torn_bytes += line.length;
                faults.torn = Some(part);
            } else {
                self.damaged += 1;
                add_part(&mut faults.damaged, part);
            }
        }
        Ok(faults)
    }
}

/// What there is to mend in a file.
#[derive(Default)]
struct Faults {
    /// The last line is whole, but for its line feed.
    unended: bool,
    torn: Option<Range<u64>>,
    damaged: Vec<Range<u64>>,
}

impl Faults {
    fn mend(&self, path: &Path) -> io::Result<()> {
        if self.unended {
            OpenOptions::new().append(true).open(path)?.write_all(b"\n")?;
        }
        if let Some(torn) = &self.torn {
            OpenOptions::new().write(true).open(path)?.set_len(torn.start)?;
        }
        if self.damaged.is_empty() {
            return Ok(());
        }
        take_out(path, &self.damaged, Some(&beside(path, "damaged")))
    }
}

/// Writes the file anew without the lines of these rows; all others stay as they are.
///
/// # Errors
/// Of the file system; then the file is as it was.
pub fn drop_rows(path: &Path, dropped: &dyn Fn(&[u8; 16]) -> bool) -> io::Result<()> {
    let Some(file) = opened(path)? else { return Ok(()) };
    let (mut lines, mut parts) = (Lines::new(file, LONGEST_RESULT), Vec::new());
    while let Some(line) = lines.next()? {
        if result(line.text).is_some_and(|found| dropped(&found.id())) {
            add_part(&mut parts, line.offset..line.offset + line.length);
        }
    }
    if parts.is_empty() { Ok(()) } else { take_out(path, &parts, None) }
}

/// Every file of ours has a whole line of ours first, or nothing but the beginning of one.
pub(super) fn is_ours(path: &Path) -> Result<(), RecordedError> {
    let failed = |error| RecordedError::Io(path.to_owned(), error);
    let Some(file) = opened(path).map_err(failed)? else { return Ok(()) };
    let mut lines = Lines::new(file, LONGEST_RESULT);
    while let Some(line) = lines.next().map_err(failed)? {
        if result(line.text).is_some() {
            return Ok(());
        }
        // After a power cut the first lines may be zeros.
        if !line.text.trim_ascii().is_empty() && !is_torn(line.text) {
            return Err(RecordedError::Foreign(path.to_owned(), line.number));
        }
    }
    Ok(())
}

/// The beginning of a line of ours; or zeros, which a power cut leaves.
fn is_torn(text: &[u8]) -> bool {
    begins_like_one(text) || text.iter().all(|byte| *byte == 0)
}
