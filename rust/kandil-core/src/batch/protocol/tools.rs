//! What the model may call, and of what form its answer is to be, in OpenAI's form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Unsendable;
use super::message::{each, each_field, text};

/// A function.
pub(super) struct Tool<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) description: Cow<'a, str>,
    /// A JSON Schema, as it is written: the order of its properties counts.
    pub(super) parameters: Option<&'a RawValue>,
    pub(super) strict: bool,
}

/// Which of them it is to call.
pub(super) enum Choice<'a> {
    Auto,
    None,
    Required,
    Named(Cow<'a, str>),
}

/// Of what form the answer is to be.
pub(super) enum Format<'a> {
    Text,
    Json,
    Schema(Schema<'a>),
}

pub(super) struct Schema<'a> {
    /// For those who ask for one.
    pub(super) name: Cow<'a, str>,
    pub(super) description: Cow<'a, str>,
    pub(super) schema: &'a RawValue,
    /// As it is written: null is not false.
    pub(super) strict: Option<&'a RawValue>,
}

impl Schema<'_> {
    /// The schema, for protocols that have nothing else.
    ///
    /// # Errors
    /// The model is told more about it.
    pub(super) fn alone(&self) -> Result<&str, Unsendable> {
        if !self.description.is_empty() {
            let reason = "this provider's protocol has no words for it: put it into the schema";
            return Err(Unsendable::at("response_format.json_schema.description", reason));
        }
        Ok(self.schema.get())
    }
}

pub(super) fn tools(value: &RawValue) -> Result<Vec<Tool<'_>>, Unsendable> {
    each(value, tool)
}

fn tool(value: &RawValue) -> Result<Tool<'_>, Unsendable> {
    let mut found = None;
    each_field(value, |name, value| {
        match name {
            "type" if value.get() == "\"function\"" => {}
            "function" => found = Some(function(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    found.ok_or_else(|| Unsendable::at("function", "there is none"))
}

fn function(value: &RawValue) -> Result<Tool<'_>, Unsendable> {
    let mut found = Tool { name: Cow::default(), description: Cow::default(), parameters: None, strict: false };
    each_field(value, |name, value| {
        match name {
            "name" => found.name = text(value)?,
            "description" => found.description = text(value)?,
            "parameters" => found.parameters = Some(value),
            "strict" => found.strict = value.get() == "true",
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(found)
}

pub(super) fn choice(value: &RawValue) -> Result<Choice<'_>, Unsendable> {
    match value.get() {
        "\"auto\"" => return Ok(Choice::Auto),
        "\"none\"" => return Ok(Choice::None),
        "\"required\"" => return Ok(Choice::Required),
        _ => {}
    }
    let mut found = None;
    each_field(value, |name, value| {
        match name {
            "type" if value.get() == "\"function\"" => {}
            "function" => found = Some(function(value)?.name),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    found.map(Choice::Named).ok_or_else(|| Unsendable::at("function", "there is none"))
}

pub(super) fn format(value: &RawValue) -> Result<Format<'_>, Unsendable> {
    let (mut kind, mut found) = (Cow::default(), None);
    each_field(value, |name, value| {
        match name {
            "type" => kind = text(value)?,
            "json_schema" => found = Some(schema(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    match (kind.as_ref(), found) {
        ("text", None) => Ok(Format::Text),
        ("json_object", None) => Ok(Format::Json),
        ("json_schema", Some(found)) => Ok(Format::Schema(found)),
        _ => Err(Unsendable::at("type", "other protocols have no words for it")),
    }
}

fn schema(value: &RawValue) -> Result<Schema<'_>, Unsendable> {
    let (mut name, mut description, mut schema, mut strict) = (Cow::default(), Cow::default(), None, None);
    each_field(value, |field, value| {
        match field {
            "name" => name = text(value)?,
            "description" => description = text(value)?,
            "schema" => schema = Some(value),
            "strict" => strict = Some(value),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let schema = schema.ok_or_else(|| Unsendable::at("schema", "there is none"))?;
    Ok(Schema { name, description, schema, strict })
}
