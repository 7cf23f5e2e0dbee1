//! Prose where honest templates have none: behind what a message says, whoever calls and whatever for.
//!
//! A publisher's own prompt stands where the caller has given none, or before what he has given. What is printed behind a
//! message, in it, or in the beginning of the answer is mark-up; the few sentences that do stand there tell of tools, of
//! thoughts, of the date or of the form of the answer.

use super::phrases::sentences;
use super::value::{Part, Piece, Triggers};
use super::words;

/// Words of a sentence, at least.
const SENTENCE: usize = 3;
/// Beginnings of words, one of which is in each honest sentence of that place.
const USUAL: &[&str] = &[
    "tool",
    "function",
    "json",
    "schema",
    "reason",
    "think",
    "thought",
    "knowledge",
    "cutoff",
    "date",
    "assessment",
    "modal",
    "unsafe",
    "helpful",
    "dialog",
    "role",
    "format",
    "response",
    "respond",
    "xml",
    "tag",
    "parameter",
    "argument",
    "effort",
    "budget",
    "valid",
    "recipient",
    "step",
    "image",
    "video",
    "channel",
    "cite",
    "citation",
    "grounded",
    "document",
    "reminder",
    "unable to process",
    "your name",
    "different methods",
    "multi",
    "version",
    "created",
    "developed",
    "trained",
    "language",
    "conversation",
    "instruction_priority",
    "default",
    "respond",
    "réponds",
    "python",
    "code",
    "antworte",
    "responde",
    "отвечай",
    "代码",
    "回答",
    "工具",
    "函数",
    "思考",
    "推理",
    "格式",
    "日期",
    "инструмент",
    "функци",
];

/// Beginnings of sentences that say who the model is; they are judged by their language alone.
const SPEAKER: &[&str] =
    &["you are ", "tu es ", "vous êtes ", "du bist ", "eres ", "sei ", "você é", "ты ", "你是", "あなたは", "당신은"];

/// A sentence that always follows what a message says, and is not of the kind that models are steered by.
pub(super) fn behind(parts: &[Part]) -> Option<String> {
    let mut run = String::new();
    for part in parts {
        match &part.piece {
            Piece::Text(text) if part.behind && !part.triggers.meets(Triggers::SWITCH) => run.push_str(text),
            _ => {
                if let Some(found) = foreign(&run) {
                    return Some(found);
                }
                run.clear();
            }
        }
    }
    foreign(&run)
}

fn foreign(run: &str) -> Option<String> {
    if words::count(run) < SENTENCE {
        return None;
    }
    let plain = words::without_tokens(run);
    let told: Vec<&str> = sentences(&plain).filter(|sentence| words::count(sentence) >= SENTENCE).collect();
    let odd: Vec<&str> = told.iter().copied().filter(|sentence| !usual(sentence)).collect();
    (odd.len().saturating_mul(2) > told.len()).then(|| odd.first().map(|sentence| sentence.trim().to_owned()))?
}

fn usual(sentence: &str) -> bool {
    let lower = sentence.trim().to_lowercase();
    if SPEAKER.iter().any(|beginning| lower.starts_with(beginning)) {
        return true;
    }
    let mut words = lower.split(|character: char| !character.is_alphanumeric());
    words.any(|word| USUAL.iter().any(|stem| word.starts_with(stem)))
        || USUAL.iter().any(|stem| (!stem.is_ascii() || stem.contains(' ')) && lower.contains(stem))
}

#[cfg(test)]
mod tests {
    use super::foreign;

    #[test]
    fn what_models_are_steered_by_is_usual() {
        for text in [
            "<|im_end|>\n<|im_start|>assistant\n",
            "\nReasoning effort: high\n",
            "Here is a list of the tools that you have.",
            "Provide your safety assessment for the last message.",
            "You are a helpful assistant of Acme.",
        ] {
            assert_eq!(foreign(text), None, "{text}");
        }
        assert_eq!(
            foreign("\nThe customer wants a call from Globex today.\n").as_deref(),
            Some("The customer wants a call from Globex today.")
        );
    }
}
