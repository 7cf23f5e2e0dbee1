use serde_json::{Value, json};

use super::*;

const PROTOCOLS: [Protocol; 4] = [Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini, Protocol::Ollama];
const PIXEL: &str = "data:image/png;base64,iVBORw==";

/// All of the others' words for what OpenAI's form can ask.
fn targets() -> Vec<Target> {
    let mut targets: Vec<Target> = PROTOCOLS.iter().map(|protocol| Target::new(*protocol, "m")).collect();
    targets.push(Target { responses: true, ..Target::new(Protocol::OpenAi, "m") });
    targets.push(Target {
        lacks: vec!["json_schema".to_owned(), "max_tokens".to_owned()],
        ..Target::new(Protocol::OpenAi, "m")
    });
    targets
}

fn responses() -> Target {
    Target { responses: true, ..Target::new(Protocol::OpenAi, "m") }
}

fn encoded(target: &Target, body: &Value) -> Result<Value, Unsendable> {
    let mut out = Vec::new();
    encode(target, Kind::Chat, body.to_string().as_bytes(), &mut out)?;
    Ok(serde_json::from_slice(&out).expect("what is sent is JSON"))
}

fn decoded(target: &Target, body: &[u8]) -> Result<(Value, Answered), Malformed> {
    let mut out = Vec::new();
    let answered = decode(target, Kind::Chat, body, &mut out)?;
    assert!(!out.contains(&b'\n'));
    Ok((serde_json::from_slice(&out).expect("what is kept is JSON"), answered))
}

/// With a tool, its result, an image, and settings that all of them have.
fn conversation() -> Value {
    json!({
        "model": "x", "stream": true, "n": 1, "logprobs": false, "user": "u",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": PIXEL}}, {"type": "text", "text": "Where?"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{\"b\": 1, \"a\": 2}"}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "{\"found\": true}"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "dark"}]},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "find", "description": "Finds.", "parameters": {"type": "object"}}}],
        "tool_choice": "auto",
        "max_tokens": 1, "max_completion_tokens": 50, "temperature": 0.5,
    })
}

#[test]
fn anthropics_words() {
    let sent = encoded(&Target::new(Protocol::Anthropic, "m"), &conversation()).unwrap();
    let expected = json!({
        "model": "m", "max_tokens": 50, "system": "Be brief.", "temperature": 0.5, "metadata": {"user_id": "u"},
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                {"type": "text", "text": "Where?"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "find", "input": {"b": 1, "a": 2}},
                {"type": "tool_use", "id": "c2", "name": "look", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "{\"found\": true}"}]},
                {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "dark"}]}]},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto"},
    });
    assert_eq!(sent, expected);
}

#[test]
fn geminis_words() {
    let sent = encoded(&Target::new(Protocol::Gemini, "m"), &conversation()).unwrap();
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}, {"text": "Where?"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "c1", "name": "find", "args": {"b": 1, "a": 2}}},
                {"functionCall": {"id": "c2", "name": "look", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c1", "name": "find", "response": {"found": true}}},
                {"functionResponse": {"id": "c2", "name": "look", "response": {"output": "dark"}}}]},
            {"role": "user", "parts": [{"text": "And now?"}]},
        ],
        "tools": [{"functionDeclarations": [
            {"name": "find", "description": "Finds.", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"maxOutputTokens": 50, "temperature": 0.5},
    });
    assert_eq!(sent, expected);
}

#[test]
fn ollamas_words() {
    let target = Target { context_tokens: Some(4096), ..Target::new(Protocol::Ollama, "m") };
    let sent = encoded(&target, &conversation()).unwrap();
    let expected = json!({
        "model": "m", "stream": false, "truncate": false, "shift": false,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where?", "images": ["iVBORw=="]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "function": {"name": "find", "arguments": {"b": 1, "a": 2}}},
                {"id": "c2", "function": {"name": "look", "arguments": {}}}]},
            {"role": "tool", "content": "{\"found\": true}", "tool_call_id": "c1", "tool_name": "find"},
            {"role": "tool", "content": "dark", "tool_call_id": "c2", "tool_name": "look"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "find", "description": "Finds.", "parameters": {"type": "object"}}}],
        "options": {"num_ctx": 4096, "num_predict": 50, "temperature": 0.5},
    });
    assert_eq!(sent, expected);
}

