//! Whether a template shows system messages at all: walks it as a message with that role would.

use crate::gguf::template::ast::{BinaryOp, Body, CompareOp, Expr, ExprKind, Span, Statement, StatementKind, UnaryOp};

/// The condition that keeps system messages from being shown, where one does and nothing else shows them.
pub(super) fn system_messages(body: &Body<'_>) -> Option<Span> {
    let mut walk = Walk { shown: false, condition: None, blind: false };
    walk.body(body);
    walk.condition.filter(|_| !walk.shown)
}

struct Walk {
    /// Content is printed, kept in a variable, or handed on; or an error is raised.
    shown: bool,
    /// The first that says no to the role.
    condition: Option<Span>,
    /// Roles are not looked at.
    blind: bool,
}

impl Walk {
    /// Whether the rest of a loop's body is left out.
    fn body(&mut self, body: &[Statement<'_>]) -> bool {
        for statement in body {
            match &statement.kind {
                StatementKind::Output(value) | StatementKind::Set { value, .. } | StatementKind::Do(value) => {
                    self.shown |= self.shows(value);
                }
                StatementKind::If { branches, otherwise } => {
                    if self.branches(branches, otherwise) {
                        return true;
                    }
                }
                StatementKind::For(each) => {
                    let kept = each.test.as_ref().map_or(Some(true), |test| self.holds(test));
                    if kept == Some(false) && tells(&each.body) {
                        self.condition = self.condition.or(each.test.as_ref().map(|test| test.span));
                    }
                    if kept != Some(false) && !self.rejects(&each.iterable) {
                        self.body(&each.body);
                    }
                }
                StatementKind::Break | StatementKind::Continue => return true,
                _ => statement.bodies(&mut |body| {
                    self.body(body);
                }),
            }
        }
        false
    }

    fn branches(&mut self, branches: &[(Expr<'_>, Body<'_>)], otherwise: &Body<'_>) -> bool {
        for (test, body) in branches {
            match self.holds(test) {
                Some(false) => {
                    if self.asks_for_system(test) && tells(body) {
                        self.condition = self.condition.or(Some(test.span));
                    }
                }
                Some(true) => {
                    if self.asks_for_system(test) && !tells(body) {
                        self.condition = self.condition.or(Some(test.span));
                    }
                    return self.body(body);
                }
                None => {
                    self.body(body);
                }
            }
        }
        self.body(otherwise)
    }

    /// Whether `test` holds for a system message, as far as its role tells.
    fn holds(&mut self, test: &Expr<'_>) -> Option<bool> {
        match &test.kind {
            ExprKind::Unary(UnaryOp::Not, inner) => self.holds(inner).map(|holds| !holds),
            ExprKind::Binary(BinaryOp::And, pair) => match (self.holds(&pair.0), self.holds(&pair.1)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ExprKind::Binary(BinaryOp::Or, pair) => match (self.holds(&pair.0), self.holds(&pair.1)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            ExprKind::Compare(first, rest) => match rest.as_slice() {
                [(operator, second)] => self.compares(first, *operator, second),
                _ => None,
            },
            _ => None,
        }
    }

    fn compares(&mut self, first: &Expr<'_>, operator: CompareOp, second: &Expr<'_>) -> Option<bool> {
        let (role, wanted) = if is_role(first) { (first, second) } else { (second, first) };
        if self.blind || !is_role(role) {
            return None;
        }
        let system = match &wanted.kind {
            ExprKind::Str(text) => text == "system",
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                items.iter().any(|item| matches!(&item.kind, ExprKind::Str(text) if text == "system"))
            }
            _ => return None,
        };
        let holds = match operator {
            CompareOp::Eq | CompareOp::In => system,
            CompareOp::Ne | CompareOp::NotIn => !system,
            _ => return None,
        };
        Some(holds)
    }

    fn asks_for_system(&self, test: &Expr<'_>) -> bool {
        let mut asks = matches!(&test.kind, ExprKind::Str(text) if text == "system");
        test.kind.children(&mut |child| asks |= self.asks_for_system(child));
        asks
    }

    /// `messages | rejectattr('role', 'equalto', 'system')`
    fn rejects(&mut self, iterable: &Expr<'_>) -> bool {
        let ExprKind::Filter(applied) = &iterable.kind else { return false };
        let text = |place: usize| match applied.arguments.positional.get(place).map(|argument| &argument.kind) {
            Some(ExprKind::Str(text)) => text.as_ref(),
            _ => "",
        };
        let equal = matches!(text(1), "equalto" | "eq" | "==");
        let unequal = matches!(text(1), "ne" | "!=");
        let left_out = applied.name == "rejectattr" && equal || applied.name == "selectattr" && unequal;
        let found = left_out && text(0) == "role" && text(2) == "system";
        if found {
            self.condition = self.condition.or(Some(iterable.span));
        }
        found || applied.operand.as_ref().is_some_and(|operand| self.rejects(operand))
    }

    fn shows(&mut self, value: &Expr<'_>) -> bool {
        match &value.kind {
            ExprKind::Attribute(_, name) if told(name) => true,
            ExprKind::Item(pair) if matches!(&pair.1.kind, ExprKind::Str(name) if told(name)) => true,
            // a macro or a runtime's function may do anything with what it is given
            ExprKind::Call(call) if matches!(call.0.kind, ExprKind::Name(name) if !matches!(name, "namespace" | "range" | "dict" | "strftime_now")) => {
                true
            }
            ExprKind::Filter(applied) if matches!(&*applied.name, "tojson" | "string" | "map") => true,
            ExprKind::Conditional(conditional) => match self.holds(&conditional.test) {
                Some(true) => self.shows(&conditional.then),
                Some(false) => conditional.otherwise.as_ref().is_some_and(|otherwise| self.shows(otherwise)),
                None => {
                    let then = self.shows(&conditional.then);
                    then || conditional.otherwise.as_ref().is_some_and(|otherwise| self.shows(otherwise))
                }
            },
            kind => {
                let mut shown = false;
                kind.children(&mut |child| shown |= self.shows(child));
                shown
            }
        }
    }
}

/// Whether `body` shows what any message says.
fn tells(body: &[Statement<'_>]) -> bool {
    let mut walk = Walk { shown: false, condition: None, blind: true };
    walk.body(body);
    walk.shown
}

fn told(name: &str) -> bool {
    matches!(name, "content" | "text")
}

fn is_role(expr: &Expr<'_>) -> bool {
    match &expr.kind {
        ExprKind::Attribute(_, name) | ExprKind::Name(name) => *name == "role",
        ExprKind::Item(pair) => matches!(&pair.1.kind, ExprKind::Str(name) if name == "role"),
        _ => false,
    }
}
