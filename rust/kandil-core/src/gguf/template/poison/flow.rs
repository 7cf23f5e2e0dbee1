//! Walks a template as if every branch were taken, and collects what it prints with the conditions that decide it.
//!
//! A variable holds whatever is ever assigned to it. That is repeated until nothing new is learned, so that a flag which is set at
//! the end of a loop reaches its beginning.

use super::triggers::Table;
use super::value::{Part, Piece, Sources, Triggers, Value};
use crate::gguf::template::ast::{Body, Expr, ExprKind, For, Parameter, Span, Statement, StatementKind};
use std::collections::HashMap;

/// Walks, at most; the last one counts.
const MAX_WALKS: usize = 5;
/// Parts of texts that are looked at, in all walks. No published template needs a fifth.
const WORK: u64 = 500_000;
/// Parts, and bytes, of what is printed. No published template has a fifth.
const MAX_PARTS: usize = 100_000;
const MAX_PRINTED: usize = 512 << 10;
/// Bytes of text that are as much work as a part.
const BYTES_A_PART: usize = 64;
/// Comparisons of two parts that are as much work as one part.
const COMPARED_A_PART: usize = 8;
/// The scope of what stands outside of macros.
const GLOBAL: usize = 0;

/// A message's text is altered: where, what, into what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rewrite {
    pub(super) span: Span,
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Debug)]
pub(super) struct Macro<'a> {
    pub(super) parameters: Vec<&'a str>,
    scope: usize,
    pub(super) result: Value,
}

#[derive(Debug)]
pub(super) struct Flow<'a> {
    scopes: Vec<HashMap<String, Value>>,
    scope: usize,
    pub(super) macros: HashMap<&'a str, Macro<'a>>,
    pub(super) table: Table,
    pub(super) rewrites: Vec<Rewrite>,
    /// What macros give to the blocks that they are called with.
    pub(super) handed: Value,
    /// Conditions that decide whether what is walked now is reached.
    pub(super) guards: Triggers,
    /// Conditions under which the rest of a loop's body is left out.
    skipped: Triggers,
    /// What a message says has been printed.
    told: bool,
    out: Vec<Part>,
    /// Bytes of all that is printed or captured in this walk.
    printed: usize,
    changed: bool,
    work: u64,
}

/// What a template prints, in its order, and what it asks.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) parts: Vec<Part>,
    pub(super) table: Table,
    pub(super) rewrites: Vec<Rewrite>,
    /// It was more than is looked at.
    pub(super) cut: bool,
}

pub(super) fn follow(body: &Body<'_>) -> Printed {
    let mut flow = Flow {
        scopes: vec![HashMap::new()],
        scope: GLOBAL,
        macros: HashMap::new(),
        table: Table::default(),
        rewrites: Vec::new(),
        handed: Value::default(),
        guards: Triggers::default(),
        skipped: Triggers::default(),
        told: false,
        out: Vec::new(),
        printed: 0,
        changed: true,
        work: WORK,
    };
    for _ in 0..MAX_WALKS {
        if !flow.changed {
            break;
        }
        flow.changed = false;
        flow.out.clear();
        flow.printed = 0;
        flow.told = false;
        flow.walk(body);
    }
    Printed { parts: flow.out, table: flow.table, rewrites: flow.rewrites, cut: flow.work == 0 }
}

