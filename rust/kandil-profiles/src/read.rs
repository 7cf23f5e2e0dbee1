//! TOML, with a line for every value.

use toml::de::{DeTable, DeValue};

use crate::Mistake;
use crate::value::{Entry, Node, Value};

/// The file's text as a table.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Mistake> {
    let lines = Lines::of(text);
    let wrong =
        |at: usize, what: String| Mistake { file: file.to_owned(), line: lines.at(at), key: String::new(), what };
    let parsed = DeTable::parse(text)
        .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let entries = table(parsed.get_ref(), &lines).map_err(|(at, what)| wrong(at, what))?;
    Ok(Node { value: Value::Table(entries), line: 1 })
}

/// Where lines begin, to find the line of a byte.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

fn table(parsed: &DeTable<'_>, lines: &Lines) -> Result<Vec<Entry>, (usize, String)> {
    parsed
        .iter()
        .map(|(key, value)| {
            let line = lines.at(key.span().start);
            Ok(Entry {
                name: key.get_ref().to_string(),
                node: Node { line, ..node(value.span().start, value.get_ref(), lines)? },
            })
        })
        .collect()
}

fn node(at: usize, parsed: &DeValue<'_>, lines: &Lines) -> Result<Node, (usize, String)> {
    let value = match parsed {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(digits) => Value::Integer(
            i64::from_str_radix(digits.as_str(), digits.radix())
                .map_err(|_| (at, format!("{} is too large a number", digits.as_str())))?,
        ),
        DeValue::Float(digits) => {
            Value::Number(digits.as_str().parse().map_err(|_| (at, format!("{} is no number", digits.as_str())))?)
        }
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => Value::List(
            items.iter().map(|item| node(item.span().start, item.get_ref(), lines)).collect::<Result<_, _>>()?,
        ),
        DeValue::Table(entries) => Value::Table(table(entries, lines)?),
    };
    Ok(Node { value, line: lines.at(at) })
}
