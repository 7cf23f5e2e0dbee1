//! What is known of the value of an expression.

use super::flow::{Flow, input, switch};
use super::fold;
use super::triggers::{Kind, asked};
use super::value::{Item, Known, Part, Piece, Sources, Triggers, Value};
use crate::gguf::template::ast::{BinaryOp, CompareOp, Conditional, Expr, ExprKind, Span, UnaryOp};
use std::rc::Rc;

/// Keys under which a message or a part of it has what it says.
const CONTENT_KEYS: &[&str] = &[
    "content",
    "text",
    "reasoning_content",
    "reasoning",
    "thinking",
    "thought",
    "query",
    "value",
    "parts",
    "arguments",
    "output",
    "result",
    "response",
    "summary",
    "data",
    "body",
    "input",
];
/// Keys under which a part says what it is.
const FORM_KEYS: &[&str] =
    &["type", "role", "name", "id", "tool_call_id", "tool_calls", "function", "image_url", "image", "video", "audio"];

impl<'a> Flow<'a> {
    pub(super) fn eval<'b: 'a>(&mut self, expr: &'b Expr<'a>) -> Value {
        self.spend(0);
        if self.exhausted() {
            return Value::default();
        }
        match &expr.kind {
            ExprKind::None | ExprKind::Float(_) => Value::default(),
            ExprKind::Bool(value) => Value::int(i64::from(*value)),
            ExprKind::Int(value) => Value::int(*value),
            ExprKind::Str(text) => Value::text(text),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Tuple(items) | ExprKind::List(items) => self.list(items),
            ExprKind::Dict(pairs) => self.mapping(pairs),
            ExprKind::Attribute(object, name) => self.attribute(object, name),
            ExprKind::Item(pair) => self.item(&pair.0, &pair.1, expr.span),
            ExprKind::Slice(parts) => {
                let values = parts.iter().flatten().map(|part| self.eval(part));
                let triggers = values.fold(Triggers::default(), |triggers, value| triggers.with(value.triggers));
                Value::number(Sources::default(), triggers)
            }
            ExprKind::Call(call) => self.call(&call.0, &call.1, expr.span),
            ExprKind::Filter(applied) => {
                let operand = applied.operand.as_ref().map(|operand| self.eval(operand)).unwrap_or_default();
                self.filter(applied, operand, expr.span)
            }
            ExprKind::Test(applied) => self.test(applied, expr.span),
            ExprKind::Unary(operator, operand) => {
                let value = self.eval(operand);
                match (operator, value.known_int()) {
                    (UnaryOp::Minus, Some(number)) => Value::int(number.saturating_neg()),
                    _ => Value::number(value.sources, value.triggers),
                }
            }
            ExprKind::Binary(operator, pair) => self.binary(*operator, &pair.0, &pair.1, expr.span),
            ExprKind::Concat(parts) => self.concat(parts),
            ExprKind::Compare(first, rest) => self.compare(first, rest, expr.span),
            ExprKind::Conditional(conditional) => self.conditional(conditional),
        }
    }

    fn name(&mut self, name: &str) -> Value {
        match self.variable(name) {
            // the template's own list of messages has the real ones in it
            Some(value) if name == "messages" => value.or(&input(name)),
            Some(value) => value,
            None if switch(name) => input(name).under(Triggers::SWITCH),
            None => input(name),
        }
    }

