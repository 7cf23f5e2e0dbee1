//! Which macro calls which, whether it always does, and with what.

use super::ast::{Arguments, Expr, ExprKind, Parameter, Span, Statement, StatementKind};
use std::collections::{HashMap, HashSet};

/// A macro that is run more often, by macros that call it several times.
const MAX_CALLS: u64 = 100_000;

/// A call of a macro in the body of another one.
struct Call<'a> {
    from: &'a str,
    to: &'a str,
    /// It may end: a condition stands before it, and it hands on a part of what its macro got.
    ends: bool,
    span: Span,
}

#[derive(Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// Loops that call themselves with what is no part of their item.
    loops: Vec<Span>,
    /// The macros that call any.
    callers: HashSet<&'a str>,
    inside: Inside<'a>,
}

#[derive(Default, Clone)]
struct Inside<'a> {
    of: Option<&'a str>,
    /// A condition, or a loop that may be over nothing.
    guarded: bool,
    /// What the recursive loop around it runs over.
    recursive: Option<&'a Expr<'a>>,
    parameters: &'a [Parameter<'a>],
}

impl<'a> Calls<'a> {
    pub(super) fn collect(&mut self, body: &'a [Statement<'a>]) {
        for statement in body {
            statement.expressions(&mut |expr| self.expression(expr, false));
            let outer = self.inside.clone();
            match &statement.kind {
                StatementKind::Macro { name, parameters, .. } => {
                    self.inside = Inside { of: Some(name), parameters, ..Inside::default() };
                }
                StatementKind::If { branches, .. } => {
                    self.inside.guarded |= !branches.first().is_some_and(|(test, _)| always(test));
                }
                StatementKind::For(of) => {
                    self.inside.guarded |= !filled(&of.iterable);
                    if of.recursive {
                        self.inside.recursive = Some(&of.iterable);
                    }
                }
                _ => {}
            }
            statement.bodies(&mut |body| self.collect(body));
            self.inside = outer;
        }
    }

    fn expression(&mut self, expr: &'a Expr<'a>, guarded: bool) {
        match &expr.kind {
            ExprKind::Call(call) => {
                if let ExprKind::Name(name) = call.0.kind {
                    self.call(name, &call.1, expr.span, guarded);
                }
                expr.kind.children(&mut |child| self.expression(child, guarded));
            }
            ExprKind::Conditional(conditional) => {
                self.expression(&conditional.test, guarded);
                let inner = guarded || !always(&conditional.test);
                self.expression(&conditional.then, inner);
                conditional.otherwise.iter().for_each(|other| self.expression(other, inner));
            }
            ExprKind::Binary(super::ast::BinaryOp::And | super::ast::BinaryOp::Or, pair) => {
                self.expression(&pair.0, guarded);
                self.expression(&pair.1, true);
            }
            kind => kind.children(&mut |child| self.expression(child, guarded)),
        }
    }

    fn call(&mut self, to: &'a str, arguments: &'a Arguments<'a>, span: Span, guarded: bool) {
        let part = arguments.all().any(|argument| descends(argument, self.inside.parameters));
        if to == "loop"
            && let Some(over) = self.inside.recursive
        {
            let again =
                arguments.all().any(|argument| same_name(argument, over)) || matches!(over.kind, ExprKind::Str(_));
            if again || !part {
                self.loops.push(span);
            }
        }
        if let Some(from) = self.inside.of {
            let ends = (guarded || self.inside.guarded) && part;
            self.callers.insert(from);
            self.calls.push(Call { from, to, ends, span });
        }
    }

    /// The calls that lead back to their own macro and need not end, and those that are too many.
    pub(super) fn endless(&self) -> Vec<(Span, &'a str)> {
        let mut found: Vec<_> = self.loops.iter().map(|span| (*span, "loop")).collect();
        let ended = self.ended();
        let stays = |call: &&Call<'a>| !call.ends && !ended.contains(call.from) && !ended.contains(call.to);
        found.extend(
            self.calls.iter().filter(stays).filter(|call| self.defines(call.to)).map(|call| (call.span, call.to)),
        );
        found.truncate(20);
        let mut next: HashMap<&str, Vec<&Call<'a>>> = HashMap::new();
        for call in &self.calls {
            next.entry(call.from).or_default().push(call);
        }
        let mut costs = HashMap::new();
        let costly = self.calls.iter().find(|call| cost(call.to, &next, &mut costs, 0) > MAX_CALLS);
        found.extend(costly.map(|call| (call.span, call.to)));
        found
    }

    fn defines(&self, name: &str) -> bool {
        self.callers.contains(name)
    }

    /// The macros all of whose calls, as far as they need not end, are of macros that are among these.
    fn ended(&self) -> HashSet<&'a str> {
        let open = || self.calls.iter().filter(|call| !call.ends && self.defines(call.to));
        let mut left: HashMap<&str, u64> = HashMap::new();
        let mut callers: HashMap<&str, Vec<&'a str>> = HashMap::new();
        for call in open() {
            let count = left.entry(call.from).or_default();
            *count = count.saturating_add(1);
            callers.entry(call.to).or_default().push(call.from);
        }
        let mut ready: Vec<&'a str> = self.callers.iter().copied().filter(|name| !left.contains_key(name)).collect();
        let mut ended = HashSet::new();
        while let Some(name) = ready.pop() {
            ended.insert(name);
            for caller in callers.get(name).into_iter().flatten() {
                let count = left.entry(caller).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push(caller);
                }
            }
        }
        ended
    }
}

