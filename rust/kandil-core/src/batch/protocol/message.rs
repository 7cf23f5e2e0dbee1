//! The messages of a chat in OpenAI's form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Unsendable;
use super::chat::is_empty;
use super::object::{Object, string};
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

/// A piece of a message.
pub(super) struct Part<'a> {
    pub(super) content: Content<'a>,
    /// Anthropic's mark: so far a cache may go.
    pub(super) cache: Option<&'a RawValue>,
}

pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Refusal(Cow<'a, str>),
    Image(Image<'a>),
    /// The format as `wav`, and base64.
    Audio(Cow<'a, str>, Cow<'a, str>),
    /// Its name, and a `data:` URL.
    File(Cow<'a, str>, Cow<'a, str>),
}

pub(super) struct Image<'a> {
    pub(super) url: Cow<'a, str>,
    /// Empty: `auto`.
    pub(super) detail: Cow<'a, str>,
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

impl Part<'_> {
    /// # Errors
    /// It is not text.
    pub(super) fn text(&self) -> Result<&str, Unsendable> {
        match &self.content {
            Content::Text(text) | Content::Refusal(text) => Ok(text),
            other => Err(other.unsaid()),
        }
    }
}

impl Content<'_> {
    /// The protocol has no place for it here.
    pub(super) fn unsaid(&self) -> Unsendable {
        Unsendable::new(match self {
            Content::Text(_) | Content::Refusal(_) => "text has no place here in this provider's protocol",
            Content::Image(_) => "images have no place here in this provider's protocol",
            Content::Audio(..) => "audio has no place here in this provider's protocol",
            Content::File(..) => "files have no place here in this provider's protocol",
        })
    }
}

impl Image<'_> {
    /// Its media type and base64; None: it lies elsewhere.
    ///
    /// # Errors
    /// It is to be looked at in a certain detail, or its URL cannot be read.
    pub(super) fn inline(&self) -> Result<Option<(&str, &str)>, Unsendable> {
        if !matches!(self.detail.as_ref(), "" | "auto") {
            return Err(Unsendable::at("image_url.detail", "this provider's protocol has no words for it"));
        }
        if ["https://", "http://", "gs://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            return Ok(None);
        }
        data_url(&self.url).map(Some).map_err(|wrong| wrong.within("image_url.url"))
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

/// Media type and base64 of a `data:` URL.
pub(super) fn data_url(url: &str) -> Result<(&str, &str), Unsendable> {
    let told = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
    let (described, data) = told.ok_or_else(|| Unsendable::new("it is neither a data: URL nor one of the web"))?;
    let Some(media) = described.strip_suffix(";base64") else {
        return Err(Unsendable::new("this data: URL is not in base64"));
    };
    let media = media.split(';').next().unwrap_or_default();
    Ok((if media == "image/jpg" { "image/jpeg" } else { media }, data))
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

impl<'a> Part<'a> {
    fn said(content: Content<'a>) -> Part<'a> {
        Part { content, cache: None }
    }
}

fn part(value: &RawValue) -> Result<Part<'_>, Unsendable> {
    let (mut kind, mut content, mut cache) = (Cow::default(), None, None);
    each_field(value, |name, value| {
        match name {
            "type" => kind = text(value)?,
            "text" => content = Some(Content::Text(text(value)?)),
            "refusal" => content = Some(Content::Refusal(text(value)?)),
            "image_url" => content = Some(Content::Image(image(value)?)),
            "input_audio" => content = Some(audio(value)?),
            "file" => content = Some(file(value)?),
            "cache_control" => cache = Some(value),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let content = content.ok_or_else(|| Unsendable::at("type", "other protocols have no words for such a part"))?;
    Ok(Part { content, cache })
}

fn image(value: &RawValue) -> Result<Image<'_>, Unsendable> {
    let (mut url, mut detail) = (Cow::default(), Cow::default());
    if value.get().starts_with('"') {
        return Ok(Image { url: text(value)?, detail });
    }
    each_field(value, |name, value| {
        match name {
            "url" => url = text(value)?,
            "detail" => detail = text(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Image { url, detail })
}

fn audio(value: &RawValue) -> Result<Content<'_>, Unsendable> {
    let (mut format, mut data) = (Cow::default(), Cow::default());
    each_field(value, |name, value| {
        match name {
            "format" => format = text(value)?,
            "data" => data = text(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Content::Audio(format, data))
}

fn file(value: &RawValue) -> Result<Content<'_>, Unsendable> {
    let (mut called, mut data) = (Cow::default(), Cow::default());
    each_field(value, |name, value| {
        match name {
            "filename" => called = text(value)?,
            "file_data" => data = text(value)?,
            _ => return Ok(false), // file_id: it lies at OpenAI's
        }
        Ok(true)
    })?;
    Ok(Content::File(called, data))
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
