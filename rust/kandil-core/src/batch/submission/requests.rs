//! Files of requests, as a provider takes them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Caps, Dialect, endpoint, rows, sent_id};
use crate::batch::fields::{fields, quoted};
use crate::batch::protocol::{self, Kind, Target};
use crate::batch::recorded::{private, sync_folder};
use crate::batch::run::line;
use crate::batch::run::{Failure, Pulled, Source, Task};

const HEAD: &[u8] = b"{\"requests\":[\n";
const FOOT: &[u8] = b"\n]}\n";
const REASONS: usize = 20;

/// A file of requests that is whole and on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Names the files: `<number>.requests` and `<number>.rows`.
    pub number: u64,
    /// Which call all of its rows are.
    pub kind: Kind,
    /// How many these are.
    pub rows: u64,
    /// Of the file of requests.
    pub bytes: u64,
}

/// Rows that cannot be sent: their lines of errors are in `unsent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// How many.
    pub rows: u64,
    /// Names and reasons of the first ones.
    pub reasons: Vec<(String, String)>,
}

/// Writes all rows of a source.
///
/// # Errors
/// Of the file system, or the source's own, in words.
pub fn prepare(source: &mut dyn Source, mut requests: Requests) -> io::Result<(Vec<Prepared>, Unsent)> {
    loop {
        match source.next().map_err(io::Error::other)? {
            Pulled::Task(task) => requests.add(&task)?,
            Pulled::Bad(task, failure) => requests.refuse(&task, failure)?,
            Pulled::Dry | Pulled::End => return requests.finish(),
        }
    }
}

/// Writes files of requests into a folder.
pub struct Requests {
    folder: PathBuf,
    dialect: Dialect,
    caps: Caps,
    target: Target,
    /// Of each kind of call the one that is being written.
    open: [Option<Open>; 4],
    prepared: Vec<Prepared>,
    next: u64,
    unsent: Unsent,
    unsent_lines: Option<BufWriter<File>>,
    line: Vec<u8>,
}

impl Requests {
    /// The first file's number is `next`. Files that are there are written anew.
    #[must_use]
    pub fn new(folder: &Path, dialect: Dialect, caps: Caps, target: Target, next: u64) -> Requests {
        Requests {
            folder: folder.to_owned(),
            dialect,
            caps,
            target,
            open: [const { None }; 4],
            prepared: Vec::new(),
            next,
            unsent: Unsent::default(),
            unsent_lines: None,
            line: Vec::new(),
        }
    }

    fn add(&mut self, task: &Task) -> io::Result<()> {
        let mut request = std::mem::take(&mut self.line);
        request.clear();
        let fits = match self.write(task, &mut request) {
            Ok(()) if request.len() as u64 > self.caps.bytes - (HEAD.len() + FOOT.len()) as u64 => {
                Err(format!("its request has {} bytes; a batch takes {}", request.len(), self.caps.bytes))
            }
            other => other,
        };
        let added = match fits {
            Ok(()) => self.append(task, &request),
            Err(message) => self.refuse(task, Failure { code: "unsendable".to_owned(), message }),
        };
        self.line = request;
        added
    }

    /// One request, without what stands between two.
    fn write(&self, task: &Task, to: &mut Vec<u8>) -> Result<(), String> {
        to.extend_from_slice(b"{\"custom_id\":");
        quoted(to, &sent_id(&task.custom_id));
        to.extend_from_slice(match self.dialect {
            Dialect::OpenAi => b",\"method\":\"POST\",\"url\":".as_slice(),
            Dialect::Mistral => b",\"body\":",
            Dialect::Anthropic => b",\"params\":",
        });
        let said = |why: protocol::Unsendable| why.to_string();
        match self.dialect {
            Dialect::OpenAi => {
                quoted(to, endpoint(&self.target, task.kind));
                to.extend_from_slice(b",\"body\":");
                protocol::encode(&self.target, task.kind, &task.body, to).map_err(said)?;
            }
            Dialect::Anthropic => protocol::encode(&self.target, task.kind, &task.body, to).map_err(said)?,
            Dialect::Mistral => {
                let mut body = Vec::with_capacity(task.body.len() + 64);
                protocol::encode(&self.target, task.kind, &task.body, &mut body).map_err(said)?;
                without_model(&body, to)?;
            }
        }
        to.push(b'}');
        Ok(())
    }

