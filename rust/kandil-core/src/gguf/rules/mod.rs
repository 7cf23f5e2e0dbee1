//! What can be wrong with a file: one rule for each finding's id.
//!
//! The walk reports what stops it; the modules here check what it has collected: `names` the keys and tensor names,
//! `layout` the tensors' places, `split` the shard keys; the rules of all these stand in `structure` and `tensors`. A rule
//! that looks at values gets the [`super::Header`] when the walk is over, as these do.

mod findings;
pub(super) mod layout;
mod load;
pub(super) mod metadata;
mod model;
pub(super) mod names;
mod signature;
pub(super) mod split;
mod structure;
mod tensors;
pub(super) mod values;
pub(super) mod vocabulary;

use super::header::Header;
pub(super) use findings::Findings;
pub use split::check_name;
pub(super) use structure::*;
pub(super) use tensors::*;

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
}
pub(super) use rules;

/// Checks what only the whole header can tell.
pub(super) fn check_whole(header: &Header, findings: &mut Findings) {
    split::check(header, findings);
    model::check(header, findings);
    super::template::check_whole(header, findings);
}

/// Every rule, in the order in which a file is walked.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        STRUCTURE,
        TENSORS,
        vocabulary::VOCABULARY,
        model::MODEL,
        names::NAMES,
        metadata::METADATA,
        super::template::rules::TEMPLATE,
        super::template::poison::POISON,
        super::weights::WEIGHTS,
        signature::SIGNATURE,
        load::LOAD,
        findings::SUM,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;

    #[test]
    fn every_rule_can_be_explained() {
        let mut ids = HashSet::new();
        for rule in all() {
            let words = rule.id.strip_prefix("KG-").unwrap_or_default();
            let plain = |word: &str| {
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            };
            assert!(words.split('-').all(plain), "{}", rule.id);
            assert!(ids.insert(rule.id), "{} twice", rule.id);
            for text in [rule.summary, rule.explanation, rule.reference, rule.false_positives] {
                let one_line = !text.contains(|character: char| character.is_control()) && !text.contains("  ");
                assert!(!text.is_empty() && text.trim() == text && one_line, "{}: {text:?}", rule.id);
            }
        }
    }
}
