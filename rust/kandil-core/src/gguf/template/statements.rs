//! Tags, bodies, and how parsing goes on after a fault.

use super::ast::{Body, Expr, ExprKind, For, Statement, StatementKind};
use super::lexer::{TokenKind, is_space};
use super::operands::Tuple;
use super::parser::{Parse, Parser};
use super::targets::NAME;

impl<'a> Parser<'a> {
    /// Statements up to a tag that is one of `until`, whose name is then the current token, or to the end of the text.
    ///
    /// A fault is recorded here, and what follows the tag that has it is read on.
    pub(super) fn body(&mut self, until: &[&str]) -> Body<'a> {
        let mut body = Vec::new();
        loop {
            let tag = self.current.kind == TokenKind::TagBegin;
            if tag && matches!(*self.look(), TokenKind::Name(name) if until.contains(&name)) {
                self.advance();
                return body;
            }
            if self.current.kind == TokenKind::End {
                if !until.is_empty() {
                    self.record(self.fault_here("a tag is not closed"));
                }
                return body;
            }
            match self.piece() {
                Ok(statement) => body.push(statement),
                Err(fault) => {
                    self.record(fault);
                    self.recover();
                }
            }
        }
    }

    /// Behind the tag that has a fault, or at the end where nothing more is to be looked at.
    fn recover(&mut self) {
        let stopped = self.stopped();
        if stopped {
            self.lexer.stop();
        }
        loop {
            match self.current.kind {
                TokenKind::End => return,
                TokenKind::TagEnd | TokenKind::OutputEnd if !stopped => {
                    self.advance();
                    return;
                }
                TokenKind::Text(_) | TokenKind::TagBegin | TokenKind::OutputBegin if !stopped => return,
                _ => self.advance(),
            };
        }
    }

    fn piece(&mut self) -> Parse<Statement<'a>> {
        let begin = self.advance();
        let kind = match begin.kind {
            TokenKind::Text(text) => StatementKind::Text(text),
            TokenKind::OutputBegin => {
                let expr = self.tuple(Tuple::default())?;
                if self.current.kind != TokenKind::OutputEnd {
                    return self.fault("the end of an output, }}, was expected");
                }
                self.advance();
                StatementKind::Output(expr)
            }
            TokenKind::TagBegin => {
                let kind = self.nested(Self::tag)?;
                let unclosed = self.current.kind == TokenKind::End && !self.faults.is_empty();
                if !unclosed {
                    self.tag_end()?;
                }
                kind
            }
            TokenKind::Fault(message) => return Err(self.fault_at(begin.span, message)),
            _ => return Err(self.fault_at(begin.span, "a token that belongs to no tag")),
        };
        self.statement_of(kind, begin.span)
    }

    fn tag_end(&mut self) -> Parse<()> {
        if self.current.kind != TokenKind::TagEnd {
            return self.fault("the end of a tag, %}, was expected");
        }
        self.advance();
        Ok(())
    }

    /// A tag from its name on, up to before the `%}` of what closes it.
    fn tag(&mut self) -> Parse<StatementKind<'a>> {
        let TokenKind::Name(name) = self.current.kind else { return self.fault("the name of a tag was expected") };
        match name {
            "set" => self.set(),
            "for" => self.for_loop(),
            "if" => self.condition(),
            "macro" => self.macro_definition(),
            "call" => self.call_block(),
            "filter" => self.filter_block(),
            "with" => self.with(),
            "block" => self.block(),
            "print" => self.print(),
            "extends" | "include" | "import" | "from" => self.other_template(name),
            "do" => {
                self.advance();
                self.tuple(Tuple::default()).map(StatementKind::Do)
            }
            "autoescape" => {
                self.advance();
                let value = self.expression()?;
                Ok(StatementKind::Autoescape { value, body: self.closed_body("endautoescape")? })
            }
            "generation" => {
                self.advance();
                self.closed_body("endgeneration").map(StatementKind::Generation)
            }
            "break" | "continue" => {
                self.advance();
                Ok(if name == "break" { StatementKind::Break } else { StatementKind::Continue })
            }
            "else" | "elif" => self.fault("a tag that stands in no if or for"),
            _ if name.starts_with("end") => self.fault("a tag that closes what is not open"),
            _ => self.fault("a tag that no engine knows"),
        }
    }

    /// The end of the tag, and the body up to the tag that is one of `until`.
    fn opened_body(&mut self, until: &[&str]) -> Parse<Body<'a>> {
        self.skip(":");
        self.tag_end()?;
        Ok(self.body(until))
    }

    fn closed_body(&mut self, end: &'static str) -> Parse<Body<'a>> {
        let body = self.opened_body(&[end])?;
        self.advance();
        Ok(body)
    }

    fn set(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let target = self.target(true)?;
        if self.skip("=") {
            let value = self.tuple(Tuple::default())?;
            return Ok(StatementKind::Set { target, value });
        }
        let filter = if self.is("|") { Some(self.filters(None)?) } else { None };
        Ok(StatementKind::SetBlock { target, filter, body: self.closed_body("endset")? })
    }

    fn for_loop(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let target = self.target(false)?;
        self.expect_word("in", "the word in was expected")?;
        let iterable = self.tuple(Tuple { plain: true, ..Tuple::default() })?;
        let test = if self.skip_word("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_word("recursive");
        let body = self.opened_body(&["endfor", "else"])?;
        let otherwise = if self.is_word("else") {
            self.advance();
            self.closed_body("endfor")?
        } else {
            self.advance();
            Vec::new()
        };
        Ok(StatementKind::For(Box::new(For { target, iterable, test, recursive, body, otherwise })))
    }

    fn condition(&mut self) -> Parse<StatementKind<'a>> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        while self.is_word("if") || self.is_word("elif") {
            self.advance();
            let test = self.tuple(Tuple { plain: true, ..Tuple::default() })?;
            branches.push((test, self.opened_body(&["elif", "else", "endif"])?));
        }
        let last = self.is_word("else");
        self.advance();
        if last {
            otherwise = self.closed_body("endif")?;
        }
        Ok(StatementKind::If { branches, otherwise })
    }

    fn macro_definition(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let name = self.assignable_name()?;
        let parameters = self.parameters()?;
        Ok(StatementKind::Macro { name, parameters, body: self.closed_body("endmacro")? })
    }

    fn call_block(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let parameters = if self.is("(") { self.parameters()? } else { Vec::new() };
        let call = self.expression()?;
        if !matches!(call.kind, ExprKind::Call(_)) {
            return Err(self.fault_at(call.span, "a call was expected"));
        }
        Ok(StatementKind::CallBlock { parameters, call, body: self.closed_body("endcall")? })
    }

    fn filter_block(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        if self.is("|") {
            return self.fault(NAME);
        }
        let filter = self.filters(None)?;
        Ok(StatementKind::FilterBlock { filter, body: self.closed_body("endfilter")? })
    }

    fn with(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let mut bindings = Vec::new();
        while self.current.kind != TokenKind::TagEnd {
            if !bindings.is_empty() {
                self.expect(",", "a comma or the end of the tag was expected")?;
            }
            let target = self.target(false)?;
            self.expect("=", "= was expected")?;
            bindings.push((target, self.expression()?));
        }
        Ok(StatementKind::With { bindings, body: self.closed_body("endwith")? })
    }

    fn block(&mut self) -> Parse<StatementKind<'a>> {
        self.advance();
        let name = self.name(NAME)?;
        self.skip_word("scoped");
        let required = self.skip_word("required");
        let start = self.current.span;
        let body = self.closed_body("endblock")?;
        let blank = |statement: &Statement<'_>| matches!(statement.kind, StatementKind::Text(text) if text.trim_matches(is_space).is_empty());
        if required && !body.iter().all(blank) {
            return Err(self.fault_at(start, "a required block has a content"));
        }
        self.skip_word(name);
        Ok(StatementKind::Block(body))
    }

    fn print(&mut self) -> Parse<StatementKind<'a>> {
        let span = self.advance().span;
        let mut items: Vec<Expr<'a>> = Vec::new();
        while self.current.kind != TokenKind::TagEnd {
            if !items.is_empty() {
                self.expect(",", "a comma or the end of the tag was expected")?;
            }
            items.push(self.expression()?);
        }
        self.expr(ExprKind::Tuple(items), span).map(StatementKind::Output)
    }
}
