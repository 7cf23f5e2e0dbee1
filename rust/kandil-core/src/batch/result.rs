//! A line of output, as it is read again.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::row::id_hash;

/// What every line begins with; the 32 digits of the content hash follow.
const BEGINNING: &[u8] = b"{\"id\":\"batch_req_";
const ID: &str = "batch_req_";
const DIGITS: usize = 32;

/// One row's end.
#[derive(Debug)]
pub(super) struct RowResult<'a> {
    pub(super) custom_id: Cow<'a, str>,
    /// Hash of what was sent.
    pub(super) content: [u8; 16],
    /// It is an answer, no error.
    pub(super) ok: bool,
    pub(super) usage: Usage,
}

impl RowResult<'_> {
    pub(super) fn id(&self) -> [u8; 16] {
        id_hash(&self.custom_id)
    }
}

/// Tokens, as the body says them: chats and completions in the first words, responses in the second.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
}

impl Usage {
    pub(super) fn input(&self) -> u64 {
        self.prompt_tokens.or(self.input_tokens).unwrap_or(0)
    }

    pub(super) fn output(&self) -> u64 {
        self.completion_tokens.or(self.output_tokens).unwrap_or(0)
    }

    pub(super) fn cached(&self) -> u64 {
        self.prompt_tokens_details.or(self.input_tokens_details).and_then(|said| said.cached_tokens).unwrap_or(0)
    }
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(serde::Deserialize)]
struct Response {
    #[serde(default)]
    body: Body,
}

/// What is wanted of a body, whatever it is.
#[derive(Default)]
struct Body(Usage);

impl<'a> Deserialize<'a> for Body {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Body, D::Error> {
        from.deserialize_any(Anything)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Usage,
    #[serde(other)]
    Other,
}

struct Anything;

impl<'a> Visitor<'a> for Anything {
    type Value = Body;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_map<Map: MapAccess<'a>>(self, mut map: Map) -> Result<Body, Map::Error> {
        let mut found = Body::default();
        while let Some(field) = map.next_key()? {
            match field {
                // One that has other things in it is nobody's fault here.
                Field::Usage => {
                    found.0 = serde_json::from_str(map.next_value::<&RawValue>()?.get()).unwrap_or_default();
                }
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<Seq: SeqAccess<'a>>(self, mut seq: Seq) -> Result<Body, Seq::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Body::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Body, E> {
        Ok(Body::default())
    }

    fn visit_unit<E>(self) -> Result<Body, E> {
        Ok(Body::default())
    }
}

/// None: it is no whole line of a batch's results.
pub(super) fn result(line: &[u8]) -> Option<RowResult<'_>> {
    let found: Line<'_> = serde_json::from_str(simdutf8::basic::from_utf8(line).ok()?).ok()?;
    let content = unhex(found.id.strip_prefix(ID)?)?;
    let ok = found.error.is_none() && found.response.is_some();
    let usage = found.response.map(|response| response.body.0).unwrap_or_default();
    Some(RowResult { custom_id: found.custom_id, content, ok, usage })
}

/// Whether a line may be one of a batch's results, of which so much was written.
pub(super) fn begins_like_one(line: &[u8]) -> bool {
    let (beginning, rest) = line.split_at(line.len().min(BEGINNING.len()));
    BEGINNING.starts_with(beginning) && rest.iter().take(DIGITS).all(u8::is_ascii_hexdigit)
}

/// What a line of such a content hash begins with, up to its `custom_id`.
pub(super) fn beginning(content: &[u8; 16]) -> Vec<u8> {
    [BEGINNING, format!("{:032x}", u128::from_be_bytes(*content)).as_bytes(), b"\",\"custom_id\":"].concat()
}

/// The content hash of a line, of which nothing else is looked at.
pub(super) fn content(line: &[u8]) -> Option<[u8; 16]> {
    unhex(std::str::from_utf8(line.strip_prefix(BEGINNING)?.get(..DIGITS)?).ok()?)
}

pub(super) fn unhex(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line of a row that was answered, or has failed.
    pub(in crate::batch) fn line(number: u32, ok: bool) -> String {
        let content = format!("{:08x}{:024}", number + 1, 0);
        let end = if ok {
            r#"{"status_code":200,"request_id":"","body":{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}},"error":null"#
        } else {
            r#"null,"error":{"code":"refused","message":"no"}"#
        };
        format!("{{\"id\":\"batch_req_{content}\",\"custom_id\":\"r-{number}\",\"response\":{end}}}\n")
    }

    fn with_body(body: &str) -> String {
        line(1, true).replace(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#, body)
    }

    #[test]
    fn says_of_which_row_it_is_and_how_that_ended() {
        let answered = line(7, true);
        let found = result(answered.as_bytes()).unwrap();
        assert_eq!((&*found.custom_id, found.content[3], found.ok), ("r-7", 8, true));
        assert_eq!((found.usage.input(), found.usage.output()), (3, 2));
        assert!(!result(line(7, false).as_bytes()).unwrap().ok);
    }

    #[test]
    fn any_body_is_one() {
        for body in ["\"text\"", "[1,{}]", "1.5", "-1", "null", "true", r#"{"usage":[1]}"#, r#"{"usage":{"x":1e999}}"#]
        {
            let line = with_body(body);
            assert!(result(line.as_bytes()).is_some(), "{body}");
        }
        let line =
            with_body(r#"{"usage":{"input_tokens":5,"output_tokens":1,"input_tokens_details":{"cached_tokens":4}}}"#);
        let usage = result(line.as_bytes()).unwrap().usage;
        assert_eq!((usage.input(), usage.output(), usage.cached()), (5, 1, 4));
    }

    #[test]
    fn what_is_cut_is_none() {
        let whole = line(1, true);
        for cut in 0..whole.len() - 1 {
            assert!(result(&whole.as_bytes()[..cut]).is_none(), "{cut}");
            assert!(begins_like_one(&whole.as_bytes()[..cut]));
        }
        assert!(result(whole.replace("batch_req_0", "batch_req_+").as_bytes()).is_none());
        assert!(!begins_like_one(b"{\"id\":\"batch_req_123\",\"custom_id\":\"a\"}"));
        assert!(!begins_like_one(b"hello"));
    }
}
