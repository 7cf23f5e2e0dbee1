//! The walk over a header: one step for each item, from the magic number to where tensor data begins.

mod bulk;
mod entry;
mod preamble;
mod strings;
mod tensor;

use super::header::{Entry, Header};
use super::read::{Cursor, Step, Stop};
use super::rules::vocabulary::Vocabulary;
use super::rules::{self, Findings, HDR_TRUNC, Rule};
use super::scanner::Scan;
use strings::{StringRun, Utf8Stream};

/// What comes next.
#[derive(Debug)]
enum State {
    Preamble,
    Key,
    /// The elements of an array of strings.
    Strings(StringRun),
    /// A string that is too long to keep: held until it has been looked at.
    Text {
        left: u64,
        utf8: Utf8Stream,
        held: Vec<u8>,
    },
    /// One-byte elements of which each is 0 or 1.
    Bools {
        left: u64,
        wrong: Wrong,
    },
    /// Numbers, of which the first are held until they have been looked at.
    Numbers {
        left: u64,
        held: Vec<u8>,
    },
    Tensor,
    /// The bytes up to the tensor data, all 0.
    Padding {
        left: u64,
        wrong: Wrong,
    },
    Done,
}

/// Bytes that have a value they should not have.
#[derive(Debug, Default, Clone, Copy)]
struct Wrong {
    count: u64,
    /// Offset and value of the first.
    first: Option<(u64, u8)>,
}

#[derive(Debug)]
pub(super) struct Walk {
    state: State,
    /// Offset of the first byte that no step has taken.
    position: u64,
    is_gguf: bool,
    header: Header,
    /// The entry whose value is being walked.
    current: Option<Entry>,
    /// The beginning of an array of strings, as it stands in the file, until it has been looked at.
    held_strings: Vec<u8>,
    keys_total: u64,
    tensors_total: u64,
    /// Bytes of the names of keys and tensors.
    names_total: u64,
    /// Bytes of values that are kept.
    kept_total: u64,
    /// Where each entry and each tensor begins in the header.
    key_places: Vec<u64>,
    tensor_places: Vec<u64>,
    /// False where `general.alignment` cannot be used: then nothing is known of the tensors' places.
    alignment_sound: bool,
    vocabulary: Vocabulary,
    findings: Findings,
}

impl Walk {
    pub(super) fn new(file_size: u64) -> Self {
        Self {
            state: State::Preamble,
            position: 0,
            is_gguf: false,
            header: Header { alignment: entry::DEFAULT_ALIGNMENT, file_size, ..Header::default() },
            current: None,
            held_strings: Vec::new(),
            keys_total: 0,
            tensors_total: 0,
            names_total: 0,
            kept_total: 0,
            key_places: Vec::new(),
            tensor_places: Vec::new(),
            alignment_sound: true,
            vocabulary: Vocabulary::default(),
            findings: Findings::new(),
        }
    }

    pub(super) fn file_size(&self) -> u64 {
        self.header.file_size
    }

    pub(super) fn done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Walks at least one item, or part of a long one, from the start of `bytes`; says how many it has taken. A step that
    /// takes none has changed the state.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step<usize> {
        let result = self.dispatch(bytes);
        match result {
            Ok(taken) => self.position = self.position.saturating_add(taken as u64),
            Err(Stop::Short(needed)) if needed as u64 > self.file_size().saturating_sub(self.position) => {
                self.truncated();
                return Err(Stop::Broken);
            }
            Err(_) => {}
        }
        result
    }

    fn dispatch(&mut self, bytes: &[u8]) -> Step<usize> {
        match &mut self.state {
            State::Preamble => self.preamble(bytes),
            State::Key => self.key(bytes),
            State::Strings(_) => self.strings(bytes),
            State::Text { .. } => self.text(bytes),
            State::Bools { .. } => self.bools(bytes),
            State::Numbers { .. } => self.numbers(bytes),
            State::Tensor => self.tensor(bytes),
            State::Padding { .. } => self.padding(bytes),
            State::Done => Err(Stop::Broken),
        }
    }

    fn cursor<'a>(&self, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::new(bytes, self.position, self.header.file_size, self.header.big_endian)
    }

    /// Reports why the rest cannot be walked.
    pub(super) fn break_off(&mut self, rule: Rule, offset: u64, message: impl FnOnce() -> String) -> Stop {
        self.findings.add(rule, offset, message);
        self.header.tensors = Vec::new();
        self.vocabulary.settle();
        self.state = State::Done;
        Stop::Broken
    }

    fn truncated(&mut self) {
        let (position, size) = (self.position, self.file_size());
        let (keys, tensors) = (self.header.entries.len(), self.header.tensors.len());
        let (keys_total, tensors_total) = (self.keys_total, self.tensors_total);
        self.break_off(HDR_TRUNC, position, || match position {
            0 => format!("the file ends at byte {size}, a header has at least 24"),
            _ => format!(
                "the file ends at byte {size}, inside the header: \
                 {keys} of {keys_total} keys and {tensors} of {tensors_total} tensors are there"
            ),
        });
    }

    pub(super) fn finish(mut self) -> Scan {
        let keys = self.header.entries.iter().map(|entry| &*entry.key).zip(self.key_places.iter().copied());
        rules::names::check_unique_keys(keys, &mut self.findings);
        let names = self.header.tensors.iter().map(|tensor| &*tensor.name).zip(self.tensor_places.iter().copied());
        rules::names::check_unique_tensors(names, &mut self.findings);
        if let Some(data_offset) = self.header.data_offset {
            let section = (data_offset, self.header.alignment, self.header.file_size);
            rules::layout::check(&self.header.tensors, &self.tensor_places, section, &mut self.findings);
        }
        self.vocabulary.check(&self.header, &mut self.findings);
        rules::check_whole(&self.header, &mut self.findings);
        let findings = self.findings.finish(self.header.claims_to_be_a_model());
        Scan { is_gguf: self.is_gguf, header: self.is_gguf.then_some(self.header), findings }
    }
}
