//! OpenAI's own form: what is sent and what comes back pass through as they are written.

use memchr::memchr2;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Answered, Kind, Malformed, Target, Unsendable};
use crate::batch::fields::{fields, quoted};

/// The model is the target's, nothing is streamed, and what the provider calls otherwise has its name.
pub(super) fn encode(target: &Target, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let unsendable = |reason: String| Unsendable { path: String::new(), reason };
    let found = fields(body).map_err(|error| unsendable(error.to_string()))?;
    out.extend_from_slice(b"{\"model\":");
    quoted(out, &target.model);
    for (name, value) in &found {
        let name = match name.as_ref() {
            "model" | "stream" | "stream_options" => continue,
            "temperature" | "top_p" if target.temperature_allowed == Some(false) => continue,
            "max_tokens" if kind == Kind::Chat && target.lacks("max_tokens") => "max_completion_tokens",
            name => name,
        };
        out.push(b',');
        quoted(out, name);
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    Ok(())
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    #[serde(alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(alias = "output_tokens")]
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<Details>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<Details>,
    /// DeepSeek's.
    prompt_cache_hit_tokens: Option<u64>,
    /// Moonshot's.
    cached_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

impl Usage {
    fn answered(&self) -> Answered {
        let details = self.prompt_tokens_details.as_ref();
        let reasoned =
            self.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens).unwrap_or(0);
        let output = self.completion_tokens.map(|output| {
            // xAI counts reasoning on top.
            let apart = self.total_tokens == Some(self.prompt_tokens.unwrap_or(0) + output + reasoned);
            output + if apart { reasoned } else { 0 }
        });
        Answered {
            input_tokens: self.prompt_tokens,
            output_tokens: output.or(self.prompt_tokens.map(|_| 0)),
            cached_tokens: details
                .and_then(|details| details.cached_tokens)
                .or(self.prompt_cache_hit_tokens)
                .or(self.cached_tokens),
        }
    }
}

/// As it is, if it is an answer; on one line.
pub(super) fn decode(kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<Answered, Malformed> {
    let reply: Reply<'_> = serde_json::from_slice(body).map_err(|error| Malformed(error.to_string()))?;
    if let Some(error) = reply.error.filter(|error| error.get() != "null") {
        let said: String = error.get().chars().take(300).collect();
        return Err(Malformed(format!("an error stands where an answer should: {said}")));
    }
    let whole = match kind {
        Kind::Chat | Kind::Completions => reply.choices.is_some_and(|choices| !choices.is_empty()),
        Kind::Embeddings => reply.data.is_some(),
        Kind::Responses => reply.output.is_some(),
    };
    if !whole {
        return Err(Malformed("it has no answer in it".to_owned()));
    }
    one_line(body, out);
    Ok(reply.usage.map(|usage| usage.answered()).unwrap_or_default())
}

/// Line breaks of valid JSON stand between its parts, never in a string.
fn one_line(body: &[u8], out: &mut Vec<u8>) {
    let body = body.trim_ascii();
    let start = out.len();
    out.extend_from_slice(body);
    let mut rest = &mut out[start..];
    while let Some(at) = memchr2(b'\n', b'\r', rest) {
        rest[at] = b' ';
        rest = &mut rest[at + 1..];
    }
}

/// What the first choice, or the output, says.
pub(super) fn text(body: &[u8]) -> Option<String> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    if let Some(choice) = reply.pointer("/choices/0") {
        let content = choice.pointer("/message/content").or_else(|| choice.get("text"))?;
        return match content {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => Some(joined(parts)),
            _ => None,
        };
    }
    let output = reply.get("output")?.as_array()?;
    let said = output.iter().filter_map(|item| item.get("content")?.as_array()).map(|parts| joined(parts));
    Some(said.collect())
}

fn joined(parts: &[Value]) -> String {
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    fn encoded(target: &Target, body: &str) -> String {
        let mut out = Vec::new();
        encode(target, Kind::Chat, body.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn passes_through_what_it_does_not_know() {
        let mut target = Target::new(Protocol::OpenAi, "m");
        let body = r#"{"model":"x","messages":[ {"role":"user"} ],"seed":1e2,"stream":true,"max_tokens":7,"top_p":1}"#;
        assert_eq!(
            encoded(&target, body),
            r#"{"model":"m","messages":[ {"role":"user"} ],"seed":1e2,"max_tokens":7,"top_p":1}"#
        );
        target.lacks = vec!["max_tokens".to_owned()];
        target.temperature_allowed = Some(false);
        assert!(encoded(&target, body).ends_with(r#""seed":1e2,"max_completion_tokens":7}"#));
    }

    #[test]
    fn an_answer_is_one_line_and_tells_its_tokens() {
        let body = b"{\n \"choices\":[{\"message\":{\"content\":\"a\\nb\"}}],\r\n\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":1}}}\n";
        let mut out = Vec::new();
        let read = decode(Kind::Chat, body, &mut out).unwrap();
        assert_eq!(read, Answered { input_tokens: Some(3), output_tokens: Some(2), cached_tokens: Some(1) });
        assert!(!out.contains(&b'\n') && !out.contains(&b'\r'));
        assert_eq!(read.text(&out).as_deref(), Some("a\nb"));
        let kept: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(kept, serde_json::from_slice::<Value>(body).unwrap());
    }

    #[test]
    fn what_is_no_answer_is_malformed() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"choices":[]}"#,
            r#"{"error":{"message":"no"},"choices":[1]}"#,
            "{\"choices\":[1]",
        ] {
            assert!(decode(Kind::Chat, body.as_bytes(), &mut Vec::new()).is_err(), "{body}");
        }
    }
}
