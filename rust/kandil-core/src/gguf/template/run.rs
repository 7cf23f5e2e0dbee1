//! Statements: what they set, print and repeat.

use super::ast::{Expr, ExprKind, For, Parameter, Statement, StatementKind};
use super::check::Checker;
use super::known;
use super::rules::{TPL_DOS, TPL_IMPORT};
use super::value::{Object, Value};

/// Loops over longer constants are run once.
const MAX_UNROLLED: usize = 64;
/// A statement that constants alone make run more often.
const MAX_REPEAT: u64 = 1_000_000;
/// Loops over the conversation inside of each other: four make a hundred messages a hundred million steps.
const MAX_CONVERSATION_LOOPS: usize = 3;
/// Passes that a loop over the conversation counts for.
const CONVERSATION: u64 = 16;
/// Macros inside of each other are run that deep.
const MAX_CALLS: usize = 6;

impl<'a> Checker<'a, '_> {
    /// Runs statements, and gives what they print.
    pub(super) fn run(&mut self, body: &'a [Statement<'a>]) -> Value {
        let mut printed = Vec::new();
        for statement in body {
            self.spend(1);
            if let Some(value) = self.statement(statement) {
                printed.push(value);
                if printed.len() >= 64 {
                    printed = vec![self.concat(&printed)];
                }
            }
        }
        self.concat(&printed)
    }

    pub(super) fn concat(&mut self, parts: &[Value]) -> Value {
        let steps = parts.iter().fold(0_u32, |sum, part| sum.saturating_add(part.weight())) as usize;
        if self.spend(steps) { Value::concat(parts) } else { Value::mixed(parts) }
    }

    fn statement(&mut self, statement: &'a Statement<'a>) -> Option<Value> {
        match &statement.kind {
            StatementKind::Text(text) => {
                let value = Value::text(text);
                self.count_made(&value, statement.span);
                return Some(value);
            }
            StatementKind::Output(expr) => {
                let value = self.eval(expr);
                self.check_size(&value, statement.span);
                self.count_made(&value, statement.span);
                return Some(value);
            }
            StatementKind::Do(expr) => {
                self.eval(expr);
            }
            StatementKind::Set { target, value } => {
                self.note_growth(target, value);
                let value = self.eval(value);
                self.check_size(&value, statement.span);
                self.assign(target, &value);
            }
            StatementKind::SetBlock { target, filter, body } => {
                let (printed, inner) = self.scoped(|checker| checker.run(body));
                self.join_cells(vec![inner], false);
                self.note_block_growth(target, body, statement.span);
                let value = self.filtered(filter.as_ref(), printed);
                self.check_size(&value, statement.span);
                self.assign(target, &value);
            }
            StatementKind::FilterBlock { filter, body } => {
                let printed = self.inner(body);
                return Some(self.filtered(Some(filter), printed));
            }
            StatementKind::For(of) => return Some(self.for_loop(of, statement)),
            StatementKind::If { branches, otherwise } => return Some(self.condition(branches, otherwise)),
            StatementKind::Macro { name, parameters, body } => {
                self.definition(name, parameters, body);
            }
            StatementKind::CallBlock { parameters, call, body } => {
                self.defaults(parameters);
                self.definition("caller", parameters, body);
                return Some(self.eval(call));
            }
            StatementKind::With { bindings, body } => {
                let values: Vec<_> = bindings.iter().map(|(_, value)| self.eval(value)).collect();
                let (printed, inner) = self.scoped(|checker| {
                    for ((target, _), value) in bindings.iter().zip(&values) {
                        checker.assign(target, value);
                    }
                    checker.run(body)
                });
                self.join_cells(vec![inner], false);
                return Some(printed);
            }
            StatementKind::Autoescape { value, body } => {
                self.eval(value);
                return Some(self.run(body));
            }
            StatementKind::Block(body) | StatementKind::Generation(body) => return Some(self.inner(body)),
            StatementKind::Extends(template)
            | StatementKind::Include(template)
            | StatementKind::Import { template, .. }
            | StatementKind::FromImport { template, .. } => {
                self.eval(template);
                self.report.add(TPL_IMPORT, statement.span, || "reads another file".to_owned());
            }
            StatementKind::Break | StatementKind::Continue => {}
        }
        None
    }

    fn inner(&mut self, body: &'a [Statement<'a>]) -> Value {
        let (printed, inner) = self.scoped(|checker| checker.run(body));
        self.join(vec![inner], false);
        printed
    }

    fn filtered(&mut self, filter: Option<&'a Expr<'a>>, printed: Value) -> Value {
        let Some(filter) = filter else { return printed };
        let outer = std::mem::replace(&mut self.printed, printed);
        let value = self.eval(filter);
        self.printed = outer;
        value
    }

    fn condition(&mut self, branches: &'a [(Expr<'a>, Vec<Statement<'a>>)], otherwise: &'a [Statement<'a>]) -> Value {
        let mut scopes = Vec::new();
        let mut printed = Vec::new();
        for (test, body) in branches {
            self.eval(test);
            let (value, scope) = self.scoped(|checker| checker.run(body));
            scopes.push(scope);
            printed.push(value);
        }
        let (value, scope) = self.scoped(|checker| checker.run(otherwise));
        scopes.push(scope);
        printed.push(value);
        self.join(scopes, false);
        Value::any(printed)
    }

    fn for_loop(&mut self, of: &'a For<'a>, statement: &'a Statement<'a>) -> Value {
        let over = self.eval(&of.iterable);
        let length = over.length();
        let outer = (self.repeat, self.unrolled);
        let open = if self.passes.contains(&None) { 1 } else { CONVERSATION };
        self.repeat = outer.0.saturating_mul(length.unwrap_or(open).max(1));
        self.passes.push(length);
        if self.repeat > MAX_REPEAT {
            let times = self.repeat;
            self.report.add(TPL_DOS, statement.span, || format!("runs a loop's body {times} times"));
        }
        self.iterating.push(&of.iterable);
        let nested = self.iterating.iter().filter(|iterable| over_conversation(iterable)).count();
        if nested > MAX_CONVERSATION_LOOPS && over_conversation(&of.iterable) {
            self.report.add(TPL_DOS, statement.span, || {
                format!("has {nested} loops over the conversation inside of each other")
            });
        }
        let items = over.items().filter(|items| items.len() <= MAX_UNROLLED && !items.is_empty() && !self.tired());
        let mut printed = Vec::new();
        if let Some(items) = items {
            self.unrolled = outer.1.saturating_mul(items.len() as u64);
            for item in items {
                let (value, inner) = self.scoped(|checker| checker.iteration(of, &item));
                self.join_cells(vec![inner], of.test.is_some());
                printed.push(value);
            }
        } else {
            let item = |one: &Value| match one {
                Value::Sized(size) => size.item(),
                one => Value::any(one.items().unwrap_or_default()),
            };
            let item = if over.is_input() { Value::Input } else { Value::any(over.each().iter().map(item)) };
            let (value, inner) = self.scoped(|checker| checker.iteration(of, &item));
            self.join_cells(vec![inner], true);
            printed.push(value.or(Value::Unknown));
        }
        self.iterating.pop();
        self.passes.pop();
        (self.repeat, self.unrolled) = outer;
        printed.push(self.inner(&of.otherwise).or(Value::text("")));
        let printed = if of.otherwise.is_empty() {
            printed.get(..printed.len().saturating_sub(1)).unwrap_or_default()
        } else {
            &printed
        };
        self.concat(printed)
    }

    fn iteration(&mut self, of: &'a For<'a>, item: &Value) -> Value {
        self.set("loop", Value::Object(Object::Loop));
        self.assign(&of.target, item);
        if let Some(test) = &of.test {
            self.eval(test);
        }
        self.run(&of.body)
    }

    fn defaults(&mut self, parameters: &'a [Parameter<'a>]) {
        for (_, default) in parameters {
            if let Some(default) = default {
                self.eval(default);
            }
        }
    }

    /// Visits a macro's body, whatever it will be called with.
    fn definition(&mut self, name: &'a str, parameters: &'a [Parameter<'a>], body: &'a [Statement<'a>]) {
        self.defaults(parameters);
        let repeat = (std::mem::replace(&mut self.repeat, 1), std::mem::replace(&mut self.unrolled, 1));
        let outer = (std::mem::take(&mut self.iterating), std::mem::take(&mut self.passes));
        self.calls.push(name);
        self.scoped(|checker| {
            for (name, _) in parameters {
                checker.set(name, Value::Unknown);
            }
            checker.set("varargs", Value::Unknown);
            checker.set("kwargs", Value::Unknown);
            checker.run(body)
        });
        self.calls.pop();
        (self.repeat, self.unrolled) = repeat;
        (self.iterating, self.passes) = outer;
    }

    /// Runs a macro, and gives what it prints.
    pub(super) fn call_macro(&mut self, name: &'a str, arguments: &super::builtins::Evaluated<'a>) -> Value {
        let unknown = Value::mixed(&arguments.all().cloned().collect::<Vec<_>>());
        let Some(&(parameters, body)) = self.macros.get(name) else { return unknown };
        if self.calls.contains(&name) || self.calls.len() >= MAX_CALLS || !self.spend(1) {
            return unknown;
        }
        self.calls.push(name);
        let (printed, inner) = self.scoped(|checker| {
            for (place, (name, default)) in parameters.iter().enumerate() {
                let given = arguments.get(place, name).cloned();
                let value = given.or_else(|| default.as_ref().map(|default| checker.eval(default)));
                checker.set(name, value.unwrap_or(Value::Unknown));
            }
            checker.run(body)
        });
        self.join_cells(vec![inner], false);
        self.calls.pop();
        printed
    }
}

/// Whether a loop runs over all of the conversation, and not over a part of what another loop gives.
fn over_conversation(iterable: &Expr<'_>) -> bool {
    match &iterable.kind {
        ExprKind::Name(name) => known::conversation(name),
        ExprKind::Filter(applied) => applied.operand.as_ref().is_some_and(over_conversation),
        ExprKind::Item(pair) => matches!(pair.1.kind, ExprKind::Slice(_)) && over_conversation(&pair.0),
        _ => false,
    }
}
