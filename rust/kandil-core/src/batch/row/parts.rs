//! Parts of rows: what each must be, and what is made of it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::batch::fields::{Fields, quoted};
use crate::batch::protocol::Kind;

const LONGEST_ID: usize = 512;

/// JSON of the field of this name.
pub(super) fn get<'a>(found: &Fields<'a>, name: &str) -> Option<&'a str> {
    found.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
}

/// What a row is called, if it says so.
pub(super) fn custom_id<'a>(found: &Fields<'a>) -> Result<Option<Cow<'a, str>>, String> {
    let Some(value) = get(found, "custom_id") else { return Ok(None) };
    let id = string(value, "custom_id")?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(format!("its custom_id has {} bytes; 1 to {LONGEST_ID} may be", id.len()));
    }
    if id.chars().any(char::is_control) {
        return Err("its custom_id has control characters".to_owned());
    }
    Ok(Some(id))
}

/// Which call a row is: a chat, where it does not say.
pub(super) fn kind(found: &Fields<'_>) -> Result<Kind, String> {
    if let Some(method) = get(found, "method") {
        let method = string(method, "method")?;
        if !method.eq_ignore_ascii_case("post") {
            return Err(format!("its method is {method:?}; POST alone is sent"));
        }
    }
    let Some(url) = get(found, "url") else { return Ok(Kind::Chat) };
    let url = string(url, "url")?;
    Kind::of_url(&url).ok_or_else(|| {
        format!("its url is {url:?}; there are /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/responses")
    })
}

/// What a kind of call cannot be without.
pub(super) fn needed(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat => "messages",
        Kind::Completions => "prompt",
        Kind::Embeddings | Kind::Responses => "input",
    }
}

/// Of JSON; borrowed, where nothing in it is escaped.
pub(super) fn string<'a>(json: &'a str, name: &str) -> Result<Cow<'a, str>, String> {
    let plain = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match plain {
        Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => Ok(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|_| format!("its {name} has something escaped that is no character")),
        None => Err(format!("its {name} is no string")),
    }
}

/// A conversation of a prompt, which is JSON already.
pub(super) fn messages(system: Option<&str>, prompt: &str) -> String {
    let mut json = begun(system, prompt.len() + 64);
    json.extend_from_slice(b"{\"role\":\"user\",\"content\":");
    json.extend_from_slice(prompt.as_bytes());
    json.extend_from_slice(b"}]");
    text(json)
}

/// A string as JSON.
pub(super) fn quote(text_: &str) -> String {
    let mut json = Vec::with_capacity(text_.len() + 8);
    quoted(&mut json, text_);
    text(json)
}

/// The messages with a system message before them; None: they have one.
pub(super) fn preceded(messages: &str, system: &str) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        role: Cow<'a, str>,
    }
    let said: Vec<Message<'_>> =
        serde_json::from_str(messages).map_err(|_| "its messages are no list of objects".to_owned())?;
    if said.iter().any(|message| matches!(&*message.role, "system" | "developer")) {
        return Ok(None);
    }
    let mut json = begun(Some(system), messages.len());
    if said.is_empty() {
        json.pop();
    }
    json.extend_from_slice(messages.strip_prefix('[').unwrap_or_default().as_bytes());
    Ok(Some(text(json)))
}

/// A list of messages that is to be gone on with.
fn begun(system: Option<&str>, more: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(more + system.map_or(0, str::len) + 64);
    json.push(b'[');
    if let Some(system) = system {
        json.extend_from_slice(b"{\"role\":\"system\",\"content\":");
        quoted(&mut json, system);
        json.extend_from_slice(b"},");
    }
    json
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("it was made of strings")
}