impl<'a> Flow<'a> {
    fn walk<'b: 'a>(&mut self, body: &'b [Statement<'a>]) {
        for statement in body {
            self.statement(statement);
        }
    }

    fn statement<'b: 'a>(&mut self, statement: &'b Statement<'a>) {
        match &statement.kind {
            StatementKind::Text(text) => self.print(&Value::text(text)),
            StatementKind::Output(expr) => {
                let value = self.eval(expr);
                self.print(&value);
            }
            StatementKind::Set { target, value } => {
                let value = self.eval(value);
                self.assign(target, value);
            }
            StatementKind::SetBlock { target, filter, body } => {
                let captured = self.capture(body);
                let value = filter.iter().fold(captured, |value, filter| self.filtered(filter, value));
                self.assign(target, value);
            }
            StatementKind::For(for_loop) => self.for_loop(for_loop),
            StatementKind::If { branches, otherwise } => self.condition(branches, otherwise),
            StatementKind::Macro { name, parameters, body } => self.definition(name, parameters, body),
            StatementKind::CallBlock { parameters, call, body } => {
                self.defaults(parameters);
                for (name, _) in parameters {
                    self.learn(name, self.handed.clone());
                }
                let inner = self.capture(body);
                self.learn("caller", inner.clone());
                let value = self.eval(call).then(&inner);
                self.print(&value);
            }
            StatementKind::FilterBlock { filter, body } => {
                let captured = self.capture(body);
                let value = self.filtered(filter, captured);
                self.print(&value);
            }
            StatementKind::With { bindings, body } => {
                for (target, value) in bindings {
                    let value = self.eval(value);
                    self.assign(target, value);
                }
                self.walk(body);
            }
            StatementKind::Autoescape { body, .. } | StatementKind::Block(body) | StatementKind::Generation(body) => {
                self.walk(body);
            }
            StatementKind::Do(expr) => {
                self.eval(expr);
            }
            StatementKind::Break | StatementKind::Continue => self.skipped = self.skipped.with(self.guards),
            StatementKind::Extends(_)
            | StatementKind::Include(_)
            | StatementKind::Import { .. }
            | StatementKind::FromImport { .. } => {}
        }
    }

    /// A filter of a block, whose operand is what the block printed.
    fn filtered<'b: 'a>(&mut self, filter: &'b Expr<'a>, operand: Value) -> Value {
        match &filter.kind {
            ExprKind::Filter(applied) => {
                let operand = match &applied.operand {
                    Some(inner) => self.filtered(inner, operand),
                    None => operand,
                };
                self.filter(applied, operand, filter.span)
            }
            _ => operand,
        }
    }

    fn condition<'b: 'a>(&mut self, branches: &'b [(Expr<'a>, Body<'a>)], otherwise: &'b Body<'a>) {
        let before = (self.guards, self.told);
        let mut told = false;
        for (test, body) in branches {
            let triggers = self.eval(test).triggers;
            self.guards = self.guards.with(triggers);
            self.told = before.1;
            self.walk(body);
            told |= self.told;
        }
        self.told = before.1;
        self.walk(otherwise);
        self.told |= told;
        self.guards = before.0;
    }

    fn for_loop<'b: 'a>(&mut self, for_loop: &'b For<'a>) {
        let before = (self.guards, self.skipped);
        let iterable = self.eval(&for_loop.iterable);
        let element = match &iterable.items {
            Some(items) => {
                let mut element = Value::default();
                for (key, value) in items.iter() {
                    // a mapping gives its keys
                    element = match key {
                        Some(key) => element.then(&Value::text(key)).then(value),
                        None => element.then(value),
                    };
                }
                element
            }
            None => iterable.clone().altered(),
        };
        self.assign(&for_loop.target, element);
        self.guards = self.guards.with(iterable.triggers);
        if let Some(test) = &for_loop.test {
            let triggers = self.eval(test).triggers;
            self.guards = self.guards.with(triggers);
        }
        self.walk(&for_loop.body);
        self.skipped = before.1;
        self.walk(&for_loop.otherwise);
        self.guards = before.0;
    }

    fn definition<'b: 'a>(&mut self, name: &'a str, parameters: &'b [Parameter<'a>], body: &'b Body<'a>) {
        let scope = match self.macros.get(name) {
            Some(known) => known.scope,
            None => {
                self.scopes.push(HashMap::new());
                self.scopes.len().saturating_sub(1)
            }
        };
        let names = parameters.iter().map(|(parameter, _)| *parameter).collect();
        let known =
            self.macros.entry(name).or_insert(Macro { parameters: Vec::new(), scope, result: Value::default() });
        known.parameters = names;
        let before = (self.scope, self.guards, self.skipped);
        (self.guards, self.skipped) = Default::default();
        self.scope = scope;
        self.defaults(parameters);
        let result = self.capture(body);
        (self.scope, self.guards, self.skipped) = before;
        if let Some(known) = self.macros.get_mut(name)
            && known.result != result
        {
            known.result = result;
            self.changed = true;
        }
    }

    fn defaults<'b: 'a>(&mut self, parameters: &'b [Parameter<'a>]) {
        for (name, default) in parameters {
            let value = default.as_ref().map(|default| self.eval(default)).unwrap_or_default();
            self.learn(name, value);
        }
    }

    /// What `body` prints.
    fn capture<'b: 'a>(&mut self, body: &'b Body<'a>) -> Value {
        let outer = std::mem::take(&mut self.out);
        let told = std::mem::take(&mut self.told);
        self.walk(body);
        self.told = told;
        let parts = std::mem::replace(&mut self.out, outer);
        let mut value = Value { parts, ..Value::default() };
        for part in &value.parts {
            value.triggers = value.triggers.with(part.triggers);
            if let Piece::Hole(sources) = part.piece {
                value.sources = value.sources.with(sources);
            }
        }
        value
    }

    pub(super) fn print(&mut self, value: &Value) {
        self.spend(value.parts.len());
        self.printed = value.texts().fold(self.printed, |bytes, text| bytes.saturating_add(text.len()));
        if self.printed > MAX_PRINTED || self.out.len() > MAX_PARTS {
            self.work = 0;
        }
        let guards = self.guards.with(self.skipped);
        if self.work > 0 {
            let before = self.told;
            // what has breaks is one of several: a prompt where the caller gives none
            let chosen = value.parts.iter().any(|part| part.piece == Piece::Break);
            let mut told = before && !chosen;
            for part in &value.parts {
                match part.piece {
                    Piece::Hole(sources) => told |= sources.has(Sources::CONTENT),
                    // what follows is there instead
                    Piece::Break => {
                        self.told |= told;
                        told = false;
                    }
                    Piece::Text(_) => {}
                }
                let triggers = part.triggers.with(guards);
                self.out.push(Part { triggers, behind: part.behind || told, piece: part.piece.clone() });
            }
            self.told |= told;
        }
    }

    /// Counts work that is about to be done.
    pub(super) fn spend(&mut self, parts: usize) {
        self.work = self.work.saturating_sub(parts.saturating_add(1) as u64);
    }

    /// Counts the making of a new text.
    pub(super) fn spend_text(&mut self, value: &Value) {
        self.spend(value.known_text().map_or(0, |text| text.len() / BYTES_A_PART));
    }

    pub(super) fn exhausted(&self) -> bool {
        self.work == 0
    }

    pub(super) fn assign<'b: 'a>(&mut self, target: &'b Expr<'a>, value: Value) {
        let value = value.under(self.guards.with(self.skipped));
        match &target.kind {
            ExprKind::Name(name) => self.learn(name, value),
            ExprKind::Attribute(object, attribute) => {
                if let ExprKind::Name(name) = object.kind {
                    self.learn(&format!("{name}.{attribute}"), value);
                }
            }
            ExprKind::Tuple(targets) => {
                for target in targets {
                    self.assign(target, value.clone().altered());
                }
            }
            _ => {}
        }
    }

    /// `name` may have this value too.
    pub(super) fn learn(&mut self, name: &str, value: Value) {
        self.learn_in(self.scope, name, value);
    }

    fn learn_in(&mut self, scope: usize, name: &str, value: Value) {
        let known = self.scopes.get(scope).and_then(|scope| scope.get(name)).map_or(0, |known| known.parts.len());
        self.spend(value.parts.len().saturating_add(known.saturating_mul(value.parts.len()) / COMPARED_A_PART));
        let Some(scope) = self.scopes.get_mut(scope).filter(|_| self.work > 0) else { return };
        match scope.get_mut(name) {
            Some(known) => self.changed |= known.merge(&value),
            None => {
                scope.insert(name.to_owned(), value);
                self.changed = true;
            }
        }
    }

    /// A macro is called with this value for its parameter.
    pub(super) fn pass(&mut self, callee: &str, place: Option<usize>, name: Option<&str>, value: Value) {
        let Some(known) = self.macros.get(callee) else { return };
        let scope = known.scope;
        let parameter = name.or_else(|| known.parameters.get(place?).copied()).unwrap_or("varargs").to_owned();
        self.learn_in(scope, &parameter, value);
    }

    /// The value that a variable of the template has, if it is one.
    pub(super) fn variable(&mut self, name: &str) -> Option<Value> {
        let local = self.scopes.get(self.scope).and_then(|scope| scope.get(name));
        let found = local.or_else(|| self.scopes.get(GLOBAL).and_then(|scope| scope.get(name)))?;
        let parts = found.parts.len();
        let found = found.clone();
        self.spend(parts);
        Some(if self.exhausted() { Value::default() } else { found })
    }

    pub(super) fn rewrite(&mut self, span: Span, from: &str, to: &str) {
        let rewrite = Rewrite { span, from: from.to_owned(), to: to.to_owned() };
        if self.rewrites.len() < 16 && !self.rewrites.contains(&rewrite) {
            self.rewrites.push(rewrite);
        }
    }
}

