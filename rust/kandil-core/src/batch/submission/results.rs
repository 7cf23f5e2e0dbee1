//! Results of a provider's batch, as lines of output and of errors.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Dialect, Rows};
use crate::batch::protocol::{self, Kind, Target};
use crate::batch::recorded::Recorded;
use crate::batch::row::id_hash;
use crate::batch::run::{Failure, Named, Recorded as Line, Sink, line};

/// Of one result; what goes on beyond is none.
const LONGEST_LINE: u64 = 256 << 20;
const ROOM_WAIT: std::time::Duration = std::time::Duration::from_millis(1);
const GOOD: std::ops::Range<u16> = 200..300;

/// What a file of results had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Rows with an answer that were not in the output before.
    pub answered: u64,
    /// Rows with an error, likewise.
    pub failed: u64,
    /// Lines that are no result, or of no row of this batch.
    pub strange: u64,
}

/// Lines of a file of results go to the sink, but of rows that `recorded` has; each row's first result counts.
///
/// # Errors
/// The file cannot be read, or the sink can keep no more: then the same call does the rest another time.
pub fn collect(
    dialect: Dialect,
    target: &Target,
    kind: Kind,
    rows: &mut Rows,
    results: &Path,
    recorded: &Recorded,
    sink: &mut dyn Sink,
) -> io::Result<Collected> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(results)?);
    let (mut found, mut bytes) = (Collected::default(), Vec::new());
    loop {
        bytes.clear();
        if Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(found);
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let result = Outcome::read(dialect, &bytes);
        let row = result.as_ref().and_then(|result| rows.take(&result.custom_id));
        let (Some(result), Some(row)) = (&result, row) else {
            found.strange += 1;
            continue;
        };
        if recorded.find(&id_hash(&row.custom_id)).is_none() {
            put(sink, result.recorded(target, kind, row), &mut found)?;
        }
    }
}

/// All rows that have no result yet, neither in `rows` nor in `recorded`, failed like this.
///
/// # Errors
/// The sink can keep no more.
pub fn give_up(rows: &Rows, failure: &Failure, recorded: &Recorded, sink: &mut dyn Sink) -> io::Result<Collected> {
    let mut found = Collected::default();
    for row in rows.left().filter(|row| recorded.find(&id_hash(&row.custom_id)).is_none()) {
        let line = line::failure(row, failure, None);
        put(sink, Line { lane: 0, ok: false, content: row.content, line }, &mut found)?;
    }
    Ok(found)
}

/// Lines of a file go to the sink as errors: those that [`super::prepare`] has written of rows that cannot be sent.
///
/// # Errors
/// The file cannot be read, or the sink can keep no more.
pub fn append_unsent(lines: &Path, sink: &mut dyn Sink) -> io::Result<u64> {
    let mut found = Collected::default();
    for line in BufReader::new(File::open(lines)?).split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        put(sink, Line { lane: 0, ok: false, content: [0; 16], line }, &mut found)?;
    }
    Ok(found.failed)
}

fn put(sink: &mut dyn Sink, line: Line, found: &mut Collected) -> io::Result<()> {
    while !sink.room() && sink.failure().is_none() {
        std::thread::sleep(ROOM_WAIT);
    }
    if let Some(failure) = sink.failure() {
        return Err(io::Error::other(failure));
    }
    found.answered += u64::from(line.ok);
    found.failed += u64::from(!line.ok);
    sink.put(line);
    Ok(())
}

/// A line of results.
struct Outcome<'a> {
    custom_id: String,
    request_id: String,
    /// What was answered, or why nothing was; and what came, where something did.
    result: Result<&'a RawValue, (Failure, Came<'a>)>,
}

/// A status and a body.
type Came<'a> = Option<(u16, &'a RawValue)>;

#[derive(Deserialize)]
struct OpenAiLine<'a> {
    custom_id: String,
    #[serde(borrow, default)]
    response: Option<OpenAiResponse<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OpenAiResponse<'a> {
    status_code: u16,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnthropicLine<'a> {
    custom_id: String,
    #[serde(borrow)]
    result: AnthropicResult<'a>,
}

#[derive(Deserialize)]
struct AnthropicResult<'a> {
    r#type: String,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Outcome<'a> {
    fn read(dialect: Dialect, line: &'a [u8]) -> Option<Outcome<'a>> {
        match dialect {
            Dialect::OpenAi | Dialect::Mistral => Some(Outcome::of_openai(serde_json::from_slice(line).ok()?)),
            Dialect::Anthropic => Some(Outcome::of_anthropic(serde_json::from_slice(line).ok()?)),
        }
    }

    fn of_openai(line: OpenAiLine<'a>) -> Outcome<'a> {
        let OpenAiLine { custom_id, response, error } = line;
        let error = error.filter(|error| error.get() != "null");
        let request_id = response.as_ref().and_then(|response| response.request_id.clone()).unwrap_or_default();
        let came = response.and_then(|response| Some((response.status_code, response.body?)));
        let result = match (came, error) {
            (Some((status, body)), None) if GOOD.contains(&status) => Ok(body),
            (Some((status, body)), _) => Err((said(error.unwrap_or(body)), Some((status, body)))),
            (None, Some(error)) => Err((said(error), None)),
            (None, None) => {
                Err((failure("no_answer", "the provider's batch has neither answer nor error for it"), None))
            }
        };
        Outcome { custom_id, request_id, result }
    }

    fn of_anthropic(line: AnthropicLine<'a>) -> Outcome<'a> {
        let AnthropicLine { custom_id, result } = line;
        let result = match (result.r#type.as_str(), result.message, result.error) {
            ("succeeded", Some(message), _) => Ok(message),
            ("expired", ..) => Err((failure("batch_expired", "the provider did not come to it in time"), None)),
            ("canceled", ..) => {
                Err((failure("batch_cancelled", "the batch was cancelled before it was answered"), None))
            }
            (_, _, Some(error)) => Err((said(error), None)),
            (other, ..) => Err((failure("no_answer", &format!("its result is {other:?}")), None)),
        };
        Outcome { custom_id, request_id: String::new(), result }
    }

    fn recorded(&self, target: &Target, kind: Kind, row: &Named<'_>) -> Line {
        let (ok, line) = match &self.result {
            Ok(body) => {
                let mut decoded = Vec::with_capacity(body.get().len());
                match protocol::decode(target, kind, body.get().as_bytes(), &mut decoded) {
                    Ok(_) => (true, line::answered(row, &self.request_id, &decoded)),
                    Err(why) => {
                        let failure = failure("reply_unreadable", &why.to_string());
                        (false, line::failure(row, &failure, Some((200, body.get().as_bytes()))))
                    }
                }
            }
            Err((failure, came)) => {
                let came = came.map(|(status, body)| (status, body.get().as_bytes()));
                (false, line::failure(row, failure, came))
            }
        };
        Line { lane: 0, ok, content: row.content, line }
    }
}

fn failure(code: &str, message: &str) -> Failure {
    Failure { code: code.to_owned(), message: message.to_owned() }
}

/// What an error says, in any of the forms that errors have.
fn said(error: &RawValue) -> Failure {
    let found: Value = serde_json::from_str(error.get()).unwrap_or_default();
    let inner = found.get("error").filter(|inner| inner.is_object()).unwrap_or(&found);
    let text = |name: &str| inner.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let code = text("code").or(text("type")).unwrap_or("provider_refused");
    let message =
        text("message").or(found.as_str()).map_or_else(|| error.get().chars().take(2000).collect(), str::to_owned);
    Failure { code: code.to_owned(), message }
}
