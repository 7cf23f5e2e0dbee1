//! What a scan keeps of a header.

use std::borrow::Cow;

/// The type of a value, with the numbers that files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// The type with this number in files.
    pub fn from_number(number: u32) -> Option<Self> {
        use ValueType::{Array, Bool, F32, F64, I8, I16, I32, I64, String, U8, U16, U32, U64};
        let all = [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64];
        all.get(usize::try_from(number).ok()?).copied()
    }

    /// `uint32`, `string`, … as the format's specification names them.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::F32 => "float32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Array => "array",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F64 => "float64",
        }
    }

    /// Bytes of one value; None where it varies (strings and arrays).
    pub fn size(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String | Self::Array => None,
        }
    }
}

/// One key, where its value stands, and the value itself where it is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As in the file; not necessarily UTF-8.
    pub key: Box<[u8]>,
    /// [`ValueType::Array`] for an array.
    pub kind: ValueType,
    /// The type of an array's elements; None for a scalar.
    pub element: Option<ValueType>,
    /// Elements of an array; 1 for a scalar.
    pub count: u64,
    /// Where the value's bytes begin: after a string's length, after an array's element type and count.
    pub offset: u64,
    /// How many bytes they are.
    pub size: u64,
    /// Those bytes, for numbers, strings of up to 1 KiB and arrays of numbers of up to 4 KiB (until these make 1 MiB).
    pub kept: Option<Box<[u8]>>,
}

impl Entry {
    /// The key as text; bytes that are not UTF-8 become U+FFFD.
    pub fn key_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.key)
    }

    /// `uint32`, `string`, `array[string]`, …
    pub fn type_name(&self) -> String {
        match self.element {
            Some(element) => format!("array[{}]", element.name()),
            None => self.kind.name().to_owned(),
        }
    }
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// As in the file; not necessarily UTF-8.
    pub name: Box<[u8]>,
    /// How many of `dims` the file gives; at most 4.
    pub n_dims: u32,
    /// Fastest dimension first; 1 where the file gives none.
    pub dims: [u64; 4],
    /// ggml's number; see [`super::types`].
    pub kind: u32,
    /// From the start of the file.
    pub offset: u64,
    /// None where the type is unknown or the dimensions make no size.
    pub size: Option<u64>,
}

impl Tensor {
    /// The name as text; bytes that are not UTF-8 become U+FFFD.
    pub fn name_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// The dimensions that the file gives, fastest first.
    pub fn shape(&self) -> &[u64] {
        self.dims.get(..self.n_dims as usize).unwrap_or(&self.dims)
    }
}

/// The index of a header. Where the walk broke off, `data_offset` is None, `entries` are those before, `tensors` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// As the file says; 0 where the file ends before it.
    pub version: u32,
    /// The byte order of all numbers.
    pub big_endian: bool,
    /// `general.alignment`, or 32.
    pub alignment: u32,
    /// Where tensor data begins.
    pub data_offset: Option<u64>,
    /// As told to [`super::Scanner::new`].
    pub file_size: u64,
    /// In the file's order.
    pub entries: Vec<Entry>,
    /// In the file's order; empty in a compact scan.
    pub tensors: Vec<Tensor>,
    /// How many there are.
    pub tensor_count: u64,
}

impl Header {
    /// The first entry with this key.
    pub fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.iter().find(|entry| *entry.key == *key)
    }

    /// Whether a loader takes the file for a model, or for a part of one: only the first part names the architecture.
    pub(super) fn claims_to_be_a_model(&self) -> bool {
        [&b"general.architecture"[..], b"split.count", b"split.no"].iter().any(|key| self.entry(key).is_some())
    }
}