/// Whether callers set `name` to have tools, documents, thoughts or a form of answer.
pub(super) fn switch(name: &str) -> bool {
    const STEMS: &[&str] = &[
        "tool",
        "func",
        "doc",
        "think",
        "thought",
        "reason",
        "effort",
        "json",
        "schema",
        "format",
        "cit",
        "builtin",
        "code",
        "budget",
        "ground",
        "safety",
        "locale",
        "language",
        "date",
        "time",
        "python",
        "browser",
        "memory",
        "skill",
        "namespace",
    ];
    STEMS.iter().any(|stem| name.contains(stem))
}

/// What a name that the template does not set stands for.
pub(super) fn input(name: &str) -> Value {
    const CLOCK: &[&str] =
        &["date_string", "current_date", "today", "now", "date", "datetime", "timestamp", "current_time", "time"];
    const CONTENT: &[&str] = &[
        "prompt",
        "query",
        "question",
        "user_input",
        "instruction",
        "input",
        "user_message",
        "last_message",
        "user_name",
        "username",
        "user_id",
        "email",
        "organization",
        "company",
        "country",
        "locale",
        "hostname",
    ];
    match name {
        "messages" | "conversation" | "history" | "chat_history" => Value::from(Sources::MESSAGE),
        "loop" => Value::from(Sources::LOOP),
        _ if CLOCK.contains(&name) => Value::from(Sources::TIME),
        _ if CONTENT.contains(&name) => Value::from(Sources::CONTENT),
        _ => Value::from(Sources::default()),
    }
}
