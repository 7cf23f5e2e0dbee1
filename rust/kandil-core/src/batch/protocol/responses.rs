//! OpenAI's Responses API for chats, after <https://platform.openai.com/docs/api-reference/responses>.

use super::chat::{Chat, Setting};
use super::completion::{Completion, Said, Stop, Usage};
use super::json::{Beside, Json};
use super::message::{Call, Message, Role};
use super::object::Object;
use super::part::{Content, Part};
use super::tools::{Choice, Format};
use super::{Answered, Malformed, Target, Unsendable};

pub(super) fn encode(target: &Target, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let chat = Chat::read(target, body)?;
    out.push(b'{');
    out.text("model", &target.model);
    let instructions = instructions(&chat.messages);
    if let Some(text) = instructions.filter(|text| !text.is_empty()) {
        out.text("instructions", text);
    }
    out.open("input", b'[');
    for (place, message) in chat.messages.iter().enumerate().skip(usize::from(instructions.is_some())) {
        items(message, out).map_err(|wrong| wrong.within(format_args!("messages[{place}]")))?;
    }
    out.push(b']');
    if let Some(longest) = chat.longest {
        out.raw("max_output_tokens", longest.get());
    }
    tools(&chat, out);
    let mut text = Beside::new();
    format(&chat.format, &mut text.0);
    for setting in &chat.settings {
        self::setting(setting, &mut text, out)?;
    }
    text.end("text", out);
    let asked = chat.settings.iter().any(|setting| setting.name == "store");
    if !target.lacks("store") && !asked {
        out.raw("store", "false"); // or the provider keeps it
    }
    out.push(b'}');
    Ok(())
}

fn setting(setting: &Setting<'_>, text: &mut Beside, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let value = setting.value.get();
    match setting.name.as_ref() {
        name @ ("temperature"
        | "top_p"
        | "store"
        | "user"
        | "safety_identifier"
        | "metadata"
        | "prompt_cache_key"
        | "prompt_cache_retention"
        | "service_tier") => out.raw(name, value),
        "verbosity" => text.0.raw("verbosity", value),
        "reasoning_effort" => {
            out.open("reasoning", b'{');
            out.raw("effort", value);
            out.push(b'}');
        }
        _ => return setting.leave_out(),
    }
    Ok(())
}

