//! What is wrong with what a template prints.

use super::flow::Printed;
use super::triggers::{Kind, Trigger};
use super::value::{Part, Piece, Sources, Triggers};
use super::{phrases, words};
use crate::gguf::template::ast::Span;
use std::collections::HashSet;
use std::rc::Rc;

/// Bytes of text that are not looked at again where they are printed again.
const SENTENCE: usize = 24;
/// Bytes of text under one condition that are looked at together.
const JOINED: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A condition on what a message says, on their number or on chance decides whether this text is added.
    Trigger { condition: Span, asks: Kind, text: String },
    /// The clock does.
    Time { condition: Span, text: String },
    /// A condition on what a message says decides whether it is shown.
    Dropped { condition: Span },
    /// A part of what a message says is shown, or it is in other letters.
    Cut,
    /// What a message says stands inside of an address.
    Address { text: String },
    /// Text that always follows what a message says is no mark-up.
    Behind { text: String },
    /// Text that is always added is against its reader.
    Against { text: String },
}

impl Fault {
    /// What is added; empty where something is left out.
    fn text(&self) -> &str {
        match self {
            Self::Trigger { text, .. }
            | Self::Time { text, .. }
            | Self::Address { text }
            | Self::Against { text }
            | Self::Behind { text } => text,
            Self::Dropped { .. } | Self::Cut => "",
        }
    }
}

pub(super) fn judge(printed: &Printed) -> Vec<Fault> {
    let told: Vec<Told> = printed
        .parts
        .iter()
        .map(|part| match &part.piece {
            Piece::Text(text) if !part.triggers.is_empty() => Told::of(text),
            _ => Told::default(),
        })
        .collect();
    let triggered = printed.table.iter().filter_map(|(place, trigger)| triggered(printed, &told, place, trigger));
    let mut faults: Vec<Fault> = triggered.collect();
    faults.extend(cut(printed));
    faults.extend(address(printed));
    let always = against(printed)
        .into_iter()
        .chain(super::placement::behind(&printed.parts).map(|text| Fault::Behind { text }))
        .filter(|fault| !faults.iter().any(|told| told.text().contains(fault.text().trim())))
        .collect::<Vec<_>>();
    faults.extend(always);
    faults
}

/// What a piece of text is, apart from its neighbours.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// Something is left of it without its tokens.
    any: bool,
    words: usize,
    /// An address or code.
    acts: bool,
}

impl Told {
    fn of(text: &str) -> Self {
        let any = words::has_any(text);
        Self { any, words: words::count(text), acts: any && (words::has_url(text) || words::has_code(text)) }
    }
}

fn triggered(printed: &Printed, told: &[Told], place: Triggers, trigger: &Trigger) -> Option<Fault> {
    let mut text = String::new();
    let (mut content, mut apart, mut acts, mut added, mut longest) = (false, false, false, 0_usize, 0_usize);
    for (part, told) in printed.parts.iter().zip(told) {
        if !part.triggers.meets(place) {
            apart = true;
            continue;
        }
        match &part.piece {
            Piece::Text(piece) => {
                acts |= told.acts;
                longest = longest.max(told.words);
                added = added.saturating_add(told.words);
                if text.len() < JOINED && (told.any || text.is_empty()) {
                    if apart && !text.is_empty() {
                        text.push('\n');
                    }
                    text.extend(piece.chars().take(JOINED));
                }
                apart = false;
            }
            Piece::Hole(sources) => content |= sources.has(Sources::CONTENT),
            Piece::Break => apart = true,
        }
    }
    // what is in pieces is more than the pieces
    let whole = Told::of(&text);
    let tells = acts || whole.acts;
    let added = added.max(whole.words);
    let condition = trigger.span;
    match trigger.kind {
        Kind::Word if tells || whole.any && !label(&text, &trigger.word, added) => {
            Some(Fault::Trigger { condition, asks: trigger.kind, text })
        }
        Kind::Symbol | Kind::Count if tells || added >= 3 => {
            Some(Fault::Trigger { condition, asks: trigger.kind, text })
        }
        Kind::Word | Kind::Symbol if content => Some(Fault::Dropped { condition }),
        // the name of a day or a month is a word alone
        Kind::Time if tells || longest >= 2 => Some(Fault::Time { condition, text }),
        Kind::Time if content => Some(Fault::Dropped { condition }),
        Kind::Chance if tells || added >= 2 => Some(Fault::Trigger { condition, asks: trigger.kind, text }),
        _ => None,
    }
}

/// Adds what was asked for where it is not there yet: `{% if 'Date:' not in content %}Date: …`.
fn label(text: &str, word: &str, added: usize) -> bool {
    added <= words::count(word).saturating_add(1)
        && word.len() > 3
        && text.trim_start().to_lowercase().starts_with(word)
}

fn cut(printed: &Printed) -> Option<Fault> {
    let cut = Sources::CONTENT.with(Sources::CUT);
    let shown = |part: &Part| matches!(part.piece, Piece::Hole(sources) if sources.has(cut));
    printed.parts.iter().any(shown).then_some(Fault::Cut)
}

fn address(printed: &Printed) -> Option<Fault> {
    let mut run = String::new();
    for part in &printed.parts {
        match &part.piece {
            Piece::Text(text) => run.push_str(text),
            Piece::Break => run.clear(),
            Piece::Hole(sources) => {
                let told = sources.has(Sources::CONTENT) || sources.has(Sources::MESSAGE);
                if told && (words::ends_in_url(&run) || sources.has(Sources::URL_ENCODED)) {
                    return Some(Fault::Address { text: run.rsplit('\n').next().unwrap_or_default().to_owned() });
                }
                run.clear();
            }
        }
    }
    None
}

fn against(printed: &Printed) -> Option<Fault> {
    let mut run = String::new();
    let mut seen = HashSet::new();
    for part in &printed.parts {
        match &part.piece {
            // a macro prints the same sentences wherever it is called
            Piece::Text(text) if text.len() >= SENTENCE && !seen.insert(Rc::as_ptr(text)) => {}
            Piece::Text(text) => run.push_str(text),
            Piece::Break => run.push('\n'),
            Piece::Hole(_) => run.push_str(" … "),
        }
    }
    phrases::harmful(&run).map(|text| Fault::Against { text })
}
