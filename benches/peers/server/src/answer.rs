//! What is answered, whatever the protocol, and what is counted.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;

/// Makes answers and counts them.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) connections: u64,
    pub(crate) open_connections: u64,
    pub(crate) peak_open_connections: u64,
    in_flight: u64,
    peak_in_flight: u64,
    completions: u64,
    refused: u64,
}

#[derive(Deserialize)]
struct Completion<'a> {
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

const WORDS: &str = "The quick answer is that it depends on what is asked, and the longer one is that a model says about \
    this much when nobody tells it to be brief: two sentences, a number, and a remark on what was left out.";

impl Desk {
    /// Answers a whole request: the JSON is put at the end of `out`.
    pub(crate) fn answer(&mut self, method: &str, path: &str, body: &[u8], out: &mut Vec<u8>) -> Answer {
        let (status, takes_time) = match (method, path) {
            ("POST", _) if path.ends_with("/chat/completions") => match serde_json::from_slice(body) {
                Ok(asked) => {
                    self.complete(&asked, out);
                    (200, true)
                }
                Err(error) => (self.refuse(400, &error.to_string(), out), false),
            },
            ("GET", _) if path.ends_with("/models") => {
                out.extend(
                    br#"{"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"bench"}]}"#,
                );
                (200, false)
            }
            ("GET", "/stats") => {
                self.say(out);
                (200, false)
            }
            _ => (self.refuse(404, "not served here", out), false),
        };
        Answer { status, takes_time }
    }

    pub(crate) fn opened(&mut self) {
        self.connections += 1;
        self.open_connections += 1;
        self.peak_open_connections = self.peak_open_connections.max(self.open_connections);
    }

    /// A completion is on its way: until [`Desk::sent`] it counts as in flight.
    pub(crate) fn taken(&mut self) {
        self.in_flight += 1;
        self.peak_in_flight = self.peak_in_flight.max(self.in_flight);
    }

    pub(crate) fn sent(&mut self) {
        self.in_flight -= 1;
    }

    fn complete(&mut self, asked: &Completion, out: &mut Vec<u8>) {
        self.completions += 1;
        let prompt = asked.messages.last().map_or("", |message| &message.content);
        let (input, output) = (prompt.len() / 4 + 8, WORDS.len() / 4);
        let _ = write!(
            out,
            concat!(
                r#"{{"id":"chatcmpl-{:016x}","object":"chat.completion","created":1770000000,"model":{},"choices":[{{"index":0,"#,
                r#""message":{{"role":"assistant","content":"{:08x} {}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"#,
                r#""usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"#,
                r#""prompt_tokens_details":{{"cached_tokens":0}}}},"system_fingerprint":"fp_bench"}}"#
            ),
            scattered(self.completions),
            serde_json::Value::from(&*asked.model),
            crc32fast::hash(prompt.as_bytes()),
            WORDS,
            input,
            output,
            input + output,
        );
    }

    fn refuse(&mut self, status: u16, message: &str, out: &mut Vec<u8>) -> u16 {
        self.refused += 1;
        let error = serde_json::json!({"error": {"message": message, "type": "invalid_request_error", "code": status}});
        out.extend(error.to_string().as_bytes());
        status
    }

    fn say(&self, out: &mut Vec<u8>) {
        let _ = write!(
            out,
            concat!(
                r#"{{"completions":{},"refused":{},"connections":{},"peak_open_connections":{},"#,
                r#""peak_in_flight":{},"cpu_seconds":{}}}"#
            ),
            self.completions,
            self.refused,
            self.connections,
            self.peak_open_connections,
            self.peak_in_flight,
            cpu_seconds(),
        );
    }
}

/// A number of its own for each number, without order (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is as large as the call says; zeros are valid for it should the call fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
