//! What can be wrong with a file: one rule for each finding's id.
//!
//! The walk reports what stops it; the modules here check what it has collected: `names` the keys and tensor names,
//! `layout` the tensors' places, `split` the shard keys. A rule that looks at values gets the [`super::Header`] when
//! the walk is over, as these do.

mod findings;
pub(super) mod layout;
pub(super) mod names;
mod signature;
pub(super) mod split;
pub(super) mod values;

use super::header::Header;
pub(super) use findings::Findings;
pub use split::check_name;

/// How bad a finding is; the order is that of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; sound files have it.
    Note,
    /// Unusual; a program may refuse the file or misread it.
    Suspicious,
    /// The format forbids it, or loaders refuse the file for it.
    Malformed,
    /// It has no innocent explanation.
    Malicious,
}

impl Severity {
    /// In lower case, as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Suspicious => "suspicious",
            Self::Malformed => "malformed",
            Self::Malicious => "malicious",
        }
    }
}

/// One thing that a check found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of the [`Rule`]; never changes its meaning.
    pub id: &'static str,
    /// Of the [`Rule`].
    pub severity: Severity,
    /// Where (key or tensor), what was found, what was expected. Safe to print.
    pub message: String,
    /// From the start of the file.
    pub offset: Option<u64>,
}

/// A check: what it is called, how bad what it finds is, and what a person who meets it should know.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// `KG-…`
    pub id: &'static str,
    /// Of all its findings.
    pub severity: Severity,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// Why that is bad, and for whom.
    pub explanation: &'static str,
    /// Advisory, specification or source that says so.
    pub reference: &'static str,
    /// Which sound files come near it, and why it does not report them; what to do with one that it does report.
    pub false_positives: &'static str,
}

/// Declares a module's rules as constants, and the list of them.
macro_rules! rules {
    ($list:ident $($name:ident $id:literal $severity:ident $summary:literal why $why:literal see $see:literal passes $passes:literal)*) => {
        $(#[allow(dead_code)] // Python reports some
        pub(in crate::gguf) const $name: $crate::gguf::rules::Rule = $crate::gguf::rules::Rule {
            id: $id,
            severity: $crate::gguf::rules::Severity::$severity,
            summary: $summary,
            explanation: $why,
            reference: $see,
            false_positives: $passes,
        };)*
        pub(in crate::gguf) static $list: &[$crate::gguf::rules::Rule] = &[$($name),*];
    };
    ($list:ident $($name:ident $id:literal $severity:ident $summary:literal)*) => {
        $crate::gguf::rules::rules! { $list $($name $id $severity $summary why "" see "" passes "")* }
    };
}
pub(super) use rules;

/// Checks what only the whole header can tell.
pub(super) fn check_whole(header: &Header, findings: &mut Findings) {
    split::check(header, findings);
}

/// Every rule, in the order in which a file is walked.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [STRUCTURE, signature::SIGNATURE].into_iter().flatten()
}

