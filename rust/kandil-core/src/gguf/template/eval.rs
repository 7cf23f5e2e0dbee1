//! What expressions come to; on the way each lookup, call and repetition is judged.

use super::ast::{Applied, Arguments, BinaryOp, CompareOp, Expr, ExprKind, Span, UnaryOp};
use super::builtins::{self, Evaluated};
use super::check::Checker;
use super::formats;
use super::known;
use super::names::Lookup;
use super::rules::{TPL_ATTR, TPL_DUNDER, TPL_FORMAT, TPL_UNK};
use super::size::Size;
use super::value::{Object, Value};

impl<'a> Checker<'a, '_> {
    pub(super) fn eval(&mut self, expr: &'a Expr<'a>) -> Value {
        self.spend(1);
        let value = self.evaluated(expr);
        if matches!(expr.kind, ExprKind::Binary(..) | ExprKind::Concat(_) | ExprKind::Filter(_) | ExprKind::Call(_)) {
            self.count_made(&value, expr.span);
        }
        value
    }

    fn evaluated(&mut self, expr: &'a Expr<'a>) -> Value {
        match &expr.kind {
            ExprKind::None => Value::None,
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Int(value) => Value::Int(*value),
            ExprKind::Float(value) => Value::Float(*value),
            ExprKind::Str(text) => self.literal(text, expr.span),
            ExprKind::Name(name) => self.name(name, expr),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                let items = items.iter().map(|item| self.eval(item)).collect();
                Value::list(items)
            }
            ExprKind::Dict(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| (self.eval(key), self.eval(value))).collect();
                Value::dict(pairs)
            }
            ExprKind::Attribute(operand, name) => {
                let operand = self.eval(operand);
                self.attribute(&operand, name, expr)
            }
            ExprKind::Item(pair) => self.item(&pair.0, &pair.1, expr),
            ExprKind::Slice(parts) => {
                parts.iter().flatten().for_each(|part| {
                    self.eval(part);
                });
                Value::Unknown
            }
            ExprKind::Call(call) => self.call(&call.0, &call.1, expr),
            ExprKind::Filter(applied) => self.filter(applied, expr),
            ExprKind::Test(applied) => self.test(applied, expr),
            ExprKind::Unary(operator, operand) => {
                let operand = self.eval(operand);
                unary(*operator, &operand)
            }
            ExprKind::Binary(operator, pair) => {
                let (left, right) = (self.eval(&pair.0), self.eval(&pair.1));
                self.binary(*operator, &left, &right, expr)
            }
            ExprKind::Concat(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.eval(part)).collect();
                self.concat(&parts)
            }
            ExprKind::Compare(first, rest) => self.compare(first, rest),
            ExprKind::Conditional(conditional) => {
                self.eval(&conditional.test);
                let then = self.eval(&conditional.then);
                let otherwise = conditional.otherwise.as_ref().map_or(Value::Unknown, |expr| self.eval(expr));
                then.or(otherwise)
            }
        }
    }

    /// A format string that reads `__class__` is made for `format`, by whatever way it comes there.
    fn literal(&mut self, text: &str, span: Span) -> Value {
        if text.contains("__") && formats::reads(text).iter().any(|(_, part)| known::is_dunder(part)) {
            self.report
                .add(TPL_FORMAT, span, || "has a format string that reads a double-underscore attribute".to_owned());
        }
        if self.spend(text.len() / 64) { Value::text(text) } else { Value::Unknown }
    }

    fn name(&mut self, name: &'a str, expr: &'a Expr<'a>) -> Value {
        if known::is_dunder(name) {
            self.report.add(TPL_DUNDER, expr.span, || "reads a name of Python's own".to_owned());
        }
        let value = self.lookup(name);
        if value == Value::Object(Object::Internal(known::internal(name).unwrap_or_default())) {
            self.report.add(TPL_ATTR, expr.span, || format!("reads {name}, an object of the engine"));
        }
        if known::module(name) && !self.assigned.contains(name) {
            self.report.add(TPL_UNK, expr.span, || format!("reads {name}, a module of Python"));
        }
        value
    }

    fn attribute(&mut self, operand: &Value, name: &'a str, expr: &'a Expr<'a>) -> Value {
        self.check_lookup(operand, &Value::text(name), Lookup::Dot, expr.span);
        if *operand == Value::Object(Object::Loop) && !known::loop_attribute(name) && !name.starts_with('_') {
            self.report.add(TPL_UNK, expr.span, || "reads an attribute that loop has not".to_owned());
        }
        if matches!(name, "format" | "format_map") {
            return self.bound_format(operand, expr.span);
        }
        self.part(operand, name)
    }

    /// The method `format` where it is not called at once, or what a dictionary has by that name.
    fn bound_format(&mut self, operand: &Value, span: Span) -> Value {
        for one in operand.each() {
            if matches!(one, Value::Str(_)) {
                self.check_format(Some(one), &Evaluated::default(), span);
            }
        }
        let found = self.part(operand, "format");
        if operand.is_input() { found.or(Value::Object(Object::Format)) } else { found }
    }

    /// What a lookup by `name` gives.
    pub(super) fn part(&mut self, operand: &Value, name: &str) -> Value {
        operand.map(|one| match one {
            Value::Namespace(of) => self.cell(*of, name),
            Value::Dict(_) if !self.tired() => one.item(&Value::text(name)).unwrap_or(Value::Unknown),
            Value::Object(Object::Loop) => match name {
                "index" | "index0" | "revindex" | "revindex0" | "length" => {
                    self.passes.last().copied().flatten().map_or(Value::Number, Value::Most)
                }
                "previtem" | "nextitem" => Value::Input,
                "cycle" | "changed" => Value::Object(Object::Function("loop")),
                _ => Value::Number,
            },
            Value::Input => Value::Input,
            _ => Value::Unknown,
        })
    }

    fn item(&mut self, operand: &'a Expr<'a>, index: &'a Expr<'a>, expr: &'a Expr<'a>) -> Value {
        let operand = self.eval(operand);
        if let ExprKind::Slice(parts) = &index.kind {
            return self.slice(&operand, parts);
        }
        let index = self.eval(index);
        self.check_lookup(&operand, &index, Lookup::Item, expr.span);
        let formats = |one: &Value| matches!(one.as_str(), Some("format" | "format_map"));
        if index.each().iter().any(formats)
            && operand.each().iter().any(|one| matches!(one, Value::Str(_) | Value::Input))
        {
            return self.bound_format(&operand, expr.span);
        }
        if !self.spend(operand.weight() as usize) {
            return Value::mixed(&[operand]);
        }
        operand.map2(&index, |operand, index| match operand {
            Value::Input => Value::Input,
            Value::Namespace(of) => index.as_str().map_or(Value::Unknown, |name| self.cell(*of, name)),
            Value::Dict(pairs) if !index.is_constant() => Value::any(pairs.iter().map(|(_, value)| value.clone())),
            Value::List(items) if !index.is_constant() => Value::any(items.iter().cloned()),
            Value::Sized(size) => size.item(),
            _ => operand.item(index).unwrap_or(Value::Unknown),
        })
    }

    fn slice(&mut self, operand: &Value, parts: &'a [Option<Expr<'a>>; 3]) -> Value {
        let parts = parts.each_ref().map(|part| part.as_ref().map(|part| self.eval(part)));
        if !self.spend(operand.weight() as usize) {
            return Value::mixed(std::slice::from_ref(operand));
        }
        let bound = |part: &Option<Value>| match part {
            None | Some(Value::None) => Some(None),
            Some(part) => part.as_int().map(Some),
        };
        let [Some(start), Some(stop), Some(step)] = parts.each_ref().map(bound) else {
            return Value::mixed(std::slice::from_ref(operand));
        };
        operand.map(|one| one.slice([start, stop, step]).unwrap_or(Value::mixed(std::slice::from_ref(one))))
    }

    pub(super) fn arguments(&mut self, arguments: &'a Arguments<'a>) -> Evaluated<'a> {
        let positional = arguments.positional.iter().map(|argument| self.eval(argument)).collect();
        let named = arguments.named.iter().map(|(name, value)| (*name, self.eval(value))).collect();
        let mut evaluated = Evaluated { positional, named, open: false };
        if let Some(star) = &arguments.star {
            let star = self.eval(star);
            evaluated.open = star.items().is_none();
            evaluated.positional.extend(star.items().unwrap_or_default());
        }
        if let Some(star_star) = &arguments.star_star {
            self.eval(star_star);
            evaluated.open = true;
        }
        evaluated
    }

    fn filter(&mut self, applied: &'a Applied<'a>, expr: &'a Expr<'a>) -> Value {
        let operand = if let Some(operand) = &applied.operand { self.eval(operand) } else { self.printed.clone() };
        let arguments = self.arguments(&applied.arguments);
        self.check_filter(&applied.name, &operand, &arguments, expr.span);
        if applied.name == "attr"
            && arguments.positional.iter().any(|name| matches!(name.as_str(), Some("format" | "format_map")))
        {
            return self.bound_format(&operand, expr.span);
        }
        let unknown = Value::mixed(std::slice::from_ref(&operand));
        let kept = |value: Option<Value>| {
            value.unwrap_or_else(|| if applied.name == "attr" { Value::Unknown } else { unknown.clone() })
        };
        if !self.spend_on(&operand, &arguments) {
            return unknown;
        }
        operand.map(|one| kept(builtins::filter(&applied.name, one, &arguments)))
    }

    /// Whether the steps for computing with these are left.
    pub(super) fn spend_on(&mut self, operand: &Value, arguments: &Evaluated<'_>) -> bool {
        let weight = arguments.all().fold(operand.weight(), |sum, value| sum.saturating_add(value.weight()));
        self.spend(weight as usize)
    }

    fn test(&mut self, applied: &'a Applied<'a>, expr: &'a Expr<'a>) -> Value {
        let asks_definition = matches!(&*applied.name, "defined" | "undefined");
        match &applied.operand {
            Some(operand) if asks_definition && matches!(operand.kind, ExprKind::Name(_)) => {}
            Some(operand) => {
                self.eval(operand);
            }
            None => {}
        }
        self.arguments(&applied.arguments);
        if !known::test(&applied.name) {
            let name = super::super::printable::printable(applied.name.as_bytes());
            self.report.add(TPL_UNK, expr.span, || format!("uses the test \"{name}\", which no model runtime defines"));
        }
        Value::Unknown
    }

    fn compare(&mut self, first: &'a Expr<'a>, rest: &'a [(CompareOp, Expr<'a>)]) -> Value {
        let first = self.eval(first);
        let rest: Vec<_> = rest.iter().map(|(operator, operand)| (*operator, self.eval(operand))).collect();
        match &rest[..] {
            [(operator @ (CompareOp::Eq | CompareOp::Ne), other)] if first.is_constant() && other.is_constant() => {
                Value::Bool((first == *other) == (*operator == CompareOp::Eq))
            }
            _ => Value::Unknown,
        }
    }

    fn binary(&mut self, operator: BinaryOp, left: &Value, right: &Value, expr: &'a Expr<'a>) -> Value {
        match operator {
            BinaryOp::Or | BinaryOp::And => return left.clone().or(right.clone()),
            BinaryOp::Mul | BinaryOp::Pow => self.check_product(operator, left, right, expr.span),
            BinaryOp::Mod => self.check_percent(left, right, expr.span),
            _ => {}
        }
        if !self.spend_on(left, &Evaluated { positional: vec![right.clone()], ..Evaluated::default() }) {
            return Value::mixed(&[left.clone(), right.clone()]);
        }
        left.map2(right, |left, right| arithmetic(operator, left, right))
    }
}

