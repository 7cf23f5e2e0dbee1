//! What the outputs already hold, after a run that ended in whatever way.
//!
//! Each line says which row it is of and what was sent, by its `custom_id` and the content hash in its `id`: the output
//! is the journal. A run that was killed leaves at most a torn last line; a power cut may leave damage further up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::row::id_hash;

const ID: &str = "batch_req_";
/// Before this many whole lines of somebody else's, a file is taken for a damaged one of ours.
const LARGEST_LINE: u64 = 1 << 30;

/// One row's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Hash of its `custom_id`.
    pub id: [u8; 16],
    /// Hash of what was sent.
    pub content: [u8; 16],
    /// Where its line begins.
    pub offset: u64,
    /// It stands in the errors.
    pub failed: bool,
}

/// What a file holds, and what was done to make it whole.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Sorted by `id`; of several ends of a row the first.
    pub entries: Vec<Entry>,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Of these, from providers' caches.
    pub cached_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Bytes of a torn last line, which was cut off.
    pub torn_bytes: u64,
    /// Damaged lines, which were moved aside.
    pub damaged: u64,
    /// Rows that had two ends or more.
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

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    custom_id: std::borrow::Cow<'a, str>,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    body: Option<Body>,
}

/// A body that is no object, or has other things where usage is, is nobody's fault here.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Answer { usage: Option<Usage> },
    Other(serde::de::IgnoredAny),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
}

/// A line of a result.
pub(super) struct Parsed {
    pub(super) id: [u8; 16],
    pub(super) content: [u8; 16],
    pub(super) custom_id: String,
    usage: Usage,
}

/// None: it is no whole line of ours.
pub(super) fn parsed(line: &[u8]) -> Option<Parsed> {
    let found: Line<'_> = serde_json::from_slice(line).ok()?;
    let content = unhex(found.id.strip_prefix(ID)?)?;
    let usage = match found.response.and_then(|response| response.body) {
        Some(Body::Answer { usage }) => usage.unwrap_or_default(),
        _ => Usage::default(),
    };
    Some(Parsed { id: id_hash(&found.custom_id), content, custom_id: found.custom_id.into_owned(), usage })
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

impl Recorded {
    /// Reads the outputs of a former run, of which either may be missing, and makes them whole.
    ///
    /// # Errors
    /// A file that is not of our making is not touched, and neither is the other.
    pub fn read(output: &Path, errors: &Path) -> Result<Recorded, RecordedError> {
        for path in [output, errors] {
            is_ours(path)?;
        }
        let mut found = Recorded::default();
        for (path, failed) in [(output, false), (errors, true)] {
            found.add(path, failed).map_err(|error| RecordedError::Io(path.to_owned(), error))?;
        }
        // Of an answer and an error, the answer: it sorts first.
        found.entries.sort_unstable_by_key(|entry| (entry.id, entry.failed, entry.offset));
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

    fn add(&mut self, path: &Path, failed: bool) -> io::Result<()> {
        let Some(file) = opened(path)? else { return Ok(()) };
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let (mut offset, mut line, mut damaged) = (0, Vec::new(), Vec::new());
        loop {
            line.clear();
            let length = io::Read::take(&mut reader, LARGEST_LINE).read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                break;
            }
            let whole = line.last() == Some(&b'\n');
            match parsed(&line) {
                Some(found) => {
                    self.count(&found.usage);
                    self.entries.push(Entry { id: found.id, content: found.content, offset, failed });
                    if !whole {
                        append_line_feed(path)?;
                    }
                }
                None if !whole => {
                    self.torn_bytes += length;
                    OpenOptions::new().write(true).open(path)?.set_len(offset)?;
                }
                None => damaged.push(offset),
            }
            offset += length;
        }
        if !damaged.is_empty() {
            self.damaged += damaged.len() as u64;
            self.entries.retain(|entry| entry.failed != failed);
            let kept = without(path, |line| parsed(line).is_some(), Some(&aside(path)))?;
            self.entries.extend(kept.into_iter().map(|entry| Entry { failed, ..entry }));
        }
        Ok(())
    }

    fn count(&mut self, usage: &Usage) {
        self.input_tokens += usage.prompt_tokens.unwrap_or(0);
        self.output_tokens += usage.completion_tokens.unwrap_or(0);
        self.cached_tokens +=
            usage.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens).unwrap_or(0);
    }
}

/// Writes the file anew without the lines of these rows; all others stay as they are.
///
/// # Errors
/// Of the file system; then the file is as it was.
pub fn drop_rows(path: &Path, dropped: &dyn Fn(&[u8; 16]) -> bool) -> io::Result<()> {
    if opened(path)?.is_some() {
        without(path, |line| parsed(line).is_none_or(|found| !dropped(&found.id)), None)?;
    }
    Ok(())
}

