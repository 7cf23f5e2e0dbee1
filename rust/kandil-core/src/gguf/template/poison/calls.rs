//! Filters, tests, methods, functions and macros.

use super::expressions::{member, replaced, told};
use super::flow::Flow;
use super::fold;
use super::triggers::{Kind, asked};
use super::value::{Sources, Triggers, Value};
use super::words;
use crate::gguf::template::ast::{Applied, Arguments, Expr, ExprKind, Span};
use std::rc::Rc;

/// Tests of what a value is, not of what it says.
const FORMS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "string",
    "mapping",
    "iterable",
    "sequence",
    "number",
    "boolean",
    "integer",
    "float",
    "true",
    "false",
    "callable",
    "sameas",
    "filter",
    "test",
    "escaped",
];
/// Filters and methods that look for their argument.
const SEARCHES: &[&str] = &[
    "startswith",
    "endswith",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "contains",
    "__contains__",
    "match",
    "search",
    "regex_search",
    "regex_match",
    "regex_findall",
    "matches",
];
/// Methods that ask what characters a text has.
const CHARACTERS: &[&str] =
    &["isupper", "islower", "isdigit", "isalpha", "isnumeric", "isalnum", "istitle", "isascii", "isdecimal"];
/// Methods and filters that take the text apart at their argument.
/// The work that one piece of a text makes.
const PIECE: usize = 8;
const SPLITS: &[&str] = &["split", "rsplit", "partition", "rpartition", "splitlines"];
/// Filters that make a number.
const NUMBERS: &[&str] = &["length", "count", "int", "float", "abs", "round", "sum", "wordcount", "filesizeformat"];
/// Filters and methods that show less of a text, or other letters.
const CUTS: &[&str] = &[
    "truncate",
    "upper",
    "reverse",
    "swapcase",
    "title",
    "wordwrap",
    "center",
    "zfill",
    "ljust",
    "rjust",
    "translate",
];
/// Methods that change what they belong to.
const CHANGES: &[&str] = &["append", "extend", "insert", "update", "setdefault", "add"];

impl<'a> Flow<'a> {
    fn values<'b: 'a>(&mut self, arguments: &'b Arguments<'a>) -> Vec<Value> {
        arguments.all().map(|argument| self.eval(argument)).collect()
    }

    pub(super) fn filter<'b: 'a>(&mut self, applied: &'b Applied<'a>, operand: Value, span: Span) -> Value {
        let arguments = self.values(&applied.arguments);
        self.spend(operand.parts.len());
        self.spend_text(&operand);
        match &*applied.name {
            "select" | "reject" => self.selected(operand, &arguments, span),
            "selectattr" | "rejectattr" => self.selected_by(operand, &arguments, span),
            "map" => self.mapped(operand, applied, &arguments, span),
            "groupby" | "sort" | "unique" => operand.altered(),
            "join" => {
                let list = if operand.has(Sources::MESSAGE) { replaced(operand, Sources::CONTENT) } else { operand };
                fold::join(&list, arguments.first().unwrap_or(&Value::default()))
            }
            "format" => fold::format(&operand, &arguments.into_iter().map(told).collect::<Vec<_>>()),
            "default" | "d" => arguments.iter().fold(operand, Value::or),
            "random" => {
                let chance = self.table.add(Kind::Chance, span, "");
                if operand.texts().next().is_some() || operand.known_int().is_none() {
                    operand.altered().under(chance)
                } else {
                    operand
                }
            }
            "attr" => match arguments.first().and_then(Value::known_text) {
                Some(name) => member(operand, name),
                None => operand.altered(),
            },
            name => self.applied(name, operand, &arguments, span),
        }
    }

    /// What filters and methods of the same name share.
    fn applied(&mut self, name: &str, operand: Value, arguments: &[Value], span: Span) -> Value {
        let nothing = Value::default();
        let first = arguments.first();
        match name {
            "count" if first.is_none() => number_of(operand),
            "replace" => {
                self.replaced_text(operand, first.unwrap_or(&nothing), arguments.get(1).unwrap_or(&nothing), span)
            }
            "urlencode" => {
                let encoded = replaced(operand, Sources::CONTENT.with(Sources::URL_ENCODED));
                if encoded.has(Sources::MESSAGE) || encoded.has(Sources::CONTENT) { encoded } else { encoded.altered() }
            }
            "tojson" | "string" | "pprint" | "xmlattr" | "items" | "values" | "dictsort"
                if operand.has(Sources::MESSAGE) && !operand.has(Sources::CONTENT) =>
            {
                let messages = operand.sources;
                let told = replaced(operand, Sources::CONTENT);
                Value { sources: told.sources.with(messages), ..told }
            }
            "list" => operand,
            "first" | "last" if operand.items.is_some() => {
                let items = operand.items.clone().unwrap_or_default();
                let item = if name == "first" { items.first() } else { items.last() };
                item.map(|(_, item)| item.clone()).unwrap_or_default()
            }
            _ if SEARCHES.contains(&name) => {
                let found = self.sought(&operand, arguments, span);
                Value::number(Sources::default(), operand.triggers.with(found))
            }
            _ if CUTS.contains(&name) && operand.has(Sources::CONTENT) => operand.cut(),
            _ if SPLITS.contains(&name) => self.split(operand, arguments, span),
            _ if NUMBERS.contains(&name) => number_of(operand),
            _ if CHARACTERS.contains(&name) => {
                let triggers = self.form_of(&operand, span);
                Value::number(Sources::default(), operand.triggers.with(triggers))
            }
            _ => match operand.known_text().and_then(|text| fold::plain(name, text)) {
                Some(text) if text.len() <= fold::MAX_LENGTH => Value::text(&text).under(operand.triggers),
                _ => operand.altered(),
            },
        }
    }

