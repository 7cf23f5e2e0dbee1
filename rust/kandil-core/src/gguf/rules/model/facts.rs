//! What a header says about its model, by name and layer.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::super::header::{Entry, Header, Tensor, ValueType};
use super::super::super::value::{Scalar, Value, kept_scalar};

/// A header, and its keys that begin with the name of its architecture.
pub(super) struct Model<'a> {
    pub(super) header: &'a Header,
    pub(super) architecture: &'a str,
    /// By what follows the architecture's name and a dot.
    own: HashMap<&'a [u8], &'a Entry>,
    pub(super) tensors: HashMap<&'a [u8], &'a Tensor>,
}

/// A number that a header gives once, or for each layer.
pub(super) enum Layered {
    Once(u64),
    Each(Vec<u64>),
}

impl Layered {
    /// For this layer; None beyond the last that is given.
    pub(super) fn at(&self, layer: usize) -> Option<u64> {
        match self {
            Self::Once(value) => Some(*value),
            Self::Each(values) => values.get(layer).copied(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let (once, each) = match self {
            Self::Once(value) => (Some(*value), &[][..]),
            Self::Each(values) => (None, values.as_slice()),
        };
        once.into_iter().chain(each.iter().copied())
    }

    pub(super) fn max(&self) -> u64 {
        self.iter().max().unwrap_or(0)
    }
}

impl<'a> Model<'a> {
    pub(super) fn new(header: &'a Header, architecture: &'a str) -> Self {
        let mut own = HashMap::new();
        for entry in &header.entries {
            let rest = entry.key.strip_prefix(architecture.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
            if let Some(name) = rest {
                own.entry(name).or_insert(entry);
            }
        }
        let tensors = header.tensors.iter().map(|tensor| (&*tensor.name, tensor)).collect();
        Self { header, architecture, own, tensors }
    }

    /// The entry of a key of the architecture, such as `block_count`.
    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.own.get(name.as_bytes()).copied()
    }

    /// The name and entry of each key of the architecture, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Cow<'a, str>, &'a Entry)> {
        self.own.iter().map(|(name, entry)| (String::from_utf8_lossy(name), *entry))
    }

    /// The whole key, for messages; architectures are plain ASCII here.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// A whole number that is not negative, of any type.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        whole(kept_scalar(self.header, self.entry(name)?)?)
    }

    /// As [`Self::number`], or an array of such numbers that the scan has kept.
    pub(super) fn layered(&self, name: &str) -> Option<Layered> {
        let entry = self.entry(name)?;
        if entry.element.is_none() {
            return self.number(name).map(Layered::Once);
        }
        let value = Value::new(self.header, entry, entry.kept.clone()?)?;
        value.scalars().map(whole).collect::<Option<Vec<_>>>().map(Layered::Each)
    }

    /// The text of a key such as `general.type`.
    pub(super) fn general(&self, name: &str) -> Option<&'a [u8]> {
        text(self.header, &format!("general.{name}"))
    }

    /// Whether all the model's tensors are in this file, as far as it says.
    pub(super) fn is_whole(&self) -> bool {
        shard_count(self.header).is_none_or(|count| count <= 1)
    }
}

pub(super) fn text<'a>(header: &'a Header, key: &str) -> Option<&'a [u8]> {
    let entry = header.entry(key.as_bytes()).filter(|entry| entry.kind == ValueType::String)?;
    entry.kept.as_deref()
}

fn whole(scalar: Scalar<'_>) -> Option<u64> {
    match scalar {
        Scalar::Uint(value) => Some(value),
        Scalar::Int(value) => u64::try_from(value).ok(),
        _ => None,
    }
}

/// A whole number of any key.
pub(super) fn general_number(header: &Header, key: &[u8]) -> Option<u64> {
    whole(kept_scalar(header, header.entry(key)?)?)
}

fn shard_count(header: &Header) -> Option<u64> {
    general_number(header, b"split.count")
}

/// Whether the file is a shard after the first, which has none of the model's keys.
pub(super) fn is_later_shard(header: &Header) -> bool {
    general_number(header, b"split.no").is_some_and(|number| number > 0)
}

/// `N` and the rest of a tensor's name `blk.N.rest`.
pub(super) fn block_of(name: &[u8]) -> Option<(u64, &[u8])> {
    let rest = name.strip_prefix(b"blk.")?;
    let end = rest.iter().position(|&byte| byte == b'.')?;
    let (number, rest) = (rest.get(..end)?, rest.get(end..)?.strip_prefix(b".")?);
    let digits = number.len() <= 9 && number.iter().all(u8::is_ascii_digit);
    let number = digits.then(|| std::str::from_utf8(number).ok()?.parse().ok()).flatten()?;
    Some((number, rest))
}
