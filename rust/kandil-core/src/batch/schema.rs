//! Whether an answer is JSON of a JSON Schema.

mod growth;

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Steps that a pattern with look-around may take on one string.
const MOST_STEPS: usize = 100_000;
const LARGEST_PATTERN: usize = 1 << 20;
/// Of a violation, so much is told.
const LONGEST: usize = 300;

/// A schema, compiled. References lead nowhere but into itself.
pub struct Schema {
    validator: Validator,
    /// Deeper texts would take for ever.
    deepest: usize,
}

/// Why something is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError(pub String);

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A JSON Pointer; empty: the whole.
    pub path: String,
    /// In words.
    pub reason: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { to.write_str(&self.reason) } else { write!(to, "{}: {}", self.path, self.reason) }
    }
}

impl Schema {
    /// # Errors
    /// It is no JSON, no schema, or refers to what lies elsewhere.
    pub fn new(json: &[u8]) -> Result<Schema, SchemaError> {
        let schema: Value = serde_json::from_slice(json).map_err(|error| SchemaError(error.to_string()))?;
        let deepest = growth::deepest(&schema).ok_or_else(|| {
            SchemaError("its references meet again too often: to check it would take for ever".into())
        })?;
        let patterns = PatternOptions::fancy_regex().backtrack_limit(MOST_STEPS).size_limit(LARGEST_PATTERN);
        let built = jsonschema::options().with_pattern_options(patterns).build(&schema);
        built.map(|validator| Schema { validator, deepest }).map_err(|error| SchemaError(told(&error).to_string()))
    }

    /// Whether the text is JSON that matches.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self, text: &str) -> Result<(), Violation> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Violation { path: String::new(), reason: format!("it is no JSON: {error}") })?;
        if growth::depth(&value) > self.deepest {
            let reason = format!("it is nested deeper than can be checked, which is {}", self.deepest);
            return Err(Violation { path: String::new(), reason });
        }
        self.validator.validate(&value).map_err(|error| told(&error))
    }
}

fn told(error: &jsonschema::ValidationError<'_>) -> Violation {
    let mut reason: String = error.to_string().chars().take(LONGEST).collect();
    if reason.chars().count() == LONGEST {
        reason.push('…');
    }
    Violation { path: error.instance_path().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_wrong_and_where() {
        let schema = Schema::new(
            br#"{"type":"object","properties":{"n":{"type":"array","items":{"type":"integer"}}},"required":["n"]}"#,
        )
        .unwrap();
        assert_eq!(schema.check(r#"{"n":[1,2]}"#), Ok(()));
        assert_eq!(schema.check(r#"{"n":[1,"x"]}"#).unwrap_err().path, "/n/1");
        assert!(schema.check("{}").unwrap_err().reason.contains("n"));
        assert!(schema.check("```json\n{}\n```").unwrap_err().reason.contains("no JSON"));
    }

    #[test]
    fn what_is_no_schema_says_so() {
        for wrong in [
            &b"{"[..],
            br#"{"type":"nothing"}"#,
            br#"{"$ref":"https://example.com/s.json"}"#,
            br#"{"$ref":"file:///etc/passwd"}"#,
        ] {
            assert!(Schema::new(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn a_pattern_that_backtracks_for_ever_ends() {
        let schema = Schema::new(br#"{"type":"string","pattern":"^(?=(a+)+$)(a+)+b$"}"#).unwrap();
        let text = format!("\"{}\"", "a".repeat(60));
        assert!(schema.check(&text).is_err());
    }

    #[test]
    fn references_that_double_the_work_each_time_are_refused() {
        let mut defs = r#""a0":{"type":"integer"}"#.to_owned();
        for number in 1..40 {
            let before = format!(r##"{{"$ref":"#/$defs/a{}"}}"##, number - 1);
            defs += &format!(r#","a{number}":{{"anyOf":[{before},{before}]}}"#);
        }
        let doubling = |last| format!(r##"{{"$defs":{{{defs}}},"$ref":"#/$defs/a{last}"}}"##);
        assert!(Schema::new(doubling(8).as_bytes()).unwrap().check("\"x\"").is_err());
        let refused = Schema::new(doubling(39).as_bytes()).map(|_| ()).unwrap_err();
        assert!(refused.0.contains("too often"), "{refused}");
    }

    #[test]
    fn what_refers_to_itself_is_checked_as_deep_as_that_ends() {
        let nested = |depth| format!(r#"{}"x"{}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let tree = r##"{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}},"type":"object"}"##;
        assert_eq!(Schema::new(tree.as_bytes()).unwrap().check(&nested(120)).unwrap_err().path, "/a".repeat(120));
        let either = r##"{"type":["object","null"],"properties":{"a":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##;
        let either = Schema::new(either.as_bytes()).unwrap();
        assert!(either.check(&nested(5)).is_err_and(|wrong| !wrong.reason.contains("deeper")));
        assert!(either.check(&nested(120)).unwrap_err().reason.contains("deeper"));
        for round in [r##"{"$ref":"#"}"##, r##"{"allOf":[{"$ref":"#"}]}"##] {
            assert_eq!(Schema::new(round.as_bytes()).unwrap().check("1"), Ok(()));
        }
    }
}
