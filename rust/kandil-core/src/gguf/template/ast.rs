//! What a template says. Names and plain literals borrow from its text.

use std::borrow::Cow;

/// From the first byte to behind the last one, in the template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::gguf) struct Span {
    pub(in crate::gguf) start: u32,
    pub(in crate::gguf) end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let clamp = |place| u32::try_from(place).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    pub(super) fn to(self, end: Self) -> Self {
        Self { start: self.start, end: end.end.max(self.end) }
    }
}

/// A statement, a run of text, or an expression that is printed.
#[derive(Debug)]
pub(in crate::gguf) struct Statement<'a> {
    pub(in crate::gguf) kind: StatementKind<'a>,
    /// Of the whole statement up to what closes it.
    pub(in crate::gguf) span: Span,
}

pub(in crate::gguf) type Body<'a> = Vec<Statement<'a>>;
/// A parameter of a macro, with its default.
pub(in crate::gguf) type Parameter<'a> = (&'a str, Option<Expr<'a>>);

#[derive(Debug)]
pub(in crate::gguf) enum StatementKind<'a> {
    /// What stands outside of tags (or inside `{% raw %}`), without what a `-` at a tag takes away.
    Text(&'a str),
    /// `{{ … }}`, or `{% print … %}`.
    Output(Expr<'a>),
    /// The target is a name, a tuple of targets, or an attribute of a name (a namespace).
    Set {
        target: Expr<'a>,
        value: Expr<'a>,
    },
    /// `{% set x | filter %}…{% endset %}`: the filters have no operand at their bottom.
    SetBlock {
        target: Expr<'a>,
        filter: Option<Expr<'a>>,
        body: Body<'a>,
    },
    For(Box<For<'a>>),
    If {
        branches: Vec<(Expr<'a>, Body<'a>)>,
        otherwise: Body<'a>,
    },
    Macro {
        name: &'a str,
        parameters: Vec<Parameter<'a>>,
        body: Body<'a>,
    },
    CallBlock {
        parameters: Vec<Parameter<'a>>,
        call: Expr<'a>,
        body: Body<'a>,
    },
    FilterBlock {
        filter: Expr<'a>,
        body: Body<'a>,
    },
    With {
        bindings: Vec<(Expr<'a>, Expr<'a>)>,
        body: Body<'a>,
    },
    Autoescape {
        value: Expr<'a>,
        body: Body<'a>,
    },
    Block(Body<'a>),
    /// `{% generation %}`: marks what the model writes.
    Generation(Body<'a>),
    Do(Expr<'a>),
    Break,
    Continue,
    Extends(Expr<'a>),
    Include(Expr<'a>),
    Import {
        template: Expr<'a>,
        alias: &'a str,
    },
    /// Names with their aliases; without one the alias is the name.
    FromImport {
        template: Expr<'a>,
        names: Vec<(&'a str, &'a str)>,
    },
}

#[derive(Debug)]
pub(in crate::gguf) struct For<'a> {
    pub(in crate::gguf) target: Expr<'a>,
    pub(in crate::gguf) iterable: Expr<'a>,
    pub(in crate::gguf) test: Option<Expr<'a>>,
    pub(in crate::gguf) recursive: bool,
    pub(in crate::gguf) body: Body<'a>,
    pub(in crate::gguf) otherwise: Body<'a>,
}

#[derive(Debug)]
pub(in crate::gguf) struct Expr<'a> {
    pub(in crate::gguf) kind: ExprKind<'a>,
    pub(in crate::gguf) span: Span,
    /// 1 and that of the highest child; bounded, so that recursion over expressions is.
    pub(super) height: u16,
}

#[derive(Debug)]
pub(in crate::gguf) enum ExprKind<'a> {
    None,
    Bool(bool),
    /// Saturated.
    Int(i64),
    Float(f64),
    /// Adjacent literals are joined, escapes are what they stand for.
    Str(Cow<'a, str>),
    Name(&'a str),
    Tuple(Vec<Expr<'a>>),
    List(Vec<Expr<'a>>),
    Dict(Vec<(Expr<'a>, Expr<'a>)>),
    /// `a.b`
    Attribute(Box<Expr<'a>>, &'a str),
    /// `a[b]`, `a.0`
    Item(Box<(Expr<'a>, Expr<'a>)>),
    /// Only inside of [`Self::Item`]: start, stop, step.
    Slice(Box<[Option<Expr<'a>>; 3]>),
    Call(Box<(Expr<'a>, Arguments<'a>)>),
    Filter(Box<Applied<'a>>),
    Test(Box<Applied<'a>>),
    Unary(UnaryOp, Box<Expr<'a>>),
    Binary(BinaryOp, Box<(Expr<'a>, Expr<'a>)>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr<'a>>),
    /// `a < b <= c`
    Compare(Box<Expr<'a>>, Vec<(CompareOp, Expr<'a>)>),
    /// `then if test else otherwise`
    Conditional(Box<Conditional<'a>>),
}

#[derive(Debug)]
pub(in crate::gguf) struct Conditional<'a> {
    pub(in crate::gguf) test: Expr<'a>,
    pub(in crate::gguf) then: Expr<'a>,
    pub(in crate::gguf) otherwise: Option<Expr<'a>>,
}

/// A filter or a test with what it is applied to: nothing for the first filter of a filter block.
#[derive(Debug)]
pub(in crate::gguf) struct Applied<'a> {
    pub(in crate::gguf) operand: Option<Expr<'a>>,
    pub(in crate::gguf) name: Cow<'a, str>,
    pub(in crate::gguf) arguments: Arguments<'a>,
}

#[derive(Debug, Default)]
pub(in crate::gguf) struct Arguments<'a> {
    pub(in crate::gguf) positional: Vec<Expr<'a>>,
    pub(in crate::gguf) named: Vec<(&'a str, Expr<'a>)>,
    /// `*a`
    pub(in crate::gguf) star: Option<Expr<'a>>,
    /// `**a`
    pub(in crate::gguf) star_star: Option<Expr<'a>>,
}

impl<'a> Arguments<'a> {
    pub(in crate::gguf) fn all(&self) -> impl Iterator<Item = &Expr<'a>> {
        let named = self.named.iter().map(|(_, value)| value);
        self.positional.iter().chain(named).chain(&self.star).chain(&self.star_star)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) enum UnaryOp {
    Not,
    Minus,
    Plus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) enum BinaryOp {
    Or,
    And,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) enum CompareOp {
    Eq,
    Ne,
    Lt,
    LtEq,
    Gt,
    GtEq,
    In,
    NotIn,
}

impl<'a> ExprKind<'a> {
    /// Calls `visit` with each direct part.
    pub(in crate::gguf) fn children<'b>(&'b self, visit: &mut dyn FnMut(&'b Expr<'a>)) {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) | Self::Name(_) => {}
            Self::Tuple(items) | Self::List(items) | Self::Concat(items) => items.iter().for_each(visit),
            Self::Dict(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).for_each(visit),
            Self::Attribute(operand, _) | Self::Unary(_, operand) => visit(operand),
            Self::Item(pair) | Self::Binary(_, pair) => [&pair.0, &pair.1].into_iter().for_each(visit),
            Self::Slice(parts) => parts.iter().flatten().for_each(visit),
            Self::Call(call) => {
                visit(&call.0);
                call.1.all().for_each(visit);
            }
            Self::Filter(applied) | Self::Test(applied) => {
                applied.operand.iter().chain(applied.arguments.all()).for_each(visit);
            }
            Self::Compare(first, rest) => {
                visit(first);
                rest.iter().for_each(|(_, operand)| visit(operand));
            }
            Self::Conditional(conditional) => {
                visit(&conditional.then);
                visit(&conditional.test);
                conditional.otherwise.iter().for_each(visit);
            }
        }
    }
}

impl<'a> Statement<'a> {
    /// Calls `visit` with each body that it holds.
    pub(in crate::gguf) fn bodies<'b>(&'b self, visit: &mut dyn FnMut(&'b [Statement<'a>])) {
        match &self.kind {
            StatementKind::SetBlock { body, .. }
            | StatementKind::Macro { body, .. }
            | StatementKind::CallBlock { body, .. }
            | StatementKind::FilterBlock { body, .. }
            | StatementKind::With { body, .. }
            | StatementKind::Autoescape { body, .. }
            | StatementKind::Block(body)
            | StatementKind::Generation(body) => visit(body),
            StatementKind::For(of) => {
                visit(&of.body);
                visit(&of.otherwise);
            }
            StatementKind::If { branches, otherwise } => {
                branches.iter().for_each(|(_, body)| visit(body));
                visit(otherwise);
            }
            _ => {}
        }
    }

    /// Calls `visit` with each expression of the statement itself.
    pub(in crate::gguf) fn expressions<'b>(&'b self, visit: &mut dyn FnMut(&'b Expr<'a>)) {
        match &self.kind {
            StatementKind::Output(expr)
            | StatementKind::Do(expr)
            | StatementKind::Extends(expr)
            | StatementKind::Include(expr)
            | StatementKind::Import { template: expr, .. }
            | StatementKind::FromImport { template: expr, .. }
            | StatementKind::Autoescape { value: expr, .. }
            | StatementKind::FilterBlock { filter: expr, .. } => visit(expr),
            StatementKind::Set { target, value } => {
                visit(target);
                visit(value);
            }
            StatementKind::SetBlock { target, filter, .. } => {
                visit(target);
                filter.iter().for_each(visit);
            }
            StatementKind::For(of) => {
                visit(&of.target);
                visit(&of.iterable);
                of.test.iter().for_each(visit);
            }
            StatementKind::If { branches, .. } => branches.iter().for_each(|(test, _)| visit(test)),
            StatementKind::Macro { parameters, .. } => {
                parameters.iter().filter_map(|(_, default)| default.as_ref()).for_each(visit);
            }
            StatementKind::CallBlock { parameters, call, .. } => {
                parameters.iter().filter_map(|(_, default)| default.as_ref()).for_each(&mut *visit);
                visit(call);
            }
            StatementKind::With { bindings, .. } => {
                bindings.iter().flat_map(|(target, value)| [target, value]).for_each(visit);
            }
            StatementKind::Text(_)
            | StatementKind::Block(_)
            | StatementKind::Generation(_)
            | StatementKind::Break
            | StatementKind::Continue => {}
        }
    }
}
