//! Ollama's own API, after <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use super::chat::{Chat, Setting};
use super::completion::{Completion, Said, Stop, Usage};
use super::json::{Beside, Json};
use super::message::{Call, Message, Role};
use super::object::Object;
use super::part::{Content, Part};
use super::thinking::apart;
use super::tools::{Choice, Format};
use super::{Answered, Malformed, Target, Unsendable};

/// What does not fit the context is an error, where Ollama would leave out the oldest.
const WHOLE: &str = "false";

pub(super) fn encode(target: &Target, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let chat = Chat::read(target, body)?;
    out.push(b'{');
    out.text("model", &target.model);
    out.open("messages", b'[');
    for (place, message) in chat.messages.iter().enumerate() {
        self::message(&chat, message, out).map_err(|wrong| wrong.within(format_args!("messages[{place}]")))?;
    }
    out.push(b']');
    out.raw("stream", "false"); // or it does
    out.raw("truncate", WHOLE);
    out.raw("shift", WHOLE);
    match &chat.format {
        Format::Text => {}
        Format::Json => out.text("format", "json"),
        Format::Schema(schema) => out.raw("format", schema.alone()?),
    }
    tools(&chat, out)?;
    let mut options = Beside::new();
    if let Some(context) = target.context_tokens {
        options.0.raw("num_ctx", &context.to_string());
    }
    if let Some(longest) = chat.longest {
        options.0.raw("num_predict", longest.get());
    }
    for setting in &chat.settings {
        self::setting(setting, &mut options, out)?;
    }
    options.end("options", out);
    out.push(b'}');
    Ok(())
}

fn setting(setting: &Setting<'_>, options: &mut Beside, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let value = setting.value.get();
    match setting.name.as_ref() {
        name @ ("temperature" | "top_p" | "top_k" | "min_p" | "seed" | "frequency_penalty" | "presence_penalty"
        | "repeat_penalty") => options.0.raw(name, value),
        "stop" => options.0.raw("stop", &setting.list()),
        name @ ("keep_alive" | "think") => out.raw(name, value),
        "reasoning_effort" => match setting.text()?.as_ref() {
            "none" => out.raw("think", "false"),
            effort @ ("low" | "medium" | "high") => out.text("think", effort),
            _ => return Err(setting.refuse()),
        },
        _ => return setting.leave_out(),
    }
    Ok(())
}

fn message(chat: &Chat<'_>, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    out.item(b'{');
    out.text(
        "role",
        match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        },
    );
    content(message, out)?;
    if !message.reasoning.is_empty() {
        out.text("thinking", &message.reasoning);
    }
    if message.role == Role::Tool {
        out.text("tool_call_id", &message.result_of);
        let name = chat.called(&message.result_of).unwrap_or(&message.name);
        if !name.is_empty() {
            out.text("tool_name", name);
        }
    }
    if !message.calls.is_empty() {
        out.open("tool_calls", b'[');
        for (number, call) in message.calls.iter().enumerate() {
            let arguments = call.object().map_err(|wrong| wrong.within(format_args!("tool_calls[{number}]")))?;
            out.item(b'{');
            out.text("id", &call.id);
            out.open("function", b'{');
            out.text("name", &call.name);
            out.raw("arguments", arguments);
            out.extend_from_slice(b"}}");
        }
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}

/// Text and images are apart, and the images are seen first.
fn content(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let is_image = |part: &Part<'_>| matches!(part.content, Content::Image(_));
    if message.content.chunk_by(|before, after| is_image(before) == is_image(after)).count() > 2 {
        let reason = "images between texts have no place in this provider's protocol";
        return Err(Unsendable::at("content", reason));
    }
    let (mut images, mut texts) = (Vec::new(), Vec::new());
    for (number, part) in message.content.iter().enumerate() {
        let wrong = |wrong: Unsendable| wrong.within(format_args!("content[{number}]"));
        if let Content::Image(image) = &part.content {
            let reason = "this server fetches no images: send them as data: URLs";
            let (_, data) = image
                .inline()
                .and_then(|here| here.ok_or_else(|| Unsendable::at("image_url.url", reason)))
                .map_err(wrong)?;
            images.push(data);
        } else {
            texts.push(part.text().map_err(wrong)?);
        }
    }
    out.text("content", &texts.join("\n"));
    if !images.is_empty() {
        out.name("images");
        serde_json::to_writer(out, &images).expect("a vector takes all");
    }
    Ok(())
}

fn tools(chat: &Chat<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match &chat.choice {
        Some(Choice::None) => return Ok(()),
        Some(Choice::Required | Choice::Named(_)) => {
            return Err(Unsendable::at("tool_choice", "this provider's protocol leaves it to the model"));
        }
        Some(Choice::Auto) | None => {}
    }
    if chat.tools.is_empty() {
        return Ok(());
    }
    if !chat.parallel {
        return Err(Unsendable::at("parallel_tool_calls", "this provider's protocol has no words for it"));
    }
    out.open("tools", b'[');
    for (number, tool) in chat.tools.iter().enumerate() {
        if tool.strict {
            let place = format_args!("tools[{number}].function.strict");
            return Err(Unsendable::at(place, "this provider's protocol has no words for it"));
        }
        out.item(b'{');
        out.text("type", "function");
        out.open("function", b'{');
        out.text("name", &tool.name);
        if !tool.description.is_empty() {
            out.text("description", &tool.description);
        }
        let none = r#"{"type":"object","properties":{}}"#;
        out.raw("parameters", tool.parameters.map_or(none, |parameters| parameters.get()));
        out.extend_from_slice(b"}}");
    }
    out.push(b']');
    Ok(())
}

pub(super) fn decode(
    target: &Target,
    body: &str,
    reply: &Object<'_>,
    out: &mut Vec<u8>,
) -> Result<Answered, Malformed> {
    if !reply.is_true("done") || reply.get("message").is_none() {
        return Err(Malformed("it is no whole answer".to_owned()));
    }
    let message = reply.table("message");
    let content = message.text("content");
    let (thought, answer) = if target.reasons == Some(false) { ("", &*content) } else { apart(&content) };
    let word = reply.text("done_reason");
    let said = Said {
        text: answer.to_owned(),
        reasoning: message.text("thinking").into_owned() + thought,
        calls: message.rows("tool_calls").iter().map(call).collect(),
        stop: match word.to_ascii_lowercase().as_str() {
            "" | "stop" => Stop::End,
            "length" => Stop::Length,
            _ => Stop::Other,
        },
        word,
        ..Said::default()
    };
    let usage =
        Usage { input: reply.count("prompt_eval_count"), output: reply.count("eval_count"), ..Usage::default() };
    let model = target.answering(reply.text("model"));
    Ok(Completion { id: Default::default(), model, choices: vec![said], usage }.write(body, out))
}

fn call<'a>(call: &Object<'a>) -> Call<'a> {
    let function = call.table("function");
    let (name, arguments) = (function.text("name"), function.json_text("arguments"));
    Call { id: call.text("id"), name, arguments, signature: Default::default() }
}