#[test]
fn the_responses_apis_words() {
    let sent = encoded(&responses(), &conversation()).unwrap();
    let expected = json!({
        "model": "m", "instructions": "Be brief.", "max_output_tokens": 50, "temperature": 0.5, "store": false,
        "user": "u",
        "input": [
            {"type": "message", "role": "user", "content": [
                {"type": "input_image", "image_url": PIXEL}, {"type": "input_text", "text": "Where?"}]},
            {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{\"b\": 1, \"a\": 2}"},
            {"type": "function_call", "call_id": "c2", "name": "look", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "{\"found\": true}"},
            {"type": "function_call_output", "call_id": "c2", "output": "dark"},
            {"type": "message", "role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "name": "find", "description": "Finds.", "parameters": {"type": "object"},
            "strict": false}],
        "tool_choice": "auto",
    });
    assert_eq!(sent, expected);
}

#[test]
fn schemas_keep_the_order_of_their_properties() {
    let schema = r#"{"type":"object","properties":{"z":{"type":"integer"},"a":{"maximum":1e400}}}"#;
    let format = format!(r#"{{"type":"json_schema","json_schema":{{"name":"n","strict":true,"schema":{schema}}}}}"#);
    let body = format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],"response_format":{format}}}"#);
    for target in targets() {
        let mut out = Vec::new();
        encode(&target, Kind::Chat, body.as_bytes(), &mut out).unwrap();
        let sent = String::from_utf8(out).unwrap().replace("\\\"", "\"");
        assert!(sent.contains(schema), "{sent}");
    }
}

#[test]
fn who_knows_no_schemas_is_told_in_words() {
    let target = Target { lacks: vec!["json_schema".to_owned()], ..Target::new(Protocol::OpenAi, "m") };
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let asked = "Answer with JSON of this JSON Schema, and with nothing else:\n{\"type\":\"object\"}";
    let hi = json!({"role": "user", "content": "hi"});
    for (messages, expected) in [
        (json!([hi]), json!([{"role": "system", "content": asked}, hi])),
        (
            json!([{"role": "system", "content": "Be brief."}, hi]),
            json!([{"role": "system", "content": format!("Be brief.\n\n{asked}")}, hi]),
        ),
    ] {
        let sent = encoded(&target, &json!({"messages": messages, "response_format": format})).unwrap();
        assert_eq!(sent, json!({"model": "m", "messages": expected, "response_format": {"type": "json_object"}}));
    }
}

