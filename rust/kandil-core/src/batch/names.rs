//! Whether all rows of a file have names of their own.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::file::At;
use super::lines::Lines;
use super::row::{Form, LONGEST_LINE, id_hash};

/// Two rows that are called the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// What they are called.
    pub custom_id: String,
    /// Of the first of them, from 1.
    pub lines: [u64; 2],
}

/// Eight bytes of each name's hash: those that are equal are looked at again.
#[derive(Default)]
pub(super) struct Names(Vec<u64>);

impl Names {
    pub(super) fn add(&mut self, id: &[u8; 16]) {
        self.0.push(short(id));
    }

    /// The first of the file's rows that is called as one before it; `file` is what the names are of.
    pub(super) fn duplicate(mut self, file: &File, form: &Form) -> io::Result<Option<Duplicate>> {
        self.0.sort_unstable();
        let twice = self.0.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let mut suspects: HashMap<u64, HashMap<String, u64>> = twice.map(|hash| (hash, HashMap::new())).collect();
        if suspects.is_empty() {
            return Ok(None);
        }
        let mut lines = Lines::new(At { file, offset: 0 }, LONGEST_LINE);
        while let Some(line) = lines.next()? {
            let Some(custom_id) = form.custom_id(line.text, line.number) else { continue };
            let Some(known) = suspects.get_mut(&short(&id_hash(&custom_id))) else { continue };
            if let Some(first) = known.get(&*custom_id) {
                return Ok(Some(Duplicate { lines: [*first, line.number], custom_id: custom_id.into_owned() }));
            }
            known.insert(custom_id.into_owned(), line.number);
        }
        Ok(None)
    }
}

fn short(id: &[u8; 16]) -> u64 {
    let mut short = [0; 8];
    short.copy_from_slice(&id[..8]);
    u64::from_le_bytes(short)
}
