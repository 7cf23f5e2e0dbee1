//! OpenAI's own form: what is sent and what comes back pass through as they are written.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::answer::one_line;
use super::json::Json;
use super::object::Object;
use super::thinking::apart;
use super::{Answered, Kind, Malformed, Target, Unsendable, responses};
use crate::batch::fields::{Fields, fields};

/// The model is the target's, nothing is streamed, and what the provider calls otherwise has its name.
pub(super) fn encode(target: &Target, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let found = fields(body).map_err(|error| Unsendable::new(error.to_string()))?;
    let has = |name: &str| found.iter().any(|(known, _)| known == name);
    let schema = if kind == Kind::Chat && target.lacks("json_schema") { schema(&found) } else { None };
    out.push(b'{');
    out.text("model", &target.model);
    for (name, value) in &found {
        let name = match name.as_ref() {
            "model" | "stream" | "stream_options" => continue,
            "temperature" | "top_p" if target.temperature_allowed == Some(false) => continue,
            "max_tokens" if kind == Kind::Chat && target.lacks("max_tokens") => {
                if has("max_completion_tokens") {
                    continue;
                }
                "max_completion_tokens"
            }
            "background" if kind == Kind::Responses && value.get() == "true" => {
                return Err(Unsendable::at("background", "the answer would not be in the answer"));
            }
            name => name,
        };
        match (name, schema) {
            ("response_format", Some(_)) => out.raw(name, r#"{"type":"json_object"}"#),
            ("messages", Some(schema)) => instructed(value, schema, out)?,
            _ => out.raw(name, value.get()),
        }
    }
    out.push(b'}');
    Ok(())
}

/// The schema that the answer is to have.
fn schema<'a>(found: &Fields<'a>) -> Option<&'a RawValue> {
    let (_, format) = found.iter().find(|(name, _)| name == "response_format")?;
    let format = Object::read(format.get()).ok().filter(|format| format.text("type") == "json_schema")?;
    format.table("json_schema").get("schema")
}

/// The messages, for a provider that promises JSON, and not of which schema: the schema goes with the system prompt.
fn instructed(messages: &RawValue, schema: &RawValue, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let list: Vec<&RawValue> =
        serde_json::from_str(messages.get()).map_err(|_| Unsendable::at("messages", "this is no list"))?;
    let asked = format!("Answer with JSON of this JSON Schema, and with nothing else:\n{}", schema.get());
    let first = list.first().and_then(|first| Object::read(first.get()).ok());
    let system = first.filter(|first| first.text("role") == "system").map(|first| first.text("content"));
    let system = system.filter(|said| !said.is_empty());
    out.open("messages", b'[');
    out.item(b'{');
    out.text("role", "system");
    out.text("content", &system.as_ref().map_or(Cow::Borrowed(&*asked), |said| format!("{said}\n\n{asked}").into()));
    out.push(b'}');
    for message in list.iter().skip(usize::from(system.is_some())) {
        out.push(b',');
        out.extend_from_slice(message.get().as_bytes());
    }
    out.push(b']');
    Ok(())
}

/// As it is, if it is an answer; on one line.
pub(super) fn decode(
    target: &Target,
    kind: Kind,
    body: &str,
    reply: &Object<'_>,
    out: &mut Vec<u8>,
) -> Result<Answered, Malformed> {
    let first = || reply.items("choices").and_then(|choices| Object::read(choices.first()?.get()).ok());
    let choice = match kind {
        Kind::Chat | Kind::Completions => Some(first().ok_or_else(no_answer)?),
        Kind::Embeddings => reply.items("data").map(|_| None).ok_or_else(no_answer)?,
        Kind::Responses => match responses::unfinished(reply) {
            Some(unfinished) => return Err(unfinished),
            None => reply.items("output").map(|_| None).ok_or_else(no_answer)?,
        },
    };
    if let Some(error) = choice.as_ref().and_then(|choice| choice.get("error")) {
        let said: String = error.get().chars().take(super::LONGEST_ERROR).collect(); // OpenRouter's, of who failed
        return Err(Malformed(format!("an error stands where an answer should: {said}")));
    }
    one_line(body, out);
    let mut usage = reply.table("usage");
    if usage.is_empty() {
        usage = choice.map(|choice| choice.table("usage")).unwrap_or_default(); // Moonshot
    }
    if usage.is_empty() {
        usage = reply.table("x_groq").table("usage");
    }
    let mut answered = counted(&usage);
    answered.tags = kind == Kind::Chat && target.reasons != Some(false);
    if kind == Kind::Embeddings {
        answered.output_tokens = answered.input_tokens.map(|_| 0);
    }
    Ok(answered)
}

