//! Where in a file the rows of each model are, and which are done: one pass before anything is sent.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memchr;

use super::recorded::Recorded;
use super::row::{Form, LONGEST_LINE, Row, id_hash};
use super::run::{Failure, Pulled, Source, Task};

/// Models in one file.
const MOST_LANES: usize = 200;
/// Bad rows that are told one by one.
const TOLD: usize = 20;
const READ: usize = 1 << 20;
const LANE: u64 = 48;
const DONE: u64 = 1 << 63;
const BAD: u64 = 1 << 62;
const OFFSET: u64 = (1 << LANE) - 1;

/// A part of a batch: those rows whose `custom_id` falls on `number` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// Whether a row is in it.
    #[must_use]
    pub fn has(self, id: &[u8; 16]) -> bool {
        let mut low = [0; 8];
        low.copy_from_slice(&id[..8]);
        u64::from_le_bytes(low) % self.of.max(1) == self.number
    }
}

/// What is known of one model's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneRows {
    /// As the rows name it; None: they do not.
    pub model: Option<String>,
    /// All of them.
    pub rows: u64,
    /// Of these, those that have their end.
    pub done: u64,
    /// Estimated tokens of the prompts of those that have none.
    pub input_tokens: u64,
    /// The largest of these prompts.
    pub largest_input: u64,
    /// Tokens that they ask for at most.
    pub output_tokens: u64,
    /// Those that do not say how long their answer may be.
    pub unbounded: u64,
}

/// A row that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// From 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

/// Why there is no index.
#[derive(Debug)]
pub enum IndexError {
    /// Of the file system.
    Io(io::Error),
    /// Two rows have the same `custom_id`: which, and on which lines.
    Duplicate(String, u64, u64),
    /// More models than lanes.
    TooManyModels,
    /// The file is no regular one: it cannot be read twice.
    NotAFile,
}

/// All rows of a file, in eight bytes each.
#[derive(Default)]
pub struct Index {
    path: PathBuf,
    /// Offset, lane, and whether it is done.
    rows: Vec<u64>,
    /// In the order in which they are met.
    pub lanes: Vec<LaneRows>,
    /// The first ones that cannot be sent.
    pub bad: Vec<Bad>,
    /// All that cannot be sent, and have no end yet.
    pub bad_rows: u64,
    /// Rows of other shards.
    pub elsewhere: u64,
    /// Rows whose recorded end is of something else than what they say now; the first ones' `custom_id`s.
    pub changed: Vec<String>,
    /// All of these.
    pub changed_rows: u64,
    /// Fields that stand beside prompts and are not sent.
    pub left_out: BTreeSet<String>,
    state: Option<State>,
}

/// A file as it was: its device, number, size, and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State(u64, u64, u64, i64, i64);

impl State {
    fn of(file: &File) -> io::Result<State> {
        let known = file.metadata()?;
        Ok(State(known.dev(), known.ino(), known.size(), known.mtime(), known.mtime_nsec()))
    }
}

