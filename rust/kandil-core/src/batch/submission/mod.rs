//! The providers' own batches: files of requests for them, and files of results from them.
//!
//! [`Requests`] writes what a provider takes, in as many files as its caps ask for, and beside each a file that says
//! which rows are in it ([`Rows`]); [`collect`] makes lines of output of what the provider has written by the end.

mod requests;
mod results;
mod rows;

use std::borrow::Cow;

pub use self::requests::{Prepared, Requests, Unsent, prepare};
pub use self::results::{Collected, append_unsent, collect, give_up};
pub use self::rows::Rows;
use super::row::id_hash;
use crate::batch::protocol::{Kind, Target};

/// How a provider's batches are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's files of `custom_id`, `method`, `url`, `body`, and of those who took them over.
    OpenAi,
    /// Mistral's: the model and the URL are the job's.
    Mistral,
    /// Anthropic's: one JSON object with all requests.
    Anthropic,
}

/// What one batch may have at most.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Requests.
    pub rows: u64,
    /// Of the file.
    pub bytes: u64,
}

/// What all of them take as a row's name.
const LONGEST_ID: usize = 64;

/// What the provider is told as a row's name: its own, where that may be.
fn sent_id(custom_id: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if custom_id.len() <= LONGEST_ID && custom_id.bytes().all(plain) {
        return Cow::Borrowed(custom_id);
    }
    Cow::Owned(format!("kandil-{:032x}", u128::from_be_bytes(id_hash(custom_id))))
}

/// OpenAI's name for a call, whatever the provider's own paths are.
#[must_use]
pub fn url(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat => "/v1/chat/completions",
        Kind::Completions => "/v1/completions",
        Kind::Embeddings => "/v1/embeddings",
        Kind::Responses => "/v1/responses",
    }
}

/// The call that answers rows of this kind.
#[must_use]
pub fn endpoint(target: &Target, kind: Kind) -> &'static str {
    url(if kind == Kind::Chat && target.responses { Kind::Responses } else { kind })
}

#[cfg(test)]
mod tests;
