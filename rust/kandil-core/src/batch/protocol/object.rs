//! JSON from somebody who may send anything: what is not of the type that is expected counts as not sent.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const LARGEST_NUMBER: f64 = 9_007_199_254_740_992.0;

/// A JSON object; of equal names the last counts.
#[derive(Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// # Errors
    /// It is no JSON, or no object.
    pub(super) fn read(json: &'a str) -> serde_json::Result<Object<'a>> {
        serde_json::from_str(json)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands there, but null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known == name)?;
        (value.get() != "null").then_some(value)
    }

    /// Empty: there is no object.
    pub(super) fn table(&self, name: &str) -> Object<'a> {
        self.get(name).and_then(|value| Object::read(value.get()).ok()).unwrap_or_default()
    }

    /// The items of a list.
    pub(super) fn items(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The objects in a list.
    pub(super) fn rows(&self, name: &str) -> Vec<Object<'a>> {
        let items = self.items(name).unwrap_or_default();
        items.into_iter().filter_map(|item| Object::read(item.get()).ok()).collect()
    }

    /// Empty: there is no string.
    pub(super) fn text(&self, name: &str) -> Cow<'a, str> {
        self.get(name).and_then(string).unwrap_or_default()
    }

    /// The JSON, which some servers send as a string; empty: there is none.
    pub(super) fn json_text(&self, name: &str) -> Cow<'a, str> {
        let found = self.get(name);
        found.map(|value| string(value).unwrap_or(Cow::Borrowed(value.get()))).unwrap_or_default()
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() == "true")
    }

    /// A whole number, not negative; servers write some as `12.0`.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        let number = self.get(name)?.get();
        number.parse().ok().filter(|count| *count < LARGEST_NUMBER as u64).or_else(|| {
            let number: f64 = serde_json::from_str(number).ok()?;
            (number.fract() == 0.0 && (0.0..LARGEST_NUMBER).contains(&number)).then_some(number as u64)
        })
    }

    /// Whether it is an error that came with a good status.
    pub(super) fn says_refused(&self) -> bool {
        let named = |name| self.text(name) == "error";
        let error = self.get("error").is_some_and(|error| !matches!(error.get(), "false" | "0" | "\"\"" | "{}" | "[]"));
        let base = self.table("base_resp"); // MiniMax's
        named("type") || named("object") || error || base.get("status_code").is_some_and(|code| code.get() != "0")
    }
}

/// A string's text, borrowed where nothing in it is escaped.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    value.get().starts_with('"').then(|| serde_json::from_str(value.get()).ok().map(|Text(text)| text))?
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<From: Deserializer<'a>>(from: From) -> Result<Object<'a>, From::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'a> Visitor<'a> for Fields {
    type Value = Object<'a>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON object")
    }

    fn visit_map<Map: MapAccess<'a>>(self, mut map: Map) -> Result<Object<'a>, Map::Error> {
        let mut found = Vec::with_capacity(8);
        while let Some((Text(name), value)) = map.next_entry()? {
            found.push((name, value));
        }
        Ok(Object(found))
    }
}
