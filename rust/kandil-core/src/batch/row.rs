//! One row of a batch, in all forms that a line may have.
//!
//! OpenAI's batch form (`custom_id`, `method`, `url`, `body`; vLLM's is the same), `messages` or a `prompt` at the top
//! level with the parameters beside it, lines of text, and any object's fields in a template.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::estimate;
use super::fields::{Fields, fields, quoted};
use super::protocol::Kind;
use super::template::Template;

/// A longer line is an error: a row is one request.
pub const LONGEST_LINE: usize = 16 << 20;
const LONGEST_ID: usize = 512;
const CHAT_URL: &str = "/v1/chat/completions";
/// What stands beside a prompt or messages and is sent along; anything else is not.
const PARAMETERS: [&str; 36] = [
    "model",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "max_completion_tokens",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "store",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "user",
    "verbosity",
    "top_k",
    "min_p",
    "repetition_penalty",
    "chat_template_kwargs",
    "reasoning",
    "thinking",
    "extra_body",
    "safety_identifier",
    "prompt_cache_key",
    "min_tokens",
    "ignore_eos",
];

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
pub struct RowError(pub String);

impl fmt::Display for RowError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

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

impl Form {
    /// The row of a line, which has this number in its file, from 1. None: the line is empty.
    ///
    /// `left_out` is told the fields that are not sent.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn row(&self, line: &[u8], number: u64, left_out: &mut dyn FnMut(&str)) -> Result<Option<Row>, RowError> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() > LONGEST_LINE {
            return Err(RowError(format!("it is longer than {} MiB", LONGEST_LINE >> 20)));
        }
        if self.text {
            let text = std::str::from_utf8(line).map_err(|error| RowError(error.to_string()))?;
            let prompt = match &self.template {
                None => Cow::Borrowed(text),
                Some(template) => Cow::Owned(template.of_text(text).map_err(RowError)?),
            };
            return self.chat(format!("row-{number}"), &prompt, &Vec::new()).map(Some);
        }
        let found = fields(line).map_err(|error| RowError(told(&error)))?;
        let custom_id = custom_id(&found)?.unwrap_or_else(|| format!("row-{number}"));
        if let Some(template) = &self.template {
            let prompt = template.of_fields(&found).map_err(RowError)?;
            return self.chat(custom_id, &prompt, &Vec::new()).map(Some);
        }
        self.of_fields(custom_id, &found, left_out).map(Some)
    }

    fn of_fields(
        &self,
        custom_id: String,
        found: &Fields<'_>,
        left_out: &mut dyn FnMut(&str),
    ) -> Result<Row, RowError> {
        let kind = kind(found)?;
        if let Some(body) = get(found, "body") {
            let body = fields(body.get().as_bytes()).map_err(|error| RowError(format!("body: {}", told(&error))))?;
            for (name, _) in
                found.iter().filter(|(name, _)| !matches!(&**name, "custom_id" | "method" | "url" | "body"))
            {
                left_out(name);
            }
            return self.filled(custom_id, kind, &body, None);
        }
        let asked = |name: &str| matches!(name, "messages" | "input" | "prompt");
        let mut body: Fields<'_> = Vec::with_capacity(found.len());
        for (name, value) in found {
            match name.as_ref() {
                "custom_id" | "method" | "url" | "system" => {}
                "prompt" if kind == Kind::Chat => {}
                name if asked(name) || PARAMETERS.contains(&name) => body.push((Cow::Borrowed(name), *value)),
                name => left_out(name),
            }
        }
        let system = get(found, "system").map(|value| string(value, "system")).transpose()?;
        match (get(found, "prompt"), body.iter().any(|(name, _)| asked(name))) {
            (Some(prompt), false) => {
                let prompt = string(prompt, "prompt")?;
                let messages = messages(system.as_deref().or(self.system.as_deref()), &prompt);
                let messages = raw(&messages);
                body.insert(0, (Cow::Borrowed("messages"), &messages));
                self.finished(custom_id, kind, &body)
            }
            (_, true) => self.filled(custom_id, kind, &body, system),
            (None, false) => Err(RowError(format!(
                "it has neither body, messages nor prompt, but {}",
                found.iter().map(|(name, _)| format!("{name:?}")).take(8).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    fn chat(&self, custom_id: String, prompt: &str, body: &Fields<'_>) -> Result<Row, RowError> {
        let messages = raw(&messages(self.system.as_deref(), prompt));
        let mut body = body.clone();
        body.insert(0, (Cow::Borrowed("messages"), &messages));
        self.finished(custom_id, Kind::Chat, &body)
    }

    /// With a system message, where there is none.
    fn filled(
        &self,
        custom_id: String,
        kind: Kind,
        body: &Fields<'_>,
        system: Option<String>,
    ) -> Result<Row, RowError> {
        let needed = match kind {
            Kind::Chat => "messages",
            Kind::Completions => "prompt",
            Kind::Embeddings | Kind::Responses => "input",
        };
        let Some(at) = body.iter().position(|(name, _)| name == needed) else {
            return Err(RowError(format!("its body has no {needed:?}")));
        };
        let system = system.as_deref().or(self.system.as_deref()).filter(|_| kind == Kind::Chat);
        let longer = system.map(|system| preceded(body[at].1, system)).transpose()?.flatten();
        let Some(longer) = &longer else { return self.finished(custom_id, kind, body) };
        let mut body = body.clone();
        body[at].1 = longer;
        self.finished(custom_id, kind, &body)
    }

    /// With the defaults, as bytes.
    fn finished(&self, custom_id: String, kind: Kind, body: &Fields<'_>) -> Result<Row, RowError> {
        let mut whole = body.clone();
        for (name, value) in &self.defaults {
            let there = body.iter().any(|(known, _)| known == name || (is_length(known) && is_length(name)));
            if !there {
                whole.push((Cow::Borrowed(name), value));
            }
        }
        let said = get(&whole, "model").map(|model| string(model, "model")).transpose()?;
        let mut bytes =
            Vec::with_capacity(whole.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum::<usize>() + 2);
        for (index, (name, value)) in whole.iter().enumerate() {
            bytes.push(if index == 0 { b'{' } else { b',' });
            quoted(&mut bytes, name);
            bytes.push(b':');
            bytes.extend_from_slice(value.get().as_bytes());
        }
        bytes.extend_from_slice(if whole.is_empty() { b"{}" } else { b"}" });
        Ok(Row {
            custom_id,
            model: self.model.clone().or(said),
            kind,
            input_tokens: estimate::input_tokens(&whole),
            output_tokens: estimate::output_tokens(&whole),
            body: bytes,
        })
    }
}

fn is_length(name: &str) -> bool {
    matches!(name, "max_tokens" | "max_completion_tokens" | "max_output_tokens")
}

fn get<'a>(found: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    found.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

fn custom_id(found: &Fields<'_>) -> Result<Option<String>, RowError> {
    let Some(value) = get(found, "custom_id") else { return Ok(None) };
    let id = string(value, "custom_id")?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(RowError(format!("its custom_id has {} bytes; 1 to {LONGEST_ID} may be", id.len())));
    }
    if id.chars().any(char::is_control) {
        return Err(RowError("its custom_id has control characters".to_owned()));
    }
    Ok(Some(id))
}

fn kind(found: &Fields<'_>) -> Result<Kind, RowError> {
    if let Some(method) = get(found, "method") {
        let method = string(method, "method")?;
        if !method.eq_ignore_ascii_case("post") {
            return Err(RowError(format!("its method is {method:?}; POST alone is sent")));
        }
    }
    let url = get(found, "url").map_or(Ok(CHAT_URL.to_owned()), |url| string(url, "url"))?;
    Kind::of_url(&url).ok_or_else(|| {
        RowError(format!(
            "its url is {url:?}; there are /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/responses"
        ))
    })
}

fn string(value: &RawValue, name: &str) -> Result<String, RowError> {
    serde_json::from_str(value.get()).map_err(|_| RowError(format!("its {name} is no string")))
}

fn messages(system: Option<&str>, prompt: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(prompt.len() + 64);
    json.push(b'[');
    if let Some(system) = system {
        json.extend_from_slice(b"{\"role\":\"system\",\"content\":");
        quoted(&mut json, system);
        json.extend_from_slice(b"},");
    }
    json.extend_from_slice(b"{\"role\":\"user\",\"content\":");
    quoted(&mut json, prompt);
    json.extend_from_slice(b"}]");
    json
}

/// The messages with a system message before them; None: they have one.
fn preceded(messages: &RawValue, system: &str) -> Result<Option<Box<RawValue>>, RowError> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        role: Cow<'a, str>,
    }
    let said: Vec<Message<'_>> =
        serde_json::from_str(messages.get()).map_err(|_| RowError("its messages are no list of objects".to_owned()))?;
    if said.iter().any(|message| matches!(&*message.role, "system" | "developer")) {
        return Ok(None);
    }
    let mut json = b"[{\"role\":\"system\",\"content\":".to_vec();
    quoted(&mut json, system);
    json.push(b'}');
    if !said.is_empty() {
        json.push(b',');
    }
    json.extend_from_slice(messages.get().trim_start_matches('[').as_bytes());
    Ok(Some(raw(&json)))
}

fn raw(json: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(json).into_owned();
    RawValue::from_string(text).expect("it was written as JSON")
}

fn told(error: &serde_json::Error) -> String {
    format!("it is no JSON object: {error}").replace(" at line 1 column", " at column")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(form: &Form, line: &str) -> Result<Row, RowError> {
        form.row(line.as_bytes(), 7, &mut |_| ()).map(|row| row.expect("it is not empty"))
    }

    fn body(form: &Form, line: &str) -> String {
        String::from_utf8(row(form, line).unwrap().body).unwrap()
    }

    #[test]
    fn all_forms_become_one() {
        let form = Form::default();
        let messages = r#"{"messages":[{"role":"user","content":"hi \"you\""}]"#;
        assert_eq!(body(&form, r#"{"prompt":"hi \"you\""}"#), format!("{messages}}}"));
        let beside = r#"{"prompt":"hi \"you\"","max_tokens":5,"label":3}"#;
        assert_eq!(body(&form, beside), format!("{messages},\"max_tokens\":5}}"));
        let openai = r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[ ],"x":1}}"#;
        let whole = row(&form, openai).unwrap();
        assert_eq!((whole.custom_id.as_str(), whole.model.as_deref(), whole.kind), ("a", Some("m"), Kind::Chat));
        assert_eq!(whole.body, br#"{"model":"m","messages":[ ],"x":1}"#);
        assert_eq!(row(&form, r#"{"prompt":"x"}"#).unwrap().custom_id, "row-7");
        let text = Form { text: true, ..Form::default() };
        assert_eq!(body(&text, "hi \"you\""), format!("{messages}}}"));
        assert!(text.row(b"  \r", 1, &mut |_| ()).unwrap().is_none());
        let template = Form { template: Template::new("hi {{who}}").ok(), ..Form::default() };
        assert_eq!(body(&template, r#"{"who":"\"you\"","id":1}"#), format!("{messages}}}"));
    }

    #[test]
    fn what_a_row_lacks_is_filled_in() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let form = Form {
            system: Some("be brief".to_owned()),
            defaults: vec![("max_tokens".to_owned(), raw("9")), ("temperature".to_owned(), raw("0.5"))],
            model: Some("own".to_owned()),
            ..Form::default()
        };
        let system = r#"{"role":"system","content":"be brief"}"#;
        assert_eq!(
            body(&form, r#"{"prompt":"x","temperature":1}"#),
            format!(r#"{{"messages":[{system},{{"role":"user","content":"x"}}],"temperature":1,"max_tokens":9}}"#)
        );
        let asked = row(&form, r#"{"messages":[{"role":"user","content":"x"}],"max_completion_tokens":3,"model":"m"}"#)
            .unwrap();
        assert!(String::from_utf8_lossy(&asked.body).contains(&format!("[{system},{{\"role\":\"user\"")));
        assert_eq!((asked.output_tokens, asked.model.as_deref()), (Some(3), Some("own")));
        let own = body(&form, r#"{"prompt":"x","system":"long"}"#);
        assert!(own.contains("long") && !own.contains("brief"));
        let own = body(&form, r#"{"messages":[{"role":"developer","content":"y"}]}"#);
        assert!(!own.contains("brief"));
        assert!(body(&form, r#"{"messages":[]}"#).contains(&format!("[{system}]")));
    }

    #[test]
    fn the_content_is_what_is_sent_and_to_whom() {
        let form = Form::default();
        let content = |form: &Form, line: &str| row(form, line).unwrap().content();
        let first = content(&form, r#"{"custom_id":"a","prompt":"x"}"#);
        assert_eq!(first, content(&form, r#"{"custom_id":"b","prompt":"x"}"#));
        assert_ne!(first, content(&form, r#"{"custom_id":"a","prompt":"y"}"#));
        let own = Form { model: Some("m".to_owned()), ..Form::default() };
        assert_ne!(first, content(&own, r#"{"prompt":"x"}"#));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let form = Form::default();
        for (line, said) in [
            ("{", "no JSON object"),
            ("[1]", "no JSON object"),
            (r#"{"id":1,"text":"x"}"#, "neither body, messages nor prompt"),
            (r#"{"custom_id":1,"prompt":"x"}"#, "custom_id is no string"),
            (r#"{"custom_id":"","prompt":"x"}"#, "custom_id has 0 bytes"),
            ("{\"custom_id\":\"a\\u001b\",\"prompt\":\"x\"}", "control characters"),
            (r#"{"url":"/v1/images","prompt":"x"}"#, "its url is"),
            (r#"{"method":"GET","body":{}}"#, "its method is"),
            (r#"{"body":{"model":"m"}}"#, "no \"messages\""),
            (r#"{"prompt":["x"]}"#, "prompt is no string"),
            (r#"{"custom_id":"a","custom_id":"b","prompt":"x"}"#, "stands twice"),
        ] {
            let error = row(&form, line).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
        assert!(form.row(b"{\"prompt\":\"\xff\"}", 1, &mut |_| ()).is_err());
    }

    #[test]
    fn fields_that_are_not_sent_are_told() {
        let mut told = Vec::new();
        let line = br#"{"prompt":"x","label":1,"seed":2}"#;
        Form::default().row(line, 1, &mut |name| told.push(name.to_owned())).unwrap();
        assert_eq!(told, ["label"]);
    }
}
