//! Follows a template's variables through its statements, and judges what it looks up, calls and repeats.
//!
//! Every part is visited once, whether it can be reached or not. Loops over constants are run, macros are run where they are
//! called, branches are run beside each other and joined, until [`MAX_STEPS`] are spent; what is left is visited once.

use super::ast::{Body, Expr, ExprKind, Parameter, Span, Statement, StatementKind};
use super::known;
use super::report::Report;
use super::rules::TPL_DOS;
use super::value::{Object, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Published templates take at most some ten thousand.
const MAX_STEPS: u64 = 60_000;

/// The variables that a part of the template has set.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    names: HashMap<&'a str, Value>,
    /// Attributes of namespaces, which outlive the scope.
    cells: HashMap<(u32, &'a str), Value>,
}

/// A macro's parameters and body.
pub(super) type Macro<'a> = (&'a [Parameter<'a>], &'a [Statement<'a>]);

pub(super) struct Checker<'a, 'f> {
    pub(super) report: Report<'f>,
    scopes: Vec<Scope<'a>>,
    pub(super) macros: HashMap<&'a str, Macro<'a>>,
    /// Every name that the template assigns to somewhere.
    pub(super) assigned: HashSet<&'a str>,
    steps: u64,
    /// The macros that are being run.
    pub(super) calls: Vec<&'a str>,
    /// How often the current statement is run, by loops over constants.
    pub(super) repeat: u64,
    /// How much of that is passes that are run one by one.
    pub(super) unrolled: u64,
    /// Of the loops around the current statement, the passes where constants say how many.
    pub(super) passes: Vec<Option<u64>>,
    /// Characters and items that constants have made.
    pub(super) made: u64,
    /// What the loops around the current statement run over.
    pub(super) iterating: Vec<&'a Expr<'a>>,
    /// What a filter block, or a set block with a filter, has printed.
    pub(super) printed: Value,
    /// How often each assignment in a loop takes a variable: where it stands, target and source.
    pub(super) growth: BTreeMap<(u32, String, String), (u32, Span)>,
    pub(super) doublings: u32,
}

/// Judges a whole template.
pub(super) fn check<'a>(body: &'a Body<'a>, report: Report<'_>) {
    let mut checker = Checker {
        report,
        scopes: vec![Scope::default()],
        macros: HashMap::new(),
        assigned: HashSet::new(),
        steps: 0,
        calls: Vec::new(),
        repeat: 1,
        unrolled: 1,
        passes: Vec::new(),
        made: 0,
        iterating: Vec::new(),
        printed: Value::Unknown,
        growth: BTreeMap::new(),
        doublings: 0,
    };
    checker.collect(body);
    checker.run(body);
    checker.check_growth();
    checker.check_recursion(body);
    if checker.tired() {
        let span = body.first().map(|statement| statement.span).unwrap_or_default();
        checker.report.add(TPL_DOS, span, || format!("takes more than {MAX_STEPS} steps over its constants alone"));
    }
}

impl<'a> Checker<'a, '_> {
    /// Spends steps. False: only what has to be visited is visited.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_add(steps as u64);
        !self.tired()
    }

    pub(super) fn tired(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// Finds the macros and the assigned names.
    fn collect(&mut self, body: &'a [Statement<'a>]) {
        for statement in body {
            match &statement.kind {
                StatementKind::Macro { name, parameters, body } => {
                    self.macros.insert(name, (parameters, body));
                    self.assigned.extend(parameters.iter().map(|(name, _)| *name));
                }
                StatementKind::CallBlock { parameters, .. } => {
                    self.assigned.extend(parameters.iter().map(|(name, _)| *name));
                }
                StatementKind::Set { target, .. } | StatementKind::SetBlock { target, .. } => {
                    self.collect_target(target)
                }
                StatementKind::For(of) => self.collect_target(&of.target),
                StatementKind::With { bindings, .. } => {
                    bindings.iter().for_each(|(target, _)| self.collect_target(target));
                }
                StatementKind::Import { alias, .. } => {
                    self.assigned.insert(alias);
                }
                StatementKind::FromImport { names, .. } => self.assigned.extend(names.iter().map(|(_, alias)| *alias)),
                _ => {}
            }
            statement.expressions(&mut |expr| self.collect_tested(expr));
            statement.bodies(&mut |body| self.collect(body));
        }
    }

    /// A template that asks whether it was given a config or a request means a variable of its own.
    fn collect_tested(&mut self, expr: &'a Expr<'a>) {
        if let ExprKind::Test(applied) = &expr.kind
            && matches!(&*applied.name, "defined" | "undefined")
            && let Some(Expr { kind: ExprKind::Name(name @ ("config" | "request")), .. }) = &applied.operand
        {
            self.assigned.insert(name);
        }
        expr.kind.children(&mut |child| self.collect_tested(child));
    }

    fn collect_target(&mut self, target: &'a Expr<'a>) {
        match &target.kind {
            ExprKind::Name(name) => {
                self.assigned.insert(name);
            }
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.collect_target(item)),
            _ => {}
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Value {
        let set = self.scopes.iter().rev().find_map(|scope| scope.names.get(name));
        set.cloned().unwrap_or_else(|| {
            if name == "loop" {
                Value::Object(Object::Loop)
            } else if self.macros.contains_key(name) {
                Value::Object(Object::Macro)
            } else if let Some(function) = known::function(name) {
                Value::Object(Object::Function(function))
            } else if matches!(name, "config" | "request") && self.assigned.contains(name) {
                Value::Unknown
            } else if let Some(internal) = known::internal(name) {
                Value::Object(Object::Internal(internal))
            } else if known::conversation(name) {
                Value::Input
            } else {
                Value::Unknown
            }
        })
    }

    pub(super) fn cell(&self, of: u32, attribute: &str) -> Value {
        let set = self.scopes.iter().rev().find_map(|scope| scope.cells.get(&(of, attribute)));
        set.cloned().unwrap_or(Value::Unknown)
    }

    pub(super) fn set(&mut self, name: &'a str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(name, value);
        }
    }

    pub(super) fn set_cell(&mut self, of: u32, attribute: &'a str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.cells.insert((of, attribute), value);
        }
    }

    /// Binds what stands left of a `=` or of an `in`.
    pub(super) fn assign(&mut self, target: &'a Expr<'a>, value: &Value) {
        match &target.kind {
            ExprKind::Name(name) => self.set(name, value.clone()),
            ExprKind::Tuple(targets) => {
                let items = value.items();
                for (place, target) in targets.iter().enumerate() {
                    let unknown = Value::mixed(std::slice::from_ref(value));
                    let item = items.as_ref().map_or(Some(unknown), |items| items.get(place).cloned());
                    self.assign(target, &item.unwrap_or(Value::Unknown));
                }
            }
            ExprKind::Attribute(of, attribute) => {
                let of = self.eval(of);
                self.check_lookup(&of, &Value::text(attribute), super::names::Lookup::Dot, target.span);
                for one in of.each() {
                    if let Value::Namespace(number) = one {
                        self.set_cell(*number, attribute, value.clone());
                    }
                }
            }
            _ => {}
        }
    }

    /// Runs `inner` in a scope of its own, and gives what it has set.
    pub(super) fn scoped<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> (T, Scope<'a>) {
        self.scopes.push(Scope::default());
        let result = inner(self);
        (result, self.scopes.pop().unwrap_or_default())
    }

    /// Takes over what one of `branches` has set; with `maybe_none`, perhaps none was run.
    pub(super) fn join(&mut self, branches: Vec<Scope<'a>>, maybe_none: bool) {
        let mut names: Vec<_> = branches.iter().flat_map(|branch| branch.names.keys().copied()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let before = self.lookup(name);
            let values = branches.iter().map(|branch| branch.names.get(name).unwrap_or(&before).clone());
            let kept = maybe_none.then(|| before.clone());
            self.set(name, Value::any(values.chain(kept)));
        }
        self.join_cells(branches, maybe_none);
    }

    /// As [`Self::join`], of attributes of namespaces alone: names end with a loop.
    pub(super) fn join_cells(&mut self, branches: Vec<Scope<'a>>, maybe_none: bool) {
        let mut cells: Vec<_> = branches.iter().flat_map(|branch| branch.cells.keys().copied()).collect();
        cells.sort_unstable();
        cells.dedup();
        for (of, attribute) in cells {
            let before = self.cell(of, attribute);
            let values = branches.iter().map(|branch| branch.cells.get(&(of, attribute)).unwrap_or(&before).clone());
            let kept = maybe_none.then(|| before.clone());
            self.set_cell(of, attribute, Value::any(values.chain(kept)));
        }
    }
}
