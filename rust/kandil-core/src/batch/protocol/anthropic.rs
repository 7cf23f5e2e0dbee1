//! Anthropic's Messages API, after <https://docs.anthropic.com/en/api/messages>.

use super::chat::{Chat, Setting};
use super::completion::{Completion, Said, Stop, Usage};
use super::json::{Beside, Json};
use super::message::{Call, Message, Role};
use super::object::Object;
use super::part::{Content, Image, Part, data_url};
use super::tools::{Choice, Format};
use super::{Answered, Malformed, Target, Unsendable};

/// The protocol requires a number; so long an answer is hardly cut off by it.
const LONGEST_UNASKED: u64 = 32_768;
const UNKNOWN_MODEL_TOKENS: u64 = 8192;
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

pub(super) fn encode(target: &Target, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let chat = Chat::read(target, body)?;
    let preamble = chat.preamble()?;
    out.push(b'{');
    out.text("model", &target.model);
    let usual = target.max_output_tokens.unwrap_or(UNKNOWN_MODEL_TOKENS).min(LONGEST_UNASKED);
    out.raw("max_tokens", chat.longest.map_or(usual.to_string().as_str(), |longest| longest.get()));
    system(&chat.messages[..preamble], out)?;
    out.open("messages", b'[');
    let mut place = preamble;
    let both_results =
        |before: &Message<'_>, after: &Message<'_>| before.role == Role::Tool && after.role == Role::Tool;
    for turn in chat.messages[preamble..].chunk_by(both_results) {
        self::turn(turn, place, out)?;
        place += turn.len();
    }
    out.push(b']');
    let mut config = Beside::new();
    match &chat.format {
        Format::Text => {}
        Format::Json => {
            let reason = "this provider's protocol has JSON of a schema alone: ask for json_schema";
            return Err(Unsendable::at("response_format.type", reason));
        }
        Format::Schema(schema) => {
            config.0.open("format", b'{');
            config.0.text("type", "json_schema");
            config.0.raw("schema", schema.alone()?);
            config.0.push(b'}');
        }
    }
    tools(&chat, out);
    for setting in &chat.settings {
        self::setting(&chat, setting, &mut config, out)?;
    }
    config.end("output_config", out);
    out.push(b'}');
    Ok(())
}

