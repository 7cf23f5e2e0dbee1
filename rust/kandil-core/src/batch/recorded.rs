//! What the outputs already hold, after a run that ended in whatever way.
//!
//! Each line says which row it is of and what was sent, by its `custom_id` and the content hash in its `id`: the output
//! is the journal. A run that was killed leaves at most a torn last line; a power cut may leave damage further up.

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
                self.input_tokens += found.usage.input();
                self.cached_tokens += found.usage.cached();
                self.output_tokens += found.usage.output();
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::folder::Folder;
    use super::super::result::tests::line as result_line;
    use super::super::row::id_hash;
    use super::*;

    fn line(number: u32) -> String {
        result_line(number, true)
    }

    #[test]
    fn cut_anywhere_no_whole_line_is_lost_and_none_is_broken() {
        let folder = Folder::new("cut");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let whole: String = (0..4).map(line).collect();
        for cut in 0..=whole.len() {
            fs::write(&output, &whole[..cut]).unwrap();
            let seen = Recorded::look(&output, &errors).unwrap();
            assert_eq!(fs::read_to_string(&output).unwrap(), whole[..cut], "looking changes nothing");
            let found = Recorded::read(&output, &errors).unwrap();
            let lines = whole[..cut].matches('\n').count() + usize::from(cut > 0 && whole[cut..].starts_with('\n'));
            assert_eq!((found.entries.len(), seen.entries.len()), (lines, lines), "cut at {cut}");
            assert_eq!(found.output_tokens, 2 * lines as u64);
            let left = fs::read_to_string(&output).unwrap();
            assert_eq!(left, (0..lines as u32).map(line).collect::<String>(), "cut at {cut}");
        }
    }

    /// Bytes that are lost, set to zero, or overwritten: all lines that stayed whole are found, and no others.
    #[test]
    fn damaged_anywhere_every_line_that_is_whole_is_kept() {
        let folder = Folder::new("damaged-anywhere");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let whole: String = (0..6).map(line).collect();
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        for round in 0..400 {
            let mut content = whole.clone().into_bytes();
            let start = line(0).len() + next(content.len() - line(0).len());
            let end = start + next(content.len() - start);
            match round % 3 {
                0 => drop(content.drain(start..end)),
                1 => content[start..end].fill(0),
                _ => content[start..end].iter_mut().for_each(|byte| *byte = next(256) as u8),
            }
            let kept: Vec<u8> = content
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| result(line).is_some())
                .flat_map(|line| line.strip_suffix(b"\n").unwrap_or(line).iter().copied().chain([b'\n']))
                .collect();
            fs::write(&output, &content).unwrap();
            let found = Recorded::read(&output, &errors).unwrap();
            let left: Vec<u8> = fs::read(&output).unwrap();
            let left: Vec<u8> =
                left.split_inclusive(|byte| *byte == b'\n').filter(|line| line.len() > 1).flatten().copied().collect();
            assert!(left == kept, "round {round}: {start}..{end}");
            let again = Recorded::read(&output, &errors).unwrap();
            assert_eq!((again.torn_bytes, again.damaged, &again.entries), (0, 0, &found.entries));
        }
    }

    #[test]
    fn damage_in_the_middle_is_moved_aside() {
        let folder = Folder::new("damage");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let mut content = format!("{}{}{}", line(0), line(1), line(2)).into_bytes();
        let start = line(0).len();
        content[start..start + 60].fill(0);
        fs::write(&output, &content).unwrap();
        let found = Recorded::read(&output, &errors).unwrap();
        assert_eq!((found.entries.len(), found.damaged), (2, 1));
        assert_eq!(fs::read_to_string(&output).unwrap(), format!("{}{}", line(0), line(2)));
        assert_eq!(fs::read(folder.file("out.damaged")).unwrap(), content[start..start + line(1).len()]);
        assert!(found.find(&id_hash("r-2")).is_some());
        assert!(found.find(&id_hash("r-1")).is_none());
    }

    #[test]
    fn a_file_of_somebody_else_is_not_touched() {
        let folder = Folder::new("foreign");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let openai = "{\"id\":\"batch_req_123\",\"custom_id\":\"a\",\"response\":null,\"error\":null}\n";
        for content in ["hello\n", "hello", "{\"prompt\":1}\n", openai] {
            fs::write(&output, content).unwrap();
            fs::write(&errors, &line(1)[..50]).unwrap();
            assert!(matches!(Recorded::read(&output, &errors), Err(RecordedError::Foreign(_, 1))), "{content}");
            assert_eq!(fs::read_to_string(&output).unwrap(), content);
            assert_eq!(fs::read(&errors).unwrap().len(), 50);
        }
    }

    #[test]
    fn an_answer_goes_before_an_error_of_the_same_row() {
        let folder = Folder::new("both");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        fs::write(&output, line(1) + &line(1)).unwrap();
        fs::write(&errors, line(0) + &line(1)).unwrap();
        let found = Recorded::read(&output, &errors).unwrap();
        assert_eq!((found.entries.len(), found.repeated), (2, 2));
        assert!(found.find(&id_hash("r-0")).unwrap().failed);
        assert!(!found.find(&id_hash("r-1")).unwrap().failed);
        drop_rows(&errors, &|id| *id == id_hash("r-0")).unwrap();
        assert_eq!(fs::read_to_string(&errors).unwrap(), line(1));
    }
}