/// How many macros a call of `name` runs; recursion counts once.
fn cost<'a>(name: &'a str, next: &HashMap<&str, Vec<&Call<'a>>>, costs: &mut HashMap<&'a str, u64>, depth: u32) -> u64 {
    if let Some(cost) = costs.get(name) {
        return *cost;
    }
    if depth > 200 {
        return u64::MAX;
    }
    costs.insert(name, 1);
    let mut total = 1_u64;
    for call in next.get(name).into_iter().flatten() {
        total = total.saturating_add(cost(call.to, next, costs, depth.saturating_add(1)));
    }
    costs.insert(name, total);
    total
}

/// A condition that always holds.
fn always(test: &Expr<'_>) -> bool {
    match &test.kind {
        ExprKind::Bool(value) => *value,
        ExprKind::Int(value) => *value != 0,
        ExprKind::Str(text) => !text.is_empty(),
        ExprKind::Unary(super::ast::UnaryOp::Not, inner) => {
            matches!(inner.kind, ExprKind::Bool(false) | ExprKind::None | ExprKind::Int(0))
        }
        ExprKind::Compare(first, rest) => match (&first.kind, &rest[..]) {
            (ExprKind::Int(left), [(super::ast::CompareOp::Eq, right)]) => {
                matches!(right.kind, ExprKind::Int(right) if right == *left)
            }
            _ => false,
        },
        _ => false,
    }
}

/// A loop over this has a pass.
fn filled(iterable: &Expr<'_>) -> bool {
    match &iterable.kind {
        ExprKind::List(items) | ExprKind::Tuple(items) => !items.is_empty(),
        ExprKind::Str(text) => !text.is_empty(),
        ExprKind::Dict(pairs) => !pairs.is_empty(),
        ExprKind::Call(call) => {
            matches!(call.0.kind, ExprKind::Name("range"))
                && call.1.positional.iter().all(|bound| matches!(bound.kind, ExprKind::Int(_)))
        }
        _ => false,
    }
}

fn same_name(one: &Expr<'_>, other: &Expr<'_>) -> bool {
    matches!((&one.kind, &other.kind), (ExprKind::Name(one), ExprKind::Name(other)) if one == other)
}

/// Whether an argument can be a part of what the caller has, and not the same or something that is counted.
fn descends(argument: &Expr<'_>, parameters: &[Parameter<'_>]) -> bool {
    match &argument.kind {
        ExprKind::Attribute(..) | ExprKind::Item(_) | ExprKind::Filter(_) | ExprKind::Call(_) => true,
        ExprKind::Name(name) => !parameters.iter().any(|(parameter, _)| parameter == name),
        kind => {
            let mut found = false;
            kind.children(&mut |child| found |= descends(child, parameters));
            found
        }
    }
}
