//! Keys and the beginnings of their values.

use super::super::header::{Entry, ValueType};
use super::super::printable::printable;
use super::super::read::{Cursor, Step, Stop};
use super::super::rules;
use super::super::rules::{ALIGN, ARR_COUNT, ARR_NEST, BOOL_VAL, KEY_LEN, Rule, STR_LEN, STR_UTF8, TYPE_RANGE, names};
use super::super::value::{Scalar, kept_scalar};
use super::strings::{MAX_STRING, StringRun, Utf8Stream};
use super::{State, Walk, Wrong};

const MAX_KEY: u64 = 65_535;
/// All names of keys and tensors together: they are held until the header's end. Models have some ten thousand bytes.
pub(super) const MAX_NAMES: u64 = 8 << 20;
/// Numbers are kept, strings up to this size, and arrays of numbers up to [`KEPT_NUMBERS`], ...
const KEPT_STRING: u64 = 1024;
/// One value of eight bytes for each of the 512 layers that a model can have.
pub(super) const KEPT_NUMBERS: u64 = 4096;
/// ... until together they have this size.
pub(super) const KEPT_TOTAL: u64 = 1 << 20;
pub(super) const DEFAULT_ALIGNMENT: u32 = 32;
const MAX_ALIGNMENT: u32 = 1 << 20;

impl Walk {
    /// One key with its value, or with the beginning of a long one.
    pub(super) fn key(&mut self, bytes: &[u8]) -> Step<usize> {
        if self.header.entries.len() as u64 == self.keys_total {
            self.vocabulary.settle();
            self.state = State::Tensor;
            return Ok(0);
        }
        let mut cursor = self.cursor(bytes);
        let length = cursor.u64()?;
        if length > MAX_KEY {
            let (number, total) = (self.header.entries.len(), self.keys_total);
            return Err(self.break_off(KEY_LEN, self.position, || {
                format!("key {number} of {total} has a name of {length} bytes, at most {MAX_KEY} were expected")
            }));
        }
        self.check_names(KEY_LEN, length)?;
        let key = cursor.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let kind_offset = cursor.offset();
        let kind = cursor.u32()?;
        let place = self.position;
        match ValueType::from_number(kind) {
            None => Err(self.bad_value(TYPE_RANGE, key, kind_offset, &format!("is of type {kind}, types end at 12"))),
            Some(ValueType::Array) => self.array(&mut cursor, key),
            Some(kind) => match kind.size() {
                Some(size) => self.number(&mut cursor, key, kind, size),
                None => self.string(&mut cursor, key),
            },
        }?;
        self.names_total = self.names_total.saturating_add(length);
        self.key_places.push(place);
        names::check_key(key, place, &mut self.findings);
        Ok(cursor.taken())
    }

    /// An item with a name of `length` bytes may be held.
    pub(super) fn check_names(&mut self, rule: Rule, length: u64) -> Step<()> {
        if self.names_total.saturating_add(length) <= MAX_NAMES {
            return Ok(());
        }
        Err(self.break_off(rule, self.position, || {
            format!("the names of keys and tensors up to here have more than {MAX_NAMES} bytes together")
        }))
    }

    fn number(&mut self, cursor: &mut Cursor<'_>, key: &[u8], kind: ValueType, size: u64) -> Step<()> {
        let offset = cursor.offset();
        let value = cursor.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        if let (ValueType::Bool, [wrong @ 2..=255]) = (kind, value) {
            self.odd_value(BOOL_VAL, key, offset, || format!("is the bool {wrong}, 0 or 1 was expected"));
        }
        let kept = Some(value.into());
        self.end_entry(Entry { key: key.into(), kind, element: None, count: 1, offset, size, kept });
        Ok(())
    }

    fn string(&mut self, cursor: &mut Cursor<'_>, key: &[u8]) -> Step<()> {
        let size = self.string_length(cursor, key)?;
        let (kind, offset) = (ValueType::String, cursor.offset());
        let mut entry = Entry { key: key.into(), kind, element: None, count: 1, offset, size, kept: None };
        let total = self.kept_total.saturating_add(size);
        if size > KEPT_STRING || total > KEPT_TOTAL {
            self.current = Some(entry);
            self.state = State::Text { left: size, utf8: Utf8Stream::default(), held: Vec::new() };
            return Ok(());
        }
        let value = cursor.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        if simdutf8::basic::from_utf8(value).is_err() {
            self.odd_value(STR_UTF8, key, offset, || "is a string that is not UTF-8".to_owned());
        }
        rules::values::check_text(&entry, value, &mut self.findings);
        entry.kept = Some(value.into());
        self.kept_total = total;
        self.end_entry(entry);
        Ok(())
    }

