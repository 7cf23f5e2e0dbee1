//! What is known of strings and lists that are too large to be held: how large they are at most.

use super::builtins::{self, Evaluated};
use super::value::{MAX_STRING, Value};

/// Upper bounds, saturated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Characters of a string, items of a list.
    pub(super) length: u64,
    /// Characters and items at all levels.
    pub(super) extent: u64,
    /// The items are numbers, of at most this.
    pub(super) most: Option<u64>,
}

impl Size {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Sized(size) => Some(*size),
            value => Some(Self { length: value.length()?, extent: value.extent()?, most: None }),
        }
    }

    pub(super) fn times(self, times: u64) -> Self {
        let by = |size: u64| size.saturating_mul(times);
        Self { length: by(self.length), extent: by(self.extent), most: self.most }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let most = self.most.zip(other.most).map(|(one, other)| one.max(other));
        let (length, extent) = (self.length.saturating_add(other.length), self.extent.saturating_add(other.extent));
        Self { length, extent, most }
    }

    /// One of the items.
    pub(super) fn item(self) -> Value {
        match self.most {
            Some(most) => Value::Most(most),
            None if self.extent > self.length => Value::sized(self.extent.checked_div(self.length).unwrap_or(0)),
            None => Value::Unknown,
        }
    }

    /// As text: each number of a list with a comma and a space.
    pub(super) fn shown(self) -> u64 {
        let digits = self.most.map_or(0, |most| u64::from(most.checked_ilog10().unwrap_or(0)).saturating_add(3));
        self.extent.max(self.length.saturating_mul(digits))
    }
}

/// What a filter or a method makes of a value whose size is known; None where that is no larger than what is held.
pub(super) fn made(name: &str, subject: &Value, arguments: &Evaluated<'_>) -> Option<Value> {
    let size = Size::of(subject)?;
    let number =
        |place, name| arguments.get(place, name).and_then(Value::at_most).and_then(|of| u64::try_from(of).ok());
    let length = |place, name| arguments.get(place, name).and_then(Size::of).map(|of: Size| of.extent);
    let text = |size: u64| Some(Value::sized(size));
    let large = match name {
        "length" | "count" | "wordcount" => return Some(Value::Most(size.length)),
        "first" | "last" | "min" | "max" | "random" | "pop" => return Some(size.item()),
        "sum" => return Some(Value::Most(size.length.saturating_mul(size.most?))),
        "list" | "sort" | "unique" | "reverse" | "select" | "reject" | "batch" | "slice" | "copy" | "split"
        | "splitlines" | "rsplit" => Some(Value::Sized(size)),
        "map" => mapped(size, arguments),
        "string" | "tojson" | "pprint" if matches!(subject, Value::List(_)) && subject.is_constant() => {
            return text(size.extent.saturating_add(size.length.saturating_mul(4)));
        }
        "string" | "safe" | "tojson" | "pprint" | "upper" | "lower" | "title" | "capitalize" | "trim" | "strip"
        | "lstrip" | "rstrip" | "striptags" | "urlize" | "truncate" | "swapcase" | "casefold" | "translate" => {
            text(size.shown())
        }
        "escape" | "e" | "forceescape" | "urlencode" => text(size.extent.saturating_mul(6)),
        "center" | "ljust" | "rjust" | "zfill" => text(size.extent.max(number(0, "width").unwrap_or(80))),
        "indent" => {
            let width = number(0, "width").or_else(|| length(0, "width")).unwrap_or(4);
            text(size.extent.saturating_mul(width.saturating_add(1)))
        }
        "expandtabs" => text(size.extent.saturating_mul(number(0, "tabsize").unwrap_or(8))),
        "wordwrap" => text(size.extent.saturating_mul(length(2, "wrapstring").unwrap_or(1).saturating_add(1))),
        "replace" => text(size.extent.saturating_mul(length(1, "new").unwrap_or(1).max(1))),
        "join" => {
            let glue = length(0, "d").unwrap_or(0).saturating_mul(size.length);
            text(size.shown().saturating_add(glue))
        }
        _ => None,
    };
    large.filter(|large| matches!(subject, Value::Sized(_)) || large.extent() > Some(MAX_STRING as u64))
}

fn mapped(size: Size, arguments: &Evaluated<'_>) -> Option<Value> {
    let (name, rest) = arguments.positional.split_first()?;
    let rest = Evaluated { positional: rest.to_vec(), named: arguments.named.clone(), open: arguments.open };
    let item = match size.item() {
        Value::Unknown | Value::Most(_) => Value::text("0"),
        known => known,
    };
    let made = builtins::filter(name.as_str()?, &item, &rest).and_then(|made| Size::of(&made));
    let each = made.map_or(1, |made: Size| made.extent.max(1));
    Some(Value::Sized(Size { extent: size.extent.max(size.length.saturating_mul(each)), most: None, ..size }))
}

/// What a format makes of arguments, at most: each of them as often as the text has a field.
pub(super) fn formatted<'v>(text: &str, arguments: impl Iterator<Item = &'v Value>) -> Option<Value> {
    let fields = text.matches(['%', '{']).count() as u64;
    let all = arguments.filter_map(Size::of).fold(0_u64, |sum, size| sum.saturating_add(size.shown()));
    let made = all.saturating_mul(fields).saturating_add(text.len() as u64);
    (made > MAX_STRING as u64).then(|| Value::sized(made))
}
