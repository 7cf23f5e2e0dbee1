//! What an expression may come to, as far as it can be told without a conversation.

use super::size::Size;
use std::ops::Deref;
use std::rc::Rc;

/// Longer strings are not held; their length is.
pub(super) const MAX_STRING: usize = 4096;
/// Longer lists are not held; their length is.
pub(super) const MAX_LIST: usize = 256;
/// Lists and dictionaries with more in them, at all levels, are not held. So none is deep, and none is slow to compare.
const MAX_WEIGHT: u32 = 2048;
/// More possible values are one that is unknown.
const MAX_EITHER: usize = 12;
/// More combinations of possible values are not made.
const MAX_COMBINED: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Unknown,
    /// From the conversation: whoever writes to the model chooses it.
    Input,
    /// A number that nobody chooses: a length, an index.
    Number,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Rc<Held<Value>>),
    Dict(Rc<Held<(Value, Value)>>),
    /// A number, of at most this.
    Most(u64),
    /// A string or list that is not held.
    Sized(Size),
    /// What a call of `namespace` made, by the number of the call.
    Namespace(u32),
    Object(Object),
    /// One of these, none of them another Either.
    Either(Rc<Vec<Value>>),
}

/// Items, and how many values they are at all levels.
#[derive(Debug, PartialEq)]
pub(super) struct Held<T> {
    weight: u32,
    /// Characters and items at all levels.
    extent: u64,
    items: Vec<T>,
}

