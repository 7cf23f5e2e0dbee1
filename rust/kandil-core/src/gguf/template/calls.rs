//! Calls and filters: what may be called, with which names, formats and sizes.

use super::ast::{Arguments, Expr, ExprKind, Span};
use super::builtins::{self, Evaluated};
use super::check::Checker;
use super::known;
use super::names::Lookup;
use super::rules::{TPL_CALL, TPL_DOS, TPL_DUNDER, TPL_FORMAT, TPL_UNK};
use super::size::Size;
use super::value::{Object, Value};

/// Passes of a loop over a range.
const MAX_RANGE: u64 = 100_000;
/// Ranges up to this length are held.
const MAX_HELD: u64 = 64;

impl<'a> Checker<'a, '_> {
    pub(super) fn call(&mut self, callee: &'a Expr<'a>, arguments: &'a Arguments<'a>, expr: &'a Expr<'a>) -> Value {
        match &callee.kind {
            ExprKind::Name(name) => {
                let arguments = self.arguments(arguments);
                self.call_name(name, &arguments, callee, expr.span)
            }
            ExprKind::Attribute(operand, name) => {
                let object = self.eval(operand);
                self.check_lookup(&object, &Value::text(name), Lookup::Dot, callee.span);
                if matches!(*name, "append" | "extend" | "insert" | "update" | "setdefault") {
                    self.check_append(operand, arguments, expr.span);
                }
                let arguments = self.arguments(arguments);
                self.call_method(&object, name, &arguments, operand, expr.span)
            }
            ExprKind::Item(pair) => {
                let name = self.eval(&pair.1);
                let function = self.eval(callee);
                self.check_called(&function, expr.span);
                let arguments = self.arguments(arguments);
                self.call_computed(&pair.0, &name, &arguments, expr.span)
            }
            ExprKind::Filter(applied) if applied.name == "attr" => {
                let name = applied.arguments.positional.first().map_or(Value::Unknown, |name| self.eval(name));
                self.eval(callee);
                let arguments = self.arguments(arguments);
                match &applied.operand {
                    Some(operand) => self.call_computed(operand, &name, &arguments, expr.span),
                    None => Value::Unknown,
                }
            }
            _ => {
                let function = self.eval(callee);
                self.check_called(&function, expr.span);
                self.arguments(arguments);
                if !function.each().iter().any(|one| matches!(one, Value::Object(_) | Value::Unknown)) {
                    self.report.add(TPL_UNK, expr.span, || "calls what is not a function".to_owned());
                }
                Value::Unknown
            }
        }
    }

    /// A method that was kept in a variable before it is called.
    fn check_called(&mut self, function: &Value, span: Span) {
        if function.each().contains(&Value::Object(Object::Format)) {
            self.report.add(TPL_FORMAT, span, || "takes its format string from the conversation".to_owned());
        }
    }

    /// Calls `operand[name]`, or the attribute of that name.
    fn call_computed(&mut self, operand: &'a Expr<'a>, name: &Value, arguments: &Evaluated<'a>, span: Span) -> Value {
        let object = self.eval(operand);
        let constant = object.each().iter().any(|one| matches!(one, Value::Str(_) | Value::Int(_) | Value::Object(_)));
        let mut values = Vec::new();
        for name in name.each() {
            match name.as_str() {
                Some(name) => values.push(self.call_method(&object, name, arguments, operand, span)),
                None if *name == Value::Input || constant => {
                    self.report.add(TPL_CALL, span, || "calls a method whose name cannot be told".to_owned());
                }
                None => {}
            }
        }
        Value::any(values)
    }

    fn call_name(&mut self, name: &'a str, arguments: &Evaluated<'a>, callee: &'a Expr<'a>, span: Span) -> Value {
        for (argument, _) in &arguments.named {
            if known::is_dunder(argument) && matches!(name, "namespace") {
                self.report.add(TPL_DUNDER, span, || "sets a double-underscore attribute".to_owned());
            }
        }
        let unknown = Value::mixed(&arguments.positional);
        let found = self.lookup(name);
        self.check_called(&found, span);
        match (name, &found) {
            (_, Value::Object(Object::Macro)) => return self.call_macro(name, arguments),
            (_, Value::Object(Object::Internal(internal))) => self.call_internal(internal, arguments, span),
            ("range", Value::Object(_)) => return self.range(arguments, span),
            ("dict", Value::Object(_)) => return dict(arguments),
            ("namespace", Value::Object(_)) => return self.namespace(arguments, span),
            ("strftime_now", Value::Object(_)) => {
                self.check_format(arguments.get(0, "format"), &Evaluated::default(), span)
            }
            (_, Value::Object(_)) => {}
            (name, _) if known::is_dunder(name) => {
                self.eval(callee);
            }
            (name, _) if !self.assigned.contains(name) => {
                if known::runs_code(name) {
                    self.report.add(TPL_CALL, span, || format!("calls {name}"));
                } else {
                    let name = super::super::printable::printable(name.as_bytes());
                    self.report.add(TPL_UNK, span, || format!("calls \"{name}\", which no model runtime defines"));
                }
            }
            _ => {}
        }
        unknown
    }

    fn call_internal(&mut self, internal: &'static str, arguments: &Evaluated<'_>, span: Span) {
        if matches!(internal, "cycler" | "joiner") {
            return;
        }
        let large = arguments.all().any(|value| value.as_int().is_some_and(|value| value > 1000));
        if internal == "lipsum" && large {
            self.report.add(TPL_DOS, span, || "makes a text of unbounded length".to_owned());
        } else {
            self.report.add(TPL_UNK, span, || format!("calls {internal}, for which no chat template has a use"));
        }
    }

    fn namespace(&mut self, arguments: &Evaluated<'a>, span: Span) -> Value {
        for (name, value) in &arguments.named {
            self.set_cell(span.start, name, value.clone());
        }
        Value::Namespace(span.start)
    }

    fn range(&mut self, arguments: &Evaluated<'_>, span: Span) -> Value {
        if arguments.all().any(Value::is_input) {
            self.report.add(TPL_DOS, span, || "makes a range as long as the conversation says".to_owned());
            return Value::Unknown;
        }
        let numbers: Vec<Vec<i64>> =
            arguments.positional.iter().map(|value| value.each().iter().filter_map(Value::at_most).collect()).collect();
        let open = arguments.positional.iter().any(|value| !value.each().iter().all(|one| one.as_int().is_some()));
        let largest = |place: usize| {
            numbers.get(place).and_then(|values| values.iter().copied().max_by_key(|value| value.unsigned_abs()))
        };
        let (mut start, stop) = if numbers.len() > 1 { (largest(0), largest(1)) } else { (Some(0), largest(0)) };
        let step = if numbers.len() > 2 { largest(2).filter(|step| *step != 0) } else { Some(1) };
        if open && step.is_some_and(|step| step > 0) {
            start = start.map(|start| start.min(0)); // at most is not at least
        }
        let (Some(start), Some(stop), Some(step)) = (start, stop, step) else {
            let far = numbers.iter().flatten().any(|value| value.unsigned_abs() > MAX_RANGE) && numbers.len() < 3;
            if far {
                self.report.add(TPL_DOS, span, || "makes a range with a bound that no template needs".to_owned());
            }
            return Value::Unknown;
        };
        let reach = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
        let length = u64::try_from(reach).unwrap_or(0).div_ceil(step.unsigned_abs().max(1));
        if length > MAX_RANGE {
            self.report.add(TPL_DOS, span, || format!("makes a range of {length} numbers"));
        }
        if length > MAX_HELD || open || arguments.positional.iter().any(|value| value.each().len() > 1) {
            let most = Some(start.unsigned_abs().max(stop.unsigned_abs()));
            return Value::Sized(Size { length, extent: length, most });
        }
        let length = i64::try_from(length).unwrap_or(0);
        Value::list((0..length).map(|place| Value::Int(start.saturating_add(step.saturating_mul(place)))).collect())
    }

    fn call_method(
        &mut self,
        object: &Value,
        name: &str,
        arguments: &Evaluated<'a>,
        operand: &'a Expr<'a>,
        span: Span,
    ) -> Value {
        self.check_sizes(name, arguments, span);
        if object.each().iter().any(|one| matches!(one, Value::Namespace(_) | Value::Dict(_))) {
            let function = self.part(object, name);
            self.check_called(&function, span);
        }
        let of_namespace = object.each().iter().all(|one| matches!(one, Value::Namespace(_)));
        if known::runs_code(name) {
            let name = super::super::printable::printable(name.as_bytes());
            self.report.add(TPL_CALL, span, || format!("calls the method \"{name}\""));
        } else if !known::method(name) && !of_namespace && !known::is_dunder(name) {
            let name = super::super::printable::printable(name.as_bytes());
            self.report
                .add(TPL_UNK, span, || format!("calls the method \"{name}\", which no value of a conversation has"));
        }
        if matches!(name, "format" | "format_map") {
            self.check_format(Some(object), arguments, span);
        }
        if matches!(name, "append" | "extend" | "insert" | "update") {
            self.appended(object, name, arguments, operand);
        }
        let mut unknown = vec![object.clone()];
        unknown.extend(arguments.positional.iter().cloned());
        let unknown = Value::mixed(&unknown);
        if !self.spend_on(object, arguments) {
            return unknown;
        }
        object.map(|one| builtins::method(name, one, arguments).unwrap_or_else(|| unknown.clone()))
    }

    /// Lists and dictionaries that a method changes are what they have become.
    fn appended(&mut self, object: &Value, name: &str, arguments: &Evaluated<'a>, operand: &'a Expr<'a>) {
        let changed = object.map(|one| match (one, arguments.positional.last()) {
            (Value::List(items), Some(item)) if name == "append" => {
                Value::list(items.iter().chain([item]).cloned().collect())
            }
            (Value::List(items), Some(more)) if name == "extend" => {
                more.items().map_or(Value::Unknown, |more| Value::list(items.iter().cloned().chain(more).collect()))
            }
            _ => Value::Unknown,
        });
        if matches!(operand.kind, ExprKind::Name(_) | ExprKind::Attribute(..)) && object.is_constant() {
            self.assign(operand, &changed);
        }
    }

    pub(super) fn check_filter(&mut self, name: &str, operand: &Value, arguments: &Evaluated<'a>, span: Span) {
        let items = || Value::any(operand.each().iter().map(|one| one.items().map_or(one.clone(), Value::any)));
        if !known::filter(name) {
            let name = super::super::printable::printable(name.as_bytes());
            self.report.add(TPL_UNK, span, || format!("uses the filter \"{name}\", which no model runtime defines"));
        }
        self.check_sizes(name, arguments, span);
        if arguments.open && matches!(name, "attr" | "map" | "sort" | "groupby" | "selectattr" | "rejectattr") {
            self.check_lookup(operand, &Value::Unknown, Lookup::Path, span);
        }
        let path = match name {
            "attr" => {
                self.check_lookup(operand, arguments.get(0, "name").unwrap_or(&Value::Unknown), Lookup::Attr, span);
                None
            }
            "groupby" | "sum" | "selectattr" | "rejectattr" => arguments.get(0, "attribute"),
            "unique" | "min" | "max" | "join" => arguments.get(1, "attribute"),
            "sort" => arguments.get(2, "attribute"),
            "map" => arguments.named.iter().find(|(name, _)| *name == "attribute").map(|(_, value)| value),
            _ => None,
        };
        if let Some(path) = path {
            self.check_lookup(&items(), path, Lookup::Path, span);
        }
        match name {
            "map" | "select" | "reject" if !arguments.positional.is_empty() => {
                self.check_mapped(name, &items(), arguments, span)
            }
            "format" => self.check_percent_with(operand, arguments, span),
            _ => {}
        }
    }

    /// `map('filter', …)`, `select('test', …)`
    fn check_mapped(&mut self, name: &str, items: &Value, arguments: &Evaluated<'a>, span: Span) {
        let Some((first, rest)) = arguments.positional.split_first() else { return };
        for one in first.each() {
            match one.as_str() {
                Some(filter) if name == "map" && filter != "map" => {
                    let rest =
                        Evaluated { positional: rest.to_vec(), named: arguments.named.clone(), open: arguments.open };
                    self.check_filter(filter, items, &rest, span);
                }
                Some(test) if name != "map" && !known::test(test) => {
                    self.report.add(TPL_UNK, span, || "uses a test that no model runtime defines".to_owned());
                }
                Some(_) => {}
                None => self.check_lookup(items, &Value::Unknown, Lookup::Path, span),
            }
        }
    }
}

fn dict(arguments: &Evaluated<'_>) -> Value {
    let mut pairs = Vec::new();
    for positional in &arguments.positional {
        match positional {
            Value::Dict(of) => pairs.extend(of.iter().cloned()),
            _ => return Value::mixed(&arguments.positional),
        }
    }
    pairs.extend(arguments.named.iter().map(|(name, value)| (Value::text(name), value.clone())));
    if arguments.open { Value::Unknown } else { Value::dict(pairs) }
}