    fn append(&mut self, task: &Task, request: &[u8]) -> io::Result<()> {
        let place = &mut self.open[task.kind as usize];
        let full = |open: &Open| {
            open.rows == self.caps.rows || open.bytes + (request.len() + 2 + FOOT.len()) as u64 > self.caps.bytes
        };
        if place.as_ref().is_some_and(full) {
            self.prepared.extend(place.take().map(Open::close).transpose()?);
        }
        let open = match place {
            Some(open) => open,
            None => {
                self.next += 1;
                place.insert(Open::new(&self.folder, self.dialect, self.next - 1, task.kind)?)
            }
        };
        open.add(request, task)
    }

    fn refuse(&mut self, task: &Task, failure: Failure) -> io::Result<()> {
        let lines = match &mut self.unsent_lines {
            Some(lines) => lines,
            None => self.unsent_lines.insert(BufWriter::new(private(&self.folder.join("unsent"), false)?)),
        };
        lines.write_all(&line::failure(&task.named(), &failure, None))?;
        self.unsent.rows += 1;
        if self.unsent.reasons.len() < REASONS {
            self.unsent.reasons.push((task.custom_id.clone(), failure.message));
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Vec<Prepared>, Unsent)> {
        for open in self.open.into_iter().flatten() {
            self.prepared.push(open.close()?);
        }
        if let Some(lines) = self.unsent_lines {
            synced(lines)?;
        }
        sync_folder(&self.folder.join("."))?;
        self.prepared.sort_unstable_by_key(|one| one.number);
        Ok((self.prepared, self.unsent))
    }
}

struct Open {
    number: u64,
    kind: Kind,
    dialect: Dialect,
    requests: BufWriter<File>,
    names: BufWriter<File>,
    rows: u64,
    bytes: u64,
}

impl Open {
    fn new(folder: &Path, dialect: Dialect, number: u64, kind: Kind) -> io::Result<Open> {
        let writer = |what: &str| {
            let file = private(&folder.join(format!("{number}.{what}")), true)?;
            io::Result::Ok(BufWriter::with_capacity(1 << 18, file))
        };
        let mut open =
            Open { number, kind, dialect, requests: writer("requests")?, names: writer("rows")?, rows: 0, bytes: 0 };
        if dialect == Dialect::Anthropic {
            open.write(HEAD)?;
        }
        Ok(open)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.requests.write_all(bytes)
    }

    fn add(&mut self, request: &[u8], task: &Task) -> io::Result<()> {
        if self.dialect == Dialect::Anthropic && self.rows > 0 {
            self.write(b",\n")?;
        }
        self.write(request)?;
        if self.dialect != Dialect::Anthropic {
            self.write(b"\n")?;
        }
        self.rows += 1;
        rows::write(&mut self.names, &task.custom_id, task.content)
    }

    fn close(mut self) -> io::Result<Prepared> {
        if self.dialect == Dialect::Anthropic {
            self.write(FOOT)?;
        }
        synced(self.requests)?;
        synced(self.names)?;
        Ok(Prepared { number: self.number, kind: self.kind, rows: self.rows, bytes: self.bytes })
    }
}

fn synced(writer: BufWriter<File>) -> io::Result<()> {
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn without_model(body: &[u8], to: &mut Vec<u8>) -> Result<(), String> {
    let found = fields(body).map_err(|error| error.to_string())?;
    to.push(b'{');
    for (index, (name, value)) in found.iter().filter(|(name, _)| name != "model").enumerate() {
        if index > 0 {
            to.push(b',');
        }
        quoted(to, name);
        to.push(b':');
        to.extend_from_slice(value.get().as_bytes());
    }
    to.push(b'}');
    Ok(())
}
