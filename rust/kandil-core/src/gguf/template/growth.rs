//! Growth that no number shows: values that double, lists that feed their own loop, macros that call themselves for ever.

use super::ast::{Arguments, Body, Expr, ExprKind, Span, Statement, StatementKind};
use super::check::Checker;
use super::rules::TPL_DOS;
use std::collections::HashMap;

/// Doublings one after the other, outside of loops.
const MAX_DOUBLINGS: u32 = 12;

/// A variable or an attribute of one, as text.
fn key(expr: &Expr<'_>) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some((*name).to_owned()),
        ExprKind::Attribute(of, name) => Some(format!("{}.{name}", key(of)?)),
        _ => None,
    }
}

/// Counts the variables that a value is made of, as often as it contains them.
fn uses(expr: &Expr<'_>, count: &mut HashMap<String, u32>) {
    if let Some(key) = key(expr) {
        let times = count.entry(key).or_default();
        *times = times.saturating_add(1);
        return;
    }
    match &expr.kind {
        ExprKind::Concat(items) | ExprKind::List(items) | ExprKind::Tuple(items) => {
            items.iter().for_each(|item| uses(item, count));
        }
        ExprKind::Binary(super::ast::BinaryOp::Add | super::ast::BinaryOp::Mul, pair) => {
            uses(&pair.0, count);
            uses(&pair.1, count);
        }
        ExprKind::Dict(pairs) => pairs.iter().for_each(|(_, value)| uses(value, count)),
        ExprKind::Filter(applied)
            if matches!(
                &*applied.name,
                "join" | "replace" | "format" | "string" | "list" | "safe" | "trim" | "tojson"
            ) =>
        {
            applied.operand.iter().chain(applied.arguments.all()).for_each(|part| uses(part, count));
        }
        ExprKind::Binary(super::ast::BinaryOp::Pow, pair) => {
            uses(&pair.0, count);
            uses(&pair.0, count);
        }
        ExprKind::Binary(super::ast::BinaryOp::Mod, pair) => uses(&pair.1, count),
        ExprKind::Call(call) => {
            if let ExprKind::Attribute(of, "format") = &call.0.kind
                && let ExprKind::Str(text) = &of.kind
                && text.matches('{').count() > call.1.all().count()
            {
                call.1.all().for_each(|part| uses(part, count));
            }
            if let ExprKind::Attribute(of, "join" | "replace" | "format") = &call.0.kind {
                uses(of, count);
                call.1.all().for_each(|part| uses(part, count));
            }
        }
        _ => {}
    }
}

impl<'a> Checker<'a, '_> {
    /// Notes which variables `target` gets more than once.
    pub(super) fn note_growth(&mut self, target: &Expr<'_>, value: &'a Expr<'a>) {
        let mut count = HashMap::new();
        uses(value, &mut count);
        if let ExprKind::Binary(super::ast::BinaryOp::Mul, pair) = &value.kind {
            for (of, times) in [(&pair.0, &pair.1), (&pair.1, &pair.0)] {
                let repeats = matches!(times.kind, ExprKind::Int(2..)) && key(of).is_some();
                if repeats && self.eval(of).each().iter().any(|one| one.length().is_some()) {
                    uses(of, &mut count);
                }
            }
        }
        self.note(target, count, value.span);
    }

    /// As [`Self::note_growth`], of what a set block prints.
    pub(super) fn note_block_growth(&mut self, target: &Expr<'_>, body: &[Statement<'_>], span: Span) {
        let mut count = HashMap::new();
        for statement in body {
            if let StatementKind::Output(expr) = &statement.kind {
                uses(expr, &mut count);
            }
        }
        self.note(target, count, span);
    }

    fn note(&mut self, target: &Expr<'_>, count: HashMap<String, u32>, span: Span) {
        let Some(target) = key(target) else { return };
        let looped = !self.iterating.is_empty() || !self.calls.is_empty();
        if !looped && count.values().any(|times| *times >= 2) {
            self.doublings = self.doublings.saturating_add(1);
            if self.doublings > MAX_DOUBLINGS {
                self.report.add(TPL_DOS, span, || "doubles values over and over".to_owned());
            }
        }
        if looped && self.growth.len() < 1000 {
            self.growth.extend(count.into_iter().map(|(source, times)| (target.clone(), source, times, span)));
        }
    }

    /// Reports values that a loop doubles, by themselves or by another one.
    pub(super) fn check_growth(&mut self) {
        let growth = std::mem::take(&mut self.growth);
        let mut times: HashMap<(&str, &str), u32> = HashMap::new();
        for (target, source, count, _) in &growth {
            let most = times.entry((target, source)).or_default();
            *most = (*most).max(*count);
        }
        for (target, source, count, span) in &growth {
            let back = if target == source { 1 } else { times.get(&(&**source, &**target)).copied().unwrap_or(0) };
            if count.saturating_mul(back) >= 2 {
                let shown = super::super::printable::printable(target.as_bytes());
                self.report.add(TPL_DOS, *span, || format!("doubles \"{shown}\" with every pass of a loop"));
            }
        }
    }

    /// A list that grows while a loop runs over it, or that is put into itself.
    pub(super) fn check_append(&mut self, operand: &Expr<'_>, arguments: &Arguments<'_>, span: Span) {
        let Some(list) = key(operand) else { return };
        if self.iterating.iter().any(|iterable| key(iterable).as_deref() == Some(&*list)) {
            self.report.add(TPL_DOS, span, || "lengthens the list that a loop runs over".to_owned());
        }
        let mut count = HashMap::new();
        arguments.all().for_each(|argument| uses(argument, &mut count));
        if count.contains_key(&list) {
            self.report.add(TPL_DOS, span, || "puts a list or a dictionary into itself".to_owned());
        }
    }

    /// Reports macros that call themselves whatever is said, and loops that start themselves again.
    pub(super) fn check_recursion(&mut self, body: &'a Body<'a>) {
        let mut edges = super::recursion::Calls::default();
        edges.collect(body);
        for (span, name) in edges.endless() {
            let shown = super::super::printable::printable(name.as_bytes());
            self.report.add(TPL_DOS, span, || format!("calls \"{shown}\" without end"));
        }
    }
}