fn unary(operator: UnaryOp, operand: &Value) -> Value {
    operand.map(|one| match (operator, one) {
        (UnaryOp::Not, one) => one.truth().map_or(Value::Unknown, |truth| Value::Bool(!truth)),
        (UnaryOp::Minus, Value::Int(value)) => Value::Int(value.saturating_neg()),
        (UnaryOp::Minus, Value::Float(value)) => Value::Float(-value),
        (_, one) => one.clone(),
    })
}

fn arithmetic(operator: BinaryOp, left: &Value, right: &Value) -> Value {
    let unknown = || {
        let number = |value: &Value| matches!(value, Value::Number | Value::Int(_) | Value::Float(_));
        if number(left) && number(right) { Value::Number } else { Value::mixed(&[left.clone(), right.clone()]) }
    };
    match (operator, left, right) {
        (BinaryOp::Add, Value::Str(_) | Value::Sized(_), Value::Str(_) | Value::Sized(_)) => {
            Value::concat(&[left.clone(), right.clone()])
        }
        (BinaryOp::Add, Value::List(left), Value::List(right)) => {
            Value::list(left.iter().chain(right.iter()).cloned().collect())
        }
        (BinaryOp::Add, Value::List(_) | Value::Sized(_), Value::List(_) | Value::Sized(_)) => {
            Size::of(left).zip(Size::of(right)).map_or_else(unknown, |(left, right)| Value::Sized(left.plus(right)))
        }
        (BinaryOp::Mul, Value::Str(_) | Value::List(_) | Value::Sized(_), Value::Int(times)) => repeated(left, *times),
        (BinaryOp::Mul, Value::Int(times), Value::Str(_) | Value::List(_) | Value::Sized(_)) => repeated(right, *times),
        (BinaryOp::Mul, of @ (Value::Str(_) | Value::List(_) | Value::Sized(_)), Value::Most(times))
        | (BinaryOp::Mul, Value::Most(times), of @ (Value::Str(_) | Value::List(_) | Value::Sized(_))) => {
            Size::of(of).map_or_else(unknown, |size| Value::Sized(size.times(*times)))
        }
        (BinaryOp::Mod, Value::Str(text), arguments) => {
            let arguments = if let Value::List(items) = arguments { items.to_vec() } else { vec![arguments.clone()] };
            let arguments = Evaluated { positional: arguments, ..Evaluated::default() };
            builtins::formatted(text, &arguments).unwrap_or_else(unknown)
        }
        (operator, Value::Most(_), Value::Int(_) | Value::Most(_)) | (operator, Value::Int(_), Value::Most(_)) => {
            at_most(operator, left.at_most().unwrap_or(0), right.at_most().unwrap_or(0))
        }
        (operator, Value::Int(left), Value::Int(right)) => integer(operator, *left, *right).unwrap_or(Value::Number),
        _ => unknown(),
    }
}