    fn string_length(&mut self, cursor: &mut Cursor<'_>, key: &[u8]) -> Step<u64> {
        let at = cursor.offset();
        let length = cursor.u64()?;
        let rest = cursor.remaining();
        if length > rest || length > MAX_STRING {
            let what = format!(
                "is a string of {length} bytes; {rest} remain in the file, which may be cut, and at most {MAX_STRING} were expected"
            );
            return Err(self.bad_value(STR_LEN, key, at, &what));
        }
        Ok(length)
    }

    fn array(&mut self, cursor: &mut Cursor<'_>, key: &[u8]) -> Step<()> {
        let at = cursor.offset();
        let number = cursor.u32()?;
        let element = match ValueType::from_number(number) {
            None => {
                return Err(self.bad_value(
                    TYPE_RANGE,
                    key,
                    at,
                    &format!("is an array of type {number}, types end at 12"),
                ));
            }
            Some(ValueType::Array) => {
                return Err(self.bad_value(ARR_NEST, key, at, "is an array of arrays, which loaders refuse"));
            }
            Some(element) => element,
        };
        let count = cursor.u64()?;
        let rest = cursor.remaining();
        if count > rest.checked_div(element.size().unwrap_or(8)).unwrap_or(0) {
            let what = format!(
                "is an array of {count} elements of type {}; the {rest} bytes that remain in the file, which may be cut, cannot hold it",
                element.name()
            );
            return Err(self.bad_value(ARR_COUNT, key, at.saturating_add(4), &what));
        }
        let offset = cursor.offset();
        let size = count.saturating_mul(element.size().unwrap_or(0));
        let (kind, element_type) = (ValueType::Array, Some(element));
        let entry = Entry { key: key.into(), kind, element: element_type, count, offset, size, kept: None };
        self.vocabulary.begin(&entry);
        self.current = Some(entry);
        self.state = match element {
            ValueType::String => State::Strings(StringRun::new(count, self.header.big_endian)),
            ValueType::Bool => State::Bools { left: size, wrong: Wrong::default() },
            _ => State::Numbers { left: size, held: Vec::new() },
        };
        Ok(())
    }

    /// The current entry's value ends at the walk's position.
    pub(super) fn end_value(&mut self) {
        self.vocabulary.end();
        if let Some(mut entry) = self.current.take() {
            entry.size = self.position.saturating_sub(entry.offset);
            self.end_entry(entry);
        }
    }

    fn end_entry(&mut self, entry: Entry) {
        self.state = State::Key;
        if *entry.key == *b"general.alignment" {
            self.alignment(&entry);
        }
        self.header.entries.push(entry);
    }

    fn alignment(&mut self, entry: &Entry) {
        let value = match kept_scalar(&self.header, entry) {
            Some(Scalar::Uint(value)) if entry.kind == ValueType::U32 => u32::try_from(value).ok(),
            _ => None,
        };
        match value {
            Some(value) if value.is_power_of_two() && value <= MAX_ALIGNMENT => self.header.alignment = value,
            _ => {
                self.alignment_sound = false;
                let found = value.map_or_else(|| format!("of type {}", entry.type_name()), |value| value.to_string());
                self.value_finding(ALIGN, &entry.key, entry.offset, || {
                    format!("is {found}, a uint32 that is a power of two and at most {MAX_ALIGNMENT} was expected")
                });
            }
        }
    }

    pub(super) fn value_finding(&mut self, rule: Rule, key: &[u8], offset: u64, what: impl FnOnce() -> String) {
        self.findings.add(rule, offset, || format!("key \"{}\" {}", printable(key), what()));
    }

    /// As [`Self::value_finding`], for what only counts in a model.
    pub(super) fn odd_value(&mut self, rule: Rule, key: &[u8], offset: u64, what: impl FnOnce() -> String) {
        self.findings.add_for_models(rule, offset, || format!("key \"{}\" {}", printable(key), what()));
    }

    pub(super) fn bad_value(&mut self, rule: Rule, key: &[u8], offset: u64, what: &str) -> Stop {
        self.break_off(rule, offset, || format!("key \"{}\" {what}", printable(key)))
    }
}
