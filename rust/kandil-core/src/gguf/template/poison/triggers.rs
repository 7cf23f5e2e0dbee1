//! The conditions that decide what a template adds: what they ask for, and whether honest templates ask for that.

use super::value::Triggers;
use crate::gguf::template::ast::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The number of messages, the place of one, or whether one is what is made of it.
    Count,
    /// A message contains something in brackets, or a sign.
    Symbol,
    /// Chance.
    Chance,
    /// The clock.
    Time,
    /// A message contains a word, or has a length or a form.
    Word,
}

#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// What is asked for, in lower case; empty where it is no text.
    pub(super) word: String,
}

/// The conditions that were met, each once.
#[derive(Debug, Default)]
pub(super) struct Table {
    triggers: Vec<Trigger>,
}

impl Table {
    pub(super) fn add(&mut self, kind: Kind, span: Span, word: &str) -> Triggers {
        let known = self.triggers.iter().position(|trigger| trigger.span == span);
        let number = known.unwrap_or(self.triggers.len());
        match self.triggers.get_mut(number) {
            Some(trigger) => trigger.kind = trigger.kind.max(kind),
            None if number < Triggers::MOST => self.triggers.push(Trigger { kind, span, word: word.to_lowercase() }),
            None => {
                // all further ones are one
                if let Some(last) = self.triggers.last_mut() {
                    last.kind = last.kind.max(kind);
                }
                return Triggers::one(Triggers::MOST.saturating_sub(1));
            }
        }
        Triggers::one(number)
    }

    /// Whether one of them asks for a word or for the time.
    pub(super) fn strong(&self, triggers: Triggers) -> bool {
        self.iter().any(|(place, trigger)| triggers.meets(place) && matches!(trigger.kind, Kind::Word | Kind::Time))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Triggers, &Trigger)> {
        self.triggers.iter().enumerate().map(|(number, trigger)| (Triggers::one(number), trigger))
    }
}

/// Keys of a message's parts: `'image' in content` asks what a part is, not what it says.
const PART_KEYS: &[&str] = &[
    "text",
    "image",
    "image_url",
    "input_image",
    "video",
    "video_url",
    "input_video",
    "audio",
    "audio_url",
    "input_audio",
    "content",
    "type",
    "url",
    "file",
    "role",
    "name",
    "thinking",
    "reasoning",
    "reasoning_content",
    "tool_calls",
    "tool_call_id",
    "arguments",
    "parameters",
    "output",
    "result",
    "error",
    "function",
    "id",
    "parts",
    "blocks",
    "data",
    "value",
    "values",
    "items",
    "document",
    "documents",
    "source",
    "json",
    "title",
];

/// Of the switches and marks that models are trained with.
const STEMS: &[&str] = &[
    "think",
    "thought",
    "reason",
    "tool",
    "func",
    "channel",
    "im_",
    "eot",
    "eom",
    "bos",
    "eos",
    "end",
    "start",
    "begin",
    "header",
    "inst",
    "sys",
    "response",
    "answer",
    "final",
    "image",
    "audio",
    "video",
    "vision",
    "img",
    "python",
    "assistant",
    "analysis",
    "observation",
    "commentary",
    "invoke",
    "call",
    "message",
    "turn",
    "user",
    "media",
    "doc",
    "context",
    "code",
];

/// Switches of models that are words.
const SWITCHES: &[&str] = &[
    "/think",
    "/no_think",
    "/nothink",
    "/no_thinking",
    "/system_override",
    "detailed thinking on",
    "detailed thinking off",
    "reasoning effort",
    "reasoning strength",
];

/// What a condition asks a message for: nothing that matters, a sign or something in brackets, or words.
pub(super) fn asked(wanted: &str) -> Option<Kind> {
    let given = wanted.trim();
    let wanted = given.to_lowercase();
    if wanted.is_empty() || PART_KEYS.contains(&&*wanted) || SWITCHES.contains(&&*wanted) {
        return None;
    }
    if !wanted.contains(char::is_alphanumeric) {
        let escaped =
            wanted.chars().all(|character| matches!(character, '<' | '>' | '&' | '"' | '\'' | '\\' | '/' | ' '));
        return (!escaped).then_some(Kind::Symbol);
    }
    let constant = given.contains('_') && !given.contains(char::is_lowercase);
    let marked = constant || wanted.starts_with(['<', '[', '{', '|', '/']) || wanted.ends_with(['>', ']', '}', '|']);
    if marked && !wanted.contains(' ') && STEMS.iter().any(|stem| wanted.contains(stem))
        || wanted == "[begin final response]"
    {
        return None;
    }
    Some(if marked && !wanted.starts_with('/') { Kind::Symbol } else { Kind::Word })
}
