//! Values of any length: walked through as their bytes come, held no longer than it takes to look at them.

use super::super::header::Entry;
use super::super::read::{Step, Stop};
use super::super::rules::vocabulary::{Part, Unwatched};
use super::super::rules::{self, ARR_UTF8, BOOL_VAL, SLACK_PAD, STR_LEN, STR_UTF8};
use super::super::template;
use super::entry::{KEPT_NUMBERS, KEPT_TOTAL};
use super::strings::{MAX_STRING, RunStop};
use super::{State, Walk, Wrong};

/// Of a string, this much is looked at: the longest chat templates have some ten thousand bytes.
const HELD_TEXT: usize = 1 << 20;
/// Of an array of strings, this much, with their lengths. Of one of chat templates, as much as of one template.
const HELD_STRINGS: usize = 64 << 10;
/// Of an array of numbers, this much.
const HELD_NUMBERS: usize = 64 << 10;

/// Adds `part` to `held` until that has `most` bytes.
fn hold(held: &mut Vec<u8>, part: &[u8], most: usize) {
    let room = most.saturating_sub(held.len());
    held.extend_from_slice(part.get(..room).unwrap_or(part));
}

/// As much of `bytes` as `left` counts, and takes it from `left`.
fn part<'a>(bytes: &'a [u8], left: &mut u64) -> Step<&'a [u8]> {
    let part = usize::try_from(*left).ok().and_then(|left| bytes.get(..left)).unwrap_or(bytes);
    *left = left.saturating_sub(part.len() as u64);
    if part.is_empty() { Err(Stop::Short(1)) } else { Ok(part) }
}

/// As [`part`], without a number of `size` bytes that does not lie whole in `bytes`.
fn whole_numbers<'a>(bytes: &'a [u8], left: &mut u64, size: u64) -> Step<&'a [u8]> {
    let size = size as usize; // at most 8
    let cut = bytes.len().checked_rem(size).unwrap_or(0);
    match bytes.get(..bytes.len().saturating_sub(cut)) {
        Some(whole @ [_, ..]) => part(whole, left),
        _ => Err(Stop::Short(size)),
    }
}

impl Wrong {
    /// Notes what in `part`, which begins at `offset`, is above `highest`.
    fn look(&mut self, part: &[u8], offset: u64, highest: u8) {
        if part.iter().fold(0, |most, &byte| most.max(byte)) <= highest {
            return;
        }
        for (index, &byte) in part.iter().enumerate().filter(|&(_, &byte)| byte > highest) {
            self.count = self.count.saturating_add(1);
            self.first.get_or_insert((offset.saturating_add(index as u64), byte));
        }
    }
}

impl Walk {
    fn current_key(&self) -> Box<[u8]> {
        self.current.as_ref().map(|entry: &Entry| entry.key.clone()).unwrap_or_default()
    }

    pub(super) fn numbers(&mut self, bytes: &[u8]) -> Step<usize> {
        let size = self.current.as_ref().and_then(|entry| entry.element?.size()).unwrap_or(1);
        let State::Numbers { left, held } = &mut self.state else { return Err(Stop::Broken) };
        if *left > 0 {
            let part = whole_numbers(bytes, left, size)?;
            hold(held, part, HELD_NUMBERS);
            self.vocabulary.numbers(part, self.header.big_endian);
            return Ok(part.len());
        }
        let held = std::mem::take(held);
        self.keep_numbers(&held);
        if let Some(entry) = &self.current {
            rules::values::check_numbers(entry, &held, &mut self.findings);
        }
        self.end_value();
        Ok(0)
    }

    /// Keeps a short array whole.
    fn keep_numbers(&mut self, held: &[u8]) {
        let (size, Some(entry)) = (held.len() as u64, &mut self.current) else { return };
        let total = self.kept_total.saturating_add(size);
        if size == entry.size && size <= KEPT_NUMBERS && total <= KEPT_TOTAL {
            (entry.kept, self.kept_total) = (Some(held.into()), total);
        }
    }