impl Index {
    /// Reads the file once.
    ///
    /// # Errors
    /// See [`IndexError`]. Rows that are wrong are no errors; see `bad`.
    pub fn scan(path: &Path, form: &Form, recorded: &Recorded, shard: Option<Shard>) -> Result<Index, IndexError> {
        let file = File::open(path).map_err(IndexError::Io)?;
        if !file.metadata().map_err(IndexError::Io)?.is_file() {
            return Err(IndexError::NotAFile);
        }
        let mut index = Index { path: path.to_owned(), ..Index::default() };
        index.state = Some(State::of(&file).map_err(IndexError::Io)?);
        let mut ids: Vec<([u8; 16], u32)> = Vec::new();
        let mut lines = Lines::new(BufReader::with_capacity(READ, &file));
        while let Some((offset, number, line)) = lines.next().map_err(IndexError::Io)? {
            let ordinal = index.rows.len() as u64 + 1;
            let left_out = &mut index.left_out;
            let found = form.row(line, ordinal, &mut |name| {
                if left_out.len() < TOLD && !left_out.contains(name) {
                    left_out.insert(name.to_owned());
                }
            });
            match found {
                Ok(None) => {}
                Ok(Some(row)) => {
                    let id = id_hash(&row.custom_id);
                    ids.push((id, u32::try_from(ordinal).unwrap_or(u32::MAX)));
                    if shard.is_some_and(|shard| !shard.has(&id)) {
                        index.elsewhere += 1;
                        index.rows.push(DONE);
                    } else {
                        index.add(offset, &row, &id, recorded)?;
                    }
                }
                Err(wrong) => index.add_bad(offset, number, wrong.0, recorded),
            }
        }
        index.rows.shrink_to_fit();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            None => Ok(index),
            Some(pair) => Err(duplicate(&file, form, [pair[0].1, pair[1].1]).unwrap_or_else(IndexError::Io)),
        }
    }

    fn add(&mut self, offset: u64, row: &Row, id: &[u8; 16], recorded: &Recorded) -> Result<(), IndexError> {
        let number = self.lane(row.model.as_deref())?;
        let entry = recorded.find(id);
        if entry.is_some_and(|entry| !entry.is_of(&row.content())) {
            self.changed_rows += 1;
            if self.changed.len() < TOLD {
                self.changed.push(row.custom_id.clone());
            }
        }
        let lane = &mut self.lanes[number];
        lane.rows += 1;
        if entry.is_some() {
            lane.done += 1;
        } else {
            lane.input_tokens += row.input_tokens;
            lane.largest_input = lane.largest_input.max(row.input_tokens);
            lane.output_tokens += row.output_tokens.unwrap_or(0);
            lane.unbounded += u64::from(row.output_tokens.is_none());
        }
        self.rows.push(offset & OFFSET | (number as u64) << LANE | if entry.is_some() { DONE } else { 0 });
        Ok(())
    }

    fn add_bad(&mut self, offset: u64, number: u64, reason: String, recorded: &Recorded) {
        let done = recorded.find(&id_hash(&unnamed(self.rows.len() as u64 + 1))).is_some();
        self.rows.push(offset & OFFSET | BAD | if done { DONE } else { 0 });
        if !done {
            self.bad_rows += 1;
            if self.bad.len() < TOLD {
                self.bad.push(Bad { line: number, reason });
            }
        }
    }

    fn lane(&mut self, model: Option<&str>) -> Result<usize, IndexError> {
        if let Some(known) = self.lanes.iter().position(|lane| lane.model.as_deref() == model) {
            return Ok(known);
        }
        if self.lanes.len() == MOST_LANES {
            return Err(IndexError::TooManyModels);
        }
        self.lanes.push(LaneRows { model: model.map(str::to_owned), ..LaneRows::default() });
        Ok(self.lanes.len() - 1)
    }

    /// Rows, of all lanes and shards, and those that cannot be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows of one lane that have no end yet; the first lane's cursor has those that cannot be sent, too.
    ///
    /// # Errors
    /// The file is not there any more.
    pub fn cursor(self: &Arc<Index>, form: &Arc<Form>, lane: usize) -> io::Result<Cursor> {
        Ok(Cursor {
            index: Arc::clone(self),
            form: Arc::clone(form),
            file: File::open(&self.path)?,
            lane: lane as u64,
            next: 0,
            buffer: Vec::new(),
            start: 0,
        })
    }
}