fn setting(chat: &Chat<'_>, setting: &Setting<'_>, config: &mut Beside, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match setting.name.as_ref() {
        name @ ("temperature" | "top_p" | "top_k" | "thinking" | "cache_control") => {
            out.raw(name, setting.value.get());
        }
        "stop" => out.raw("stop_sequences", &setting.list()),
        "user" => {
            out.open("metadata", b'{');
            out.text("user_id", &setting.text()?);
            out.push(b'}');
        }
        "reasoning_effort" => match setting.text()?.as_ref() {
            "none" => out.raw("thinking", r#"{"type":"disabled"}"#),
            effort @ ("low" | "medium" | "high" | "xhigh" | "max") => {
                config.0.text("effort", effort);
                if !chat.settings.iter().any(|setting| setting.name == "thinking") {
                    out.raw("thinking", r#"{"type":"adaptive"}"#); // or it does not think, however much it may
                }
            }
            _ => return Err(setting.refuse()),
        },
        _ => return setting.leave_out(),
    }
    Ok(())
}

fn system(said: &[Message<'_>], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if let [Message { plain: true, content, .. }] = said
        && let [Part { content: Content::Text(text), .. }] = &content[..]
    {
        if !text.is_empty() {
            out.text("system", text);
        }
        return Ok(());
    }
    if said.is_empty() {
        return Ok(());
    }
    out.open("system", b'[');
    for (place, message) in said.iter().enumerate() {
        for (number, part) in message.content.iter().enumerate() {
            let wrong = |wrong: Unsendable| wrong.within(format_args!("messages[{place}].content[{number}]"));
            part.text().map_err(wrong)?;
            block(part, out)?;
        }
    }
    out.push(b']');
    Ok(())
}

/// One message, or the results of calls that were made together, which belong into one.
fn turn(turn: &[Message<'_>], place: usize, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let [first, ..] = turn else { return Ok(()) };
    out.item(b'{');
    out.text("role", if first.role == Role::Assistant { "assistant" } else { "user" });
    if let ([Part { content: Content::Text(text), .. }], true) = (&first.content[..], first.plain)
        && first.role != Role::Tool
        && first.calls.is_empty()
    {
        out.text("content", text);
    } else {
        out.open("content", b'[');
        for (number, message) in turn.iter().enumerate() {
            blocks(message, out).map_err(|wrong| wrong.within(format_args!("messages[{}]", place + number)))?;
        }
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}

fn blocks(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if message.role == Role::Tool {
        out.item(b'{');
        out.text("type", "tool_result");
        out.text("tool_use_id", &message.result_of);
        out.open("content", b'[');
    }
    for (number, part) in message.content.iter().enumerate() {
        block(part, out).map_err(|wrong| wrong.within(format_args!("content[{number}]")))?;
    }
    if message.role == Role::Tool {
        out.extend_from_slice(b"]}");
    }
    for (number, call) in message.calls.iter().enumerate() {
        let input = call.object().map_err(|wrong| wrong.within(format_args!("tool_calls[{number}]")))?;
        out.item(b'{');
        out.text("type", "tool_use");
        out.text("id", &call.id);
        out.text("name", &call.name);
        out.raw("input", input);
        out.push(b'}');
    }
    Ok(())
}

fn block(part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => {
            if text.is_empty() {
                return Ok(()); // no block may be
            }
            out.item(b'{');
            out.text("type", "text");
            out.text("text", text);
        }
        Content::Image(image) => self::image(image, out)?,
        Content::File(name, url) => document(name, url, out)?,
        other => return Err(other.unsaid()),
    }
    if let Some(cache) = part.cache {
        out.raw("cache_control", cache.get());
    }
    out.push(b'}');
    Ok(())
}

fn image(image: &Image<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    out.item(b'{');
    out.text("type", "image");
    out.open("source", b'{');
    match image.inline()? {
        None => {
            out.text("type", "url");
            out.text("url", &image.url);
        }
        Some((media, data)) => {
            if !PICTURES.contains(&media) {
                return Err(Unsendable::at("image_url.url", "images are PNG, JPEG, GIF or WebP here"));
            }
            base64(media, data, out);
        }
    }
    out.push(b'}');
    Ok(())
}

fn document(name: &str, url: &str, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let (media, data) = data_url(url).map_err(|wrong| wrong.within("file.file_data"))?;
    if media != "application/pdf" {
        return Err(Unsendable::at("file.file_data", "files are PDF here"));
    }
    out.item(b'{');
    out.text("type", "document");
    if !name.is_empty() {
        out.text("title", name);
    }
    out.open("source", b'{');
    base64(media, data, out);
    out.push(b'}');
    Ok(())
}

fn base64(media: &str, data: &str, out: &mut Vec<u8>) {
    out.text("type", "base64");
    out.text("media_type", media);
    out.text("data", data);
}

fn tools(chat: &Chat<'_>, out: &mut Vec<u8>) {
    if chat.tools.is_empty() {
        return;
    }
    out.open("tools", b'[');
    for tool in &chat.tools {
        out.item(b'{');
        out.text("name", &tool.name);
        if !tool.description.is_empty() {
            out.text("description", &tool.description);
        }
        let none = r#"{"type":"object","properties":{}}"#;
        out.raw("input_schema", tool.parameters.map_or(none, |parameters| parameters.get()));
        if tool.strict {
            out.raw("strict", "true");
        }
        out.push(b'}');
    }
    out.push(b']');
    if chat.choice.is_none() && chat.parallel {
        return;
    }
    out.open("tool_choice", b'{');
    match &chat.choice {
        Some(Choice::None) => out.text("type", "none"),
        Some(Choice::Auto) | None => out.text("type", "auto"),
        Some(Choice::Required) => out.text("type", "any"),
        Some(Choice::Named(name)) => {
            out.text("type", "tool");
            out.text("name", name);
        }
    }
    if !chat.parallel && !matches!(chat.choice, Some(Choice::None)) {
        out.raw("disable_parallel_tool_use", "true");
    }
    out.push(b'}');
}

pub(super) fn decode(
    target: &Target,
    body: &str,
    reply: &Object<'_>,
    out: &mut Vec<u8>,
) -> Result<Answered, Malformed> {
    let Some(blocks) = reply.items("content").filter(|_| reply.text("type") == "message") else {
        return Err(Malformed("it is no message".to_owned()));
    };
    let mut said = Said { word: reply.text("stop_reason"), ..Said::default() };
    for block in blocks.iter().filter_map(|block| Object::read(block.get()).ok()) {
        match block.text("type").as_ref() {
            "text" => said.text.push_str(&block.text("text")),
            "thinking" => said.reasoning.push_str(&block.text("thinking")),
            "tool_use" => said.calls.push(Call {
                id: block.text("id"),
                name: block.text("name"),
                arguments: block.json_text("input"),
                signature: Default::default(),
            }),
            _ => {} // redacted_thinking is not for anybody to read
        }
    }
    said.stop = match said.word.to_ascii_lowercase().as_str() {
        "end_turn" | "stop_sequence" => Stop::End,
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::Tool,
        "refusal" => Stop::Filter,
        _ => Stop::Other,
    };
    if said.word == "refusal" {
        let why = reply.table("stop_details").text("explanation");
        said.refusal = [why.as_ref(), &said.text, "refusal"]
            .into_iter()
            .find(|said| !said.is_empty())
            .map(str::to_owned)
            .unwrap_or_default();
    }
    let usage = reply.table("usage");
    let (read, written) = (usage.count("cache_read_input_tokens"), usage.count("cache_creation_input_tokens"));
    let usage = Usage {
        input: usage.count("input_tokens").map(|fresh| fresh + read.unwrap_or(0) + written.unwrap_or(0)),
        output: usage.count("output_tokens"),
        reasoning: usage.table("output_tokens_details").count("thinking_tokens"),
        cached: read,
    };
    Ok(Completion { id: reply.text("id"), model: target.answering(reply.text("model")), choices: vec![said], usage }
        .write(body, out))
}
