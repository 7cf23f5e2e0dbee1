//! One row of a batch, in all forms that a line may have.
//!
//! OpenAI's batch form (`custom_id`, `method`, `url`, `body`; vLLM's is the same), `messages` or a `prompt` at the top
//! level with the parameters beside it, lines of text, and any object's fields in a template.

mod parameters;
mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use self::parameters::{is_length, is_parameter};
use self::parts::{custom_id, get, kind, messages, needed, preceded, quote, string};
use super::estimate;
use super::fields::{Fields, fields, quoted};
use super::protocol::Kind;
use super::template::Template;

/// A longer line is an error: a row is one request.
pub const LONGEST_LINE: usize = 16 << 20;

/// What lines are, and what is added to all of them.
#[derive(Default)]
pub struct Form {
    /// Each line is a prompt, not JSON.
    pub text: bool,
    /// Makes a prompt of an object's fields, or of a line.
    pub template: Option<Template>,
    /// Said first, where a row has no system message of its own.
    pub system: Option<String>,
    /// Fields of bodies, with JSON values, where a row has none of its own.
    pub defaults: Vec<(String, Box<RawValue>)>,
    /// The model of all rows, whatever they say; None: each says its own.
    pub model: Option<String>,
}

/// A row, in OpenAI's form.
#[derive(Debug)]
pub struct Row {
    /// Unique in its file: this is checked elsewhere.
    pub custom_id: String,
    /// What it names, or the form does.
    pub model: Option<String>,
    /// Which call it is.
    pub kind: Kind,
    /// A JSON object.
    pub body: Vec<u8>,
    /// Estimated, of the prompt.
    pub input_tokens: u64,
    /// Asked for at most.
    pub output_tokens: Option<u64>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// In words.
    pub message: String,
    /// What its row is called nevertheless.
    pub custom_id: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.message)
    }
}

/// Names and JSON of a body's fields.
pub(super) type Body<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

impl Row {
    /// Of what is sent, and to which model: 128 bits of BLAKE3.
    #[must_use]
    pub fn content(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let model = self.model.as_deref().unwrap_or_default();
        hasher.update(&(model.len() as u64).to_le_bytes()).update(model.as_bytes());
        hasher.update(&[self.kind as u8]).update(&self.body);
        let mut content = [0; 16];
        content.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        content
    }
}

/// 128 bits of BLAKE3 over a `custom_id`.
#[must_use]
pub fn id_hash(custom_id: &str) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(custom_id.as_bytes()).as_bytes()[..16]);
    hash
}

/// What a row is called that does not say it.
#[must_use]
pub fn unnamed(line: u64) -> String {
    format!("row-{line}")
}

