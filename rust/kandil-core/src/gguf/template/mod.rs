//! Reads chat templates as the programs that they are: parses them, and judges them without ever rendering one.
//!
//! The grammar is that of jinja2 3.1 with the tags that model runtimes add (`break`, `continue`, `do`, `generation`). It is
//! written here because a checker whose parser reads a template otherwise than the engine does is itself the hole. The
//! `minijinja` crate (2.x) comes near: but it leaves `'\N{LOW LINE}'` as it is where jinja2 reads an underscore, refuses
//! `{% generation %}` and `{% do value %}`, stops at the first fault, and shows its tree only behind a feature that it
//! calls unstable.
//!
//! Work and memory are bounded: by the size of the text, by [`parser::MAX_DEPTH`] levels of nesting and by
//! [`parser::MAX_NODES`] nodes. A fault is recorded and parsing goes on after the tag that has it, so that what stands in a
//! template that one engine refuses and another tolerates is still seen.

mod aliases;
pub(in crate::gguf) mod ast;
mod builtins;
mod calls;
mod check;
mod escape;
mod eval;
mod expressions;
mod formats;
mod growth;
mod known;
mod lexer;
mod names;
mod number;
mod operands;
pub(in crate::gguf) mod parser;
pub(in crate::gguf) mod poison;
mod recursion;
mod report;
pub(in crate::gguf) mod rules;
mod run;
mod size;
mod sizes;
mod statements;
mod targets;
mod value;

#[cfg(test)]
mod tests;

use super::header::{Entry, Header, ValueType};
use super::printable::printable;
use super::rules::{Findings, Rule};
use ast::Span;
use parser::{FaultKind, Parsed};
use report::Report;
use rules::{TPL_ALIAS, TPL_CTRL, TPL_DOS, TPL_LARGE, TPL_SIZE, TPL_SYNTAX, TPL_TYPE};

/// No published template is a quarter of this.
const MAX_USUAL: usize = 256 << 10;

/// Whether the string of this key is run as a chat template, or may be: `tokenizer.chat_template`, `….rag`, and the like.
pub(in crate::gguf) fn is_template(key: &[u8]) -> bool {
    key.to_ascii_lowercase().windows(13).any(|part| part == b"chat_template")
}

/// Judges a string of the metadata, if it is a template. `text` is all of it, or its first MiB.
pub(in crate::gguf) fn check_text(entry: &Entry, text: &[u8], findings: &mut Findings) {
    if !is_template(&entry.key) {
        return;
    }
    let name = printable(&entry.key);
    if entry.size > text.len() as u64 {
        findings.add(TPL_SIZE, entry.offset, || {
            format!("key \"{name}\" has {} bytes, at most {} are examined", entry.size, text.len())
        });
    } else if text.len() > MAX_USUAL {
        findings.add(TPL_LARGE, entry.offset, || format!("key \"{name}\" has {} bytes", text.len()));
    }
    check_template(&name, entry.offset, text, findings);
}

/// Judges an array of strings that are templates, or their names: those are text without tags. `bytes` are its strings with
/// their lengths, or the first MiB of them.
pub(in crate::gguf) fn check_strings(entry: &Entry, bytes: &[u8], big_endian: bool, findings: &mut Findings) {
    if !is_template(&entry.key) {
        return;
    }
    let name = printable(&entry.key);
    let (mut rest, mut at, mut index) = (bytes, entry.offset, 0_u64);
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = if big_endian { u64::from_be_bytes(*length) } else { u64::from_le_bytes(*length) };
        let whole = usize::try_from(length).ok().and_then(|length| tail.split_at_checked(length));
        let Some((text, next)) = whole else { break };
        at = at.saturating_add(8);
        if text.contains(&b'{') {
            check_template(&format!("{name}[{index}]"), at, text, findings);
        }
        (rest, at, index) = (next, at.saturating_add(length), index.saturating_add(1));
    }
    if index < entry.count {
        findings.add(TPL_SIZE, entry.offset, || {
            format!("key \"{name}\" has {} strings, the first {index} are examined", entry.count)
        });
    }
}

fn check_template(name: &str, offset: u64, text: &[u8], findings: &mut Findings) {
    if !findings.take_template(text.len()) {
        findings
            .add(TPL_SIZE, offset, || format!("key \"{name}\" and the templates before it are more than is examined"));
        return;
    }
    let text = String::from_utf8_lossy(text);
    let parsed = parser::parse(&text);
    let mut report = Report::new(&text, name, offset, findings);
    check_characters(&text, &mut report);
    check_faults(&parsed, &mut report);
    poison::check(&parsed, &mut report);
    check::check(&parsed.body, report);
}

/// Reports templates that are no text.
pub(in crate::gguf) fn check_whole(header: &Header, findings: &mut Findings) {
    for entry in header.entries.iter().filter(|entry| is_template(&entry.key)) {
        let names = entry.key.ends_with(b"chat_templates") && entry.element == Some(ValueType::String);
        if entry.kind != ValueType::String && !names {
            findings.add(TPL_TYPE, entry.offset, || {
                format!("key \"{}\" is of type {}, a string was expected", printable(&entry.key), entry.type_name())
            });
        }
    }
}

fn check_characters(text: &str, report: &mut Report<'_>) {
    let control = |character: char| character.is_ascii_control() && !matches!(character, '\n' | '\r' | '\t');
    if let Some(place) = text.find(control) {
        let code = text.as_bytes().get(place).copied().unwrap_or_default();
        let span = Span::new(place, place.saturating_add(1));
        report.add(TPL_CTRL, span, || format!("holds the control character {code:#04x}"));
    }
}

fn check_faults(parsed: &Parsed<'_>, report: &mut Report<'_>) {
    let stops = parsed.faults.iter().filter(|fault| fault.kind != FaultKind::Syntax);
    for fault in parsed.faults.iter().take(1).chain(stops) {
        let rule: Rule = match fault.kind {
            FaultKind::Syntax => TPL_SYNTAX,
            FaultKind::Depth => TPL_DOS,
            FaultKind::Size => TPL_SIZE,
            FaultKind::Alias => TPL_ALIAS,
        };
        let parses = if fault.kind == FaultKind::Alias { "has" } else { "does not parse," };
        report.add(rule, fault.span, || format!("{parses} {}", fault.message));
    }
}
