//! How many tokens a request may have, without its model's tokenizer.
//!
//! The weights are those of `kandil.providers.estimate`, which says how good they are.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::row::Body;

/// All weights are whole numbers of this part of a token.
const TOKEN: u64 = 90;
const TURN: u64 = 8 * TOKEN;
const IMAGE: u64 = 1600 * TOKEN;
const WORD: u8 = 25; // 3.6 characters a token
const DIGIT: u8 = 90;
const SIGN: u8 = 72; // 1.25 characters a token
const TWO_BYTES: u8 = 63; // accents, Cyrillic, Arabic
const THREE_BYTES: u8 = 90; // Chinese, Japanese, Indian scripts
const FOUR_BYTES: u8 = 198; // emoji
/// By a character's first byte; those that follow weigh nothing.
const WEIGHTS: [u8; 256] = weights();

const fn weights() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b' ' => WORD,
            b'0'..=b'9' => DIGIT,
            0..0x80 => SIGN,
            0xc2..0xe0 => TWO_BYTES,
            0xe0..0xf0 => THREE_BYTES,
            0xf0..0xf5 => FOUR_BYTES,
            _ => 0,
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
pub(super) fn input_tokens(body: &Body<'_>) -> u64 {
    let each = body.iter().map(|(name, json)| match name.as_ref() {
        "messages" | "input" | "prompt" => asked(json) + TURN,
        "instructions" | "tools" | "response_format" => text(json) + TURN,
        _ => 0,
    });
    let sum: u64 = each.sum();
    let (whole, rest) = (sum / TOKEN, sum % TOKEN);
    // As Python rounds: a half to the even number.
    whole + u64::from(rest > TOKEN / 2 || (rest == TOKEN / 2 && whole % 2 == 1))
}

/// The longest answer that a body asks for.
pub(super) fn output_tokens(body: &Body<'_>) -> Option<u64> {
    let named = |name: &str| body.iter().find(|(known, _)| known == name)?.1.parse().ok();
    ["max_completion_tokens", "max_tokens", "max_output_tokens"].into_iter().find_map(named)
}

/// A string, or a list: of messages, of strings, of tokens, or of lists of tokens.
fn asked(json: &str) -> u64 {
    if !json.starts_with('[') {
        return text(json);
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else { return text(json) };
    let item = |json: &str| match json.as_bytes().first() {
        Some(b'{') => message(json) + TURN,
        Some(b'[') => serde_json::from_str::<Vec<IgnoredAny>>(json).map_or(0, |tokens| tokens.len() as u64 * TOKEN),
        Some(b'"') => text(json),
        _ => TOKEN,
    };
    items.iter().map(|json| item(json.get())).sum()
}

fn message(json: &str) -> u64 {
    match serde_json::from_str(json) {
        Ok(Message { content: None, tool_calls: None }) | Err(_) => text(json),
        Ok(Message { content, tool_calls }) => {
            content.map_or(0, |content| said(content.get())) + tool_calls.map_or(0, |calls| text(calls.get()))
        }
    }
}

/// A string, or parts: text, and what is none.
fn said(json: &str) -> u64 {
    if !json.starts_with('[') {
        return text(json);
    }
    let Ok(parts) = serde_json::from_str::<Vec<Part<'_>>>(json) else { return text(json) };
    parts.iter().map(|part| part.text.map_or(IMAGE, |json| text(json.get()))).sum()
}

/// Of a string as it stands in JSON, without its quotes, or of other JSON as it is.
fn text(json: &str) -> u64 {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let (mut rest, mut sum) = (inner.unwrap_or(json).as_bytes(), 0);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escaped) = rest.split_at(at);
        let (weight, length) = character(escaped);
        sum += plain_text(plain) + u64::from(weight);
        rest = &escaped[length.min(escaped.len())..];
    }
    sum + plain_text(rest)
}

fn plain_text(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(WEIGHTS[usize::from(*byte)])).sum()
}

/// What is escaped at the beginning: its weight, and how long that is.
fn character(escaped: &[u8]) -> (u8, usize) {
    let digits = escaped.strip_prefix(b"\\u").and_then(|rest| std::str::from_utf8(rest.get(..4)?).ok());
    let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return (SIGN, 2) };
    let weight = match code {
        0..0x80 => WEIGHTS[code as usize],
        0x80..0x800 => TWO_BYTES,
        0xd800..0xdc00 => FOUR_BYTES, // the second half follows
        0xdc00..0xe000 => 0,
        _ => THREE_BYTES,
    };
    (weight, 6)
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

    #[test]
    fn what_is_escaped_counts_as_what_it_is() {
        for (plain, escaped) in
            [("日本語", r"\u65e5\u672c\u8a9e"), ("é", r"\u00e9"), ("😀", r"\ud83d\ude00"), ("a1", r"\u0061\u0031")]
        {
            let of = |text: &str| text_tokens(&text.repeat(50));
            assert_eq!(of(plain), of(escaped), "{plain}");
        }
        assert_eq!(text_tokens(r#"\n\"\\"#), text_tokens("---"));
        text_tokens(r"\u12"); // no JSON, and no panic
    }

    fn text_tokens(text_: &str) -> u64 {
        text(&format!("\"{text_}\""))
    }

    #[test]
    fn lists_are_counted_by_what_is_in_them() {
        assert_eq!(input(r#"{"input":[[1,22,333],[4]]}"#), 8 + 4);
        assert_eq!(input(r#"{"prompt":[101,202]}"#), 8 + 2);
        assert_eq!(input(r#"{"input":["0","1"]}"#), 8 + 2);
        let image = r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}]}"#;
        assert_eq!(input(image), 16 + 1600);
        assert!(input(r#"{"input":[{"type":"function_call_output","output":"a b c d e f"}]}"#) > 20);
        let deep = "[".repeat(1 << 20);
        input(&format!(r#"{{"input":{}{}}}"#, deep, "]".repeat(1 << 20)));
    }
}