/// What computing with numbers gives of which at least one is an upper bound.
fn at_most(operator: BinaryOp, left: i64, right: i64) -> Value {
    let (left, right) = (left.unsigned_abs(), right.unsigned_abs());
    Value::Most(match operator {
        BinaryOp::Add | BinaryOp::Sub => left.saturating_add(right),
        BinaryOp::Mul => left.saturating_mul(right),
        BinaryOp::Pow => left.saturating_pow(u32::try_from(right).unwrap_or(u32::MAX)),
        BinaryOp::Mod => right,
        _ => left,
    })
}

fn integer(operator: BinaryOp, left: i64, right: i64) -> Option<Value> {
    Some(Value::Int(match operator {
        BinaryOp::Add => left.saturating_add(right),
        BinaryOp::Sub => left.saturating_sub(right),
        BinaryOp::Mul => left.saturating_mul(right),
        BinaryOp::FloorDiv => left.checked_div_euclid(right)?,
        BinaryOp::Mod => left.checked_rem_euclid(right)?,
        BinaryOp::Pow => left.saturating_pow(u32::try_from(right).ok()?),
        BinaryOp::Div if right != 0 && left.checked_rem(right) == Some(0) => left.checked_div(right)?,
        _ => return None,
    }))
}

fn repeated(of: &Value, times: i64) -> Value {
    let times = u64::try_from(times).unwrap_or(0);
    let Some(size) = Size::of(of).map(|size| size.times(times)) else { return Value::Unknown };
    let length = size.length;
    if length > 4096 {
        return Value::Sized(size);
    }
    let times = usize::try_from(times).unwrap_or(0);
    match of {
        Value::Str(text) => Value::text(text.repeat(times)),
        Value::List(items) if length > 0 => {
            Value::list(std::iter::repeat_n(items, times).flat_map(|items| items.iter().cloned()).collect())
        }
        Value::List(_) => Value::list(Vec::new()),
        _ => Value::Sized(size),
    }
}