    fn list<'b: 'a>(&mut self, items: &'b [Expr<'a>]) -> Value {
        let items: Vec<Item> = items.iter().map(|item| (None, self.eval(item))).collect();
        self.collection(items)
    }

    fn mapping<'b: 'a>(&mut self, pairs: &'b [(Expr<'a>, Expr<'a>)]) -> Value {
        let items = pairs.iter().map(|(key, value)| {
            let key = self.eval(key);
            (Some(key.known_text().cloned().unwrap_or_default()), self.eval(value))
        });
        let items = items.collect();
        self.collection(items)
    }

    fn collection(&mut self, items: Vec<Item>) -> Value {
        let mut value = items.iter().fold(Value::default(), |value, (_, item)| value.then(item));
        self.spend(value.parts.len());
        value.items = Some(Rc::new(items));
        value
    }

    fn attribute<'b: 'a>(&mut self, object: &'b Expr<'a>, name: &str) -> Value {
        if let ExprKind::Name(variable) = object.kind
            && let Some(value) = self.variable(&format!("{variable}.{name}"))
        {
            return value;
        }
        let object = self.eval(object);
        member(object, name)
    }

    fn item<'b: 'a>(&mut self, object: &'b Expr<'a>, index: &'b Expr<'a>, span: Span) -> Value {
        let place = self.eval(index);
        if let Some(name) = place.known_text().cloned() {
            return self.attribute(object, &name).under(place.triggers);
        }
        let value = self.eval(object);
        if let ExprKind::Slice(parts) = &index.kind {
            return sliced(value, parts).under(place.triggers);
        }
        if let Some(number) = place.known_int() {
            return nth(value, number).under(place.triggers);
        }
        let looked_up = self.decided_by(&place, &value, span);
        value.altered().under(place.triggers.with(looked_up))
    }

    /// The condition that a choice among `choices` by what a message says, or by the clock, is.
    pub(super) fn decided_by(&mut self, key: &Value, choices: &Value, span: Span) -> Triggers {
        let written = choices.items.is_some() || choices.texts().next().is_some();
        match key.sources {
            sources if written && sources.has(Sources::TIME) => self.table.add(Kind::Time, span, ""),
            sources if written && sources.has(Sources::CONTENT) && !choices.has(Sources::CONTENT) => {
                self.table.add(Kind::Word, span, "")
            }
            _ => Triggers::default(),
        }
    }

    fn binary<'b: 'a>(&mut self, operator: BinaryOp, left: &'b Expr<'a>, right: &'b Expr<'a>, span: Span) -> Value {
        let (left, right) = (self.eval(left), self.eval(right));
        self.spend(left.parts.len().saturating_add(right.parts.len()));
        self.spend_text(&left);
        match operator {
            BinaryOp::And | BinaryOp::Or => {
                let right = right.under(left.triggers);
                left.or(&right).altered()
            }
            BinaryOp::Add => added(left, right),
            BinaryOp::Mul => {
                let triggers = left.triggers.with(right.triggers);
                left.then(&right).under(triggers)
            }
            BinaryOp::Mod if left.known_text().is_some() => fold::format(&left, &[right]),
            BinaryOp::Mod => {
                let number = left.then(&right);
                let triggers = match number.sources {
                    sources if sources.has(Sources::CONTENT) => self.table.add(Kind::Word, span, ""),
                    sources if sources.has(Sources::TIME) => self.table.add(Kind::Time, span, ""),
                    sources if sources.has(Sources::COUNT) && right.known_int() > Some(2) => {
                        self.table.add(Kind::Count, span, "")
                    }
                    _ => Triggers::default(),
                };
                Value::number(number.sources, number.triggers.with(triggers))
            }
            BinaryOp::Sub | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Pow => {
                let number = left.then(&right);
                Value::number(number.sources, number.triggers)
            }
        }
    }

    fn concat<'b: 'a>(&mut self, parts: &'b [Expr<'a>]) -> Value {
        let mut whole: Option<Value> = None;
        for part in parts {
            let value = told(self.eval(part));
            self.spend(value.parts.len());
            whole = Some(match whole {
                Some(before) => joined(before, &value),
                None => value,
            });
            whole.iter().for_each(|whole| self.spend_text(whole));
        }
        whole.unwrap_or_default()
    }

    fn conditional<'b: 'a>(&mut self, conditional: &'b Conditional<'a>) -> Value {
        let test = self.eval(&conditional.test).triggers;
        let then = self.eval(&conditional.then);
        let otherwise = conditional.otherwise.as_ref().map(|otherwise| self.eval(otherwise));
        then.or(&otherwise.unwrap_or_default()).under(test)
    }

    fn compare<'b: 'a>(&mut self, first: &'b Expr<'a>, rest: &'b [(CompareOp, Expr<'a>)], span: Span) -> Value {
        let mut operands = vec![self.eval(first)];
        for (_, operand) in rest {
            operands.push(self.eval(operand));
        }
        let mut asked = self.compared(&operands, span);
        if operands.len() > 1 && operands.iter().all(|operand| operand.has(Sources::CONTENT)) && same(first, rest) {
            asked = asked.with(self.table.add(Kind::Count, span, ""));
        }
        let triggers = operands.iter().fold(asked, |triggers, operand| triggers.with(operand.triggers));
        Value::number(Sources::default(), triggers)
    }

    /// The condition that a comparison of these is.
    pub(super) fn compared(&mut self, operands: &[Value], span: Span) -> Triggers {
        let sources = operands.iter().fold(Sources::default(), |all, operand| all.with(operand.sources));
        let mut triggers = Triggers::default();
        for source in [Sources::CONTENT, Sources::TIME, Sources::COUNT] {
            if !sources.has(source) {
                continue;
            }
            for other in operands.iter().filter(|operand| !operand.has(source)) {
                triggers = triggers.with(self.asked_of(source, other, span));
            }
        }
        triggers
    }

    /// The condition that something from `source` is, or has, `wanted`.
    pub(super) fn asked_of(&mut self, source: Sources, wanted: &Value, span: Span) -> Triggers {
        let number = wanted
            .known_int()
            .filter(|number| !(-3..=3).contains(number) || source != Sources::CONTENT && !(-1..=1).contains(number));
        let text = wanted.texts().filter(|text| asked(text).is_some()).max_by_key(|text| asked(text));
        let whole = wanted.texts().collect::<String>();
        let kind = if source == Sources::COUNT {
            number.map(|_| Kind::Count)
        } else if source == Sources::TIME {
            (number.is_some() || !whole.trim().is_empty()).then_some(Kind::Time)
        } else {
            number.map(|_| Kind::Word).or(text.and_then(asked)).or_else(|| asked(&whole))
        };
        kind.map(|kind| self.table.add(kind, span, text.unwrap_or(&whole))).unwrap_or_default()
    }
}