fn no_answer() -> Malformed {
    Malformed("it has no answer in it".to_owned())
}

fn counted(usage: &Object<'_>) -> Answered {
    let either = |name, other| usage.count(name).or_else(|| usage.count(other));
    let input = either("prompt_tokens", "input_tokens");
    let output = either("completion_tokens", "output_tokens");
    let reasoned = usage.table("completion_tokens_details").count("reasoning_tokens").unwrap_or(0);
    let cached = usage.table("prompt_tokens_details").count("cached_tokens");
    let cached = cached.or_else(|| usage.table("input_tokens_details").count("cached_tokens"));
    Answered {
        input_tokens: input,
        output_tokens: output.map(|output| {
            // xAI counts reasoning on top.
            let apart = input.map(|input| input + output + reasoned) == usage.count("total_tokens") && input.is_some();
            output + if apart { reasoned } else { 0 }
        }),
        // DeepSeek's, Moonshot's.
        cached_tokens: cached.or_else(|| either("prompt_cache_hit_tokens", "cached_tokens")),
        tags: false,
    }
}

/// What the first choice, or the output, says.
pub(super) fn text(body: &[u8], tags: bool) -> Option<String> {
    let reply = Object::read(std::str::from_utf8(body).ok()?).ok()?;
    if let Some(choice) = reply.rows("choices").first() {
        let message = choice.table("message");
        let said = match (message.get("content"), choice.get("text")) {
            (Some(content), _) if content.get().starts_with('[') => joined(&message).into(),
            (Some(_), _) => message.text("content"),
            (None, Some(_)) => choice.text("text"),
            (None, None) => return None,
        };
        return Some(if tags { apart(&said).1.to_owned() } else { said.into_owned() });
    }
    reply.items("output")?;
    Some(reply.rows("output").iter().filter(|item| item.text("type") != "reasoning").map(joined).collect())
}

/// The text of all parts.
fn joined(message: &Object<'_>) -> String {
    message.rows("content").iter().map(|part| part.text("text")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Kind, Protocol, Target, decode, encode};

    fn encoded(target: &Target, kind: Kind, body: &str) -> String {
        let mut out = Vec::new();
        encode(target, kind, body.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn passes_through_what_it_does_not_know() {
        let mut target = Target::new(Protocol::OpenAi, "m");
        let body = r#"{"model":"x","messages":[ {"role":"user"} ],"seed":1e2,"stream":true,"max_tokens":7,"top_p":1}"#;
        let sent = r#"{"model":"m","messages":[ {"role":"user"} ],"seed":1e2,"max_tokens":7,"top_p":1}"#;
        assert_eq!(encoded(&target, Kind::Chat, body), sent);
        target.lacks = vec!["max_tokens".to_owned()];
        target.temperature_allowed = Some(false);
        assert!(encoded(&target, Kind::Chat, body).ends_with(r#""seed":1e2,"max_completion_tokens":7}"#));
        assert!(encoded(&target, Kind::Completions, body).ends_with(r#""seed":1e2,"max_tokens":7}"#));
        let both = r#"{"max_tokens":7,"max_completion_tokens":8}"#;
        assert_eq!(encoded(&target, Kind::Chat, both), r#"{"model":"m","max_completion_tokens":8}"#);
    }

    #[test]
    fn an_answer_is_one_line_as_it_is_written() {
        let body = b"{\n \"choices\":[{\"message\":{\"content\":\"a\\nb\"}}],\r\n\"x\":1.50}\n";
        let mut out = Vec::new();
        let read = decode(&Target::new(Protocol::OpenAi, "m"), Kind::Chat, body, &mut out).unwrap();
        assert_eq!(out, br#"{  "choices":[{"message":{"content":"a\nb"}}],  "x":1.50}"#);
        assert_eq!(read.text(&out).as_deref(), Some("a\nb"));
    }

    #[test]
    fn every_kind_has_its_answers() {
        for (kind, body, text) in [
            (Kind::Completions, r#"{"choices":[{"text":"a"}]}"#, Some("a")),
            (Kind::Embeddings, r#"{"data":[],"usage":{"prompt_tokens":3}}"#, None),
            (
                Kind::Responses,
                r#"{"status":"completed","output":[{"type":"reasoning","content":[{"text":"Hm."}]},{"content":[{"text":"b"}]}]}"#,
                Some("b"),
            ),
        ] {
            let mut out = Vec::new();
            let read = decode(&Target::new(Protocol::OpenAi, "m"), kind, body.as_bytes(), &mut out).unwrap();
            assert_eq!(out, body.as_bytes());
            assert_eq!(read.text(&out).as_deref(), text);
            let kept: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read.output_tokens.is_some(), kept.get("usage").is_some());
        }
    }
}
