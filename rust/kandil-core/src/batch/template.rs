//! `Translate: {{text}}`: a prompt made of a row's fields.

use serde_json::Value;

use super::fields::Fields;

/// Text, and names of fields between it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

/// What a line of text is called.
const TEXT: &str = "text";

impl Template {
    /// # Errors
    /// A `{{` without its `}}`, or no field at all: every row would be the same.
    pub fn new(text: &str) -> Result<Template, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err("the template has a {{ without its }}".to_owned());
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(name.trim().to_owned()));
            rest = after;
        }
        if parts.is_empty() {
            return Err("the template names no field, as {{text}}: every row would be the same".to_owned());
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Template(parts))
    }

    /// With a line of text as `{{text}}`.
    pub(crate) fn of_text(&self, text: &str) -> Result<String, String> {
        self.rendered(|name| (name == TEXT).then(|| text.to_owned()), || TEXT.to_owned())
    }

    /// With an object's fields; those that are no strings as JSON.
    pub(crate) fn of_fields(&self, fields: &Fields<'_>) -> Result<String, String> {
        let value = |name: &str| {
            let (_, json) = fields.iter().find(|(known, _)| known == name)?;
            Some(match serde_json::from_str(json.get()) {
                Ok(Value::String(text)) => text,
                Ok(Value::Null) => String::new(),
                _ => json.get().to_owned(),
            })
        };
        self.rendered(value, || fields.iter().map(|(name, _)| name.as_ref()).take(20).collect::<Vec<_>>().join(", "))
    }

    fn rendered(&self, value: impl Fn(&str) -> Option<String>, known: impl Fn() -> String) -> Result<String, String> {
        let mut whole = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Field(name) => {
                    let value = value(name);
                    whole.push_str(&value.ok_or_else(|| format!("it has no field {name:?}, but {}", known()))?);
                }
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::fields;
    use super::*;

    #[test]
    fn fields_stand_where_they_are_named() {
        let template = Template::new("{{ a }} and {{b}}{{c}}!").unwrap();
        let row = fields(br#"{"a":"x {{b}}","b":[1, 2],"c":null,"d":0}"#).unwrap();
        assert_eq!(template.of_fields(&row).unwrap(), "x {{b}} and [1, 2]!");
        assert!(template.of_text("x").unwrap_err().contains("\"a\""));
        assert_eq!(Template::new("Say: {{text}}").unwrap().of_text("hi").unwrap(), "Say: hi");
    }

    #[test]
    fn what_is_no_template_says_so() {
        assert!(Template::new("{{a").is_err());
        assert!(Template::new("nothing").is_err());
    }
}