/// Whether something is compared with what is made of it: `content == content | upper`
fn same(first: &Expr<'_>, rest: &[(CompareOp, Expr<'_>)]) -> bool {
    let altered = |expr: &Expr<'_>| matches!(expr.kind, ExprKind::Filter(_) | ExprKind::Call(_) | ExprKind::Item(_));
    altered(first) || rest.iter().any(|(_, operand)| altered(operand))
}

/// `value.name`
pub(super) fn member(value: Value, name: &str) -> Value {
    if let Some((_, item)) =
        value.items.iter().flat_map(|items| items.iter()).find(|(key, _)| key.as_deref() == Some(name))
    {
        return item.clone();
    }
    let sources = if value.has(Sources::LOOP) {
        return match name {
            "index" | "index0" | "revindex" | "revindex0" | "length" => Value::from(Sources::COUNT),
            "previtem" | "nextitem" => Value::from(Sources::MESSAGE),
            _ => Value::default(),
        };
    } else if value.has(Sources::CONTENT) {
        if FORM_KEYS.contains(&name) { Sources::MESSAGE } else { Sources::CONTENT }
    } else if value.has(Sources::MESSAGE) {
        match name {
            _ if CONTENT_KEYS.contains(&name) => Sources::CONTENT,
            "role" | "type" | "name" | "id" | "tool_call_id" => Sources::default(),
            _ => Sources::MESSAGE,
        }
    } else if matches!(name, "content" | "reasoning_content") && value.items.is_none() {
        return value.then(&Value::from(Sources::CONTENT));
    } else {
        return value.altered();
    };
    replaced(value, sources)
}

