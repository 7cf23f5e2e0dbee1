//! Each construct, good and bad, in the shortest template that has it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod bounds;
mod constants;
mod grammar;
mod lookups;
mod work;

use super::super::header::{Entry, ValueType};
use super::super::rules::{Finding, Findings};

/// What is found in a template, of any size.
fn scan(key: &str, template: &[u8]) -> Vec<Finding> {
    let entry = Entry {
        key: key.as_bytes().into(),
        kind: ValueType::String,
        element: None,
        count: 1,
        offset: 100,
        size: template.len() as u64,
        kept: None,
    };
    let mut findings = Findings::new();
    super::check_text(&entry, &template[..template.len().min(1 << 20)], &mut findings);
    findings.finish(true)
}

/// The ids of what is found, each once.
fn found(template: &str) -> Vec<&'static str> {
    let mut ids: Vec<_> = scan("tokenizer.chat_template", template.as_bytes()).iter().map(|found| found.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Each template is reported by this rule.
fn all_are(rule: &str, templates: &[&str]) {
    let missed: Vec<_> = templates.iter().filter(|template| !found(template).contains(&rule)).collect();
    assert!(missed.is_empty(), "{rule} misses {missed:#?}");
}

fn all_pass(templates: &[&str]) {
    for template in templates {
        let findings = scan("tokenizer.chat_template", template.as_bytes());
        assert!(findings.is_empty(), "{template}: {findings:?}");
    }
}