/// What the system says at the beginning, if it is plain text.
fn instructions<'a>(messages: &'a [Message<'_>]) -> Option<&'a str> {
    let first = messages.first().filter(|first| matches!(first.role, Role::System | Role::Developer) && first.plain)?;
    match &first.content[..] {
        [] => Some(""),
        [Part { content: Content::Text(text), .. }] => Some(text),
        _ => None,
    }
}

fn format(format: &Format<'_>, text: &mut Vec<u8>) {
    let schema = match format {
        Format::Text => return,
        Format::Json => return text.raw("format", r#"{"type":"json_object"}"#),
        Format::Schema(schema) => schema,
    };
    text.open("format", b'{');
    text.text("type", "json_schema");
    text.text("name", &schema.name);
    if !schema.description.is_empty() {
        text.text("description", &schema.description);
    }
    text.raw("schema", schema.schema.get());
    if let Some(strict) = schema.strict {
        text.raw("strict", strict.get());
    }
    text.push(b'}');
}

/// A message is one, and each call of a tool and its result are one of their own.
fn items(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if message.role == Role::Tool {
        out.item(b'{');
        out.text("type", "function_call_output");
        out.text("call_id", &message.result_of);
        out.text("output", &message.text()?);
        out.push(b'}');
        return Ok(());
    }
    if !message.content.is_empty() || message.calls.is_empty() {
        said(message, out)?;
    }
    for call in &message.calls {
        out.item(b'{');
        out.text("type", "function_call");
        out.text("call_id", &call.id);
        out.text("name", &call.name);
        out.text("arguments", &call.arguments);
        out.push(b'}');
    }
    Ok(())
}

fn said(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    out.item(b'{');
    out.text("type", "message"); // OpenAI's takes it without, llama.cpp does not
    out.text(
        "role",
        match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        },
    );
    match &message.content[..] {
        [] => out.text("content", ""),
        [Part { content: Content::Text(text), .. }] if message.plain => out.text("content", text),
        parts => {
            out.open("content", b'[');
            for (number, part) in parts.iter().enumerate() {
                self::part(message.role, part, out).map_err(|wrong| wrong.within(format_args!("content[{number}]")))?;
            }
            out.push(b']');
        }
    }
    out.push(b'}');
    Ok(())
}

fn part(role: Role, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    out.item(b'{');
    match &part.content {
        Content::Text(text) => {
            out.text("type", if role == Role::Assistant { "output_text" } else { "input_text" });
            out.text("text", text);
        }
        Content::Refusal(text) => {
            out.text("type", "refusal");
            out.text("refusal", text);
        }
        Content::Image(image) => {
            out.text("type", "input_image");
            out.text("image_url", &image.url);
            if !image.detail.is_empty() {
                out.text("detail", &image.detail);
            }
        }
        Content::File(name, url) => {
            out.text("type", "input_file");
            out.text("filename", name);
            out.text("file_data", url);
        }
        other @ Content::Audio(..) => return Err(other.unsaid()),
    }
    out.push(b'}');
    Ok(())
}

fn tools(chat: &Chat<'_>, out: &mut Vec<u8>) {
    if chat.tools.is_empty() {
        return;
    }
    out.open("tools", b'[');
    for tool in &chat.tools {
        out.item(b'{');
        out.text("type", "function");
        out.text("name", &tool.name);
        if !tool.description.is_empty() {
            out.text("description", &tool.description);
        }
        out.raw("parameters", tool.parameters.map_or("null", |parameters| parameters.get()));
        out.raw("strict", if tool.strict { "true" } else { "false" }); // or it is true here
        out.push(b'}');
    }
    out.push(b']');
    match &chat.choice {
        None => {}
        Some(Choice::Auto) => out.text("tool_choice", "auto"),
        Some(Choice::None) => out.text("tool_choice", "none"),
        Some(Choice::Required) => out.text("tool_choice", "required"),
        Some(Choice::Named(name)) => {
            out.open("tool_choice", b'{');
            out.text("type", "function");
            out.text("name", name);
            out.push(b'}');
        }
    }
    if !chat.parallel {
        out.raw("parallel_tool_calls", "false");
    }
}

/// Why a response is none yet, or never.
pub(super) fn unfinished(reply: &Object<'_>) -> Option<Malformed> {
    let status = reply.text("status");
    matches!(status.as_ref(), "failed" | "cancelled" | "queued" | "in_progress")
        .then(|| Malformed(format!("the response is {status}")))
}

pub(super) fn decode(
    target: &Target,
    body: &str,
    reply: &Object<'_>,
    out: &mut Vec<u8>,
) -> Result<Answered, Malformed> {
    if let Some(unfinished) = unfinished(reply) {
        return Err(unfinished);
    }
    if reply.items("output").is_none() {
        return Err(Malformed("it is no response".to_owned()));
    }
    let mut said = Said::default();
    for item in reply.rows("output") {
        take(&item, &mut said);
    }
    said.word = match reply.table("incomplete_details").text("reason") {
        none if none.is_empty() => reply.text("status"),
        reason => reason,
    };
    said.stop = match said.word.to_ascii_lowercase().as_str() {
        "completed" => Stop::End,
        "max_output_tokens" => Stop::Length,
        "content_filter" => Stop::Filter,
        _ => Stop::Other,
    };
    let counted = reply.table("usage");
    let usage = Usage {
        input: counted.count("input_tokens"),
        output: counted.count("output_tokens"),
        reasoning: counted.table("output_tokens_details").count("reasoning_tokens"),
        cached: counted.table("input_tokens_details").count("cached_tokens"),
    };
    let model = target.answering(reply.text("model"));
    Ok(Completion { id: reply.text("id"), model, choices: vec![said], usage }.write(body, out))
}

fn take<'a>(item: &Object<'a>, said: &mut Said<'a>) {
    match item.text("type").as_ref() {
        "reasoning" => {
            for part in item.rows("summary").iter().chain(&item.rows("content")) {
                if !said.reasoning.is_empty() {
                    said.reasoning.push_str("\n\n");
                }
                said.reasoning.push_str(&part.text("text"));
            }
        }
        "function_call" => said.calls.push(Call {
            id: item.text("call_id"),
            name: item.text("name"),
            arguments: item.json_text("arguments"),
            signature: Default::default(),
        }),
        _ => {
            for part in item.rows("content") {
                said.text.push_str(&part.text("text"));
                said.refusal.push_str(&part.text("refusal"));
            }
        }
    }
}
