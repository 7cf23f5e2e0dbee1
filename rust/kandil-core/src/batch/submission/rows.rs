//! Which rows a provider's batch has: their names and what was sent, one line each.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sent_id;
use crate::batch::recorded::unhex;
use crate::batch::row::id_hash;
use crate::batch::run::Named;

#[derive(Deserialize, Serialize)]
struct Line<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

/// Appends a row's line.
pub(super) fn write(to: &mut impl Write, custom_id: &str, content: [u8; 16]) -> io::Result<()> {
    let content = format!("{:032x}", u128::from_be_bytes(content));
    serde_json::to_writer(&mut *to, &Line { custom_id: custom_id.into(), content: content.into() })?;
    to.write_all(b"\n")
}

/// All rows of a provider's batch, and which of them have got a result.
pub struct Rows {
    rows: Vec<Named<'static>>,
    had: Vec<bool>,
    /// By the hash of the name that was sent.
    places: HashMap<[u8; 16], usize>,
}

impl Rows {
    /// Reads the file that was written with the requests.
    ///
    /// # Errors
    /// Of the file system; or it is none.
    pub fn read(path: &Path) -> io::Result<Rows> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "it does not say which rows were sent");
        let mut found = Rows { rows: Vec::new(), had: Vec::new(), places: HashMap::new() };
        for line in BufReader::with_capacity(1 << 20, File::open(path)?).lines() {
            let line = line?;
            let said: Line<'_> = serde_json::from_str(&line).map_err(|_| broken())?;
            let content = unhex(&said.content).ok_or_else(broken)?;
            found.places.insert(id_hash(&sent_id(&said.custom_id)), found.rows.len());
            found.rows.push(Named { custom_id: Cow::Owned(said.custom_id.into_owned()), content });
        }
        found.had = vec![false; found.rows.len()];
        Ok(found)
    }

    /// The row that a result is for, once. None: it is not of this batch, or had one.
    pub(super) fn take(&mut self, sent: &str) -> Option<&Named<'static>> {
        let place = *self.places.get(&id_hash(sent))?;
        (!std::mem::replace(&mut self.had[place], true)).then(|| &self.rows[place])
    }

    /// Those without a result.
    pub(super) fn left(&self) -> impl Iterator<Item = &Named<'static>> {
        self.rows.iter().zip(&self.had).filter(|(_, had)| !**had).map(|(row, _)| row)
    }
}
