//! One lane's rows, read when they are to be sent.

use std::fs::File;
use std::io;
use std::sync::Arc;

use memchr::memchr;

use super::{BAD, CHANGED, DONE, GAP, Index, OFFSET, State, lane_of};
use crate::batch::file::line_at;
use crate::batch::row::{Form, LONGEST_LINE};
use crate::batch::run::{Failure, Pulled, Source, Task};

const READ: usize = 256 << 10;
/// After a row of this size its buffer is given back.
const LARGE: usize = 4 * READ;

/// Reads one lane's rows.
pub struct Cursor {
    index: Arc<Index>,
    form: Arc<Form>,
    file: Arc<File>,
    lane: u64,
    /// Of the index.
    next: usize,
    /// Of the file: how many lines were gone by.
    lines: u64,
    /// Of the file, from `start`: lines of one lane are near each other, as a rule.
    buffer: Vec<u8>,
    start: u64,
}

impl Index {
    /// The rows of one lane that have no end yet; the first lane's cursor has those that cannot be sent, too.
    ///
    /// # Errors
    /// The file was changed.
    pub fn cursor(self: &Arc<Index>, form: &Arc<Form>, lane: usize) -> io::Result<Cursor> {
        let (index, form, file) = (Arc::clone(self), Arc::clone(form), Arc::clone(&self.file));
        if State::of(&file)? != self.state {
            return Err(io::Error::other(CHANGED));
        }
        Ok(Cursor { index, form, file, lane: lane as u64, next: 0, lines: 0, buffer: Vec::new(), start: 0 })
    }
}

impl Cursor {
    /// Goes to the next row of the lane that has no end. None: there is none.
    fn advance(&mut self) -> Option<u64> {
        for row in &self.index.rows[self.next..] {
            self.next += 1;
            if row & GAP != 0 {
                self.lines += row & OFFSET;
                continue;
            }
            self.lines += 1;
            if row & DONE == 0 && lane_of(*row) == self.lane {
                return Some(*row);
            }
        }
        None
    }

    /// The line that begins here.
    fn line(&mut self, offset: u64) -> io::Result<&[u8]> {
        let known = offset.checked_sub(self.start).map(|at| at as usize).filter(|at| *at < self.buffer.len());
        let whole = known.and_then(|at| Some(at..at + memchr(b'\n', &self.buffer[at..])?));
        if let Some(whole) = whole {
            return Ok(&self.buffer[whole]);
        }
        if self.buffer.len() > LARGE {
            self.buffer = Vec::new();
        }
        self.start = offset;
        line_at(&self.file, offset, &mut self.buffer, READ, LONGEST_LINE)
    }
}

impl Source for Cursor {
    fn next(&mut self) -> Result<Pulled, String> {
        let told = |error: io::Error| format!("the rows cannot be read any more: {error}");
        let Some(row) = self.advance() else {
            let same = State::of(&self.file).map_err(told)? == self.index.state;
            return if same { Ok(Pulled::End) } else { Err(CHANGED.to_owned()) };
        };
        let (form, number, bad) = (Arc::clone(&self.form), self.lines, row & BAD != 0);
        let line = self.line(row & OFFSET).map_err(told)?;
        match form.row(line, number, &mut |_| ()) {
            Ok(Some(row)) if !bad => Ok(Pulled::Task(row.into())),
            Err(wrong) if bad => {
                let failure = Failure { code: "invalid_row".to_owned(), message: wrong.message };
                Ok(Pulled::Bad(Task::unsent(wrong.custom_id), failure))
            }
            _ => Err(CHANGED.to_owned()),
        }
    }
}