/// A message that is made text says everything in it.
pub(super) fn told(value: Value) -> Value {
    let whole = value.has(Sources::MESSAGE) && !value.has(Sources::CONTENT);
    if whole { replaced(value, Sources::CONTENT.with(Sources::MESSAGE)) } else { value }
}

/// The same texts; what comes from messages is now `sources`.
pub(super) fn replaced(mut value: Value, sources: Sources) -> Value {
    let messages = Sources::CONTENT.with(Sources::MESSAGE);
    value.sources = value.sources.without(messages).with(sources);
    for part in &mut value.parts {
        if let Piece::Hole(hole) = &mut part.piece
            && (hole.has(Sources::CONTENT) || hole.has(Sources::MESSAGE))
        {
            *hole = hole.without(messages).with(sources);
        }
    }
    value.altered()
}

fn nth(value: Value, number: i64) -> Value {
    if let Some(items) = &value.items {
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let place = if number < 0 { number.saturating_add(length) } else { number };
        let found = usize::try_from(place).ok().and_then(|place| items.get(place));
        return found.map(|(_, item)| item.clone()).unwrap_or_default();
    }
    match value.known_text().and_then(|text| fold::character(text, number)) {
        Some(character) => Value::text(&character),
        None => value.altered(),
    }
}

fn sliced(value: Value, parts: &[Option<Expr<'_>>; 3]) -> Value {
    let number = |place: usize| match parts.get(place).and_then(Option::as_ref).map(|part| &part.kind) {
        None => Some(None),
        Some(ExprKind::Int(number)) => Some(Some(*number)),
        Some(ExprKind::Unary(UnaryOp::Minus, inner)) => match inner.kind {
            ExprKind::Int(number) => Some(Some(number.saturating_neg())),
            _ => None,
        },
        _ => None,
    };
    let known = value.known_text().zip(number(0)).zip(number(1)).zip(number(2));
    match known.and_then(|(((text, start), stop), step)| fold::slice(text, start, stop, step)) {
        Some(text) => Value::text(&text),
        // a mark is taken off the beginning, a bracket off the end
        None if number(0).flatten().is_some_and(|start| !(-3..=16).contains(&start))
            || number(1).flatten().is_some_and(|stop| !(-3..=3).contains(&stop)) =>
        {
            value.cut()
        }
        None => value.altered(),
    }
}

fn added(left: Value, right: Value) -> Value {
    if let (Some(left), Some(right)) = (left.known_int(), right.known_int()) {
        return Value::int(left.saturating_add(right));
    }
    let count = |one: &Value, other: &Value| {
        one.known_int().is_some() && other.sources.is_empty() && other.texts().next().is_none()
    };
    if count(&left, &right) || count(&right, &left) {
        return Value::number(Sources::COUNT, left.triggers.with(right.triggers));
    }
    if let (Some(first), Some(second)) = (&left.items, &right.items) {
        let items = first.iter().chain(second.iter()).cloned().collect();
        let mut both = left.clone().then(&right);
        both.items = Some(Rc::new(items));
        return both;
    }
    joined(left, &right)
}

/// One text behind another.
pub(super) fn joined(left: Value, right: &Value) -> Value {
    let known = match (&left.known, &right.known) {
        (Some(Known::Text(left)), Some(Known::Text(right)))
            if left.len().saturating_add(right.len()) <= fold::MAX_LENGTH =>
        {
            Some([&**left, right].concat())
        }
        (Some(Known::Text(left)), Some(Known::Int(right))) => Some(format!("{left}{right}")),
        _ => None,
    };
    match known {
        Some(text) => {
            let triggers = left.triggers.with(right.triggers);
            let decided =
                left.parts.iter().chain(&right.parts).fold(Triggers::default(), |all, part| all.with(part.triggers));
            let piece = Piece::Text(text.into());
            let known = match &piece {
                Piece::Text(text) => Some(Known::Text(Rc::clone(text))),
                _ => None,
            };
            Value { triggers, parts: vec![Part::new(piece, decided)], known, ..Value::default() }
        }
        None => left.then(right),
    }
}
