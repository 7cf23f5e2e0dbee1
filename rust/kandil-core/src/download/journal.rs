//! What is there of a file, beside it: lines that are only added, so that a crash costs the last one.
//!
//! ```text
//! {"etag": …}      the first line: what the file is a part of, in its writer's words
//! @5f0c…           what follows was written since this start of the system
//! +17              block 17 is written
//! +19:1000         of block 19, the first 1000 bytes are
//! =40              the first 40 of these are on the disk, too
//! @                the others may not come there
//! ```
//!
//! What is written is there after a crash of the process; after a power cut, what is on the disk.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;

use super::BLOCK;

/// No file has so many blocks.
const LARGEST: u64 = 64 << 20;

/// Open for adding to it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Blocks that it has.
    count: usize,
}

/// A block, and how many bytes of it are there; None: all.
pub(super) type Begun = (usize, Option<u32>);

/// What a journal says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// It is about another file, or an earlier state of this one.
    Other,
    /// These blocks are there; what is said of one later says no less.
    Blocks(Vec<Begun>),
}

/// Bytes that have come of a file, as its journal says, if it is there: for who waits. The last block may be shorter than
/// is counted here.
#[must_use]
pub fn begun(path: &Path) -> u64 {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
    if read.is_err() {
        return 0;
    }
    let blocks: HashMap<_, _> = lines(&text).filter_map(|line| line.strip_prefix(b"+")).filter_map(block).collect();
    blocks.values().map(|bytes| bytes.map_or(BLOCK, u64::from).min(BLOCK)).sum()
}

impl Journal {
    /// Begins it anew unless it is about the same file. `boot`: the system's start.
    pub(super) fn open(path: &Path, identity: &str, boot: &str) -> io::Result<(Journal, Found)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        Read::by_ref(&mut file).take(LARGEST).read_to_end(&mut text)?;
        let whole = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
        text.truncate(whole);
        let found = said(&text, identity, boot);
        let Found::Blocks(_) = &found else {
            file.set_len(0)?;
            file.write_all(format!("{identity}\n@{boot}\n").as_bytes())?;
            return Ok((Journal { file, count: 0 }, found));
        };
        file.set_len(whole as u64)?;
        file.write_all(format!("@{boot}\n").as_bytes())?;
        let count = lines(&text).filter(|line| line.starts_with(b"+")).count();
        Ok((Journal { file, count }, found))
    }

    /// These were written.
    pub(super) fn wrote(&mut self, blocks: impl Iterator<Item = Begun>) -> io::Result<()> {
        let mut text = String::new();
        let mut count = 0;
        for (block, bytes) in blocks {
            text.push_str(&bytes.map_or_else(|| format!("+{block}\n"), |bytes| format!("+{block}:{bytes}\n")));
            count += 1;
        }
        if count > 0 {
            self.file.write_all(text.as_bytes())?;
            self.count += count; // of what was cut short, none
        }
        Ok(())
    }

    /// What was written since the last time may be lost: as if the system had started anew.
    pub(super) fn doubt(&mut self) -> io::Result<()> {
        self.file.write_all(b"@\n")
    }

    /// How many there are, for [`Journal::synced`].
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The first so many are on the disk.
    pub(super) fn synced(&mut self, count: usize) -> io::Result<()> {
        self.file.write_all(format!("={count}\n").as_bytes())
    }

    /// For making it safe itself, which takes long.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn said(text: &[u8], identity: &str, boot: &str) -> Found {
    let mut lines = lines(text);
    match lines.next() {
        None | Some(b"") => return Found::Nothing,
        Some(first) if first == identity.as_bytes() => {}
        Some(_) => return Found::Other,
    }
    let (mut written, mut synced) = (Vec::new(), 0);
    let mut last: &[u8] = b"";
    for line in lines {
        match line.split_first() {
            Some((b'@', start)) => {
                if start != last {
                    forget(&mut written, synced);
                }
                last = start;
            }
            Some((b'+', said)) => written.push(block(said)),
            Some((b'=', count)) => synced = number(count).map_or(synced, |count: usize| count.max(synced)),
            _ => {}
        }
    }
    if last != boot.as_bytes() {
        forget(&mut written, synced);
    }
    Found::Blocks(written.into_iter().flatten().collect())
}

/// The system has started anew since: what was not on the disk may be lost.
fn forget(written: &mut [Option<Begun>], synced: usize) {
    written.iter_mut().skip(synced).for_each(|block| *block = None);
}

fn block(said: &[u8]) -> Option<Begun> {
    match memchr::memchr(b':', said) {
        None => Some((number(said)?, None)),
        Some(at) => Some((number(said.get(..at)?)?, Some(number(said.get(at + 1..)?)?))),
    }
}

fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str, boot: &str) -> Found {
        said(text.as_bytes(), "id", boot)
    }

    fn whole(blocks: &[usize]) -> Found {
        Found::Blocks(blocks.iter().map(|block| (*block, None)).collect())
    }

    #[test]
    fn what_was_written_counts_until_the_system_starts_anew() {
        let text = "id\n@one\n+3\n+1\n=1\n+2\n";
        assert_eq!(blocks(text, "one"), whole(&[3, 1, 2]));
        assert_eq!(blocks(text, "two"), whole(&[3]));
        let more = format!("{text}@two\n+5\n");
        assert_eq!(blocks(&more, "two"), whole(&[3, 5]));
        assert_eq!(blocks(&more, "one"), whole(&[3]));
        assert_eq!(blocks(&format!("{more}=4\n"), "three"), whole(&[3, 5]));
    }

    #[test]
    fn parts_of_blocks_count() {
        let text = "id\n@one\n+3:9\n+1:7\n=1\n+3:12\n+1\n+5:x\n+:6\n";
        let (three, one) = ((3, Some(9)), (1, Some(7)));
        assert_eq!(blocks(text, "one"), Found::Blocks(vec![three, one, (3, Some(12)), (1, None)]));
        assert_eq!(blocks(text, "two"), Found::Blocks(vec![three]));
        assert_eq!(blocks(&format!("{text}@\n+6\n"), "one"), Found::Blocks(vec![three]), "the disk has failed");
    }

    #[test]
    fn another_file_is_not_mixed_in() {
        assert_eq!(blocks("other\n@one\n+3\n", "one"), Found::Other);
        assert_eq!(blocks("", "one"), Found::Nothing);
        assert_eq!(blocks("id\n@one\nrubbish\n+x\n+\n+7\n=y\n", "one"), whole(&[7]));
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let folder = std::env::temp_dir().join(format!("kandil-journal-{}", std::process::id()));
        std::fs::write(&folder, "id\n@one\n+3\n+41").unwrap();
        let (mut journal, found) = Journal::open(&folder, "id", "one").unwrap();
        assert_eq!(found, whole(&[3]));
        journal.wrote([(4, None), (5, Some(9))].into_iter()).unwrap();
        journal.synced(journal.count()).unwrap();
        assert_eq!(std::fs::read_to_string(&folder).unwrap(), "id\n@one\n+3\n@one\n+4\n+5:9\n=3\n");
        assert_eq!(begun(&folder), 2 * BLOCK + 9);
        assert_eq!(Journal::open(&folder, "new", "one").unwrap().1, Found::Other);
        assert_eq!(std::fs::read_to_string(&folder).unwrap(), "new\n@one\n");
        std::fs::remove_file(&folder).unwrap();
    }
}