impl Form {
    /// The row of a line, which has this number in its file, from 1. None: the line is empty.
    ///
    /// `left_out` is told the fields that are not sent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn row(&self, line: &[u8], number: u64, left_out: &mut dyn FnMut(&str)) -> Result<Option<Row>, RowError> {
        let line = self.stripped(line, number);
        if line.is_empty() {
            return Ok(None);
        }
        let nameless = |message| RowError { message, custom_id: unnamed(number) };
        if self.text {
            let row = self.of_text(line, number);
            return row.map(Some).map_err(nameless);
        }
        let found = object(line).map_err(nameless)?;
        let name = custom_id(&found).map_err(nameless)?.map_or_else(|| unnamed(number), Cow::into_owned);
        let named = |message| RowError { message, custom_id: name.clone() };
        let (kind, body) = match &self.template {
            None => self.of_fields(&found, left_out).map_err(named)?,
            Some(template) => (Kind::Chat, self.of_prompt(&template.of_fields(&found).map_err(named)?)),
        };
        let (model, output_tokens) = (self.model(&body).map_err(named)?, estimate::output_tokens(&body));
        let input_tokens = estimate::input_tokens(&body);
        Ok(Some(Row { custom_id: name, model, kind, input_tokens, output_tokens, body: written(&body) }))
    }

    /// What the row of a line is called, whatever else is wrong with it. None: the line is empty.
    pub(super) fn custom_id<'a>(&self, line: &'a [u8], number: u64) -> Option<Cow<'a, str>> {
        let line = self.stripped(line, number);
        let named = || self.named(line).ok().flatten();
        (!line.is_empty()).then(|| named().unwrap_or_else(|| Cow::Owned(unnamed(number))))
    }

    /// Without what ends it, and, where it is JSON, what is blank around it; the first line of a file without its byte
    /// order mark. Empty: there is no row.
    pub(super) fn stripped<'a>(&self, line: &'a [u8], number: u64) -> &'a [u8] {
        let mut line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(line);
        let trimmed = line.trim_ascii();
        if !self.text || trimmed.is_empty() {
            return trimmed;
        }
        while let [rest @ .., b'\r' | b'\n'] = line {
            line = rest;
        }
        line
    }

    /// What the row of a stripped line says that it is called.
    ///
    /// # Errors
    /// It is no object, or its name is none; in words.
    pub(super) fn named<'a>(&self, line: &'a [u8]) -> Result<Option<Cow<'a, str>>, String> {
        if self.text { Ok(None) } else { custom_id(&object(line)?) }
    }

    fn of_text(&self, line: &[u8], number: u64) -> Result<Row, String> {
        let text = prompt(line)?;
        let body = match &self.template {
            None => self.of_prompt(text),
            Some(template) => self.of_prompt(&template.of_text(text)?),
        };
        let (model, output_tokens) = (self.model(&body)?, estimate::output_tokens(&body));
        let input_tokens = estimate::input_tokens(&body);
        let custom_id = unnamed(number);
        Ok(Row { custom_id, model, kind: Kind::Chat, input_tokens, output_tokens, body: written(&body) })
    }

    fn of_prompt(&self, prompt: &str) -> Body<'_> {
        let messages = messages(self.system.as_deref(), &quote(prompt));
        self.finished(vec![(Cow::Borrowed("messages"), Cow::Owned(messages))])
    }

    fn of_fields<'a>(&'a self, found: &Fields<'a>, left_out: &mut dyn FnMut(&str)) -> Result<(Kind, Body<'a>), String> {
        let kind = kind(found)?;
        if let Some(body) = get(found, "body") {
            let body = fields(body.as_bytes()).map_err(|error| format!("body: {}", told(&error)))?;
            let around = |name: &str| matches!(name, "custom_id" | "method" | "url" | "body");
            found.iter().filter(|(name, _)| !around(name)).for_each(|(name, _)| left_out(name));
            let body = body.into_iter().map(|(name, value)| (name, Cow::Borrowed(value.get()))).collect();
            return Ok((kind, self.filled(kind, body, None)?));
        }
        let mut body = Body::with_capacity(found.len() + self.defaults.len());
        for (name, value) in found {
            match name.as_ref() {
                "custom_id" | "method" | "url" | "system" => {}
                "prompt" if kind == Kind::Chat => {}
                known if known == needed(kind) || is_parameter(known) => {
                    body.push((name.clone(), Cow::Borrowed(value.get())));
                }
                other => left_out(other),
            }
        }
        let system = get(found, "system").map(|value| string(value, "system")).transpose()?;
        let has = |name: &str| body.iter().any(|(known, _)| known == name);
        match get(found, "prompt") {
            Some(prompt) if kind == Kind::Chat && !has("messages") => {
                string(prompt, "prompt")?;
                let messages = messages(system.as_deref().or(self.system.as_deref()), prompt);
                body.insert(0, (Cow::Borrowed("messages"), Cow::Owned(messages)));
                Ok((kind, self.finished(body)))
            }
            _ if has(needed(kind)) => Ok((kind, self.filled(kind, body, system.as_deref())?)),
            _ => {
                let there: Vec<String> = found.iter().take(8).map(|(name, _)| format!("{name:?}")).collect();
                Err(format!("it has neither body, {:?} nor prompt, but {}", needed(kind), there.join(", ")))
            }
        }
    }

    /// With a system message, where there is none.
    fn filled<'a>(&'a self, kind: Kind, mut body: Body<'a>, system: Option<&str>) -> Result<Body<'a>, String> {
        let needed = needed(kind);
        let Some((_, asked)) = body.iter_mut().find(|(name, _)| name == needed) else {
            return Err(format!("its body has no {needed:?}"));
        };
        if kind == Kind::Chat {
            if !asked.starts_with('[') {
                return Err("its messages are no list of objects".to_owned());
            }
            if let Some(system) = system.or(self.system.as_deref())
                && let Some(longer) = preceded(asked, system)?
            {
                *asked = Cow::Owned(longer);
            }
        }
        Ok(self.finished(body))
    }

    /// With the defaults.
    fn finished<'a>(&'a self, mut body: Body<'a>) -> Body<'a> {
        let own = body.len();
        for (name, value) in &self.defaults {
            let there = body[..own].iter().any(|(known, _)| known == name || (is_length(known) && is_length(name)));
            if !there {
                body.push((Cow::Borrowed(name), Cow::Borrowed(value.get())));
            }
        }
        body
    }

    fn model(&self, body: &Body<'_>) -> Result<Option<String>, String> {
        if self.model.is_some() {
            return Ok(self.model.clone());
        }
        let said = body.iter().find(|(name, _)| name == "model");
        said.map(|(_, json)| string(json, "model").map(Cow::into_owned)).transpose()
    }
}

/// A line of text that can be one.
pub(super) fn prompt(line: &[u8]) -> Result<&str, String> {
    bounded(line)?;
    std::str::from_utf8(line).map_err(|error| error.to_string())
}

fn object(line: &[u8]) -> Result<Fields<'_>, String> {
    bounded(line)?;
    fields(line).map_err(|error| told(&error))
}

fn bounded(line: &[u8]) -> Result<(), String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("it is longer than {} MiB", LONGEST_LINE >> 20));
    }
    Ok(())
}

fn written(body: &Body<'_>) -> Vec<u8> {
    let length = body.iter().map(|(name, json)| name.len() + json.len() + 4).sum::<usize>() + 2;
    let mut bytes = Vec::with_capacity(length);
    for (index, (name, json)) in body.iter().enumerate() {
        bytes.push(if index == 0 { b'{' } else { b',' });
        quoted(&mut bytes, name);
        bytes.push(b':');
        bytes.extend_from_slice(json.as_bytes());
    }
    bytes.extend_from_slice(if body.is_empty() { b"{}" } else { b"}" });
    bytes
}

fn told(error: &serde_json::Error) -> String {
    format!("it is no JSON object: {error}").replace(" at line 1 column", " at column")
}
