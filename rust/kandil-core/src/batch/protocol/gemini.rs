//! Google's generateContent, after <https://ai.google.dev/api/generate-content>.

use super::chat::{Chat, Setting};
use super::completion::{Completion, Said, Stop, Usage};
use super::json::{Beside, Json};
use super::message::{Call, Message, Role};
use super::object::Object;
use super::part::{Content, Part, data_url};
use super::tools::{Choice, Format};
use super::{Answered, Malformed, Target, Unsendable};

pub(super) fn encode(target: &Target, body: &[u8], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let chat = Chat::read(target, body)?;
    let preamble = chat.preamble()?;
    out.push(b'{');
    system(&chat.messages[..preamble], out)?;
    out.open("contents", b'[');
    let mut place = preamble;
    let both_results =
        |before: &Message<'_>, after: &Message<'_>| before.role == Role::Tool && after.role == Role::Tool;
    for turn in chat.messages[preamble..].chunk_by(both_results) {
        out.item(b'{');
        out.text("role", if turn[0].role == Role::Assistant { "model" } else { "user" });
        out.open("parts", b'[');
        for message in turn {
            parts(&chat, message, out).map_err(|wrong| wrong.within(format_args!("messages[{place}]")))?;
            place += 1;
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
    tools(&chat, out)?;
    let (mut config, mut thinking) = (Beside::new(), Beside::new());
    if let Some(longest) = chat.longest {
        config.0.raw("maxOutputTokens", longest.get());
    }
    if !matches!(chat.format, Format::Text) {
        config.0.text("responseMimeType", "application/json");
    }
    if let Format::Schema(schema) = &chat.format {
        config.0.raw("responseJsonSchema", schema.alone()?);
    }
    if target.reasons == Some(true) {
        thinking.0.raw("includeThoughts", "true");
    }
    for setting in &chat.settings {
        self::setting(target, setting, &mut config, &mut thinking, out)?;
    }
    thinking.end("thinkingConfig", &mut config.0);
    config.end("generationConfig", out);
    out.push(b'}');
    Ok(())
}

fn setting(
    target: &Target,
    setting: &Setting<'_>,
    config: &mut Beside,
    thinking: &mut Beside,
    out: &mut Vec<u8>,
) -> Result<(), Unsendable> {
    let value = setting.value.get();
    match setting.name.as_ref() {
        name @ ("temperature" | "seed") => config.0.raw(name, value),
        "top_p" => config.0.raw("topP", value),
        "top_k" => config.0.raw("topK", value),
        "n" => config.0.raw("candidateCount", value),
        "stop" => config.0.raw("stopSequences", &setting.list()),
        "frequency_penalty" => config.0.raw("frequencyPenalty", value),
        "presence_penalty" => config.0.raw("presencePenalty", value),
        name @ ("safetySettings" | "cachedContent") => out.raw(name, value),
        "reasoning_effort" => effort(target, setting, thinking)?,
        _ => return setting.leave_out(),
    }
    Ok(())
}

/// After <https://ai.google.dev/gemini-api/docs/openai>: models before the third have a budget, later ones a level.
fn effort(target: &Target, setting: &Setting<'_>, thinking: &mut Beside) -> Result<(), Unsendable> {
    let effort = setting.text()?;
    if target.model.contains("gemini-2") {
        let budget = match effort.as_ref() {
            "none" => "0",
            "minimal" | "low" => "1024",
            "medium" => "8192",
            "high" => "24576",
            _ => return Err(setting.refuse()),
        };
        thinking.0.raw("thinkingBudget", budget);
        return Ok(());
    }
    if !matches!(effort.as_ref(), "minimal" | "low" | "medium" | "high") {
        return Err(setting.refuse());
    }
    thinking.0.text("thinkingLevel", &effort);
    Ok(())
}

fn system(said: &[Message<'_>], out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if said.iter().all(|message| message.content.is_empty()) {
        return Ok(());
    }
    out.open("systemInstruction", b'{');
    out.open("parts", b'[');
    for (place, message) in said.iter().enumerate() {
        for (number, part) in message.content.iter().enumerate() {
            let wrong = |wrong: Unsendable| wrong.within(format_args!("messages[{place}].content[{number}]"));
            text(part.text().map_err(wrong)?, out);
        }
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.item(b'{');
    out.text("text", text);
    out.push(b'}');
}

fn parts(chat: &Chat<'_>, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if message.role == Role::Tool {
        return result(chat, message, out);
    }
    let before = out.len();
    for (number, part) in message.content.iter().enumerate() {
        self::part(part, out).map_err(|wrong| wrong.within(format_args!("content[{number}]")))?;
    }
    for (number, call) in message.calls.iter().enumerate() {
        let arguments = call.object().map_err(|wrong| wrong.within(format_args!("tool_calls[{number}]")))?;
        out.item(b'{');
        out.open("functionCall", b'{');
        if !call.id.is_empty() {
            out.text("id", &call.id);
        }
        out.text("name", &call.name);
        out.raw("args", arguments);
        out.push(b'}');
        if !call.signature.is_empty() {
            out.text("thoughtSignature", &call.signature);
        }
        out.push(b'}');
    }
    if out.len() == before {
        text("", out); // there is one at least
    }
    Ok(())
}

/// Of a call: an object, or text in one.
fn result(chat: &Chat<'_>, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    let named = chat.called(&message.result_of).unwrap_or(&message.name);
    if named.is_empty() {
        return Err(Unsendable::at("tool_call_id", "no message before it calls a tool so"));
    }
    out.item(b'{');
    out.open("functionResponse", b'{');
    out.text("id", &message.result_of);
    out.text("name", named);
    let said = message.text()?;
    if Object::read(&said).is_ok() {
        out.raw("response", said.trim_ascii());
    } else {
        out.open("response", b'{');
        out.text("output", &said);
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

fn part(part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    match &part.content {
        Content::Text(said) | Content::Refusal(said) => {
            if !said.is_empty() {
                text(said, out);
            }
        }
        Content::Image(image) => match image.inline()? {
            Some((media, data)) => inline(media, data, out),
            None if image.url.starts_with("http://") => {
                return Err(Unsendable::at("image_url.url", "this provider fetches from https:// and gs:// alone"));
            }
            None => {
                out.item(b'{');
                out.open("fileData", b'{');
                out.text("fileUri", &image.url);
                out.extend_from_slice(b"}}");
            }
        },
        Content::Audio(format, data) => inline(&format!("audio/{format}"), data, out),
        Content::File(_, url) => {
            let (media, data) = data_url(url).map_err(|wrong| wrong.within("file.file_data"))?;
            inline(media, data, out);
        }
    }
    Ok(())
}

fn inline(media: &str, data: &str, out: &mut Vec<u8>) {
    out.item(b'{');
    out.open("inlineData", b'{');
    out.text("mimeType", media);
    out.text("data", data);
    out.extend_from_slice(b"}}");
}

fn tools(chat: &Chat<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
    if chat.tools.is_empty() {
        return Ok(());
    }
    if !chat.parallel {
        return Err(Unsendable::at("parallel_tool_calls", "this provider's protocol has no words for it"));
    }
    out.open("tools", b'[');
    out.item(b'{');
    out.open("functionDeclarations", b'[');
    for tool in &chat.tools {
        out.item(b'{');
        out.text("name", &tool.name);
        if !tool.description.is_empty() {
            out.text("description", &tool.description);
        }
        if let Some(parameters) = tool.parameters {
            out.raw("parametersJsonSchema", parameters.get());
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}]");
    let (mode, named) = match &chat.choice {
        Some(Choice::None) => ("NONE", None),
        Some(Choice::Required) => ("ANY", None), // which holds to the schemas, as VALIDATED does
        Some(Choice::Named(name)) => ("ANY", Some(name)),
        _ if chat.tools.iter().any(|tool| tool.strict) => ("VALIDATED", None),
        Some(Choice::Auto) => ("AUTO", None),
        None => return Ok(()),
    };
    out.open("toolConfig", b'{');
    out.open("functionCallingConfig", b'{');
    out.text("mode", mode);
    if let Some(name) = named {
        out.open("allowedFunctionNames", b'[');
        crate::batch::fields::quoted(out, name);
        out.push(b']');
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

pub(super) fn decode(
    target: &Target,
    body: &str,
    reply: &Object<'_>,
    out: &mut Vec<u8>,
) -> Result<Answered, Malformed> {
    let mut choices: Vec<Said<'_>> = reply.rows("candidates").iter().map(said).collect();
    let blocked = reply.table("promptFeedback").text("blockReason");
    if !blocked.is_empty() {
        choices.truncate(1);
        let said = choices.pop().unwrap_or_default();
        choices.push(Said { stop: Stop::Filter, word: blocked, ..said });
    }
    if choices.is_empty() {
        return Err(Malformed("there are no candidates".to_owned()));
    }
    let usage = usage(&reply.table("usageMetadata"));
    let model = target.answering(reply.text("modelVersion"));
    Ok(Completion { id: reply.text("responseId"), model, choices, usage }.write(body, out))
}

fn said<'a>(candidate: &Object<'a>) -> Said<'a> {
    let mut said = Said { word: candidate.text("finishReason"), ..Said::default() };
    for part in candidate.table("content").rows("parts") {
        let text = part.text("text");
        if part.is_true("thought") {
            said.reasoning.push_str(&text)
        } else {
            said.text.push_str(&text)
        }
        let call = part.table("functionCall");
        if !call.is_empty() {
            said.calls.push(Call {
                id: call.text("id"),
                name: call.text("name"),
                arguments: call.json_text("args"),
                signature: part.text("thoughtSignature"),
            });
        }
    }
    said.stop = match said.word.to_ascii_lowercase().as_str() {
        "stop" => Stop::End,
        "max_tokens" => Stop::Length,
        "malformed_function_call" | "unexpected_tool_call" => Stop::Tool,
        "safety" | "recitation" | "blocklist" | "prohibited_content" | "spii" | "image_safety" => Stop::Filter,
        _ => Stop::Other,
    };
    said
}

fn usage(counted: &Object<'_>) -> Usage {
    let (written, thought) = (counted.count("candidatesTokenCount"), counted.count("thoughtsTokenCount"));
    let shown = counted.count("promptTokenCount");
    if shown.is_none() && written.is_none() {
        return Usage::default();
    }
    Usage {
        input: shown.map(|shown| shown + counted.count("toolUsePromptTokenCount").unwrap_or(0)),
        output: written.or(thought).map(|_| written.unwrap_or(0) + thought.unwrap_or(0)),
        reasoning: thought,
        cached: counted.count("cachedContentTokenCount"),
    }
}
