//! Answers that are kept by what was asked, so that nobody pays for them twice.
//!
//! A folder has one file for each lane, of lines of output that are only added to. Several processes may use it at once.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::fields::quoted;
use super::file::{At, Replacement, beside, copy, is_gone, line_at, private};
use super::lines::Lines;
use super::recorded::LONGEST_RESULT;
use super::result::{beginning, content, result};

/// Lines wait until there are so many bytes of them,
const GROUP: usize = 256 << 10;
/// or, while another process writes, so many.
const MOST: usize = 16 * GROUP;
const PIECE: usize = 4 << 10;

/// Answers of one lane.
pub struct Cache {
    path: PathBuf,
    /// Held by whoever writes: the file itself may be replaced.
    lock: File,
    file: File,
    /// Of the file, so much is known.
    known: u64,
    places: HashMap<[u8; 16], u64>,
    /// Not in the file yet.
    fresh: Vec<u8>,
    fresh_places: HashMap<[u8; 16], Range<usize>>,
    largest_bytes: u64,
}

impl Cache {
    /// Of the lane with this fingerprint: all on which its answers depend beside the rows. The folder is made if it is
    /// not there. Where there are `largest_bytes` by now, the older half goes; until then, nothing more is kept.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(folder: &Path, fingerprint: &[u8], largest_bytes: u64) -> io::Result<Cache> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{}.jsonl", &blake3::hash(fingerprint).to_hex()[..32]));
        let mut cache = Cache {
            lock: private(&beside(&path, "lock"), false)?,
            file: private(&path, false)?,
            path,
            known: 0,
            places: HashMap::new(),
            fresh: Vec::new(),
            fresh_places: HashMap::new(),
            largest_bytes,
        };
        cache.locked(|cache| {
            cache.load()?;
            if cache.known >= largest_bytes { cache.shrink() } else { Ok(()) }
        })?;
        Ok(cache)
    }

    /// Answers that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len() + self.fresh_places.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line of output of a row that asks this, with the answer that another one got. None: nobody got one, or it
    /// cannot be read any more.
    #[must_use]
    pub fn get(&self, asked: &[u8; 16], custom_id: &str) -> Option<Vec<u8>> {
        if let Some(place) = self.fresh_places.get(asked) {
            return renamed(self.fresh.get(place.clone())?, asked, custom_id);
        }
        let mut buffer = Vec::new();
        let offset = *self.places.get(asked)?;
        renamed(line_at(&self.file, offset, &mut buffer, PIECE, LONGEST_RESULT).ok()?, asked, custom_id)
    }

    /// Keeps an answer's line of output; an error's it does not. It is in the file when so many others are, or after [`flush`](Cache::flush).
    ///
    /// # Errors
    /// Of the file system; what is kept already stays.
    pub fn put(&mut self, asked: &[u8; 16], line: &[u8]) -> io::Result<()> {
        let answer = line.trim_ascii_end().ends_with(b"\"error\":null}");
        let full = self.known + self.fresh.len() as u64 >= self.largest_bytes;
        if !answer || full || self.places.contains_key(asked) || self.fresh_places.contains_key(asked) {
            return Ok(());
        }
        let start = self.fresh.len();
        self.fresh.extend_from_slice(line.trim_ascii_end());
        self.fresh_places.insert(*asked, start..self.fresh.len());
        self.fresh.push(b'\n');
        let waiting = self.fresh.len();
        let due = waiting >= MOST || (waiting >= GROUP && self.lock.try_lock().is_ok());
        if due { self.flush() } else { Ok(()) }
    }

    /// All that was kept is in the file, and all that others have kept is known.
    ///
    /// # Errors
    /// Of the file system; then what was not in the file yet is forgotten.
    pub fn flush(&mut self) -> io::Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        self.fresh_places.clear();
        self.locked(|cache| {
            cache.load()?;
            if let Err(error) = cache.file.write_all(&fresh) {
                drop(cache.file.set_len(cache.known));
                return Err(error);
            }
            cache.load()
        })
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Cache) -> io::Result<T>) -> io::Result<T> {
        self.lock.lock()?;
        let result = work(self);
        self.lock.unlock()?;
        result
    }

    /// What is new in the file, which somebody may have replaced; a line that was not written to its end is cut off.
    fn load(&mut self) -> io::Result<()> {
        if is_gone(&self.file, &self.path) {
            self.file = private(&self.path, false)?;
            (self.known, self.places) = (0, HashMap::new());
        }
        let from = self.known;
        let mut lines = Lines::new(At { file: &self.file, offset: from }, LONGEST_RESULT);
        while let Some(line) = lines.next()? {
            if !line.ended {
                return self.file.set_len(self.known);
            }
            if let Some(asked) = content(line.text) {
                self.places.entry(asked).or_insert(from + line.offset);
            }
            self.known += line.length;
        }
        Ok(())
    }

    /// The newer half, in a new file.
    fn shrink(&mut self) -> io::Result<()> {
        let least = self.known.saturating_sub(self.largest_bytes / 2);
        let mut lines = Lines::new(At { file: &self.file, offset: 0 }, LONGEST_RESULT);
        let mut start = self.known;
        while let Some(line) = lines.next()? {
            if line.offset >= least {
                start = line.offset;
                break;
            }
        }
        let mut new = Replacement::of(&self.path)?;
        copy(&self.file, start..self.known, &mut new)?;
        new.commit()?;
        self.load()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if !self.fresh.is_empty() {
            drop(self.flush()); // a cache may forget
        }
    }
}

/// The line as another row's.
fn renamed(line: &[u8], asked: &[u8; 16], custom_id: &str) -> Option<Vec<u8>> {
    let found = result(line).filter(|found| found.ok && found.content == *asked)?;
    let mut own = beginning(asked);
    quoted(&mut own, &found.custom_id);
    let rest = line.strip_prefix(&own[..])?;
    let mut other = beginning(asked);
    quoted(&mut other, custom_id);
    other.extend_from_slice(rest);
    other.push(b'\n');
    Some(other)
}
