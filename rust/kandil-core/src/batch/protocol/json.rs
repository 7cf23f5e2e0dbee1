//! JSON that is written piece by piece.

use crate::batch::fields::quoted;

/// Fields and items; the commas between them come by themselves. What is opened, is closed with `push`.
pub(super) trait Json {
    /// Of a field whose value is written next.
    fn name(&mut self, name: &str);
    /// A string.
    fn text(&mut self, name: &str, text: &str);
    /// JSON as it is.
    fn raw(&mut self, name: &str, json: &str);
    /// A field that is an object or a list.
    fn open(&mut self, name: &str, bracket: u8);
    /// An item of a list that is an object or a list.
    fn item(&mut self, bracket: u8);
}

impl Json for Vec<u8> {
    fn name(&mut self, name: &str) {
        comma(self);
        quoted(self, name);
        self.push(b':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        quoted(self, text);
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.extend_from_slice(json.as_bytes());
    }

    fn open(&mut self, name: &str, bracket: u8) {
        self.name(name);
        self.push(bracket);
    }

    fn item(&mut self, bracket: u8) {
        comma(self);
        self.push(bracket);
    }
}

/// But after what was just opened: no value ends with such a bracket.
fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

/// An object that is written beside the body, and may stay empty.
pub(super) struct Beside(pub(super) Vec<u8>);

impl Beside {
    pub(super) fn new() -> Beside {
        Beside(vec![b'{'])
    }

    /// As this field, if there is anything in it.
    pub(super) fn end(mut self, name: &str, out: &mut Vec<u8>) {
        if self.0.len() > 1 {
            self.0.push(b'}');
            out.name(name);
            out.extend_from_slice(&self.0);
        }
    }
}
