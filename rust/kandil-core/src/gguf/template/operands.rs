//! Names, literals, brackets, and what may follow them: attributes, items, calls, filters, tests.

use super::ast::{Applied, Arguments, Expr, ExprKind, Span, UnaryOp};
use super::lexer::TokenKind;
use super::parser::{Parse, Parser};
use std::borrow::Cow;

/// How [`Parser::tuple`] reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tuple {
    /// Without `a if b`.
    pub(super) plain: bool,
    /// `()` is one.
    pub(super) empty: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn unary(&mut self, with_filter: bool) -> Parse<Expr<'a>> {
        let sign = match self.current.kind {
            TokenKind::Operator("-") => Some(UnaryOp::Minus),
            TokenKind::Operator("+") => Some(UnaryOp::Plus),
            _ => None,
        };
        let mut expr = if let Some(sign) = sign {
            let start = self.advance().span;
            let operand = self.nested(|parser| parser.unary(false))?;
            let span = start.to(operand.span);
            self.expr(ExprKind::Unary(sign, Box::new(operand)), span)?
        } else {
            self.primary()?
        };
        expr = self.postfix(expr)?;
        if with_filter { self.filtered(expr) } else { Ok(expr) }
    }

    /// Filters, tests and calls of what they give.
    fn filtered(&mut self, mut expr: Expr<'a>) -> Parse<Expr<'a>> {
        loop {
            expr = match self.current.kind {
                TokenKind::Operator("|") => self.filters(Some(expr))?,
                TokenKind::Name("is") => self.test(expr)?,
                TokenKind::Operator("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    pub(super) fn primary(&mut self) -> Parse<Expr<'a>> {
        let span = self.current.span;
        let kind = match &mut self.current.kind {
            TokenKind::Name(name) => match *name {
                "true" | "True" => ExprKind::Bool(true),
                "false" | "False" => ExprKind::Bool(false),
                "none" | "None" => ExprKind::None,
                name => ExprKind::Name(name),
            },
            TokenKind::Str(text) => ExprKind::Str(std::mem::take(text)),
            TokenKind::Int(value) => ExprKind::Int(*value),
            TokenKind::Float(value) => ExprKind::Float(*value),
            TokenKind::Operator("(") => {
                self.advance();
                let inner = self.tuple(Tuple { empty: true, ..Tuple::default() })?;
                let end = self.expect(")", "a bracket ) was expected")?;
                return Ok(Expr { span: span.to(end), ..inner });
            }
            TokenKind::Operator("[") => return self.list(),
            TokenKind::Operator("{") => return self.dict(),
            _ => return self.fault("an expression was expected"),
        };
        self.advance();
        match kind {
            ExprKind::Str(text) => self.adjacent(text, span),
            kind => self.expr(kind, span),
        }
    }

    /// A literal, and those that follow it with nothing between.
    fn adjacent(&mut self, mut text: Cow<'a, str>, mut span: Span) -> Parse<Expr<'a>> {
        while let TokenKind::Str(next) = &self.current.kind {
            text.to_mut().push_str(next);
            span = span.to(self.current.span);
            self.advance();
        }
        self.expr(ExprKind::Str(text), span)
    }

    /// One expression, or several with commas between.
    pub(super) fn tuple(&mut self, of: Tuple) -> Parse<Expr<'a>> {
        let start = self.current.span;
        let mut items = Vec::new();
        loop {
            let ends = matches!(self.current.kind, TokenKind::OutputEnd | TokenKind::TagEnd | TokenKind::Operator(")"));
            if ends {
                break;
            }
            let item = if of.plain { self.plain_expression()? } else { self.expression()? };
            if !self.is(",") {
                if items.is_empty() {
                    return Ok(item);
                }
                items.push(item);
                break;
            }
            items.push(item);
            self.advance();
        }
        if items.is_empty() && !of.empty {
            return self.fault("an expression was expected");
        }
        let span = start.to(Span { start: start.start, end: self.current.span.start });
        self.expr(ExprKind::Tuple(items), span)
    }

    fn list(&mut self) -> Parse<Expr<'a>> {
        let start = self.advance().span;
        let mut items = Vec::new();
        while !self.is("]") {
            items.push(self.expression()?);
            if !self.is("]") {
                self.expect(",", "a comma or ] was expected")?;
            }
        }
        let end = self.advance().span;
        self.expr(ExprKind::List(items), start.to(end))
    }

    fn dict(&mut self) -> Parse<Expr<'a>> {
        let start = self.advance().span;
        let mut items = Vec::new();
        while !self.is("}") {
            let key = self.expression()?;
            self.expect(":", "a colon was expected")?;
            items.push((key, self.expression()?));
            if !self.is("}") {
                self.expect(",", "a comma or } was expected")?;
            }
        }
        let end = self.advance().span;
        self.expr(ExprKind::Dict(items), start.to(end))
    }

    fn postfix(&mut self, mut expr: Expr<'a>) -> Parse<Expr<'a>> {
        loop {
            expr = match self.current.kind {
                TokenKind::Operator(".") => self.dotted(expr)?,
                TokenKind::Operator("[") => self.subscript(expr)?,
                TokenKind::Operator("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn dotted(&mut self, operand: Expr<'a>) -> Parse<Expr<'a>> {
        self.advance();
        let place = self.current.span;
        let span = operand.span.to(place);
        match self.current.kind {
            TokenKind::Name(name) => {
                self.advance();
                self.expr(ExprKind::Attribute(Box::new(operand), name), span)
            }
            TokenKind::Int(index) => {
                self.advance();
                let index = self.expr(ExprKind::Int(index), place)?;
                self.expr(ExprKind::Item(Box::new((operand, index))), span)
            }
            _ => self.fault("a name or a number was expected"),
        }
    }

    fn subscript(&mut self, operand: Expr<'a>) -> Parse<Expr<'a>> {
        let start = self.advance().span;
        let mut items = Vec::new();
        while !self.is("]") {
            if !items.is_empty() {
                self.expect(",", "a comma or ] was expected")?;
            }
            items.push(self.slice()?);
        }
        let end = self.advance().span;
        let span = operand.span.to(end);
        let index = match items.pop() {
            Some(only) if items.is_empty() => only,
            last => {
                items.extend(last);
                self.expr(ExprKind::Tuple(items), start.to(end))?
            }
        };
        self.expr(ExprKind::Item(Box::new((operand, index))), span)
    }

    fn slice(&mut self) -> Parse<Expr<'a>> {
        let start = self.current.span;
        let first = if self.is(":") { None } else { Some(self.expression()?) };
        if !self.is(":") {
            return first.map_or_else(|| self.fault("an index was expected"), Ok);
        }
        self.advance();
        let second = if self.is(":") { None } else { self.slice_part()? };
        let third = if self.skip(":") { self.slice_part()? } else { None };
        let span = start.to(Span { start: start.start, end: self.current.span.start });
        self.expr(ExprKind::Slice(Box::new([first, second, third])), span)
    }

    fn slice_part(&mut self) -> Parse<Option<Expr<'a>>> {
        if self.is("]") || self.is(",") { Ok(None) } else { self.expression().map(Some) }
    }

    fn call(&mut self, callee: Expr<'a>) -> Parse<Expr<'a>> {
        let (arguments, end) = self.arguments()?;
        let span = callee.span.to(end);
        self.expr(ExprKind::Call(Box::new((callee, arguments))), span)
    }

    fn arguments(&mut self) -> Parse<(Arguments<'a>, Span)> {
        const ORDER: &str = "arguments stand in an order that no call has";
        self.advance();
        let mut arguments = Arguments::default();
        while !self.is(")") {
            if self.is("*") {
                if arguments.star.is_some() || arguments.star_star.is_some() {
                    return self.fault(ORDER);
                }
                self.advance();
                arguments.star = Some(self.expression()?);
            } else if arguments.star_star.is_some() {
                return self.fault(ORDER);
            } else if self.skip("**") {
                arguments.star_star = Some(self.expression()?);
            } else if let (TokenKind::Name(name), TokenKind::Operator("=")) = (self.current.kind.clone(), self.look()) {
                self.advance();
                self.advance();
                arguments.named.push((name, self.expression()?));
            } else if arguments.star.is_some() || !arguments.named.is_empty() {
                return self.fault(ORDER);
            } else {
                arguments.positional.push(self.expression()?);
            }
            if !self.is(")") {
                self.expect(",", "a comma or ) was expected")?;
            }
        }
        Ok((arguments, self.advance().span))
    }

    /// `| a | b.c(…)`: at least one; the first `|` may have been read.
    pub(super) fn filters(&mut self, mut operand: Option<Expr<'a>>) -> Parse<Expr<'a>> {
        self.skip("|");
        loop {
            let start = operand.as_ref().map_or(self.current.span, |operand| operand.span);
            let (applied, end, _) = self.applied(operand)?;
            let expr = self.expr(ExprKind::Filter(Box::new(applied)), start.to(end))?;
            if !self.skip("|") {
                return Ok(expr);
            }
            operand = Some(expr);
        }
    }

    /// The name of a filter or test, and whether arguments in brackets follow it.
    fn applied(&mut self, operand: Option<Expr<'a>>) -> Parse<(Applied<'a>, Span, bool)> {
        let mut end = self.current.span;
        let mut name = Cow::Borrowed(self.name("the name of a filter or test was expected")?);
        while self.skip(".") {
            end = self.current.span;
            name = format!("{name}.{}", self.name("the name of a filter or test was expected")?).into();
        }
        let mut arguments = Arguments::default();
        let brackets = self.is("(");
        if brackets {
            (arguments, end) = self.arguments()?;
        }
        Ok((Applied { operand, name, arguments }, end, brackets))
    }

    fn test(&mut self, operand: Expr<'a>) -> Parse<Expr<'a>> {
        let start = operand.span;
        self.advance();
        let negated = self.skip_word("not");
        let (mut applied, mut end, brackets) = self.applied(Some(operand))?;
        let bare = match self.current.kind {
            _ if brackets => false,
            TokenKind::Name("is") => {
                return self.fault("tests cannot be chained");
            }
            TokenKind::Name(name) => !matches!(name, "else" | "or" | "and"),
            TokenKind::Operator(operator) => matches!(operator, "[" | "{"),
            ref kind => matches!(kind, TokenKind::Str(_) | TokenKind::Int(_) | TokenKind::Float(_)),
        };
        if bare {
            let argument = self.nested(|parser| {
                let argument = parser.primary()?;
                parser.postfix(argument)
            })?;
            end = argument.span;
            applied.arguments.positional.push(argument);
        }
        let expr = self.expr(ExprKind::Test(Box::new(applied)), start.to(end))?;
        let span = expr.span;
        if negated { self.expr(ExprKind::Unary(UnaryOp::Not, Box::new(expr)), span) } else { Ok(expr) }
    }
}