impl<T> Deref for Held<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// What belongs to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Loop,
    Macro,
    /// A function of the engine or a method: whatever is called, never read.
    Function(&'static str),
    /// The method `format` of a text from the conversation, or a value with that name in a dictionary.
    Format,
    /// Leads to the interpreter as such: cycler, self, request, …
    Internal(&'static str),
}

impl Value {
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        if text.len() > MAX_STRING { Self::sized(text.len() as u64) } else { Self::Str(text.into()) }
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        let weight = items.iter().fold(1, |sum: u32, item| sum.saturating_add(item.weight()));
        let extent = items.iter().fold(0, |sum: u64, item| sum.saturating_add(item.extent().unwrap_or(1)));
        if items.len() > MAX_LIST || weight > MAX_WEIGHT {
            return Self::Sized(Size { length: items.len() as u64, extent, most: None });
        }
        Self::List(Rc::new(Held { weight, extent, items }))
    }

    /// A string or list of that length.
    pub(super) fn sized(length: u64) -> Self {
        Self::Sized(Size { length, extent: length, most: None })
    }

    pub(super) fn dict(items: Vec<(Self, Self)>) -> Self {
        let weigh =
            |sum: u32, (key, value): &(Self, Self)| sum.saturating_add(key.weight()).saturating_add(value.weight());
        let weight = items.iter().fold(1, weigh);
        if items.len() > MAX_LIST || weight > MAX_WEIGHT {
            return Self::Unknown;
        }
        Self::Dict(Rc::new(Held { weight, extent: u64::from(weight), items }))
    }

    /// In steps, what it takes to go through it.
    pub(super) fn weight(&self) -> u32 {
        match self {
            Self::Str(text) => u32::try_from(text.len() / 16).unwrap_or(u32::MAX).saturating_add(1),
            Self::List(held) => held.weight,
            Self::Dict(held) => held.weight,
            Self::Either(values) => values.iter().fold(1, |sum: u32, value| sum.saturating_add(value.weight())),
            _ => 1,
        }
    }

    /// Each value that it may be.
    pub(super) fn each(&self) -> &[Self] {
        match self {
            Self::Either(values) => values,
            one => std::slice::from_ref(one),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::any(self.each().iter().chain(other.each()).cloned())
    }

    pub(super) fn any(values: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for value in values {
            for one in value.each() {
                if !kept.contains(one) {
                    kept.push(one.clone());
                }
            }
            if kept.len() > MAX_EITHER {
                return if kept.contains(&Self::Input) { Self::Input } else { Self::Unknown };
            }
        }
        match kept.len() {
            0 => Self::Unknown,
            1 => kept.swap_remove(0),
            _ => Self::Either(Rc::new(kept)),
        }
    }

    /// What `operation` makes of each value that it may be.
    pub(super) fn map(&self, mut operation: impl FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Either(values) => Self::any(values.iter().map(operation)),
            one => operation(one),
        }
    }

    pub(super) fn map2(&self, other: &Self, operation: impl Fn(&Self, &Self) -> Self) -> Self {
        if self.each().len().saturating_mul(other.each().len()) > MAX_COMBINED {
            return Self::mixed(&[self.clone(), other.clone()]);
        }
        self.map(|left| other.map(|right| operation(left, right)))
    }

    /// Whether the conversation has a part in it.
    pub(super) fn is_input(&self) -> bool {
        self.each().contains(&Self::Input)
    }

    /// What computing with unknown parts gives.
    pub(super) fn mixed(parts: &[Self]) -> Self {
        if parts.iter().any(Self::is_input) { Self::Input } else { Self::Unknown }
    }

    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) | Self::Sized(_) => true,
            Self::List(items) => items.iter().all(Self::is_constant),
            Self::Dict(pairs) => pairs.iter().all(|(key, value)| key.is_constant() && value.is_constant()),
            _ => false,
        }
    }

    /// None where it cannot be told.
    pub(super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::Sized(size) => size.length != 0,
            Self::Namespace(_) | Self::Object(_) => true,
            _ => return None,
        })
    }

    /// As `~`, `join` and the filter `string` show it; None where it cannot be told.
    pub(super) fn shown(&self) -> Option<Rc<str>> {
        Some(match self {
            Self::Str(text) => text.clone(),
            Self::Int(value) => value.to_string().into(),
            Self::Bool(value) => if *value { "True" } else { "False" }.into(),
            Self::None => "None".into(),
            _ => return None,
        })
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            #[allow(clippy::cast_possible_truncation)] // saturates
            Self::Float(value) => Some(*value as i64),
            _ => None,
        }
    }

    /// As [`Self::as_int`], or what a number is at most.
    pub(super) fn at_most(&self) -> Option<i64> {
        if let Self::Most(most) = self { Some(i64::try_from(*most).unwrap_or(i64::MAX)) } else { self.as_int() }
    }

    /// Of a string in characters, of a list in items.
    pub(super) fn length(&self) -> Option<u64> {
        Some(match self {
            Self::Str(text) => text.chars().count() as u64,
            Self::List(items) => items.len() as u64,
            Self::Dict(pairs) => pairs.len() as u64,
            Self::Sized(size) => size.length,
            _ => return None,
        })
    }

    /// Characters and items at all levels.
    pub(super) fn extent(&self) -> Option<u64> {
        match self {
            Self::List(held) => Some(held.extent),
            Self::Sized(size) => Some(size.extent),
            other => other.length(),
        }
    }

    /// The items that a loop over it gives.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        Some(match self {
            Self::List(items) => items.to_vec(),
            Self::Str(text) if text.len() <= MAX_LIST => {
                text.chars().map(|character| Self::text(character.encode_utf8(&mut [0; 4]))).collect()
            }
            Self::Dict(pairs) => pairs.iter().map(|(key, _)| key.clone()).collect(),
            _ => return None,
        })
    }

    /// The parts as one string.
    pub(super) fn concat(parts: &[Self]) -> Self {
        let combined = parts.iter().fold(1, |product: usize, part| product.saturating_mul(part.each().len()));
        if combined > MAX_COMBINED {
            return Self::mixed(parts);
        }
        let mut whole = String::new();
        let mut length = 0_u64;
        for part in parts {
            if let Self::Either(values) = part {
                let at = parts.iter().position(|found| std::ptr::eq(found, part)).unwrap_or(0);
                return Self::any(values.iter().map(|value| {
                    let mut parts = parts.to_vec();
                    if let Some(place) = parts.get_mut(at) {
                        *place = value.clone();
                    }
                    Self::concat(&parts)
                }));
            }
            if let Self::Sized(size) = part {
                length = length.saturating_add(size.shown());
            } else if let Some(text) = part.shown() {
                length = length.saturating_add(text.len() as u64);
                if length <= MAX_STRING as u64 {
                    whole.push_str(&text);
                }
            } else {
                return Self::mixed(parts);
            }
        }
        if length > MAX_STRING as u64 || parts.iter().any(|part| matches!(part, Self::Sized(_))) {
            return Self::sized(length);
        }
        Self::text(whole)
    }

    /// `self[index]`, where both are constants.
    pub(super) fn item(&self, index: &Self) -> Option<Self> {
        match self {
            Self::Dict(pairs) => pairs.iter().rev().find(|(key, _)| key == index).map(|(_, value)| value.clone()),
            Self::List(items) => at(items, index.as_int()?).cloned(),
            Self::Str(text) => {
                let characters: Vec<char> = text.chars().collect();
                at(&characters, index.as_int()?).map(|character| Self::text(character.to_string()))
            }
            _ => None,
        }
    }

    /// `self[start:stop:step]`, where all are constants.
    pub(super) fn slice(&self, parts: [Option<i64>; 3]) -> Option<Self> {
        match self {
            Self::List(items) => Some(Self::list(sliced(items, parts)?)),
            Self::Str(text) => {
                let characters: Vec<char> = text.chars().collect();
                Some(Self::text(sliced(&characters, parts)?.into_iter().collect::<String>()))
            }
            _ => None,
        }
    }
}

fn at<T>(items: &[T], index: i64) -> Option<&T> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { index.saturating_add(length) } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn sliced<T: Clone>(items: &[T], [start, stop, step]: [Option<i64>; 3]) -> Option<Vec<T>> {
    let length = i64::try_from(items.len()).ok()?;
    let step = step.unwrap_or(1);
    if step == 0 {
        return None;
    }
    let (low, high) = if step > 0 { (0, length) } else { (-1, length.saturating_sub(1)) };
    let bound = |index: i64| if index < 0 { index.saturating_add(length) } else { index }.clamp(low, high);
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let (mut place, stop) = (start.map_or(first, bound), stop.map_or(last, bound));
    let mut kept = Vec::new();
    while if step > 0 { place < stop } else { place > stop } {
        kept.extend(usize::try_from(place).ok().and_then(|place| items.get(place)).cloned());
        place = place.saturating_add(step);
    }
    Some(kept)
}
