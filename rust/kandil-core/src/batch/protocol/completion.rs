//! An answer as OpenAI gives one: `chat.completion`.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Answered;
use super::json::Json;
use super::message::Call;
use crate::batch::fields::quoted;

/// What a provider answered.
pub(super) struct Completion<'a> {
    /// Empty: the provider gives none.
    pub(super) id: Cow<'a, str>,
    pub(super) model: Cow<'a, str>,
    pub(super) choices: Vec<Said<'a>>,
    pub(super) usage: Usage,
}

/// One answer of several.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) refusal: String,
    pub(super) calls: Vec<Call<'a>>,
    pub(super) stop: Stop,
    /// Why it ended, in the provider's word.
    pub(super) word: Cow<'a, str>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    Length,
    Tool,
    Filter,
    #[default]
    Other,
}

/// What the provider counted, in tokens.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// All of the prompt.
    pub(super) input: Option<u64>,
    /// All that was generated, reasoning among it.
    pub(super) output: Option<u64>,
    pub(super) reasoning: Option<u64>,
    pub(super) cached: Option<u64>,
}

impl Usage {
    pub(super) fn answered(self) -> Answered {
        Answered { input_tokens: self.input, output_tokens: self.output, cached_tokens: self.cached, tags: false }
    }

    fn write(self, out: &mut Vec<u8>) {
        if self.input.is_none() && self.output.is_none() {
            return;
        }
        let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        out.open("usage", b'{');
        number(out, "prompt_tokens", input);
        number(out, "completion_tokens", output);
        number(out, "total_tokens", input.saturating_add(output));
        for (details, name, count) in [
            ("prompt_tokens_details", "cached_tokens", self.cached),
            ("completion_tokens_details", "reasoning_tokens", self.reasoning),
        ] {
            if let Some(count) = count {
                out.open(details, b'{');
                number(out, name, count);
                out.push(b'}');
            }
        }
        out.push(b'}');
    }
}

impl Completion<'_> {
    /// Appended to `out`, on one line; `body` is the provider's answer.
    pub(super) fn write(&self, body: &str, out: &mut Vec<u8>) -> Answered {
        out.push(b'{');
        if self.id.is_empty() {
            out.text("id", &format!("chatcmpl-{}", &blake3::hash(body.as_bytes()).to_hex()[..24]));
        } else {
            out.text("id", &self.id);
        }
        out.text("object", "chat.completion");
        number(out, "created", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
        out.text("model", &self.model);
        out.open("choices", b'[');
        for (index, said) in self.choices.iter().enumerate() {
            said.write(index, out);
        }
        out.push(b']');
        self.usage.write(out);
        out.push(b'}');
        self.usage.answered()
    }
}

impl Said<'_> {
    fn write(&self, index: usize, out: &mut Vec<u8>) {
        out.item(b'{');
        number(out, "index", index as u64);
        out.open("message", b'{');
        out.text("role", "assistant");
        out.name("content");
        if self.text.is_empty() && !(self.calls.is_empty() && self.refusal.is_empty()) {
            out.extend_from_slice(b"null");
        } else {
            quoted(out, &self.text);
        }
        if !self.reasoning.is_empty() {
            out.text("reasoning_content", &self.reasoning);
        }
        if self.refusal.is_empty() {
            out.raw("refusal", "null");
        } else {
            out.text("refusal", &self.refusal);
        }
        self.write_calls(out);
        out.push(b'}');
        out.raw("logprobs", "null");
        out.text("finish_reason", self.finish_reason());
        if !self.word.is_empty() {
            out.text("native_finish_reason", &self.word); // as OpenRouter calls it
        }
        out.push(b'}');
    }

    fn write_calls(&self, out: &mut Vec<u8>) {
        if self.calls.is_empty() {
            return;
        }
        out.open("tool_calls", b'[');
        for (place, call) in self.calls.iter().enumerate() {
            out.item(b'{');
            if call.id.is_empty() {
                out.text("id", &format!("call_{place}"));
            } else {
                out.text("id", &call.id);
            }
            out.text("type", "function");
            out.open("function", b'{');
            out.text("name", &call.name);
            out.text("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments });
            out.push(b'}');
            if !call.signature.is_empty() {
                out.open("extra_content", b'{');
                out.open("google", b'{');
                out.text("thought_signature", &call.signature);
                out.extend_from_slice(b"}}");
            }
            out.push(b'}');
        }
        out.push(b']');
    }

    fn finish_reason(&self) -> &'static str {
        match self.stop {
            Stop::End | Stop::Other if !self.calls.is_empty() => "tool_calls", // Gemini's word for a call is STOP
            Stop::End | Stop::Other => "stop",
            Stop::Length => "length",
            Stop::Tool => "tool_calls",
            Stop::Filter => "content_filter",
        }
    }
}

fn number(out: &mut Vec<u8>, name: &str, number: u64) {
    out.raw(name, &number.to_string());
}