    pub(super) fn text(&mut self, bytes: &[u8]) -> Step<usize> {
        let State::Text { left, utf8, held } = &mut self.state else { return Err(Stop::Broken) };
        if *left > 0 {
            let part = part(bytes, left)?;
            utf8.push(part);
            hold(held, part, HELD_TEXT);
            return Ok(part.len());
        }
        let held = std::mem::take(held);
        if !utf8.valid() {
            let offset = self.current.as_ref().map_or(self.position, |entry| entry.offset);
            self.odd_value(STR_UTF8, &self.current_key(), offset, || "is a string that is not UTF-8".to_owned());
        }
        if let Some(entry) = &self.current {
            rules::values::check_text(entry, &held, &mut self.findings);
        }
        self.end_value();
        Ok(0)
    }

    pub(super) fn bools(&mut self, bytes: &[u8]) -> Step<usize> {
        let State::Bools { left, wrong } = &mut self.state else { return Err(Stop::Broken) };
        if *left > 0 {
            let part = part(bytes, left)?;
            wrong.look(part, self.position, 1);
            return Ok(part.len());
        }
        if let Wrong { count, first: Some((offset, value)) } = *wrong {
            self.odd_value(BOOL_VAL, &self.current_key(), offset, || {
                format!("has {count} bools that are neither 0 nor 1; the first is {value}")
            });
        }
        self.end_value();
        Ok(0)
    }

    pub(super) fn padding(&mut self, bytes: &[u8]) -> Step<usize> {
        let State::Padding { left, wrong } = &mut self.state else { return Err(Stop::Broken) };
        if *left > 0 {
            let part = part(bytes, left)?;
            wrong.look(part, self.position, 0);
            return Ok(part.len());
        }
        if let Wrong { count, first: Some((offset, _)) } = *wrong {
            self.findings.add(SLACK_PAD, offset, || {
                format!("{count} bytes between the header and the tensor data are not 0, as padding was expected to be")
            });
        }
        self.state = State::Done;
        Ok(0)
    }

    pub(super) fn strings(&mut self, bytes: &[u8]) -> Step<usize> {
        let remaining = self.file_size().saturating_sub(self.position);
        let State::Strings(run) = &mut self.state else { return Err(Stop::Broken) };
        if run.done() {
            let invalid = run.invalid();
            let held = std::mem::take(&mut self.held_strings);
            if let Some(entry) = &self.current {
                rules::values::check_strings(entry, &held, self.header.big_endian, &mut self.findings);
            }
            if let Some((count, first)) = invalid {
                let (key, offset) = (self.current_key(), self.current.as_ref().map(|entry| entry.offset));
                let offset = offset.unwrap_or(self.position);
                let what = || format!("has {count} strings that are not UTF-8; the first is element {first}");
                if key.starts_with(b"tokenizer.") {
                    self.value_finding(ARR_UTF8, &key, offset, what);
                } else {
                    self.odd_value(STR_UTF8, &key, offset, what);
                }
            }
            self.end_value();
            return Ok(0);
        }
        let walked = match self.vocabulary.part() {
            Part::Tokens => run.step(bytes, remaining, self.vocabulary.tokens()),
            Part::Merges => run.step(bytes, remaining, &mut self.vocabulary.merges()),
            _ => run.step(bytes, remaining, &mut Unwatched),
        };
        if let Ok(taken) = walked {
            let templates = self.current.as_ref().is_some_and(|entry| template::is_template(&entry.key));
            let most = if templates { HELD_TEXT } else { HELD_STRINGS };
            hold(&mut self.held_strings, bytes.get(..taken).unwrap_or_default(), most);
        }
        walked.map_err(|stop| match stop {
            RunStop::Short(needed) => Stop::Short(needed),
            RunStop::Length { index, length } => {
                let what = format!(
                    "has a string of {length} bytes as element {index}; \
                     {remaining} bytes remain in the file, which may be cut, and at most {MAX_STRING} were expected"
                );
                self.bad_value(STR_LEN, &self.current_key(), self.position, &what)
            }
        })
    }
}
