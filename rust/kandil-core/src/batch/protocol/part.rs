//! What a message is made of, in OpenAI's form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Unsendable;
use super::message::{each_field, text};

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

impl<'a> Part<'a> {
    pub(super) fn said(content: Content<'a>) -> Part<'a> {
        Part { content, cache: None }
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

pub(super) fn part(value: &RawValue) -> Result<Part<'_>, Unsendable> {
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
