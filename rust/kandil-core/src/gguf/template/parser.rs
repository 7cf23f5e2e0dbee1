//! What all of the parser shares: tokens, limits and faults. Statements are in `statements`, expressions in `expressions`
//! (operators) and `operands`.

use super::ast::{Body, Expr, ExprKind, Span, Statement, StatementKind};
use super::lexer::{Lexer, Token, TokenKind};

/// Levels of nesting, of statements and of brackets together. CPython's jinja2 ends at about 65 brackets or 98 statements.
pub(in crate::gguf) const MAX_DEPTH: u32 = 120;
/// How high the tree of one expression may be. A chain such as `a + b + …` is as high as it is long.
pub(in crate::gguf) const MAX_HEIGHT: u16 = 400;
/// Expressions and statements. The longest published templates have about ten thousand.
pub(in crate::gguf) const MAX_NODES: u32 = 50_000;
/// Recorded at most.
const MAX_FAULTS: usize = 64;

/// What a template is, and what is wrong with it as a program.
#[derive(Debug)]
pub(in crate::gguf) struct Parsed<'a> {
    pub(in crate::gguf) body: Body<'a>,
    /// In the order of their discovery. Where there are some, `body` is what could be made of the rest.
    pub(in crate::gguf) faults: Vec<Fault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) struct Fault {
    pub(in crate::gguf) kind: FaultKind,
    pub(in crate::gguf) span: Span,
    pub(in crate::gguf) message: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf) enum FaultKind {
    /// No engine reads it.
    Syntax,
    /// Deeper than [`MAX_DEPTH`] or [`MAX_HEIGHT`]; what follows was not looked at.
    Depth,
    /// More than [`MAX_NODES`]; what follows was not looked at.
    Size,
    /// A name that is another one for Python.
    Alias,
}

pub(super) type Parse<T> = Result<T, Fault>;

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) current: Token<'a>,
    next: Option<Token<'a>>,
    depth: u32,
    nodes: u32,
    pub(super) faults: Vec<Fault>,
}

/// Parses a template, whatever is wrong with it.
pub(in crate::gguf) fn parse(text: &str) -> Parsed<'_> {
    let mut lexer = Lexer::new(text);
    let current = lexer.token();
    let mut parser = Parser { lexer, current, next: None, depth: 0, nodes: 0, faults: Vec::new() };
    let body = parser.body(&[]);
    Parsed { body, faults: parser.faults }
}

impl<'a> Parser<'a> {
    pub(super) fn advance(&mut self) -> Token<'a> {
        let next = self.next.take().unwrap_or_else(|| self.lexer.token());
        if let TokenKind::Name(name) = next.kind
            && super::aliases::is_alias(name)
            && !self.faults.iter().any(|fault| fault.kind == FaultKind::Alias)
        {
            let message = "a name that Python reads as another one";
            self.faults.push(Fault { kind: FaultKind::Alias, span: next.span, message });
        }
        std::mem::replace(&mut self.current, next)
    }

    pub(super) fn look(&mut self) -> &TokenKind<'a> {
        &self.next.get_or_insert_with(|| self.lexer.token()).kind
    }

    pub(super) fn is(&self, operator: &str) -> bool {
        matches!(self.current.kind, TokenKind::Operator(found) if found == operator)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.current.kind, TokenKind::Name(found) if found == word)
    }

    pub(super) fn skip(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn fault<T>(&self, message: &'static str) -> Parse<T> {
        Err(self.fault_here(message))
    }

    /// At the current token, which may be a fault itself.
    pub(super) fn fault_here(&self, message: &'static str) -> Fault {
        let message = if let TokenKind::Fault(found) = self.current.kind { found } else { message };
        self.fault_at(self.current.span, message)
    }

    pub(super) fn fault_at(&self, span: Span, message: &'static str) -> Fault {
        Fault { kind: FaultKind::Syntax, span, message }
    }

    pub(super) fn expect(&mut self, operator: &str, message: &'static str) -> Parse<Span> {
        if self.is(operator) { Ok(self.advance().span) } else { self.fault(message) }
    }

    pub(super) fn expect_word(&mut self, word: &str, message: &'static str) -> Parse<()> {
        if self.skip_word(word) { Ok(()) } else { self.fault(message) }
    }

    pub(super) fn name(&mut self, message: &'static str) -> Parse<&'a str> {
        match self.current.kind {
            TokenKind::Name(name) => {
                self.advance();
                Ok(name)
            }
            _ => self.fault(message),
        }
    }

    pub(super) fn record(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Whether what follows a fault is not looked at.
    pub(super) fn stopped(&self) -> bool {
        {
            let stops = |fault: &Fault| matches!(fault.kind, FaultKind::Depth | FaultKind::Size);
            self.faults.len() >= MAX_FAULTS || self.faults.iter().any(stops)
        }
    }

    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= MAX_DEPTH {
            let message = "nested deeper than any template";
            return Err(Fault { kind: FaultKind::Depth, span: self.current.span, message });
        }
        self.depth = self.depth.saturating_add(1);
        let result = inner(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    fn count(&mut self, span: Span) -> Parse<()> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            let message = "more expressions and statements than any template has";
            return Err(Fault { kind: FaultKind::Size, span, message });
        }
        Ok(())
    }

    pub(super) fn statement_of(&mut self, kind: StatementKind<'a>, start: Span) -> Parse<Statement<'a>> {
        self.count(start)?;
        Ok(Statement { kind, span: start.to(Span { start: start.start, end: self.current.span.start }) })
    }

    pub(super) fn expr(&mut self, kind: ExprKind<'a>, span: Span) -> Parse<Expr<'a>> {
        self.count(span)?;
        let mut highest = 0;
        kind.children(&mut |child| highest = highest.max(child.height));
        if highest >= MAX_HEIGHT {
            return Err(Fault {
                kind: FaultKind::Depth,
                span,
                message: "an expression of too many operators in a row",
            });
        }
        Ok(Expr { kind, span, height: highest.saturating_add(1) })
    }
}