/// The lines that are kept, in a new file under the old name; the others go to the end of `aside`.
fn without(path: &Path, keep: impl Fn(&[u8]) -> bool, aside: Option<&Path>) -> io::Result<Vec<Entry>> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let new = path.with_added_extension("new");
    let mut to = BufWriter::with_capacity(1 << 20, private(&new, true)?);
    let mut moved = aside.map(|aside| private(aside, false)).transpose()?;
    let (mut line, mut offset, mut kept) = (Vec::new(), 0, Vec::new());
    while {
        line.clear();
        reader.read_until(b'\n', &mut line)? > 0
    } {
        if keep(&line) {
            if let Some(found) = parsed(&line) {
                kept.push(Entry { id: found.id, content: found.content, offset, failed: false });
            }
            to.write_all(&line)?;
            offset += line.len() as u64;
        } else if let Some(moved) = &mut moved {
            moved.write_all(&line)?;
        }
    }
    if let Some(moved) = moved {
        moved.sync_all()?;
    }
    to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)?;
    Ok(kept)
}

/// Every file of ours has a whole line of ours first, or nothing but the beginning of one.
fn is_ours(path: &Path) -> Result<(), RecordedError> {
    let failed = |error| RecordedError::Io(path.to_owned(), error);
    let Some(file) = opened(path).map_err(failed)? else { return Ok(()) };
    let (mut reader, mut line) = (BufReader::new(file), Vec::new());
    let mut number = 0;
    loop {
        line.clear();
        number += 1;
        let length = io::Read::take(&mut reader, LARGEST_LINE).read_until(b'\n', &mut line).map_err(failed)?;
        let torn = line.last() != Some(&b'\n');
        let begun = format!("{{\"id\":\"{ID}");
        let begins = line.starts_with(&begun.as_bytes()[..begun.len().min(line.len())]);
        if length == 0 || parsed(&line).is_some() || (torn && begins) {
            return Ok(());
        }
        // After a power cut the first lines may be zeros.
        if !begins && line.iter().any(|byte| *byte != 0 && *byte != b'\n') {
            return Err(RecordedError::Foreign(path.to_owned(), number));
        }
    }
}

fn opened(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append_line_feed(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(b"\n")
}

fn aside(path: &Path) -> PathBuf {
    path.with_added_extension("damaged")
}

/// A file that its owner alone can read, to be written to from its beginning or its end.
pub(super) fn private(path: &Path, anew: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true);
    if anew {
        options.write(true).truncate(true);
    } else {
        options.append(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The name itself is on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn line(number: u32) -> String {
        format!(
            "{{\"id\":\"batch_req_{:032x}\",\"custom_id\":\"r-{number}\",\"response\":{{\"status_code\":200,\"request_id\":\"\",\"body\":{{\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":2}}}}}},\"error\":null}}\n",
            u128::from(number) + 1
        )
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("kandil-recorded-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn cut_anywhere_no_whole_line_is_lost_and_none_is_broken() {
        let folder = Folder::new("cut");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let whole: String = (0..4).map(line).collect();
        for cut in 0..=whole.len() {
            fs::write(&output, &whole[..cut]).unwrap();
            let found = Recorded::read(&output, &errors).unwrap();
            let lines = whole[..cut].matches('\n').count() + usize::from(cut > 0 && whole[cut..].starts_with('\n'));
            assert_eq!(found.entries.len(), lines, "cut at {cut}");
            assert_eq!(found.output_tokens, 2 * lines as u64);
            let left = fs::read_to_string(&output).unwrap();
            assert_eq!(left, (0..lines as u32).map(line).collect::<String>(), "cut at {cut}");
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
        assert_eq!(fs::read(folder.file("out.damaged")).unwrap().len(), line(1).len());
        assert!(found.find(&id_hash("r-2")).is_some_and(|entry| entry.offset == line(0).len() as u64));
        assert!(found.find(&id_hash("r-1")).is_none());
    }

    #[test]
    fn a_file_of_somebody_else_is_not_touched() {
        let folder = Folder::new("foreign");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        for content in ["hello\n", "{\"id\":\"batch_req_123\",\"custom_id\":\"a\"}\n", "hello", "{\"prompt\":1}\n"] {
            fs::write(&output, content).unwrap();
            fs::write(&errors, &line(1)[..50]).unwrap();
            let refused = Recorded::read(&output, &errors);
            let begins = content.starts_with("{\"id\":\"batch_req_");
            assert_eq!(refused.is_err(), !begins, "{content}");
            if !begins {
                assert_eq!(fs::read_to_string(&output).unwrap(), content);
                assert_eq!(fs::read(&errors).unwrap().len(), 50);
            }
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
