//! What is answered, whatever the protocol.

use std::borrow::Cow;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use serde::Deserialize;

use crate::counts::COUNTS;

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

/// A status and whether it takes the time of a completion.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) takes_time: bool,
}

const MODELS: &str = r#"{"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"bench"}]}"#;
const WORDS: &str = "The quick answer is that it depends on what is asked, and the longer one is that a model says about \
    this much when nobody tells it to be brief: two sentences, a number, and a remark on what was left out.";

/// Answers a whole request: the JSON is put at the end of `out`.
pub(crate) fn answer(method: &str, path: &str, body: &[u8], out: &mut Vec<u8>) -> Answer {
    let status = match (method, path) {
        ("POST", _) if path.ends_with("/chat/completions") => match serde_json::from_slice(body) {
            Ok(asked) => {
                complete(&asked, out);
                return Answer { status: 200, takes_time: true };
            }
            Err(error) => refuse(400, &error.to_string(), out),
        },
        ("GET", _) if path.ends_with("/models") => {
            out.extend(MODELS.as_bytes());
            200
        }
        ("GET", "/stats") => {
            out.extend(COUNTS.to_string().as_bytes());
            200
        }
        _ => refuse(404, "not served here", out),
    };
    Answer { status, takes_time: false }
}

fn complete(asked: &Asked, out: &mut Vec<u8>) {
    let number = COUNTS.completions.fetch_add(1, Relaxed);
    let prompt = asked.messages.last().map_or("", |message| &message.content);
    let (input, output) = (prompt.len() / 4 + 8, WORDS.len() / 4);
    let _ = write!(
        out,
        concat!(
            r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion","created":1770000000,"model":{},"#,
            r#""choices":[{{"index":0,"message":{{"role":"assistant","content":"{:08x} {}","refusal":null}},"#,
            r#""logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{},"completion_tokens":{},"#,
            r#""total_tokens":{},"prompt_tokens_details":{{"cached_tokens":0}}}},"system_fingerprint":"fp_bench"}}"#
        ),
        scattered(number),
        serde_json::Value::from(&*asked.model),
        crc32fast::hash(prompt.as_bytes()),
        WORDS,
        input,
        output,
        input + output,
    );
}

fn refuse(status: u16, message: &str, out: &mut Vec<u8>) -> u16 {
    COUNTS.refused.fetch_add(1, Relaxed);
    let error = serde_json::json!({"error": {"message": message, "type": "invalid_request_error", "code": status}});
    out.extend(error.to_string().as_bytes());
    status
}

/// A number of its own for each number, without order (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
