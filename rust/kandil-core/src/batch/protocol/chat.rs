//! A chat in OpenAI's form, read for those who speak otherwise.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::message::{Message, Role, messages};
use super::object::string;
use super::tools::{Choice, Format, Tool, choice, format, tools};
use super::{Target, Unsendable};
use crate::batch::fields::fields;

/// What is for those who bill and watch, and does not bear on the answer: said where there is a place for it.
const HINTS: [&str; 5] = ["user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention"];

/// What is asked.
pub(super) struct Chat<'a> {
    pub(super) messages: Vec<Message<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<Choice<'a>>,
    /// False: one call of a tool at most.
    pub(super) parallel: bool,
    pub(super) format: Format<'a>,
    /// `max_completion_tokens`, or `max_tokens`.
    pub(super) longest: Option<&'a RawValue>,
    /// All others that ask for something.
    pub(super) settings: Vec<Setting<'a>>,
}

/// A field at the top.
pub(super) struct Setting<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: &'a RawValue,
}

impl<'a> Chat<'a> {
    pub(super) fn read(target: &Target, body: &'a [u8]) -> Result<Chat<'a>, Unsendable> {
        let mut chat = Chat {
            messages: Vec::new(),
            tools: Vec::new(),
            choice: None,
            parallel: true,
            format: Format::Text,
            longest: None,
            settings: Vec::new(),
        };
        for (name, value) in fields(body).map_err(|error| Unsendable::new(error.to_string()))? {
            if value.get() != "null" && !asks_nothing(&name, value) {
                let within = |wrong: Unsendable| wrong.within(&name);
                chat.take(target, name.clone(), value).map_err(within)?;
            }
        }
        if chat.messages.is_empty() {
            return Err(Unsendable::at("messages", "there are none"));
        }
        Ok(chat)
    }

    fn take(&mut self, target: &Target, name: Cow<'a, str>, value: &'a RawValue) -> Result<(), Unsendable> {
        match name.as_ref() {
            "model" | "stream" | "stream_options" => {}
            "temperature" | "top_p" if target.temperature_allowed == Some(false) => {}
            "messages" => self.messages = messages(value)?,
            "tools" => self.tools = tools(value)?,
            "tool_choice" => self.choice = Some(choice(value)?),
            "parallel_tool_calls" => self.parallel = value.get() != "false",
            "response_format" => self.format = format(value)?,
            "max_completion_tokens" => self.longest = Some(value),
            "max_tokens" => self.longest = self.longest.or(Some(value)),
            _ => self.settings.push(Setting { name, value }),
        }
        Ok(())
    }

    /// How many messages of the system's begin it.
    ///
    /// # Errors
    /// There are others further on.
    pub(super) fn preamble(&self) -> Result<usize, Unsendable> {
        let is_system = |message: &Message<'_>| matches!(message.role, Role::System | Role::Developer);
        let size = self.messages.iter().take_while(|message| is_system(message)).count();
        match self.messages[size..].iter().position(is_system) {
            None => Ok(size),
            Some(after) => Err(Unsendable::at(
                format_args!("messages[{}].role", size + after),
                "this protocol has the system speak before all others alone",
            )),
        }
    }

    /// The name of the tool that was called so.
    pub(super) fn called(&self, id: &str) -> Option<&str> {
        let mut calls = self.messages.iter().rev().flat_map(|message| &message.calls);
        calls.find(|call| call.id == id).map(|call| call.name.as_ref())
    }
}

impl Setting<'_> {
    /// # Errors
    /// It is no string.
    pub(super) fn text(&self) -> Result<Cow<'_, str>, Unsendable> {
        string(self.value).ok_or_else(|| Unsendable::at(&self.name, "it is no string"))
    }

    /// A list, where one string may stand for it.
    pub(super) fn list(&self) -> Cow<'_, str> {
        let value = self.value.get();
        if value.starts_with('[') { Cow::Borrowed(value) } else { Cow::Owned(format!("[{value}]")) }
    }

    /// It may be left out, or it is why the row cannot be sent.
    pub(super) fn leave_out(&self) -> Result<(), Unsendable> {
        if HINTS.contains(&self.name.as_ref()) {
            return Ok(());
        }
        Err(Unsendable::at(&self.name, "this provider's protocol has no words for it"))
    }

    /// This value is why.
    pub(super) fn refuse(&self) -> Unsendable {
        let value: String = self.value.get().chars().take(40).collect();
        Unsendable::at(&self.name, format!("this provider's protocol has no words for {value}"))
    }
}

/// It is what happens anyway.
fn asks_nothing(name: &str, value: &RawValue) -> bool {
    let value = value.get();
    match name {
        "n" => value == "1",
        "logprobs" | "store" => value == "false",
        "top_logprobs" | "frequency_penalty" | "presence_penalty" => value.parse() == Ok(0.0),
        "service_tier" => matches!(value, "\"auto\"" | "\"default\""),
        "modalities" => value == "[\"text\"]",
        "logit_bias" | "stop" => is_empty(value),
        _ => false,
    }
}

/// An empty list, object or string, or nothing.
pub(super) fn is_empty(json: &str) -> bool {
    let bare = |open, close| json.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inside = bare('[', ']').or_else(|| bare('{', '}'));
    inside.is_some_and(|inside| inside.trim_ascii().is_empty()) || matches!(json, "\"\"" | "null")
}