    /// A condition on what characters, or which number of them, there are.
    fn form_of(&mut self, value: &Value, span: Span) -> Triggers {
        match value.sources {
            sources if sources.has(Sources::CONTENT) => self.table.add(Kind::Word, span, ""),
            sources if sources.has(Sources::TIME) => self.table.add(Kind::Time, span, ""),
            _ => Triggers::default(),
        }
    }

    /// The condition that one of these has the other in it.
    fn sought(&mut self, operand: &Value, arguments: &[Value], span: Span) -> Triggers {
        let mut triggers = arguments.iter().fold(Triggers::default(), |all, argument| all.with(argument.triggers));
        for argument in arguments {
            triggers = triggers.with(self.compared(&[operand.clone(), argument.clone()], span));
            for (_, item) in argument.items.iter().flat_map(|items| items.iter()) {
                triggers = triggers.with(self.compared(&[operand.clone(), item.clone()], span));
            }
        }
        triggers
    }

    fn split(&mut self, operand: Value, arguments: &[Value], span: Span) -> Value {
        let separator = arguments.first().and_then(Value::known_text);
        if let Some(text) = operand.known_text() {
            let pieces: Vec<&str> = match separator {
                Some(separator) if !separator.is_empty() => text.split(&**separator).collect(),
                _ => text.split_whitespace().collect(),
            };
            self.spend(pieces.len().saturating_mul(PIECE).saturating_add(text.len() / PIECE));
            if self.exhausted() {
                return operand.altered();
            }
            let items = pieces.into_iter().map(|piece| (None, Value::text(piece))).collect();
            return Value { items: Some(Rc::new(items)), known: None, ..operand };
        }
        let found = self.sought(&operand, arguments.get(..1).unwrap_or_default(), span);
        operand.altered().under(found)
    }

    fn replaced_text(&mut self, operand: Value, from: &Value, to: &Value, span: Span) -> Value {
        let mut found = Triggers::default();
        if operand.has(Sources::CONTENT) {
            let (old, new): (String, String) = (from.texts().collect(), to.texts().collect());
            if alters(&old, &new) {
                self.rewrite(span, &old, &new);
            }
            // text that lacks a word is another text: matters where it is compared
            found = self.asked_of(Sources::CONTENT, from, span);
        }
        let mut value = fold::replace(&operand, from, to);
        value.triggers = value.triggers.with(found);
        value
    }

    /// `select`, `reject`: a test of each element.
    fn selected(&mut self, operand: Value, arguments: &[Value], span: Span) -> Value {
        let tested = arguments.get(1..).unwrap_or_default();
        let found = self.sought(&operand, tested, span);
        operand.altered().under(found)
    }

    /// `selectattr`, `rejectattr`: a test of an attribute of each element.
    fn selected_by(&mut self, operand: Value, arguments: &[Value], span: Span) -> Value {
        let attribute = arguments.first().and_then(Value::known_text).cloned().unwrap_or_default();
        let last = attribute.rsplit('.').next().unwrap_or_default();
        let tested = member(operand.clone().altered(), last);
        let test = arguments.get(1).and_then(Value::known_text).cloned().unwrap_or_default();
        if FORMS.contains(&&*test) {
            return operand;
        }
        let found = self.sought(&tested, arguments.get(2..).unwrap_or_default(), span);
        operand.altered().under(found)
    }

    fn mapped<'b: 'a>(&mut self, operand: Value, applied: &'b Applied<'a>, arguments: &[Value], span: Span) -> Value {
        if let Some((_, attribute)) = applied.arguments.named.iter().find(|(key, _)| *key == "attribute") {
            let attribute = self.eval(attribute);
            let names = attribute.known_text().cloned().unwrap_or_default();
            return names.split('.').fold(operand.altered(), member);
        }
        let Some(name) = arguments.first().and_then(Value::known_text).cloned() else { return operand.altered() };
        let rest = arguments.get(1..).unwrap_or_default();
        let Some(items) = operand.items.clone() else { return self.applied(&name, operand, rest, span) };
        let items: Vec<_> =
            items.iter().map(|(key, item)| (key.clone(), self.applied(&name, item.clone(), rest, span))).collect();
        let all = items.iter().fold(Value::default(), |all, (_, item)| all.then(item));
        Value { items: Some(Rc::new(items)), ..all }
    }

