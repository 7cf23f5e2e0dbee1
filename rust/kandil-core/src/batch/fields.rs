//! The top level of a JSON object, in its order, with values as they are written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Names and values of an object. Values are JSON, whole and valid; numbers keep their digits.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

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
            if found.iter().any(|(known, _)| *known == name) {
                return Err(Map::Error::custom(format_args!("the field {name:?} stands twice")));
            }
            found.push((name, map.next_value()?));
        }
        Ok(found)
    }
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
    fn what_is_no_object_is_an_error() {
        for wrong in ["", "[]", "1", "{", "{}x", r#"{"a":1,"a":2}"#, "{\"a\":\"\n\"}", "{\"a\":\"\u{ff}"] {
            assert!(fields(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(fields(b"{\"a\":\"\xff\"}").is_err());
    }
}
