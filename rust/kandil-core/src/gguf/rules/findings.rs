//! The list that findings are added to.

use super::{Finding, Rule, Severity, rules};

rules! {
    SUM
    MORE "KG-MORE" Note "more findings than are listed; as severe as the worst of them"
        why "A hostile file can be wrong in a million places, and a list of all of them would be an attack on whoever \
            reads it. The finding has the severity of the worst that is not listed, so that nothing is lost."
        see "kandil: the first 100 findings of a file are listed"
        passes "A file with so many findings is not sound: look at those that are listed."
}

/// A hostile file can be wrong in a million places; this many are kept.
const KEPT: usize = 100;

/// Findings in the order of their discovery, at most [`KEPT`]; the rest are counted.
#[derive(Debug)]
pub(in crate::gguf) struct Findings {
    kept: Vec<Finding>,
    dropped: u64,
    worst_dropped: Severity,
}

impl Findings {
    pub(in crate::gguf) fn new() -> Self {
        Self { kept: Vec::new(), dropped: 0, worst_dropped: Severity::Note }
    }

    /// `message` is only called for a finding that is kept.
    pub(in crate::gguf) fn add(
        &mut self,
        rule: Rule,
        offset: impl Into<Option<u64>>,
        message: impl FnOnce() -> String,
    ) {
        let Rule { id, severity, .. } = rule;
        if self.kept.len() < KEPT {
            self.kept.push(Finding { id, severity, message: message(), offset: offset.into() });
        } else {
            self.dropped = self.dropped.saturating_add(1);
            self.worst_dropped = self.worst_dropped.max(severity);
        }
    }

    /// In the order of the file; what was not kept is one finding at the end, as severe as the worst of it.
    pub(in crate::gguf) fn finish(mut self) -> Vec<Finding> {
        self.kept.sort_by_key(|finding| finding.offset.unwrap_or(u64::MAX));
        if self.dropped > 0 {
            let message = format!("{} more findings, the worst of them {}", self.dropped, self.worst_dropped.name());
            self.kept.push(Finding { id: MORE.id, severity: self.worst_dropped, message, offset: None });
        }
        self.kept
    }
}