    pub(super) fn test<'b: 'a>(&mut self, applied: &'b Applied<'a>, span: Span) -> Value {
        let operand = applied.operand.as_ref().map(|operand| self.eval(operand)).unwrap_or_default();
        let arguments = self.values(&applied.arguments);
        let name = &*applied.name;
        let mut triggers = arguments.iter().fold(operand.triggers, |all, argument| all.with(argument.triggers));
        if !FORMS.contains(&name) {
            triggers = triggers.with(self.sought(&operand, &arguments, span));
            let count = operand.has(Sources::COUNT) && name == "divisibleby";
            if count && arguments.first().and_then(Value::known_int) > Some(2) {
                triggers = triggers.with(self.table.add(Kind::Count, span, ""));
            }
            if arguments.is_empty() || name == "divisibleby" {
                triggers = triggers.with(self.form_of(&operand, span));
            }
        }
        Value::number(Sources::default(), triggers)
    }

    pub(super) fn call<'b: 'a>(&mut self, callee: &'b Expr<'a>, arguments: &'b Arguments<'a>, span: Span) -> Value {
        match &callee.kind {
            ExprKind::Attribute(object, name) => self.method(object, name, arguments, span),
            ExprKind::Name(name) => self.function(name, arguments),
            _ => {
                let called = self.eval(callee);
                self.values(arguments).iter().fold(called, Value::or).altered()
            }
        }
    }

    fn method<'b: 'a>(&mut self, object: &'b Expr<'a>, name: &str, arguments: &'b Arguments<'a>, span: Span) -> Value {
        let values = self.values(arguments);
        if CHANGES.contains(&name) {
            for value in values {
                self.assign(object, value.altered());
            }
            return Value::default();
        }
        if name == "get"
            && let Some(key) = values.first().and_then(Value::known_text).cloned()
        {
            let object = self.eval(object);
            return values.iter().skip(1).fold(member(object, &key), Value::or);
        }
        let value = self.eval(object);
        self.spend_text(&value);
        match name {
            "get" => {
                let key = values.first().cloned().unwrap_or_default();
                let found = self.decided_by(&key, &value, span).with(key.triggers);
                values.iter().skip(1).fold(value.altered(), Value::or).under(found)
            }
            "format" => fold::format(&value, &values.into_iter().map(told).collect::<Vec<_>>()),
            "join" => {
                let list = values.first().cloned().unwrap_or_default();
                let list = if list.has(Sources::MESSAGE) { replaced(list, Sources::CONTENT) } else { list };
                fold::join(&list, &value)
            }
            "count" if values.is_empty() => value,
            _ => self.applied(name, value, &values, span),
        }
    }

    fn function<'b: 'a>(&mut self, name: &'a str, arguments: &'b Arguments<'a>) -> Value {
        match name {
            "strftime_now" | "now" | "utcnow" | "today" => Value::from(Sources::TIME),
            "namespace" | "dict" => self.namespace(arguments),
            // an error is not added to the prompt, but a word or a day that leads to one keeps the model from answering
            "raise_exception" if self.table.strong(self.guards) => Value::from(Sources::CONTENT),
            "raise_exception" => Value::default(),
            "caller" => {
                let handed = self.values(arguments).iter().fold(Value::default(), Value::or).altered();
                if self.handed.merge(&handed) {
                    self.learn("caller arguments", handed);
                }
                self.variable("caller").unwrap_or_default()
            }
            _ if self.macros.contains_key(name) => {
                for (place, argument) in arguments.positional.iter().enumerate() {
                    let value = self.eval(argument);
                    self.pass(name, Some(place), None, value);
                }
                for (parameter, argument) in &arguments.named {
                    let value = self.eval(argument);
                    self.pass(name, None, Some(parameter), value);
                }
                let result = self.macros.get(name).map(|known| known.result.clone()).unwrap_or_default();
                self.spend(result.parts.len());
                if self.exhausted() { Value::default() } else { result }
            }
            _ => self.values(arguments).iter().fold(Value::default(), Value::or).altered(),
        }
    }

    fn namespace<'b: 'a>(&mut self, arguments: &'b Arguments<'a>) -> Value {
        let mut items = Vec::new();
        for (name, argument) in &arguments.named {
            items.push((Some(Rc::from(*name)), self.eval(argument)));
        }
        let mut whole = items.iter().fold(Value::default(), |whole, (_, item)| whole.then(item));
        for argument in arguments.positional.iter().chain(&arguments.star_star) {
            whole = whole.then(&self.eval(argument));
        }
        whole.items = Some(Rc::new(items));
        whole
    }
}

fn number_of(value: Value) -> Value {
    let sources =
        if value.has(Sources::MESSAGE) && !value.has(Sources::CONTENT) { Sources::COUNT } else { value.sources };
    Value::number(sources, value.triggers)
}

/// Whether a text that has `new` for `old` says something else.
fn alters(old: &str, new: &str) -> bool {
    let says = |text: &str| asked(text).is_some();
    let written = old.contains(char::is_alphanumeric);
    let adds = words::has_url(new) || words::count(new) >= 2 && says(new);
    if written { says(old) && !old.trim().starts_with('<') } else { adds }
}