/// The path of what cannot be sent, for each protocol; empty: it can.
#[test]
fn what_a_protocol_has_no_words_for_is_named() {
    let hi = || json!({"role": "user", "content": "hi"});
    let says = |fields: Value| {
        let mut body = json!({"messages": [hi()]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let heard = |message: Value| json!({"messages": [hi(), message, hi()]});
    let part = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let image = |url: &str| part(json!({"type": "image_url", "image_url": {"url": url}}));
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let url = "messages[0].content[0].image_url.url";
    // Anthropic, Gemini, Ollama, Responses
    for (body, paths) in [
        (says(json!({"n": 2})), ["n", "", "n", "n"]),
        (says(json!({"logprobs": true})), ["logprobs"; 4]),
        (says(json!({"seed": 1})), ["seed", "", "", "seed"]),
        (says(json!({"stop": "x"})), ["", "", "", "stop"]),
        (says(json!({"frequency_penalty": 0.5})), ["frequency_penalty", "", "", "frequency_penalty"]),
        (says(json!({"frequency_penalty": 0.0, "logit_bias": {}, "metadata": {"a": "b"}, "store": false})), [""; 4]),
        (says(json!({"logit_bias": {"1": 2}})), ["logit_bias"; 4]),
        (says(json!({"store": true})), ["store", "store", "store", ""]),
        (says(json!({"functions": []})), ["functions"; 4]),
        (says(json!({"thinking": {"type": "adaptive"}})), ["", "thinking", "thinking", "thinking"]),
        (says(json!({"safetySettings": [{}]})), ["safetySettings", "", "safetySettings", "safetySettings"]),
        (says(json!({"keep_alive": -1})), ["keep_alive", "keep_alive", "", "keep_alive"]),
        (says(json!({"response_format": {"type": "json_object"}})), ["response_format.type", "", "", ""]),
        (says(json!({"response_format": {"type": "xml"}})), ["response_format.type"; 4]),
        (says(json!({"tools": tool, "tool_choice": "required"})), ["", "", "tool_choice", ""]),
        (
            says(json!({"tools": tool, "parallel_tool_calls": false})),
            ["", "parallel_tool_calls", "parallel_tool_calls", ""],
        ),
        (says(json!({"tools": [{"type": "custom", "custom": {"name": "f"}}]})), ["tools[0].custom"; 4]),
        (says(json!({"reasoning_effort": "low"})), [""; 4]),
        (says(json!({"reasoning_effort": "none"})), ["", "reasoning_effort", "", ""]),
        (says(json!({"reasoning_effort": 1})), ["reasoning_effort", "reasoning_effort", "reasoning_effort", ""]),
        (says(json!({"messages": []})), ["messages"; 4]),
        (says(json!({"messages": {}})), ["messages"; 4]),
        (image("https://example.com/a.png"), ["", "", url, ""]),
        (image("file:///etc/passwd"), [url, url, url, ""]),
        (image("data:image/png,abc"), [url, url, url, ""]),
        (image("data:image/tiff;base64,abc"), [url, "", "", ""]),
        (
            part(json!({"type": "input_audio", "input_audio": {"data": "a", "format": "wav"}})),
            ["messages[0].content[0]", "", "messages[0].content[0]", "messages[0].content[0]"],
        ),
        (part(json!({"type": "file", "file": {"file_id": "f"}})), ["messages[0].content[0].file.file_id"; 4]),
        (heard(json!({"role": "system", "content": "hi"})), ["messages[1].role", "messages[1].role", "", ""]),
        (heard(json!({"role": "function", "content": "hi"})), ["messages[1].role"; 4]),
        (heard(json!({"role": "user", "name": "Ada", "content": "hi"})), ["messages[1].name"; 4]),
        (heard(json!({"content": "hi"})), ["messages[1].role"; 4]),
        (heard(json!({"role": "user", "content": 7})), ["messages[1].content"; 4]),
        (heard(json!({"role": "tool", "tool_call_id": "c", "content": "x"})), ["", "messages[1].tool_call_id", "", ""]),
        (
            heard(
                json!({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "x"}}]}),
            ),
            [
                "messages[1].tool_calls[0].function.arguments",
                "messages[1].tool_calls[0].function.arguments",
                "messages[1].tool_calls[0].function.arguments",
                "",
            ],
        ),
    ] {
        let targets = [Protocol::Anthropic, Protocol::Gemini, Protocol::Ollama].map(|one| Target::new(one, "m"));
        for (target, path) in targets.iter().chain([&responses()]).zip(paths) {
            let sent = encoded(target, &body);
            assert_eq!(sent.map_or_else(|wrong| wrong.path, |_| String::new()), path, "{:?} {body}", target.protocol);
        }
    }
}

#[test]
fn anthropic_always_has_a_longest_answer() {
    let mut target = Target::new(Protocol::Anthropic, "m");
    for (known, asked) in [(None, 8192), (Some(4096), 4096), (Some(128_000), 32_768)] {
        target.max_output_tokens = known;
        let sent = encoded(&target, &json!({"messages": [{"role": "user", "content": "hi"}]})).unwrap();
        assert_eq!(sent["max_tokens"], json!(asked));
    }
}