/// The hashed `custom_id`s, sorted, of rows whose recorded end is of something else than what they say now.
///
/// # Errors
/// Of the file system.
pub fn changed(path: &Path, form: &Form, recorded: &Recorded) -> io::Result<Vec<[u8; 16]>> {
    let mut lines = Lines::new(BufReader::with_capacity(READ, File::open(path)?));
    let (mut ordinal, mut found) = (1, Vec::new());
    while let Some((_, _, line)) = lines.next()? {
        let Ok(row) = form.row(line, ordinal, &mut |_| ()) else {
            ordinal += 1;
            continue;
        };
        let Some(row) = row else { continue };
        ordinal += 1;
        let id = id_hash(&row.custom_id);
        if recorded.find(&id).is_some_and(|entry| !entry.is_of(&row.content())) {
            found.push(id);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads one lane's rows.
pub struct Cursor {
    index: Arc<Index>,
    form: Arc<Form>,
    file: File,
    lane: u64,
    next: usize,
    /// Of the file, from `start`.
    buffer: Vec<u8>,
    start: u64,
}

impl Cursor {
    /// The line that begins here. Lines of one lane are near each other, as a rule.
    fn line(&mut self, offset: u64) -> io::Result<&[u8]> {
        let known = offset.checked_sub(self.start).map(|at| at as usize).filter(|at| *at < self.buffer.len());
        let mut at = known.unwrap_or(usize::MAX);
        let mut end = known.and_then(|at| Some(at + memchr(b'\n', &self.buffer[at..])?));
        let mut size = READ;
        while end.is_none() {
            self.buffer.resize(size, 0);
            let read = read_at(&self.file, &mut self.buffer, offset)?;
            self.buffer.truncate(read);
            (self.start, at) = (offset, 0);
            end = memchr(b'\n', &self.buffer).or((read < size).then_some(read));
            size *= 2;
            if size > 4 * LONGEST_LINE {
                break;
            }
        }
        Ok(&self.buffer[at..end.unwrap_or(self.buffer.len())])
    }
}

impl Source for Cursor {
    fn next(&mut self) -> Result<Pulled, String> {
        let told = |error: io::Error| format!("the rows cannot be read any more: {error}");
        loop {
            let Some(row) = self.index.rows.get(self.next).copied() else {
                let changed = State::of(&self.file).map_err(told)? != self.index.state.expect("it was scanned");
                return if changed { Err(CHANGED.to_owned()) } else { Ok(Pulled::End) };
            };
            self.next += 1;
            let bad = row & BAD != 0;
            if row & DONE != 0 || (if bad { 0 } else { row >> LANE & 0xff }) != self.lane {
                continue;
            }
            let (form, ordinal) = (Arc::clone(&self.form), self.next as u64);
            let line = self.line(row & OFFSET).map_err(told)?;
            return match form.row(line, ordinal, &mut |_| ()) {
                Ok(Some(row)) if !bad => Ok(Pulled::Task(row.into())),
                Err(wrong) if bad => {
                    let failure = Failure { code: "invalid_row".to_owned(), message: wrong.0 };
                    Ok(Pulled::Bad(Task::unsent(unnamed(ordinal)), failure))
                }
                _ => Err(CHANGED.to_owned()),
            };
        }
    }
}

const CHANGED: &str = "the file of rows was changed while it was read";

/// What a row is called that has no `custom_id`.
#[must_use]
pub fn unnamed(ordinal: u64) -> String {
    format!("row-{ordinal}")
}

/// Reads until the buffer is full, or the file has ended.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The two rows that are called the same, with their line numbers.
fn duplicate(file: &File, form: &Form, ordinals: [u32; 2]) -> io::Result<IndexError> {
    let mut reader = file;
    io::Seek::rewind(&mut reader)?;
    let mut lines = Lines::new(BufReader::with_capacity(READ, reader));
    let (mut ordinal, mut found, mut name) = (0, Vec::new(), String::new());
    while let Some((_, number, line)) = lines.next()? {
        match form.row(line, ordinal + 1, &mut |_| ()) {
            Ok(None) => continue,
            Ok(Some(row)) if ordinals.map(u64::from).contains(&(ordinal + 1)) => {
                found.push(number);
                name = row.custom_id;
            }
            _ => {}
        }
        ordinal += 1;
    }
    let line = |at: usize| found.get(at).copied().unwrap_or_default();
    Ok(IndexError::Duplicate(name, line(0), line(1)))
}

/// Lines with where they begin and their numbers, from 1. Of one that is far too long, its beginning.
struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    offset: u64,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Lines<R> {
        Lines { reader, line: Vec::new(), offset: 0, number: 0 }
    }

    fn next(&mut self) -> io::Result<Option<(u64, u64, &[u8])>> {
        self.line.clear();
        let (start, mut length) = (self.offset, 0);
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let end = memchr(b'\n', chunk);
            let part = &chunk[..end.map_or(chunk.len(), |end| end + 1)];
            let room = (LONGEST_LINE + 2).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let read = part.len();
            length += read as u64;
            self.reader.consume(read);
            if end.is_some() {
                break;
            }
        }
        self.offset += length;
        self.number += 1;
        Ok((length > 0).then_some((start, self.number, &self.line[..])))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = std::env::temp_dir().join(format!("kandil-index-{name}-{}", std::process::id()));
        fs::write(&path, content).unwrap();
        path
    }

    fn drained(index: &Arc<Index>, form: &Arc<Form>, lane: usize) -> Vec<String> {
        let mut cursor = index.cursor(form, lane).unwrap();
        let mut found = Vec::new();
        loop {
            match cursor.next().unwrap() {
                Pulled::Task(task) => found.push(task.custom_id),
                Pulled::Bad(task, failure) => found.push(format!("{}: {}", task.custom_id, failure.code)),
                Pulled::Dry => unreachable!(),
                Pulled::End => return found,
            }
        }
    }

    fn rows(count: usize) -> String {
        (0..count)
            .map(|n| format!("{{\"custom_id\":\"r{n}\",\"prompt\":\"{n}\",\"model\":\"m{}\"}}\n", n % 3))
            .collect()
    }

    #[test]
    fn each_lane_has_its_rows_in_order() {
        let path = file("lanes", rows(10_000));
        let form = Arc::new(Form::default());
        let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
        assert_eq!(index.lanes.iter().map(|lane| lane.rows).collect::<Vec<_>>(), [3334, 3333, 3333]);
        let found = drained(&index, &form, 1);
        assert_eq!((found[0].as_str(), found[3332].as_str(), found.len()), ("r1", "r9997", 3333));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn lines_of_any_length_and_ending_are_found() {
        let long = "x".repeat(3 << 20);
        let content =
            format!("\u{feff}{{\"prompt\":\"a\"}}\r\n\n{{\"prompt\":\"{long}\"}}\n  \nnonsense\n{{\"prompt\":\"z\"}}");
        let path = file("long", content);
        let form = Arc::new(Form::default());
        let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
        assert_eq!((index.len(), index.bad_rows, index.bad[0].line), (4, 1, 5));
        assert_eq!(drained(&index, &form, 0), ["row-1", "row-2", "row-3: invalid_row", "row-4"]);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn two_rows_of_one_name_are_an_error() {
        let path = file("twice", rows(50) + "\n" + &rows(1));
        match Index::scan(&path, &Form::default(), &Recorded::default(), None) {
            Err(IndexError::Duplicate(name, first, second)) => {
                assert_eq!((name.as_str(), first, second), ("r0", 1, 52))
            }
            other => panic!("{:?}", other.err()),
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn shards_have_every_row_once() {
        let path = file("shards", rows(1000));
        let form = Arc::new(Form::default());
        let mut all = Vec::new();
        for number in 0..7 {
            let shard = Some(Shard { number, of: 7 });
            let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), shard).unwrap());
            (0..index.lanes.len()).for_each(|lane| all.extend(drained(&index, &form, lane)));
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1000);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_recorded_is_not_read_again_and_what_was_changed_is_told() {
        let path = file("done", rows(10));
        let form = Arc::new(Form::default());
        let entry = |name: &str, line: &str| {
            let row = form.row(line.as_bytes(), 1, &mut |_| ()).unwrap().unwrap();
            super::super::recorded::Entry::new(id_hash(name), &row.content(), false)
        };
        let mut entries = vec![
            entry("r3", r#"{"prompt":"3","model":"m0"}"#),
            entry("r6", r#"{"prompt":"something else","model":"m0"}"#),
        ];
        entries.sort_unstable();
        let recorded = Recorded { entries, ..Recorded::default() };
        let index = Arc::new(Index::scan(&path, &form, &recorded, None).unwrap());
        assert_eq!((index.lanes[0].done, index.changed_rows, index.changed.as_slice()), (2, 1, &["r6".to_owned()][..]));
        assert_eq!(drained(&index, &form, 0), ["r0", "r9"]);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_changes_is_not_gone_on_with() {
        let path = file("changes", rows(10));
        let form = Arc::new(Form::default());
        let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
        let mut cursor = index.cursor(&form, 0).unwrap();
        fs::write(&path, rows(5)).unwrap();
        assert!((0..10).any(|_| cursor.next().is_err()));
        fs::remove_file(path).unwrap();
    }
}
