//! The top level of a JSON object, in its order, with values as they are written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Names and values of an object. Values are JSON, whole and valid; numbers keep their digits.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

const FEW: usize = 32;

/// # Errors
/// It is no JSON object, or a name stands twice in it.
pub(crate) fn fields(json: &[u8]) -> serde_json::Result<Fields<'_>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = reader.deserialize_map(Object)?;
    reader.end()?;
    Ok(found)
}

struct Object;

impl<'a> Visitor<'a> for Object {
    type Value = Fields<'a>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON object")
    }

    fn visit_map<Map: MapAccess<'a>>(self, mut map: Map) -> Result<Fields<'a>, Map::Error> {
        let mut found: Fields<'a> = Vec::with_capacity(8);
        while let Some(Name(name)) = map.next_key()? {
            found.push((name, map.next_value()?));
        }
        match repeated(&found) {
            None => Ok(found),
            Some(name) => Err(Map::Error::custom(format_args!("the field {name:?} stands twice"))),
        }
    }
}

/// A name that stands twice. Few are compared with each other, many are sorted: somebody may have written millions.
fn repeated<'f>(found: &'f Fields<'_>) -> Option<&'f str> {
    let names = found.iter().map(|(name, _)| name.as_ref());
    if found.len() <= FEW {
        let before = |at: usize, name: &str| found[..at].iter().any(|(other, _)| other == name);
        return names.enumerate().find(|(at, name)| before(*at, name)).map(|(_, name)| name);
    }
    let mut sorted: Vec<&str> = names.collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// Borrowed, where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Appends a string as JSON.
pub(crate) fn quoted(to: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(to, text).expect("a vector takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_they_are_written() {
        let found = fields(br#" {"a": 1.50, "b\u0041": [1,  2], "c":{"a":"\u00e9"}} "#).unwrap();
        let shown: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_ref(), value.get())).collect();
        assert_eq!(shown, [("a", "1.50"), ("bA", "[1,  2]"), ("c", r#"{"a":"\u00e9"}"#)]);
        assert!(matches!(found[0].0, Cow::Borrowed(_)));
    }

    #[test]
    fn a_name_that_stands_twice_is_found_among_few_and_among_many() {
        let object = |names: &[u32]| {
            let all: Vec<String> = names.iter().map(|name| format!("\"{name}\":0")).collect();
            format!("{{{}}}", all.join(","))
        };
        for most in [2, FEW as u32, 300_000] {
            let mut names: Vec<u32> = (0..most).collect();
            assert_eq!(fields(object(&names).as_bytes()).unwrap().len(), most as usize);
            names[0] = most - 1;
            let error = fields(object(&names).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{}\" stands twice", most - 1)), "{error}");
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for wrong in ["", "[]", "1", "{", "{}x", r#"{"a":1,"a":2}"#, "{\"a\":\"\n\"}", "{\"a\":\"\u{ff}"] {
            assert!(fields(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(fields(b"{\"a\":\"\xff\"}").is_err());
    }
}
