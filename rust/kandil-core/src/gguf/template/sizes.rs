//! Sizes, widths and format strings that a template gives to what it calls.

use super::ast::{BinaryOp, Span};
use super::builtins::Evaluated;
use super::check::Checker;
use super::rules::{TPL_DOS, TPL_FORMAT};
use super::size::Size;
use super::value::{Object, Value};
use super::{formats, known};

/// Characters or items that one operation may make.
const MAX_MADE: u64 = 1_000_000;
/// Characters or items that all of the template may make of constants.
const MAX_WORK: u64 = 20_000_000;
/// Columns of a width or an indentation.
const MAX_WIDTH: u64 = 10_000;
/// Bits of a power: what a number of other languages holds.
const MAX_BITS: f64 = 64.0;

impl Checker<'_, '_> {
    pub(super) fn check_sizes(&mut self, name: &str, arguments: &Evaluated<'_>, span: Span) {
        let size = match name {
            "center" | "ljust" | "rjust" | "zfill" | "expandtabs" | "indent" | "wordwrap" => arguments.get(0, "width"),
            "batch" | "slice" => arguments.get(0, "linecount").or_else(|| arguments.get(0, "slices")),
            "tojson" => arguments
                .named
                .iter()
                .find(|(name, _)| *name == "indent")
                .map(|(_, value)| value)
                .or(arguments.positional.first()),
            _ => None,
        };
        for size in size.into_iter().flat_map(Value::each) {
            let large = size.at_most().is_some_and(|size| size.unsigned_abs() > MAX_WIDTH);
            if large || (*size == Value::Input && name != "indent") {
                self.report.add(TPL_DOS, span, || format!("gives {name} a size that is not bounded"));
            }
        }
        for text in arguments.all().flat_map(Value::each) {
            if name == "indent" && matches!(text, Value::Sized(_)) {
                self.report.add(TPL_DOS, span, || "indents by a text of unbounded length".to_owned());
            }
        }
    }

    /// A format string for `str.format` or `strftime`.
    pub(super) fn check_format(&mut self, text: Option<&Value>, arguments: &Evaluated<'_>, span: Span) {
        for one in text.into_iter().flat_map(Value::each) {
            match one {
                Value::Str(text) => {
                    self.check_width(text, arguments, span);
                    self.check_fields(text, arguments, span);
                }
                Value::Input => {
                    self.report.add(TPL_FORMAT, span, || "takes its format string from the conversation".to_owned())
                }
                _ => {}
            }
        }
    }

    fn check_fields(&mut self, text: &str, arguments: &Evaluated<'_>, span: Span) {
        for (field, part) in formats::reads(text) {
            let place = if field.is_empty() { Some(0) } else { field.parse().ok() };
            let value = arguments.get(place.unwrap_or(usize::MAX), field);
            let of_engine = value.is_some_and(|value| {
                value.each().iter().any(|one| matches!(one, Value::Object(of) if *of != Object::Format))
            });
            if known::is_dunder(part) || known::leads_out(part) || of_engine {
                let part = super::super::printable::printable(part.as_bytes());
                self.report.add(TPL_FORMAT, span, || format!("reads the attribute \"{part}\" by a format string"));
            }
        }
    }

    fn check_width(&mut self, text: &str, arguments: &Evaluated<'_>, span: Span) {
        let open = text.contains('*')
            || text.contains(":{")
            || text.contains(".{")
            || text.contains(">{")
            || text.contains("<{")
            || text.contains("^{");
        let given = || {
            arguments.all().flat_map(Value::each).any(|one| {
                *one == Value::Input && text.contains('*')
                    || one.at_most().is_some_and(|size| size.unsigned_abs() > MAX_WIDTH)
            })
        };
        if formats::widest(text) > MAX_WIDTH || (open && given()) {
            self.report.add(TPL_DOS, span, || "formats with a width that is not bounded".to_owned());
        }
    }

    /// `left % right`
    pub(super) fn check_percent(&mut self, left: &Value, right: &Value, span: Span) {
        let positional = if let Value::List(items) = right { items.to_vec() } else { vec![right.clone()] };
        self.check_percent_with(left, &Evaluated { positional, ..Evaluated::default() }, span);
    }

    pub(super) fn check_percent_with(&mut self, text: &Value, arguments: &Evaluated<'_>, span: Span) {
        for one in text.each() {
            if let Value::Str(text) = one {
                self.check_width(text, arguments, span);
            }
        }
    }

    /// `left * right`, `left ** right`
    pub(super) fn check_product(&mut self, operator: BinaryOp, left: &Value, right: &Value, span: Span) {
        for left in left.each() {
            for right in right.each() {
                let unbounded =
                    if operator == BinaryOp::Pow { power_grows(left, right) } else { product_grows(left, right) };
                if unbounded {
                    self.report.add(TPL_DOS, span, || "multiplies without bound".to_owned());
                }
            }
        }
    }

    /// What a variable comes to hold.
    pub(super) fn check_size(&mut self, value: &Value, span: Span) {
        for one in value.each() {
            if let Value::Sized(Size { extent, .. }) = one
                && *extent > MAX_MADE
            {
                self.report.add(TPL_DOS, span, || format!("makes a value of {extent} characters or items"));
            }
        }
    }

    /// Adds up what constants alone make, in every pass of the loops around it.
    pub(super) fn count_made(&mut self, value: &Value, span: Span) {
        let size = match value {
            Value::Str(text) => text.len() as u64,
            Value::Sized(size) => size.extent,
            one => u64::from(one.weight()),
        };
        let passes = self.repeat.checked_div(self.unrolled).unwrap_or(self.repeat).max(1);
        let before = self.made;
        self.made = before.saturating_add(size.saturating_mul(passes));
        if before <= MAX_WORK && self.made > MAX_WORK {
            self.report.add(TPL_DOS, span, || format!("makes more than {MAX_WORK} characters or items of constants"));
        }
    }
}

fn product_grows(left: &Value, right: &Value) -> bool {
    let grows = |of: &Value, times: &Value| match (of.extent(), times) {
        (Some(length), Value::Int(_) | Value::Most(_)) => {
            let times = times.at_most().and_then(|times| u64::try_from(times).ok());
            length.saturating_mul(times.unwrap_or(0)) > MAX_MADE
        }
        (Some(length), Value::Input) => length > 0,
        (None, Value::Int(times)) => match of {
            Value::Unknown | Value::Input => *times > 1_000_000,
            Value::Number => *times >= 100_000,
            _ => false,
        },
        _ => false,
    };
    grows(left, right) || grows(right, left)
}

fn power_grows(base: &Value, exponent: &Value) -> bool {
    match (base.at_most(), exponent.at_most()) {
        #[allow(clippy::cast_precision_loss)] // only its size matters
        (Some(base), Some(exponent)) => {
            base.unsigned_abs() > 1 && (base.unsigned_abs() as f64).log2() * exponent as f64 > MAX_BITS
        }
        (None, Some(exponent)) => exponent > 8,
        (_, None) => true,
    }
}
