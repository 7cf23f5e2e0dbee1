//! What is assigned to, and what is taken from other files.

use super::ast::{Expr, ExprKind, Parameter, Span, StatementKind};
use super::lexer::TokenKind;
use super::parser::{Parse, Parser};

/// Where a name is missing.
pub(super) const NAME: &str = "a name was expected";

impl<'a> Parser<'a> {
    pub(super) fn parameters(&mut self) -> Parse<Vec<Parameter<'a>>> {
        self.expect("(", "parameters in brackets were expected")?;
        let mut parameters: Vec<Parameter<'a>> = Vec::new();
        while !self.is(")") {
            if !parameters.is_empty() {
                self.expect(",", "a comma or ) was expected")?;
            }
            let name = self.assignable_name()?;
            let default = if self.skip("=") { Some(self.expression()?) } else { None };
            if default.is_none() && parameters.last().is_some_and(|(_, default)| default.is_some()) {
                return self.fault("a parameter without a default follows one that has it");
            }
            parameters.push((name, default));
        }
        self.advance();
        Ok(parameters)
    }

    pub(super) fn other_template(&mut self, tag: &str) -> Parse<StatementKind<'a>> {
        self.advance();
        let template = self.expression()?;
        match tag {
            "extends" => Ok(StatementKind::Extends(template)),
            "include" => {
                if self.is_word("ignore") && *self.look() == TokenKind::Name("missing") {
                    self.advance();
                    self.advance();
                }
                self.import_context();
                Ok(StatementKind::Include(template))
            }
            "import" => {
                self.expect_word("as", "the word as was expected")?;
                let alias = self.assignable_name()?;
                self.import_context();
                Ok(StatementKind::Import { template, alias })
            }
            _ => self.imported_names(template),
        }
    }

    fn imported_names(&mut self, template: Expr<'a>) -> Parse<StatementKind<'a>> {
        self.expect_word("import", "the word import was expected")?;
        let mut names = Vec::new();
        loop {
            if !names.is_empty() {
                self.expect(",", "a comma was expected")?;
            }
            if self.import_context() {
                break;
            }
            let name = self.assignable_name()?;
            if name.starts_with('_') {
                return self.fault("a name that begins with _ cannot be imported");
            }
            let alias = if self.skip_word("as") { self.assignable_name()? } else { name };
            names.push((name, alias));
            if self.import_context() || !self.is(",") {
                break;
            }
        }
        Ok(StatementKind::FromImport { template, names })
    }

    /// `with context`, `without context`
    fn import_context(&mut self) -> bool {
        let found = (self.is_word("with") || self.is_word("without")) && *self.look() == TokenKind::Name("context");
        if found {
            self.advance();
            self.advance();
        }
        found
    }

    pub(super) fn assignable_name(&mut self) -> Parse<&'a str> {
        let span = self.current.span;
        let name = self.name(NAME)?;
        if matches!(name, "true" | "false" | "none" | "True" | "False" | "None") {
            return Err(self.fault_at(span, "a constant cannot be assigned to"));
        }
        Ok(name)
    }

    /// What is assigned to: a name, a tuple, or with `namespace` an attribute of a name.
    pub(super) fn target(&mut self, namespace: bool) -> Parse<Expr<'a>> {
        let start = self.current.span;
        let mut items = Vec::new();
        loop {
            let ends = matches!(self.current.kind, TokenKind::TagEnd | TokenKind::OutputEnd) || self.is(")");
            if ends {
                break;
            }
            items.push(self.target_item(namespace)?);
            if !self.is(",") {
                if items.len() == 1
                    && let Some(only) = items.pop()
                {
                    return Ok(only);
                }
                break;
            }
            self.advance();
        }
        if items.is_empty() {
            return self.fault(NAME);
        }
        let span = start.to(Span { start: start.start, end: self.current.span.start });
        self.expr(ExprKind::Tuple(items), span)
    }

    fn target_item(&mut self, namespace: bool) -> Parse<Expr<'a>> {
        let item = self.nested(Self::primary)?;
        let assignable = assignable(&item);
        if namespace && matches!(item.kind, ExprKind::Name(_)) && self.is(".") {
            self.advance();
            let span = item.span.to(self.current.span);
            let attribute = self.name(NAME)?;
            return self.expr(ExprKind::Attribute(Box::new(item), attribute), span);
        }
        if assignable { Ok(item) } else { Err(self.fault_at(item.span, "this cannot be assigned to")) }
    }
}

fn assignable(target: &Expr<'_>) -> bool {
    match &target.kind {
        ExprKind::Name(_) => true,
        ExprKind::Tuple(items) => items.iter().all(assignable),
        _ => false,
    }
}
