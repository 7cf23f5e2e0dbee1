//! Operators and what binds how tight.
//!
//! The functions follow jinja2's grammar step by step, with its oddities: a keyword is a name where a name may stand, a
//! test takes what follows it as its argument, `~` binds tighter than `+`.

use super::ast::{BinaryOp, CompareOp, Conditional, Expr, ExprKind, UnaryOp};
use super::lexer::TokenKind;
use super::parser::{Parse, Parser};

#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Compare(CompareOp),
    Concat,
}

const OR: u8 = 0;
const AND: u8 = 1;
const NOT: u8 = 2;
const COMPARE: u8 = 3;
const ADD: u8 = 4;
const CONCAT: u8 = 5;
const MUL: u8 = 6;
const POW: u8 = 7;

impl<'a> Parser<'a> {
    /// `a if b else c`, or a plainer expression.
    pub(super) fn expression(&mut self) -> Parse<Expr<'a>> {
        self.nested(|parser| {
            let mut then = parser.binary(OR)?;
            while parser.skip_word("if") {
                let test = parser.binary(OR)?;
                let otherwise = if parser.skip_word("else") { Some(parser.expression()?) } else { None };
                let last = otherwise.as_ref().map_or(test.span, |expr| expr.span);
                let span = then.span.to(last);
                then = parser.expr(ExprKind::Conditional(Box::new(Conditional { test, then, otherwise })), span)?;
            }
            Ok(then)
        })
    }

    /// An expression without `if`.
    pub(super) fn plain_expression(&mut self) -> Parse<Expr<'a>> {
        self.nested(|parser| parser.binary(OR))
    }

    /// Operators that bind at least as tight as `least`.
    pub(super) fn binary(&mut self, least: u8) -> Parse<Expr<'a>> {
        let mut left = if least <= NOT && self.is_word("not") {
            let start = self.advance().span;
            let operand = self.nested(|parser| parser.binary(NOT))?;
            let span = start.to(operand.span);
            self.expr(ExprKind::Unary(UnaryOp::Not, Box::new(operand)), span)?
        } else {
            self.unary(true)?
        };
        while let Some((level, operator)) = self.operator().filter(|(level, _)| *level >= least) {
            left = match operator {
                Infix::Compare(_) => self.compare(left)?,
                Infix::Concat => self.concat(left)?,
                Infix::Binary(operator) => {
                    self.advance();
                    let right = self.binary(level.saturating_add(1))?;
                    let span = left.span.to(right.span);
                    self.expr(ExprKind::Binary(operator, Box::new((left, right))), span)?
                }
            };
        }
        Ok(left)
    }

    fn operator(&mut self) -> Option<(u8, Infix)> {
        use BinaryOp::{Add, And, Div, FloorDiv, Mod, Mul, Or, Pow, Sub};
        if self.is_word("not") {
            let not_in = *self.look() == TokenKind::Name("in");
            return not_in.then_some((COMPARE, Infix::Compare(CompareOp::NotIn)));
        }
        Some(match self.current.kind {
            TokenKind::Name("or") => (OR, Infix::Binary(Or)),
            TokenKind::Name("and") => (AND, Infix::Binary(And)),
            TokenKind::Name("in") => (COMPARE, Infix::Compare(CompareOp::In)),
            TokenKind::Operator(operator) => match operator {
                "==" => (COMPARE, Infix::Compare(CompareOp::Eq)),
                "!=" => (COMPARE, Infix::Compare(CompareOp::Ne)),
                "<" => (COMPARE, Infix::Compare(CompareOp::Lt)),
                "<=" => (COMPARE, Infix::Compare(CompareOp::LtEq)),
                ">" => (COMPARE, Infix::Compare(CompareOp::Gt)),
                ">=" => (COMPARE, Infix::Compare(CompareOp::GtEq)),
                "+" => (ADD, Infix::Binary(Add)),
                "-" => (ADD, Infix::Binary(Sub)),
                "~" => (CONCAT, Infix::Concat),
                "*" => (MUL, Infix::Binary(Mul)),
                "/" => (MUL, Infix::Binary(Div)),
                "//" => (MUL, Infix::Binary(FloorDiv)),
                "%" => (MUL, Infix::Binary(Mod)),
                "**" => (POW, Infix::Binary(Pow)),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn compare(&mut self, first: Expr<'a>) -> Parse<Expr<'a>> {
        let mut rest = Vec::new();
        let mut span = first.span;
        while let Some((_, Infix::Compare(operator))) = self.operator() {
            self.advance();
            if operator == CompareOp::NotIn {
                self.advance();
            }
            let operand = self.binary(ADD)?;
            span = span.to(operand.span);
            rest.push((operator, operand));
        }
        self.expr(ExprKind::Compare(Box::new(first), rest), span)
    }

    fn concat(&mut self, first: Expr<'a>) -> Parse<Expr<'a>> {
        let mut span = first.span;
        let mut parts = vec![first];
        while self.skip("~") {
            let part = self.binary(MUL)?;
            span = span.to(part.span);
            parts.push(part);
        }
        self.expr(ExprKind::Concat(parts), span)
    }
}
