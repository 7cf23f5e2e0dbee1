//! Bodies of requests and answers, between OpenAI's form and the provider's.
//!
//! A row's body is in OpenAI's form, whatever answers it; [`encode`] makes of it what the provider takes, [`decode`] of
//! the provider's answer one line in OpenAI's form. What the provider's protocol has no words for is an error, never
//! left out in silence.

mod answer;
mod anthropic;
mod chat;
mod completion;
mod gemini;
mod json;
mod message;
mod object;
mod ollama;
mod openai;
mod part;
mod responses;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;

use std::borrow::Cow;
use std::fmt;

use object::Object;

const LONGEST_ERROR: usize = 300;

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI's, and of all who took it over.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Ollama's native `/api/chat`.
    Ollama,
}

/// Which of OpenAI's calls a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completions,
    /// `/v1/embeddings`.
    Embeddings,
    /// `/v1/responses`.
    Responses,
}

impl Kind {
    /// Of a row's `url`.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Kind> {
        match url.trim_end_matches('/').trim_start_matches('/').trim_start_matches("v1/") {
            "chat/completions" => Some(Kind::Chat),
            "completions" => Some(Kind::Completions),
            "embeddings" => Some(Kind::Embeddings),
            "responses" => Some(Kind::Responses),
            _ => None,
        }
    }
}

/// Who answers: all on which the translation depends.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it speaks.
    pub protocol: Protocol,
    /// As the provider calls the model.
    pub model: String,
    /// An OpenAI-like provider answers chats on `/responses`.
    pub responses: bool,
    /// The model thinks before it answers; None: not known.
    pub reasons: Option<bool>,
    /// False: it takes neither temperature nor top_p.
    pub temperature_allowed: Option<bool>,
    /// The longest answer that the model can give.
    pub max_output_tokens: Option<u64>,
    /// The context that a local server loads the model with (Ollama's `num_ctx`).
    pub context_tokens: Option<u64>,
    /// What of its protocol the provider does not take: `json_schema`, `max_tokens`, `store`, …
    pub lacks: Vec<String>,
}

impl Target {
    /// Of which nothing else is known.
    #[must_use]
    pub fn new(protocol: Protocol, model: &str) -> Target {
        Target {
            protocol,
            model: model.to_owned(),
            responses: false,
            reasons: None,
            temperature_allowed: None,
            max_output_tokens: None,
            context_tokens: None,
            lacks: Vec::new(),
        }
    }

    fn lacks(&self, what: &str) -> bool {
        self.lacks.iter().any(|lacking| lacking == what)
    }

    /// The model's name as the provider says it, or as it was asked for.
    fn answering<'a>(&'a self, said: Cow<'a, str>) -> Cow<'a, str> {
        if said.is_empty() { Cow::Borrowed(&self.model) } else { said }
    }
}

/// Why a row cannot be sent to this provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// Where in the body, as `messages[2].content`; empty: as a whole.
    pub path: String,
    /// In words.
    pub reason: String,
}

impl Unsendable {
    fn new(reason: impl Into<String>) -> Unsendable {
        Unsendable { path: String::new(), reason: reason.into() }
    }

    fn at(path: impl fmt::Display, reason: impl Into<String>) -> Unsendable {
        Unsendable { path: path.to_string(), reason: reason.into() }
    }

    /// What is wrong in a field, seen from without.
    fn within(self, field: impl fmt::Display) -> Unsendable {
        let between = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Unsendable { path: format!("{field}{between}{}", self.path), reason: self.reason }
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { to.write_str(&self.reason) } else { write!(to, "{}: {}", self.path, self.reason) }
    }
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// What an answer says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Of the prompt.
    pub input_tokens: Option<u64>,
    /// Of the answer, reasoning among them.
    pub output_tokens: Option<u64>,
    /// Of the prompt, from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// What stands between `<think>` tags before the answer is none of it.
    pub tags: bool,
}

impl Answered {
    /// What was said, in an answer of [`decode`].
    #[must_use]
    pub fn text(&self, body: &[u8]) -> Option<String> {
        openai::text(body, self.tags)
    }
}

/// The provider's body for a row in OpenAI's form, appended to `out`.
///
/// What every answer is like anyway may be asked for (`n` of 1, penalties of 0, no logprobs), and what is for those who
/// bill and watch (`user`, `metadata`) is left out where the protocol has no place for it; so is the reasoning of
/// earlier turns, which providers do not want back. Fields of the provider's own, as Anthropic's `thinking`, pass.
///
/// # Errors
/// The provider's protocol has no words for it; `out` may have got a part of it.
pub fn encode(target: &Target, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match (target.protocol, kind) {
        (Protocol::OpenAi, Kind::Chat) if target.responses => responses::encode(target, body, out),
        (Protocol::OpenAi, _) => openai::encode(target, kind, body, out),
        (Protocol::Anthropic, Kind::Chat) => anthropic::encode(target, body, out),
        (Protocol::Gemini, Kind::Chat) => gemini::encode(target, body, out),
        (Protocol::Ollama, Kind::Chat) => ollama::encode(target, body, out),
        _ => Err(Unsendable::new("chats alone are translated for this provider")),
    }
}

/// The provider's answer in OpenAI's form, on one line, appended to `out`.
///
/// # Errors
/// It is no answer of this protocol's; `out` may have got a part of it.
pub fn decode(target: &Target, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<Answered, Malformed> {
    let body = answer::text(body)?;
    let reply = Object::read(&body).map_err(|error| Malformed(error.to_string()))?;
    if reply.says_refused() {
        let said: String = reply.get("error").map_or(&*body, |error| error.get()).chars().take(LONGEST_ERROR).collect();
        return Err(Malformed(format!("an error stands where an answer should: {said}")));
    }
    match (target.protocol, kind) {
        (Protocol::OpenAi, Kind::Chat) if target.responses => responses::decode(target, &body, &reply, out),
        (Protocol::OpenAi, _) => openai::decode(target, kind, &body, &reply, out),
        (Protocol::Anthropic, _) => anthropic::decode(target, &body, &reply, out),
        (Protocol::Gemini, _) => gemini::decode(target, &body, &reply, out),
        (Protocol::Ollama, _) => ollama::decode(target, &body, &reply, out),
    }
}