rules! {
    STRUCTURE
    HDR_MAGIC "KG-HDR-MAGIC" Malformed "does not begin as a GGUF file; the message says what it seems to be"
    HDR_VERSION "KG-HDR-VERSION" Malformed "a version other than 1, 2 and 3"
    HDR_V1 "KG-HDR-V1" Malformed "version 1, which llama.cpp refuses since October 2023"
    HDR_BIG_ENDIAN "KG-HDR-BIG-ENDIAN" Note "big-endian numbers: for machines such as IBM Z"
    HDR_TRUNC "KG-HDR-TRUNC" Malformed "the file ends inside its header"
    HDR_SHRANK "KG-HDR-SHRANK" Malformed "fewer bytes could be read than the file was said to have"
    HDR_COUNT "KG-HDR-COUNT" Malformed "more keys or tensors than the file can hold, or than any model has"
    HDR_MANY "KG-HDR-MANY" Suspicious "more than 10 000 keys"
    KEY_EMPTY "KG-KEY-EMPTY" Malformed "a key without a name"
    KEY_LEN "KG-KEY-LEN" Malformed "a key longer than 65 535 bytes"
    KEY_UTF8 "KG-KEY-UTF8" Malformed "a key that is not UTF-8"
    KEY_NUL "KG-KEY-NUL" Malformed "a NUL byte in a key: C programs see another key"
    KEY_CTRL "KG-KEY-CTRL" Malformed "a control character in a key"
    KEY_BIDI "KG-KEY-BIDI" Malicious "a bidirectional control in a key: it reads as another key"
    KEY_GRAMMAR "KG-KEY-GRAMMAR" Suspicious "a key that is not ASCII words joined by dots"
    KEY_CASE "KG-KEY-CASE" Note "upper-case letters in a key"
    KEY_DUP "KG-KEY-DUP" Malformed "a key that occurs twice: programs differ in which one they take"
    TYPE_RANGE "KG-TYPE-RANGE" Malformed "a value type that GGUF does not have"
    STR_LEN "KG-STR-LEN" Malformed "a string longer than the file or than 1 GiB"
    STR_UTF8 "KG-STR-UTF8" Suspicious "a string that is not UTF-8"
    ARR_COUNT "KG-ARR-COUNT" Malformed "an array with more elements than the file can hold"
    ARR_NEST "KG-ARR-NEST" Malformed "an array of arrays, which loaders refuse"
    ARR_UTF8 "KG-ARR-UTF8" Note "strings in an array that are not UTF-8; byte-level vocabularies have them"
    BOOL_VAL "KG-BOOL-VAL" Suspicious "a bool that is neither 0 nor 1"
    ALIGN "KG-ALIGN" Malformed "general.alignment is not a uint32 that is a power of two and at most 1 MiB"
    ALIGN_SMALL "KG-ALIGN-SMALL" Suspicious "general.alignment below 32: llama.cpp aborts when it loads the tensors"
    SPLIT_TYPE "KG-SPLIT-TYPE" Malformed "a split.* key of a type that loaders refuse"
    SPLIT_NO "KG-SPLIT-NO" Malformed "a shard number that is not below the number of shards"
    SPLIT_COUNT "KG-SPLIT-COUNT" Suspicious "a number of shards or tensors that does not fit this file"
    SPLIT_NAME "KG-SPLIT-NAME" Suspicious "the file's name and its split.* keys disagree"
    TEN_NAME "KG-TEN-NAME" Malformed "a tensor name longer than 63 bytes, or not UTF-8"
    TEN_CTRL "KG-TEN-CTRL" Malformed "a control character in a tensor name"
    TEN_BIDI "KG-TEN-BIDI" Malicious "a bidirectional control in a tensor name"
    TEN_PATH "KG-TEN-PATH" Malicious "a tensor name that leads out of a folder when it is used as a file name"
    TEN_GRAMMAR "KG-TEN-GRAMMAR" Suspicious "a tensor name with characters that tensor names do not have"
    TEN_DUP "KG-TEN-DUP" Malformed "a tensor name that occurs twice"
    TEN_DIMS "KG-TEN-DIMS" Malformed "more than 4 dimensions, a negative one, or a product beyond 2^63"
    TEN_ZERO "KG-TEN-ZERO" Suspicious "a dimension of 0, or no dimensions: older loaders divide by it"
    TEN_TYPE "KG-TEN-TYPE" Malformed "a tensor type that ggml does not have (any more)"
    TEN_FORK "KG-TEN-FORK" Suspicious "a tensor type of ik_llama.cpp, which llama.cpp refuses; its size is not checked"
    TEN_BLOCK "KG-TEN-BLOCK" Malformed "a first dimension that is not a multiple of the type's block"
    TEN_SIZE "KG-TEN-SIZE" Malformed "a tensor of more than 2^63 bytes"
    TEN_ALIGN "KG-TEN-ALIGN" Malformed "a tensor that does not begin at a multiple of the alignment"
    TEN_ORDER "KG-TEN-ORDER" Malformed "a tensor that does not begin where the one before it ends"
    TEN_OVERLAP "KG-TEN-OVERLAP" Malformed "two tensors that share bytes"
    DATA_TRUNC "KG-DATA-TRUNC" Malformed "the file ends before its tensors do"
    SLACK_PAD "KG-SLACK-PAD" Suspicious "bytes other than 0 between the header and the tensor data"
    SLACK_TRAIL "KG-SLACK-TRAIL" Suspicious "bytes after the last tensor, which nothing reads"
    MORE "KG-MORE" Note "more findings than are listed; as severe as the worst of them"
}
