//! Where in a file the rows of each model are, and which are done: one pass before anything is sent.

mod cursor;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

pub use self::cursor::Cursor;
use super::lines::Lines;
use super::names::Names;
use super::recorded::Recorded;
pub use super::row::unnamed;
use super::row::{Form, LONGEST_LINE, Row, RowError, id_hash};
pub use super::shards::Shard;

/// Models in one file.
const MOST_LANES: usize = 200;
/// Bad rows that are told one by one.
const TOLD: usize = 20;
const CHANGED: &str = "the file of rows was changed while it was read";

const LANE: u64 = 48;
const OFFSET: u64 = (1 << LANE) - 1;
/// No row, but so many empty lines before the next.
const GAP: u64 = 1 << 61;
/// It cannot be sent.
const BAD: u64 = 1 << 62;
/// It has its end, or is none of this shard's.
const DONE: u64 = 1 << 63;

/// Of those that cannot be sent: the first.
fn lane_of(row: u64) -> u64 {
    if row & BAD == 0 { row >> LANE & 0xff } else { 0 }
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

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> IndexError {
        IndexError::Io(error)
    }
}

/// All rows of a file, in eight bytes each.
pub struct Index {
    file: Arc<File>,
    state: State,
    /// Offset, lane, and whether it is done.
    rows: Vec<u64>,
    /// Of `rows`, those that are none.
    gaps: usize,
    /// In the order in which they are met.
    pub lanes: Vec<LaneRows>,
    /// The first ones that cannot be sent.
    pub bad: Vec<Bad>,
    /// All that cannot be sent, and have no end yet.
    pub bad_rows: u64,
    /// All that cannot be sent, and have their end.
    pub bad_done: u64,
    /// Rows whose recorded end is an error, these among them.
    pub failed: u64,
    /// Rows of other shards.
    pub elsewhere: u64,
    /// Rows whose recorded end is of something else than what they say now; the first ones' `custom_id`s.
    pub changed: Vec<String>,
    /// All of these.
    pub changed_rows: u64,
    /// Fields that stand beside prompts and are not sent.
    pub left_out: BTreeSet<String>,
}

/// A file as it was: its size, and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State(u64, i64, i64);

impl State {
    fn of(file: &File) -> io::Result<State> {
        let known = file.metadata()?;
        Ok(State(known.size(), known.mtime(), known.mtime_nsec()))
    }
}

impl Index {
    /// Reads the file once.
    ///
    /// # Errors
    /// See [`IndexError`]. Rows that are wrong are no errors; see `bad`.
    pub fn scan(path: &Path, form: &Form, recorded: &Recorded, shard: Option<Shard>) -> Result<Index, IndexError> {
        let file = Arc::new(File::open(path)?);
        if !file.metadata()?.is_file() {
            return Err(IndexError::NotAFile);
        }
        let mut index = Index::empty(Arc::clone(&file))?;
        let (mut names, mut lines, mut met) = (Names::default(), Lines::new(&*file, LONGEST_LINE), 0);
        while let Some(line) = lines.next()? {
            let left_out = &mut index.left_out;
            let found = form.row(line.text, line.number, &mut |name| {
                if left_out.len() < TOLD && !left_out.contains(name) {
                    left_out.insert(name.to_owned());
                }
            });
            let Some(found) = found.transpose() else { continue };
            index.skip(line.number - met - 1);
            met = line.number;
            let id = id_hash(found.as_ref().map_or_else(|wrong| &wrong.custom_id, |row| &row.custom_id));
            names.add(&id);
            if shard.is_some_and(|shard| !shard.has(&id)) {
                index.elsewhere += 1;
                index.rows.push(DONE);
                continue;
            }
            match found {
                Ok(row) => index.add(line.offset, &row, &id, recorded)?,
                Err(wrong) => index.add_bad(line.offset, line.number, wrong, recorded.find(&id).is_some()),
            }
        }
        index.rows.shrink_to_fit();
        if let Some(twice) = names.duplicate(&file, form)? {
            return Err(IndexError::Duplicate(twice.custom_id, twice.lines[0], twice.lines[1]));
        }
        if State::of(&file)? == index.state { Ok(index) } else { Err(io::Error::other(CHANGED).into()) }
    }

    fn empty(file: Arc<File>) -> io::Result<Index> {
        Ok(Index {
            state: State::of(&file)?,
            file,
            rows: Vec::new(),
            gaps: 0,
            lanes: Vec::new(),
            bad: Vec::new(),
            bad_rows: 0,
            bad_done: 0,
            failed: 0,
            elsewhere: 0,
            changed: Vec::new(),
            changed_rows: 0,
            left_out: BTreeSet::new(),
        })
    }

    /// So many lines are empty.
    fn skip(&mut self, lines: u64) {
        if lines > 0 {
            self.gaps += 1;
            self.rows.push(GAP | lines & OFFSET);
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
        self.failed += u64::from(entry.is_some_and(|entry| entry.failed));
        let lane = &mut self.lanes[number];
        lane.rows += 1;
        if entry.is_some() {
            lane.done += 1;
        } else {
            lane.input_tokens = lane.input_tokens.saturating_add(row.input_tokens);
            lane.largest_input = lane.largest_input.max(row.input_tokens);
            lane.output_tokens = lane.output_tokens.saturating_add(row.output_tokens.unwrap_or(0));
            lane.unbounded += u64::from(row.output_tokens.is_none());
        }
        self.rows.push(offset & OFFSET | (number as u64) << LANE | if entry.is_some() { DONE } else { 0 });
        Ok(())
    }

    fn add_bad(&mut self, offset: u64, line: u64, wrong: RowError, done: bool) {
        self.rows.push(offset & OFFSET | BAD | if done { DONE } else { 0 });
        self.bad_done += u64::from(done);
        self.failed += u64::from(done);
        if !done {
            self.bad_rows += 1;
            if self.bad.len() < TOLD {
                self.bad.push(Bad { line, reason: wrong.message });
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
        self.rows.len() - self.gaps
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The hashed `custom_id`s, sorted, of rows whose recorded end is of something else than what they say now.
///
/// # Errors
/// Of the file system.
pub fn changed(path: &Path, form: &Form, recorded: &Recorded) -> io::Result<Vec<[u8; 16]>> {
    let (mut lines, mut found) = (Lines::new(File::open(path)?, LONGEST_LINE), Vec::new());
    while let Some(line) = lines.next()? {
        let Ok(Some(row)) = form.row(line.text, line.number, &mut |_| ()) else { continue };
        let id = id_hash(&row.custom_id);
        if recorded.find(&id).is_some_and(|entry| !entry.is_of(&row.content())) {
            found.push(id);
        }
    }
    found.sort_unstable();
    Ok(found)
}
