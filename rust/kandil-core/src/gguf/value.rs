//! Values, read when they are asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::file::length;
use super::header::{Entry, Header, ValueType};

/// One number, truth value or string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A byte that is not 0 is true.
    Bool(bool),
    /// uint8 to uint64.
    Uint(u64),
    /// int8 to int64.
    Int(i64),
    /// float32 (widened) or float64.
    Float(f64),
    /// Not necessarily UTF-8.
    Text(&'a [u8]),
}

/// A value's bytes as they stand in the file, and how to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    kind: ValueType,
    is_array: bool,
    count: u64,
    big_endian: bool,
    bytes: Box<[u8]>,
}

impl Value {
    /// An entry's value from its bytes in the file; None where they are not what the entry says.
    pub fn new(header: &Header, entry: &Entry, bytes: Box<[u8]>) -> Option<Self> {
        let (kind, is_array) = (entry.element.unwrap_or(entry.kind), entry.element.is_some());
        let value = Self { kind, is_array, count: entry.count, big_endian: header.big_endian, bytes };
        (value.bytes.len() as u64 == entry.size && value.consistent()).then_some(value)
    }

    /// Whether it is an array, of any length.
    pub fn is_array(&self) -> bool {
        self.is_array
    }

    /// The type of the scalar, or of the array's elements.
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// The scalar alone, or an array's elements in order.
    pub fn scalars(&self) -> impl Iterator<Item = Scalar<'_>> {
        let (mut rest, mut left) = (&*self.bytes, self.count);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let size = match self.kind.size() {
                Some(size) => usize::try_from(size).ok()?,
                None if self.is_array => {
                    let (length, tail) = rest.split_first_chunk()?;
                    rest = tail;
                    let length =
                        if self.big_endian { u64::from_be_bytes(*length) } else { u64::from_le_bytes(*length) };
                    usize::try_from(length).ok()?
                }
                None => rest.len(),
            };
            let (bytes, tail) = rest.split_at_checked(size)?;
            rest = tail;
            decode(self.kind, bytes, self.big_endian)
        })
    }

    /// The lengths of an array's strings still add up to its size.
    fn consistent(&self) -> bool {
        !(self.is_array && self.kind == ValueType::String) || {
            let strings = self.scalars().fold((0_u64, 0_u64), |(count, size), scalar| match scalar {
                Scalar::Text(text) => {
                    (count.saturating_add(1), size.saturating_add(8).saturating_add(text.len() as u64))
                }
                _ => (count, size),
            });
            strings == (self.count, self.bytes.len() as u64)
        }
    }
}

/// A small scalar that the scan has kept; None for others.
pub(super) fn kept_scalar<'a>(header: &Header, entry: &'a Entry) -> Option<Scalar<'a>> {
    decode(entry.kind, entry.kept.as_deref()?, header.big_endian)
}

fn decode(kind: ValueType, bytes: &[u8], big_endian: bool) -> Option<Scalar<'_>> {
    let mut wide = [0; 8];
    match kind {
        ValueType::String => return Some(Scalar::Text(bytes)),
        ValueType::Array => return None,
        _ if big_endian => wide.iter_mut().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from),
        _ => wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from),
    }
    let raw = u64::from_le_bytes(wide);
    Some(match kind {
        ValueType::Bool => Scalar::Bool(raw != 0),
        ValueType::I8 => Scalar::Int((raw as i8).into()),
        ValueType::I16 => Scalar::Int((raw as i16).into()),
        ValueType::I32 => Scalar::Int((raw as i32).into()),
        ValueType::I64 => Scalar::Int(raw as i64),
        ValueType::F32 => Scalar::Float(f32::from_bits(raw as u32).into()),
        ValueType::F64 => Scalar::Float(f64::from_bits(raw)),
        _ => Scalar::Uint(raw),
    })
}

/// An entry's value, from what the scan has kept or else from the file that was scanned, which `open` opens.
///
/// Reads and allocates the value's size, which the scan has seen in the file.
///
/// # Errors
/// What opening and reading say; `InvalidData` where the file has visibly changed since the scan.
pub fn read_value(header: &Header, entry: &Entry, open: impl FnOnce() -> io::Result<File>) -> io::Result<Value> {
    let changed = || io::Error::new(io::ErrorKind::InvalidData, "the file has changed since it was scanned");
    let bytes = match &entry.kept {
        Some(kept) => kept.clone(),
        None => {
            let file = open()?;
            if length(&file)? != header.file_size {
                return Err(changed());
            }
            read_exact(&file, entry.offset, entry.size)?
        }
    };
    Value::new(header, entry, bytes).ok_or_else(changed)
}

fn read_exact(file: &File, offset: u64, size: u64) -> io::Result<Box<[u8]>> {
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(size, 0);
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes.into_boxed_slice())
}