#[test]
fn signatures_of_thoughts_go_to_and_fro() {
    let target = Target::new(Protocol::Gemini, "m");
    let body = br#"{"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true},
        {"functionCall":{"name":"f","args":{"b":1,"a":1}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}]}"#;
    let (answer, _) = decoded(&target, body).unwrap();
    let message = &answer["choices"][0]["message"];
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(message["reasoning_content"], "Hm.");
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"b":1,"a":1}"#);
    let sent = encoded(&target, &json!({"messages": [{"role": "user", "content": "hi"}, message]})).unwrap();
    let part = &sent["contents"][1]["parts"][0];
    assert_eq!(part["thoughtSignature"], "c2ln");
    assert_eq!(part["functionCall"]["args"], json!({"a": 1, "b": 1}));
}

const ANSWERS: [(Protocol, &[u8], Answered); 6] = [
    (
        Protocol::Anthropic,
        include_bytes!("../../../../../tests/providers/transcripts/llama-messages.json"),
        Answered { input_tokens: Some(6), output_tokens: Some(7), cached_tokens: Some(5), tags: false },
    ),
    (
        Protocol::Anthropic,
        include_bytes!("../../../../../tests/providers/transcripts/llmock-messages.json"),
        Answered { input_tokens: Some(0), output_tokens: Some(9), cached_tokens: None, tags: false },
    ),
    (
        Protocol::Gemini,
        include_bytes!("../../../../../tests/providers/transcripts/llmock-gemini.json"),
        Answered { input_tokens: Some(0), output_tokens: Some(14), cached_tokens: None, tags: false },
    ),
    (
        Protocol::Ollama,
        include_bytes!("../../../../../tests/providers/transcripts/aimock-ollama.json"),
        Answered { input_tokens: Some(0), output_tokens: Some(0), cached_tokens: None, tags: false },
    ),
    (
        Protocol::OpenAi,
        include_bytes!("../../../../../tests/providers/transcripts/llama-chat.json"),
        Answered { input_tokens: Some(6), output_tokens: Some(7), cached_tokens: Some(5), tags: true },
    ),
    (
        Protocol::OpenAi,
        include_bytes!("../../../../../tests/providers/transcripts/llmock-chat.json"),
        Answered { input_tokens: Some(0), output_tokens: Some(9), cached_tokens: None, tags: true },
    ),
];
const RESPONSE: &[u8] = include_bytes!("../../../../../tests/providers/transcripts/llama-responses.json");

#[test]
fn real_answers_are_read() {
    for (protocol, body, expected) in ANSWERS {
        let (answer, answered) = decoded(&Target::new(protocol, "m"), body).unwrap();
        assert_eq!(answered, expected, "{answer}");
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        let text = answered.text(answer.to_string().as_bytes()).unwrap();
        assert!(!text.is_empty() && answer["choices"][0]["message"]["content"] == text);
    }
    let (answer, answered) = decoded(&responses(), RESPONSE).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello from a tiny real model.");
    assert_eq!((answered.input_tokens, answered.output_tokens, answered.cached_tokens), (Some(6), Some(7), Some(5)));
}

#[test]
fn why_an_answer_ended() {
    for (word, reason) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
    ] {
        let body = json!({"type": "message", "content": [{"type": "text", "text": "t"}], "stop_reason": word});
        let (answer, _) = decoded(&Target::new(Protocol::Anthropic, "m"), body.to_string().as_bytes()).unwrap();
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], reason);
        assert_eq!(choice["native_finish_reason"], word);
        assert_eq!(choice["message"]["refusal"].is_string(), word == "refusal");
    }
    let blocked = br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#;
    let (answer, answered) = decoded(&Target::new(Protocol::Gemini, "m"), blocked).unwrap();
    assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(answered.input_tokens, Some(3));
}

