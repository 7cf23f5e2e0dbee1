//! Growth that no number shows: values that double, lists that feed their own loop, macros that call themselves for ever.

use super::ast::{Arguments, BinaryOp, Body, Expr, ExprKind, Span, Statement, StatementKind};
use super::check::Checker;
use super::rules::TPL_DOS;
use std::collections::{HashMap, HashSet};

/// Doublings one after the other, outside of loops.
const MAX_DOUBLINGS: u32 = 12;
/// Assignments in loops that are followed. Published templates have some tens.
const MAX_GROWTH: usize = 400;

/// A variable or an attribute of one, as text.
fn key(expr: &Expr<'_>) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some((*name).to_owned()),
        ExprKind::Attribute(of, name) => Some(format!("{}.{name}", key(of)?)),
        _ => None,
    }
}

/// Counts the variables that a value is made of, as often as it contains them.
#[derive(Default)]
struct Uses {
    count: HashMap<String, u32>,
    /// What is counted is put through a filter that doubles a text by itself.
    doubled: bool,
}

impl Uses {
    fn of(expr: &Expr<'_>) -> HashMap<String, u32> {
        let mut uses = Self::default();
        uses.add(expr);
        uses.count
    }

    fn add(&mut self, expr: &Expr<'_>) {
        if let Some(key) = key(expr) {
            // a plain variable ends with its pass of the loop, and is not what it was doubled to in the last one
            let added = if self.doubled && key.contains('.') { 2 } else { 1 };
            let times = self.count.entry(key).or_default();
            *times = times.saturating_add(added);
            return;
        }
        match &expr.kind {
            ExprKind::Concat(items) | ExprKind::List(items) | ExprKind::Tuple(items) => {
                items.iter().for_each(|item| self.add(item));
            }
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Mul, pair) => {
                self.add(&pair.0);
                self.add(&pair.1);
            }
            ExprKind::Dict(pairs) => pairs.iter().for_each(|(_, value)| self.add(value)),
            ExprKind::Filter(applied) => self.add_filter(&applied.name, applied.operand.as_ref(), &applied.arguments),
            ExprKind::Binary(BinaryOp::Pow, pair) => {
                self.add(&pair.0);
                self.add(&pair.0);
            }
            ExprKind::Binary(BinaryOp::Mod, pair) => self.add(&pair.1),
            ExprKind::Call(call) => {
                let ExprKind::Attribute(of, name) = &call.0.kind else { return };
                if let ("format", ExprKind::Str(text)) = (*name, &of.kind)
                    && text.matches('{').count() > call.1.all().count()
                {
                    call.1.all().for_each(|part| self.add(part));
                }
                self.add_filter(name, Some(of), &call.1);
            }
            _ => {}
        }
    }

    /// A filter, or a method of that name.
    fn add_filter(&mut self, name: &str, operand: Option<&Expr<'_>>, arguments: &Arguments<'_>) {
        const COPIES: &str = "join replace format string list safe trim tojson pprint upper lower map strip";
        if COPIES.split(' ').any(|copies| copies == name) {
            let outer = self.doubled;
            self.doubled |= doubles(name, operand, arguments);
            operand.iter().for_each(|operand| self.add(operand));
            self.doubled = outer;
            arguments.all().for_each(|part| self.add(part));
        }
    }
}

/// Whether a text is twice as long after each time that it is put through this: `replace('a', 'aa')`, a separator between
/// its characters, quotes around its quotes.
fn doubles(name: &str, operand: Option<&Expr<'_>>, arguments: &Arguments<'_>) -> bool {
    let text = |place| match arguments.positional.get(place) {
        Some(Expr { kind: ExprKind::Str(text), .. }) => Some(&**text),
        _ => None,
    };
    match name {
        "replace" => match (text(0), text(1)) {
            (Some(""), Some(new)) => !new.is_empty(),
            (Some(old), Some(new)) => new.matches(old).count() > 1,
            _ => false,
        },
        "join" => {
            // of characters, not of the items of a list that was written down
            let plain = operand.is_some_and(|operand| key(operand).is_some());
            plain
                && arguments
                    .positional
                    .first()
                    .is_some_and(|glue| !matches!(&glue.kind, ExprKind::Str(glue) if glue.is_empty()))
        }
        "tojson" | "pprint" => true,
        _ => false,
    }
}

/// Whether `from` is made of `to`, by way of any other variables.
fn leads(from: &str, to: &str, made_of: &HashMap<&str, HashSet<&str>>) -> bool {
    let (mut seen, mut next) = (HashSet::new(), vec![from]);
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            next.extend(made_of.get(name).into_iter().flatten());
        }
    }
    false
}

impl<'a> Checker<'a, '_> {
    /// Notes which variables `target` gets more than once.
    pub(super) fn note_growth(&mut self, target: &Expr<'_>, value: &'a Expr<'a>) {
        let mut count = Uses::of(value);
        if let ExprKind::Binary(BinaryOp::Mul, pair) = &value.kind {
            for (of, times) in [(&pair.0, &pair.1), (&pair.1, &pair.0)] {
                let repeats = matches!(times.kind, ExprKind::Int(2..)) && key(of).is_some();
                if repeats && self.eval(of).each().iter().any(|one| one.length().is_some()) {
                    for (source, times) in Uses::of(of) {
                        let before = count.entry(source).or_default();
                        *before = before.saturating_add(times);
                    }
                }
            }
        }
        self.note(target, count, value.span);
    }

    /// As [`Self::note_growth`], of what a set block prints.
    pub(super) fn note_block_growth(&mut self, target: &Expr<'_>, body: &[Statement<'_>], span: Span) {
        let mut uses = Uses::default();
        for statement in body {
            if let StatementKind::Output(expr) = &statement.kind {
                uses.add(expr);
            }
        }
        self.note(target, uses.count, span);
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
        for (source, times) in count {
            if looped && self.growth.len() < MAX_GROWTH {
                let most = self.growth.entry((span.start, target.clone(), source)).or_insert((0, span));
                most.0 = most.0.max(times);
            }
        }
    }

    /// Reports values that a loop doubles, by themselves or by way of others.
    pub(super) fn check_growth(&mut self) {
        let growth = std::mem::take(&mut self.growth);
        let mut made_of: HashMap<&str, HashSet<&str>> = HashMap::new();
        for (_, target, source) in growth.keys() {
            made_of.entry(target).or_default().insert(source);
        }
        let mut sums: HashMap<(&str, u32), u32> = HashMap::new();
        for ((place, target, source), (times, span)) in &growth {
            if !leads(source, target, &made_of) {
                continue;
            }
            let sum = sums.entry((target, *place)).or_default();
            *sum = sum.saturating_add(*times);
            if *sum >= 2 {
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
        let mut uses = Uses::default();
        arguments.all().for_each(|argument| uses.add(argument));
        if uses.count.contains_key(&list) {
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
