//! Scans GGUF headers: walks every key and tensor, checks the structure, decodes nothing that nobody asked for.
//!
//! A [`Scanner`] is fed consecutive bytes from the start of a file in chunks of any size, so that it can be given the very
//! buffers that are hashed. It holds names, small values and places; arrays are walked and checked, never stored. Every
//! length is compared with the bytes that remain in the file before anything of that length is read or allocated, so a
//! scan holds at most a small multiple of the header's size and looks at each header byte a bounded number of times.
//!
//! What is wrong with a file is a list of [`Finding`]s with stable ids (see [`rules`]), never an error or a panic.
//! The layout is the one that llama.cpp's `gguf.cpp` reads: versions 2 and 3, little and big endian.

#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod data;
mod file;
mod header;
mod impostor;
pub mod printable;
mod read;
pub mod rules;
mod scanner;
mod template;
pub mod types;
mod value;
mod walk;
pub mod weights;
mod whole;

pub use data::DataScan;
pub use file::{open, open_regular, scan};
pub use header::{Entry, Header, Tensor, ValueType};
pub use rules::{Finding, Severity};
pub use scanner::{Scan, Scanner};
pub use value::{Scalar, Value, read_value};
pub use whole::WholeScan;
