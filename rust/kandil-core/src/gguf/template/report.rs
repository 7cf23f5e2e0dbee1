//! Where findings about one template go.

use super::super::printable::printable;
use super::super::rules::{Findings, Rule};
use super::ast::Span;

/// A template wrong in more places is wrong enough.
const MAX_FOUND: usize = 20;
/// Bytes of the template, from where it is wrong.
const SHOWN: usize = 96;

pub(super) struct Report<'a> {
    pub(super) text: &'a str,
    /// Of the template's key.
    pub(super) name: &'a str,
    /// Of the template in the file.
    pub(super) offset: u64,
    pub(super) findings: &'a mut Findings,
    found: Vec<(&'static str, u32)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, name: &'a str, offset: u64, findings: &'a mut Findings) -> Self {
        Self { text, name, offset, findings, found: Vec::new() }
    }

    /// Adds what `rule` finds at `span`, once.
    pub(super) fn add(&mut self, rule: Rule, span: Span, what: impl FnOnce() -> String) {
        let of_rule = self.found.iter().filter(|(id, _)| *id == rule.id).count();
        if of_rule >= MAX_FOUND || self.found.contains(&(rule.id, span.start)) {
            return;
        }
        self.found.push((rule.id, span.start));
        let place = self.offset.saturating_add(u64::from(span.start));
        let (name, excerpt) = (self.name, self.excerpt(span));
        self.findings.add(rule, place, || match excerpt.as_str() {
            "" => format!("key \"{name}\" {}", what()),
            _ => format!("key \"{name}\" {}: \"{excerpt}\"", what()),
        });
    }

    /// The text at `span`, one line, safe to show.
    fn excerpt(&self, span: Span) -> String {
        let end = (span.end as usize).min((span.start as usize).saturating_add(SHOWN));
        let bytes = self.text.as_bytes();
        let shown =
            bytes.get((span.start as usize)..end).or_else(|| bytes.get((span.start as usize)..)).unwrap_or_default();
        printable(shown)
    }
}
