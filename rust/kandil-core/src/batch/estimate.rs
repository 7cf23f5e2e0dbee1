//! How many tokens a request may have, without its model's tokenizer.
//!
//! The weights are those of `kandil.providers.estimate`, which says how good they are.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::row::Body;

const TURN: f32 = 8.0;
const IMAGE: f32 = 1600.0;
const WEIGHTS: [f32; 256] = weights();

const fn weights() -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b' ' => 1.0 / 3.6,
            b'0'..=b'9' => 1.0,
            0..0x80 => 1.0 / 1.25,
            0xc2..0xe0 => 0.7, // begin letters of two bytes: accents, Cyrillic, Arabic
            0xe0..0xf0 => 1.0, // of three: Chinese, Japanese, Indian scripts
            0xf0..0xf5 => 2.2, // of four: emoji
            _ => 0.0,
        };
        byte += 1;
    }
    table
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

/// Tokens of the prompt, rather too many than too few, of a body in OpenAI's form.
pub(crate) fn input_tokens(body: &Body<'_>) -> u64 {
    let each = body.iter().map(|(name, value)| match name.as_ref() {
        "messages" => messages(value),
        "prompt" | "input" | "instructions" | "tools" | "response_format" => text(value) + TURN,
        _ => 0.0,
    });
    each.sum::<f32>().round() as u64
}

/// The longest answer that a body asks for.
pub(crate) fn output_tokens(body: &Body<'_>) -> Option<u64> {
    let named = |name: &str| body.iter().find(|(known, _)| known == name)?.1.parse().ok();
    ["max_completion_tokens", "max_tokens", "max_output_tokens"].into_iter().find_map(named)
}

fn messages(json: &str) -> f32 {
    let Ok(messages) = serde_json::from_str::<Vec<Message<'_>>>(json) else { return text(json) };
    let said = |message: &Message<'_>| {
        message.content.map_or(0.0, |content| said(content.get()))
            + message.tool_calls.map_or(0.0, |calls| text(calls.get()))
    };
    messages.iter().map(|message| said(message) + TURN).sum::<f32>() + TURN
}

/// A string, or parts: text, and what is none.
fn said(json: &str) -> f32 {
    if !json.starts_with('[') {
        return text(json);
    }
    let Ok(parts) = serde_json::from_str::<Vec<Part<'_>>>(json) else { return text(json) };
    parts.iter().map(|part| part.text.map_or(IMAGE, |json| text(json.get()))).sum()
}

/// Of a string as it stands in JSON, without its quotes; what is escaped counts as it is written.
fn text(json: &str) -> f32 {
    json.trim_matches('"').bytes().map(|byte| WEIGHTS[usize::from(byte)]).sum()
}

#[cfg(test)]
mod tests {
    use super::super::fields::fields;
    use super::*;

    fn of(body: &str) -> Body<'_> {
        fields(body.as_bytes()).unwrap().into_iter().map(|(name, json)| (name, json.get().into())).collect()
    }

    fn input(body: &str) -> u64 {
        input_tokens(&of(body))
    }

    #[test]
    fn counts_what_is_said() {
        let short = input(r#"{"messages":[{"role":"user","content":"hello there"}]}"#);
        assert_eq!(short, 19); // 11 / 3.6, a turn, and one for the frame
        let image = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hello there"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAAAAAA"}}]}]}"#;
        assert_eq!(input(image), short + 1600);
        assert!(input(r#"{"messages":[{"content":"日本語"}],"tools":[{"type":"function"}]}"#) > 20);
        assert_eq!(input("{}"), 0);
    }

    #[test]
    fn reads_how_long_an_answer_may_be() {
        let asked = |body: &str| output_tokens(&of(body));
        assert_eq!(asked(r#"{"max_tokens":7}"#), Some(7));
        assert_eq!(asked(r#"{"max_tokens":7,"max_completion_tokens":9}"#), Some(9));
        assert_eq!(asked(r#"{"max_tokens":"x"}"#), None);
    }
}
