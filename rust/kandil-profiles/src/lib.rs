//! kandil's curated profiles.
//!
//! With the feature `build`, [`catalogue::Catalogue::read`] reads `profiles/*.toml`, checks every value of every entry
//! and every name that leads from one entry to another, and gives what is compiled into kandil. A [`Mistake`] names
//! file and line. Without it there is what a running kandil needs: the check of one profile that a user wrote, by the
//! same table of fields ([`schema`]), and the form in which names are compared ([`names`]).

pub mod kinds;
pub mod names;
pub mod schema;
pub mod value;

#[cfg(feature = "build")]
pub mod catalogue;
#[cfg(feature = "build")]
mod emit;
#[cfg(feature = "build")]
mod models;
#[cfg(feature = "build")]
mod read;
#[cfg(feature = "build")]
mod shapes;

use std::fmt;

/// What is wrong in a profile, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name; empty where there is none.
    pub file: String,
    /// From 1; 0 where there is no file.
    pub line: usize,
    /// The dotted name of the value: `models."gpt-5".context_window`.
    pub key: String,
    /// What was found, and what was expected.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:{}: ", self.file, self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}
