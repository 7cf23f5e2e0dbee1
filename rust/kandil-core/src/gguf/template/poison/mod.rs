//! Poisoned templates: those that by themselves add text, change what messages say, or hide something.
//!
//! No list of bad words decides, but what leads to what. [`flow`] follows every expression to where it is printed and keeps
//! with each piece of text the conditions that it depends on; [`triggers`] tells the questions that honest templates ask from
//! those that wait for a word, a day or a turn; [`judge`] looks at what is printed under the latter. Only text that is
//! always printed is judged by its language, in [`phrases`].

mod calls;
mod dropped;
mod expressions;
mod flow;
mod fold;
mod hidden;
mod judge;
mod phrases;
mod placement;
mod rules;
#[cfg(test)]
mod tests;
mod themes;
mod triggers;
mod value;
mod vocabulary;
mod words;

use super::ast::Span;
use super::parser::Parsed;
use super::report::Report;
use crate::gguf::printable::printable;
use judge::Fault;
pub(in crate::gguf) use rules::POISON;
use triggers::Kind;

/// Adds what a template does of its own accord.
pub(super) fn check(parsed: &Parsed<'_>, report: &mut Report<'_>) {
    let printed = flow::follow(&parsed.body);
    if printed.cut {
        report.add(rules::TPL_TANGLE, Span::default(), || "takes more steps to follow than any other".to_owned());
    }
    hidden::check(&printed.parts, report);
    for rewrite in &printed.rewrites {
        report.add(rules::TPL_REWRITE, rewrite.span, || {
            format!("changes \"{}\" into \"{}\" in what a message says", shown(&rewrite.from), shown(&rewrite.to))
        });
    }
    for fault in judge::judge(&printed) {
        match fault {
            Fault::Trigger { condition, asks, text } => report.add(rules::TPL_TRIGGER, condition, || adds(asks, &text)),
            Fault::Time { condition, text } => report.add(rules::TPL_TIME, condition, || adds(Kind::Time, &text)),
            Fault::Dropped { condition } => {
                report.add(rules::TPL_REWRITE, condition, || "shows or withholds a message by what it says".to_owned());
            }
            Fault::Cut => report.add(rules::TPL_REWRITE, Span::default(), || {
                "shows a part of what a message says, or other letters of it".to_owned()
            }),
            Fault::Address { text } => report.add(rules::TPL_EXFIL, Span::default(), || {
                format!("puts what a message says into the address \"{}\"", shown(&text))
            }),
            Fault::Behind { text } => report.add(rules::TPL_INJECT, Span::default(), || {
                format!("adds \"{}\" behind what a message says", shown(&text))
            }),
            Fault::Against { text } => {
                report.add(rules::TPL_INJECT, Span::default(), || format!("always adds \"{}\"", shown(&text)))
            }
        }
    }
    if let Some(condition) = dropped::system_messages(&parsed.body) {
        report.add(rules::TPL_DROPSYS, condition, || "leaves system messages out".to_owned());
    }
}

fn adds(asks: Kind, text: &str) -> String {
    let condition = match asks {
        Kind::Count => "the messages' number, place or form",
        Kind::Symbol | Kind::Word => "what a message says",
        Kind::Chance => "chance",
        Kind::Time => "the time",
    };
    format!("adds \"{}\" depending on {condition}", shown(text))
}

fn shown(text: &str) -> String {
    printable(text.trim().as_bytes())
}
