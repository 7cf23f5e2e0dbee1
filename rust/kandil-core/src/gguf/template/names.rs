//! Judges the names of attributes, however they were made, and of what is called.

use super::ast::Span;
use super::check::Checker;
use super::known;
use super::rules::{TPL_ATTR, TPL_DUNDER, TPL_DYN};
use super::value::{Object, Value};

/// How an attribute is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// `a.b`
    Dot,
    /// `a[b]`, which falls back to the attribute.
    Item,
    /// The filter `attr`.
    Attr,
    /// `map(attribute=…)` and its like: several names with dots between.
    Path,
}

impl Checker<'_, '_> {
    /// Judges reading the attribute `name` of `operand`.
    pub(super) fn check_lookup(&mut self, operand: &Value, name: &Value, how: Lookup, span: Span) {
        for name in name.each() {
            match name {
                Value::Str(text) if how == Lookup::Path => {
                    for part in text.split('.') {
                        self.check_name(operand, part, span);
                    }
                }
                Value::Str(text) => self.check_name(operand, text, span),
                Value::Unknown | Value::Input | Value::Sized(_) => self.check_open_name(operand, name, how, span),
                _ => {}
            }
        }
    }

    fn check_name(&mut self, operand: &Value, name: &str, span: Span) {
        if known::is_dunder(name) {
            let shown = super::super::printable::printable(name.as_bytes());
            self.report.add(TPL_DUNDER, span, || format!("reads the attribute \"{shown}\""));
            return;
        }
        if known::leads_out(name) {
            let shown = super::super::printable::printable(name.as_bytes());
            self.report
                .add(TPL_ATTR, span, || format!("reads the attribute \"{shown}\", which leads out of the template"));
            return;
        }
        for one in operand.each() {
            let of = match one {
                Value::Object(Object::Function(of) | Object::Internal(of)) if *of != "dict" || name != "fromkeys" => of,
                Value::Object(Object::Loop) if name.starts_with('_') => "loop",
                Value::Object(Object::Macro) if name.starts_with('_') => "a macro",
                _ => continue,
            };
            let shown = super::super::printable::printable(name.as_bytes());
            self.report.add(TPL_ATTR, span, || {
                format!("reads the attribute \"{shown}\" of {of}, which belongs to the engine")
            });
        }
    }

    /// A name that cannot be told.
    fn check_open_name(&mut self, operand: &Value, name: &Value, how: Lookup, span: Span) {
        let from = if *name == Value::Input { "comes from the conversation" } else { "cannot be told" };
        let open = match how {
            Lookup::Dot => false,
            Lookup::Attr | Lookup::Path => true,
            Lookup::Item => operand.each().iter().any(|one| match one {
                Value::Object(of) => *of != Object::Format,
                Value::Str(_) | Value::List(_) | Value::Int(_) | Value::Namespace(_) => *name == Value::Input,
                _ => false,
            }),
        };
        if open {
            self.report.add(TPL_DYN, span, || format!("looks up an attribute whose name {from}"));
        }
    }
}