#[test]
fn tags_are_no_answer() {
    let body = json!({"choices": [{"message": {"content": "<think>So.</think>\n{}"}}]}).to_string();
    let mut target = Target::new(Protocol::OpenAi, "m");
    let (answer, answered) = decoded(&target, body.as_bytes()).unwrap();
    assert_eq!(answered.text(answer.to_string().as_bytes()).as_deref(), Some("{}"));
    target.reasons = Some(false);
    let (answer, answered) = decoded(&target, body.as_bytes()).unwrap();
    assert!(answered.text(answer.to_string().as_bytes()).unwrap().starts_with("<think>"));
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in [
        "",
        "<html>",
        "{}",
        "[]",
        "{",
        "null",
        r#"{"error":{"message":"no"}}"#,
        r#"{"error":"no","type":"message","content":[],"done":true,"message":{},"candidates":[{}],"output":[]}"#,
        r#"{"type":"error","content":[]}"#,
        r#"{"base_resp":{"status_code":1002},"choices":[{"message":{}}]}"#,
        r#"{"choices":[{"error":{"code":502},"message":{"content":""}}]}"#,
        r#"{"type":"message","content":{}}"#,
        r#"{"candidates":[]}"#,
        r#"{"message":{"content":"cut"},"done":false}"#,
        r#"{"output":[],"status":"failed"}"#,
    ] {
        for target in targets() {
            assert!(decoded(&target, body.as_bytes()).is_err(), "{:?} {body}", target.protocol);
        }
    }
}

#[test]
fn counts_that_are_none_do_not_spoil_an_answer() {
    for usage in ["7", "[]", r#"{"prompt_tokens":-1}"#, r#"{"prompt_tokens":"7"}"#, r#"{"prompt_tokens":1e300}"#] {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"a"}}}}],"usage":{usage},"usage":{usage}}}"#);
        let mut out = Vec::new();
        let answered = decode(&Target::new(Protocol::OpenAi, "m"), Kind::Chat, body.as_bytes(), &mut out).unwrap();
        assert_eq!(answered.input_tokens, None);
    }
}

/// Bytes that are changed, taken out, doubled and put elsewhere, of all that is here: whatever comes of it is JSON on
/// one line, or an error.
#[test]
fn no_bytes_at_all_do_harm() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let mut bodies: Vec<Vec<u8>> = ANSWERS.iter().map(|(_, body, _)| body.to_vec()).collect();
    bodies.push(RESPONSE.to_vec());
    bodies.push(conversation().to_string().into_bytes());
    let targets = targets();
    let kinds = [Kind::Chat, Kind::Completions, Kind::Embeddings, Kind::Responses];
    for round in 0..6000 {
        let mut body = bodies[round % bodies.len()].clone();
        for _ in 0..=random(4) {
            let (at, size) = (random(body.len()), random(12));
            let end = (at + size).min(body.len());
            match random(5) {
                0 => body[at] = random(256) as u8,
                1 => drop(body.drain(at..end)),
                2 => body.extend_from_within(at..end),
                3 => body[at] = b"{}[]\":,\\u0ne1"[random(13)],
                _ => body.truncate(at.max(1)),
            }
            if body.is_empty() {
                body.push(b'{');
            }
        }
        let (target, kind) = (&targets[random(targets.len())], kinds[random(16) / 4 % kinds.len()]);
        let mut out = Vec::new();
        if encode(target, kind, &body, &mut out).is_ok() {
            serde_json::from_slice::<Box<serde_json::value::RawValue>>(&out).expect("what is sent is JSON");
        }
        out.clear();
        if let Ok(answered) = decode(target, kind, &body, &mut out) {
            serde_json::from_slice::<Box<serde_json::value::RawValue>>(&out).expect("what is kept is JSON");
            assert!(!out.iter().any(|byte| matches!(byte, b'\n' | b'\r')));
            let _ = answered.text(&out);
        }
    }
}

#[test]
fn depth_does_no_harm() {
    let deep = "[".repeat(200_000);
    let closed = "[".repeat(200_000) + &"]".repeat(200_000);
    for target in targets() {
        for value in [&deep, &closed] {
            for name in ["content", "candidates", "message", "choices", "output", "messages", "tools", "usage"] {
                let body = format!(r#"{{"type":"message","done":true,"{name}":{value}}}"#);
                let _ = decode(&target, Kind::Chat, body.as_bytes(), &mut Vec::new());
                let _ = encode(&target, Kind::Chat, body.as_bytes(), &mut Vec::new());
            }
        }
    }
}
