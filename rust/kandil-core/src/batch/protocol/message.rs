//! The messages of a chat in OpenAI's form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Unsendable;
use super::chat::is_empty;
use super::object::{Object, string};
use super::part::{Content, Part, part};
use crate::batch::fields::fields;

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
    /// The result of a call.
    Tool,
}

/// One turn.
pub(super) struct Message<'a> {
    pub(super) role: Role,
    pub(super) content: Vec<Part<'a>>,
    /// The content is a string, not a list of parts.
    pub(super) plain: bool,
    pub(super) calls: Vec<Call<'a>>,
    /// Of which call this is the result.
    pub(super) result_of: Cow<'a, str>,
    /// Of the tool whose result it is, if it says so.
    pub(super) name: Cow<'a, str>,
    /// What was thought before the answer.
    pub(super) reasoning: Cow<'a, str>,
}

/// The assistant called a tool.
pub(super) struct Call<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
    /// Gemini's, as its OpenAI-like API has it.
    pub(super) signature: Cow<'a, str>,
}

impl Message<'_> {
    /// All of its text.
    ///
    /// # Errors
    /// There is more than text in it.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, Unsendable> {
        let mut texts = Vec::with_capacity(self.content.len());
        for (place, part) in self.content.iter().enumerate() {
            texts.push(part.text().map_err(|wrong| wrong.within(format_args!("content[{place}]")))?);
        }
        Ok(match texts[..] {
            [] => Cow::Borrowed(""),
            [text] => Cow::Borrowed(text),
            _ => Cow::Owned(texts.join("\n")),
        })
    }
}

impl Call<'_> {
    /// As JSON, for those who do not take a string.
    ///
    /// # Errors
    /// The string holds no JSON object.
    pub(super) fn object(&self) -> Result<&str, Unsendable> {
        let arguments = self.arguments.trim_ascii();
        if arguments.is_empty() {
            return Ok("{}");
        }
        Object::read(arguments).map_err(|_| Unsendable::at("function.arguments", "this is no JSON object"))?;
        Ok(arguments)
    }
}

pub(super) fn messages(value: &RawValue) -> Result<Vec<Message<'_>>, Unsendable> {
    each(value, message)
}

/// The items of a list, each read so.
pub(super) fn each<'a, Read>(
    list: &'a RawValue,
    read: impl Fn(&'a RawValue) -> Result<Read, Unsendable>,
) -> Result<Vec<Read>, Unsendable> {
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| Unsendable::new("this is no list"))?;
    let read = |(place, item)| read(item).map_err(|wrong: Unsendable| wrong.within(format_args!("[{place}]")));
    items.into_iter().enumerate().map(read).collect()
}

/// Every field of an object that says something is given to `take`, which says whether it knows it.
pub(super) fn each_field<'a>(
    object: &'a RawValue,
    mut take: impl FnMut(&str, &'a RawValue) -> Result<bool, Unsendable>,
) -> Result<(), Unsendable> {
    for (name, value) in fields(object.get().as_bytes()).map_err(|error| Unsendable::new(error.to_string()))? {
        if value.get() != "null" && !take(&name, value).map_err(|wrong| wrong.within(&name))? && !is_empty(value.get())
        {
            return Err(Unsendable::at(&name, "other protocols have no words for it"));
        }
    }
    Ok(())
}

/// # Errors
/// It is no string.
pub(super) fn text(value: &RawValue) -> Result<Cow<'_, str>, Unsendable> {
    string(value).ok_or_else(|| Unsendable::new("this is no string"))
}

fn message(value: &RawValue) -> Result<Message<'_>, Unsendable> {
    let mut role = None;
    let mut found = Message {
        role: Role::User,
        content: Vec::new(),
        plain: true,
        calls: Vec::new(),
        result_of: Cow::default(),
        name: Cow::default(),
        reasoning: Cow::default(),
    };
    let mut refusal = None;
    each_field(value, |name, value| {
        match name {
            "role" => role = Some(role_of(&text(value)?)?),
            "content" if value.get().starts_with('"') => found.content = vec![Part::said(Content::Text(text(value)?))],
            "content" => (found.plain, found.content) = (false, each(value, part)?),
            "refusal" => refusal = Some(text(value)?),
            "tool_calls" => found.calls = each(value, call)?,
            "tool_call_id" => found.result_of = text(value)?,
            "name" => found.name = text(value)?,
            "reasoning_content" | "reasoning" => found.reasoning = text(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    found.role = role.ok_or_else(|| Unsendable::at("role", "there is none"))?;
    found.content.extend(refusal.filter(|said| !said.is_empty()).map(|said| Part::said(Content::Refusal(said))));
    if found.role == Role::Tool && found.result_of.is_empty() {
        return Err(Unsendable::at("tool_call_id", "there is none"));
    }
    if found.role != Role::Tool && !found.name.is_empty() {
        return Err(Unsendable::at("name", "other protocols have no names for who speaks"));
    }
    if found.role != Role::Assistant && !found.calls.is_empty() {
        return Err(Unsendable::at("tool_calls", "the assistant alone calls tools"));
    }
    Ok(found)
}

fn role_of(word: &str) -> Result<Role, Unsendable> {
    match word {
        "system" => Ok(Role::System),
        "developer" => Ok(Role::Developer),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        _ => Err(Unsendable::new("other protocols know no such role")),
    }
}

fn call(value: &RawValue) -> Result<Call<'_>, Unsendable> {
    let mut found =
        Call { id: Cow::default(), name: Cow::default(), arguments: Cow::default(), signature: Cow::default() };
    each_field(value, |field, value| {
        match field {
            "type" if value.get() == "\"function\"" => {}
            "index" => {}
            "id" => found.id = text(value)?,
            "function" => each_field(value, |field, value| {
                match field {
                    "name" => found.name = text(value)?,
                    "arguments" => found.arguments = text(value)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            "extra_content" => {
                let extra = Object::read(value.get()).unwrap_or_default();
                found.signature = extra.table("google").text("thought_signature");
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(found)
}
