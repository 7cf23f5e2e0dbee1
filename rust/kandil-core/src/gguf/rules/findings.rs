//! The list that findings are added to.

use super::{Finding, Rule, Severity, rules};

rules! {
    SUM
    MORE "KG-MORE" Note "more findings than are listed; as severe as the worst of them"
        why "A hostile file can be wrong in a million places, and a list of all of them would be an attack on whoever \
            reads it. The finding has the severity of the worst that is not listed, so that nothing is lost."
        see "kandil: the first 100 findings of a file are listed"
        passes "A file with so many findings is not sound: look at those that are listed."
    NO_MODEL "KG-NO-MODEL" Note "no general.architecture, so nothing loads the file as a model; what only models are judged by is not listed"
        why "Loaders refuse a file that names no architecture before they look at its values. Bools that are not 0 or 1, \
            strings that are not UTF-8, dimensions of 0 and small alignments harm nobody there."
        see "llama.cpp src/llama-model-loader.cpp: general.architecture is read first; tests/test-gguf.cpp writes such files"
        passes "It is only a note: collections of tensors, activation statistics and files for tests have no architecture."
}

/// A hostile file can be wrong in a million places; this many are kept.
const KEPT: usize = 100;

/// Findings in the order of their discovery, at most [`KEPT`]; the rest are counted.
#[derive(Debug)]
pub(in crate::gguf) struct Findings {
    all: List,
    /// What only counts in a model: whether the file is one is known at the end.
    for_models: List,
    /// Bytes of templates and of other text that may still be examined: work is bounded for a file, however many values
    /// it has.
    templates_left: usize,
    text_left: usize,
}

/// Several times what the templates of any model have together ...
const TEMPLATES: usize = 1 << 20;
/// ... and its descriptions and licences.
const TEXT: usize = 512 << 10;

/// Takes `size` from what is left; False where that is less, and all of it is gone then.
fn take(left: &mut usize, size: usize) -> bool {
    let rest = left.checked_sub(size);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

#[derive(Debug)]
struct List {
    kept: Vec<Finding>,
    dropped: u64,
    worst_dropped: Severity,
}

impl List {
    fn new() -> Self {
        Self { kept: Vec::new(), dropped: 0, worst_dropped: Severity::Note }
    }

    fn add(&mut self, rule: Rule, offset: Option<u64>, message: impl FnOnce() -> String) {
        let Rule { id, severity, .. } = rule;
        if self.kept.len() < KEPT {
            self.kept.push(Finding { id, severity, message: message(), offset });
        } else {
            self.drop(1, severity);
        }
    }

    fn drop(&mut self, count: u64, worst: Severity) {
        self.dropped = self.dropped.saturating_add(count);
        self.worst_dropped = self.worst_dropped.max(worst);
    }

    fn total(&self) -> u64 {
        self.dropped.saturating_add(self.kept.len() as u64)
    }

    /// Takes all that another list has.
    fn join(&mut self, other: Self) {
        self.drop(other.dropped, other.worst_dropped);
        for finding in other.kept {
            if self.kept.len() < KEPT {
                self.kept.push(finding);
            } else {
                self.drop(1, finding.severity);
            }
        }
    }
}

impl Findings {
    pub(in crate::gguf) fn new() -> Self {
        Self { all: List::new(), for_models: List::new(), templates_left: TEMPLATES, text_left: TEXT }
    }

    /// Whether a template of this size may be examined, after those before it.
    pub(in crate::gguf) fn take_template(&mut self, size: usize) -> bool {
        take(&mut self.templates_left, size)
    }

    /// Whether the words of a text of this size may be looked at, after those before it; None: not, for the first time.
    pub(in crate::gguf) fn take_text(&mut self, size: usize) -> Option<bool> {
        let before = self.text_left;
        if take(&mut self.text_left, size) { Some(true) } else { (before == 0).then_some(false) }
    }

    /// `message` is only called for a finding that is kept.
    pub(in crate::gguf) fn add(
        &mut self,
        rule: Rule,
        offset: impl Into<Option<u64>>,
        message: impl FnOnce() -> String,
    ) {
        self.all.add(rule, offset.into(), message);
    }

    /// As [`Self::add`], for what harms nobody in a file that no runtime loads as a model.
    pub(in crate::gguf) fn add_for_models(
        &mut self,
        rule: Rule,
        offset: impl Into<Option<u64>>,
        message: impl FnOnce() -> String,
    ) {
        self.for_models.add(rule, offset.into(), message);
    }

    /// In the order of the file; what was not kept is one finding at the end, as severe as the worst of it.
    pub(in crate::gguf) fn finish(self, is_model: bool) -> Vec<Finding> {
        let Self { mut all, for_models, .. } = self;
        let aside = for_models.total();
        if is_model {
            all.join(for_models);
        } else if aside > 0 {
            let message = || {
                format!(
                    "the file names no architecture, so nothing loads it as a model; {aside} oddities are not listed"
                )
            };
            all.add(NO_MODEL, None, message);
        }
        let List { mut kept, dropped, worst_dropped } = all;
        kept.sort_by_key(|finding| finding.offset.unwrap_or(u64::MAX));
        if dropped > 0 {
            let message = format!("{dropped} more findings, the worst of them {}", worst_dropped.name());
            kept.push(Finding { id: MORE.id, severity: worst_dropped, message, offset: None });
        }
        kept
    }
}
