//! Cuts a template into tokens, one at a time, as jinja2's lexer does with its default marks.
//!
//! A fault is a token too: what follows it is still cut, up to [`MAX_FAULTS`] of them.

use super::ast::Span;
use super::escape::unescape;
use super::number::number;
use std::borrow::Cow;

/// No engine runs a template with one fault; that many are looked past.
const MAX_FAULTS: u32 = 16;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    Text(&'a str),
    /// `{{`
    OutputBegin,
    OutputEnd,
    /// `{%`
    TagBegin,
    TagEnd,
    Name(&'a str),
    Str(Cow<'a, str>),
    Int(i64),
    Float(f64),
    /// As it is written.
    Operator(&'static str),
    Fault(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) span: Span,
}

/// Longer ones first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Tag,
    Output,
}

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    place: usize,
    state: State,
    /// The closing brackets that are awaited: inside of brackets `}}` and `%}` end nothing.
    open: Vec<&'static str>,
    faults: u32,
    /// The mark that was found behind the text that was given last: where, and which.
    pending: Option<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    start: usize,
    end: usize,
    kind: MarkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkKind {
    Output,
    Tag,
    Comment,
    Raw,
}

/// Python's: Rust's and the four separators of ASCII.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

fn is_name_start(character: char) -> bool {
    character == '_' || unicode_ident::is_xid_start(character)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, place: 0, state: State::Text, open: Vec::new(), faults: 0, pending: None }
    }

    /// The next token; [`TokenKind::End`] for ever at the end.
    pub(super) fn token(&mut self) -> Token<'a> {
        loop {
            let found = match self.state {
                State::Text => self.root(),
                State::Tag | State::Output => self.inside(),
            };
            if let Some((kind, start)) = found {
                if matches!(kind, TokenKind::Fault(_)) {
                    self.faults = self.faults.saturating_add(1);
                }
                let span = Span::new(start, self.place);
                if self.faults > MAX_FAULTS {
                    self.stop();
                    return Token { kind: TokenKind::End, span };
                }
                return Token { kind, span };
            }
        }
    }

    /// Gives no further token.
    pub(super) fn stop(&mut self) {
        self.place = self.text.len();
        self.pending = None;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.place..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.place = self.place.saturating_add(bytes);
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len().saturating_sub(rest.trim_start_matches(is_space).len()));
    }

    /// Text up to a mark, or the mark; None where the state has changed and nothing is to be told.
    fn root(&mut self) -> Option<(TokenKind<'a>, usize)> {
        if let Some(mark) = self.pending.take() {
            return self.mark(mark);
        }
        let start = self.place;
        let Some(mark) = self.find_mark() else {
            let rest = self.rest();
            self.place = self.text.len();
            return Some(if rest.is_empty() { (TokenKind::End, start) } else { (TokenKind::Text(rest), start) });
        };
        let mut text = self.text.get(start..mark.start).unwrap_or_default();
        if self.text.get(mark.start..).is_some_and(|rest| rest.get(2..3) == Some("-")) {
            text = text.trim_end_matches(is_space);
        }
        self.pending = Some(mark);
        self.place = start.saturating_add(text.len());
        let found = (!text.is_empty()).then_some((TokenKind::Text(text), start));
        found.or_else(|| self.root_mark())
    }

    fn root_mark(&mut self) -> Option<(TokenKind<'a>, usize)> {
        let mark = self.pending.take()?;
        self.mark(mark)
    }

    fn find_mark(&self) -> Option<Mark> {
        let mut from = self.place;
        loop {
            let start = from.saturating_add(self.text.get(from..)?.find('{')?);
            let after = self.text.get(start.saturating_add(1)..)?;
            let kind = match after.bytes().next()? {
                b'{' => MarkKind::Output,
                b'%' => MarkKind::Tag,
                b'#' => MarkKind::Comment,
                _ => {
                    from = start.saturating_add(1);
                    continue;
                }
            };
            let sign = usize::from(after.get(1..).is_some_and(|rest| rest.starts_with(['-', '+'])));
            let end = start.saturating_add(2).saturating_add(sign);
            if kind == MarkKind::Tag
                && let Some(raw) = self.raw_begin(end)
            {
                return Some(Mark { start, end: raw, kind: MarkKind::Raw });
            }
            return Some(Mark { start, end, kind });
        }
    }

    /// Where what follows `raw %}` begins.
    fn raw_begin(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?.trim_start_matches(is_space).strip_prefix("raw")?;
        let rest = rest.trim_start_matches(is_space);
        let rest = match rest.strip_prefix("-%}") {
            Some(rest) => rest.trim_start_matches(is_space),
            None => rest.strip_prefix("%}")?,
        };
        Some(self.text.len().saturating_sub(rest.len()))
    }

    fn mark(&mut self, mark: Mark) -> Option<(TokenKind<'a>, usize)> {
        self.place = mark.end;
        match mark.kind {
            MarkKind::Output => {
                self.state = State::Output;
                Some((TokenKind::OutputBegin, mark.start))
            }
            MarkKind::Tag => {
                self.state = State::Tag;
                Some((TokenKind::TagBegin, mark.start))
            }
            MarkKind::Comment => self.comment(mark.start),
            MarkKind::Raw => self.raw(mark.start),
        }
    }

    fn comment(&mut self, start: usize) -> Option<(TokenKind<'a>, usize)> {
        let Some(length) = self.rest().find("#}") else {
            if self.rest().is_empty() {
                return None; // jinja2 minds only what follows
            }
            return Some((TokenKind::Fault("a comment that does not end"), start));
        };
        let trims = self.rest().get(..length).is_some_and(|text| text.ends_with('-'));
        self.skip(length.saturating_add(2));
        if trims {
            self.skip_space();
        }
        None
    }

    fn raw(&mut self, start: usize) -> Option<(TokenKind<'a>, usize)> {
        let (begin, mut from) = (self.place, self.place);
        while let Some(found) = self.text.get(from..).and_then(|rest| rest.find("{%")) {
            let place = from.saturating_add(found);
            from = place.saturating_add(2);
            let Some(rest) = self.text.get(from..) else { break };
            let sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '+'));
            let rest = rest.get(usize::from(sign.is_some())..).unwrap_or_default().trim_start_matches(is_space);
            let Some(rest) = rest.strip_prefix("endraw") else { continue };
            let rest = rest.trim_start_matches(is_space);
            let trims = rest.starts_with("-%}");
            let Some(rest) = ["+%}", "-%}", "%}"].iter().find_map(|end| rest.strip_prefix(end)) else { continue };
            let mut text = self.text.get(begin..place).unwrap_or_default();
            if sign == Some('-') {
                text = text.trim_end_matches(is_space);
            }
            self.place = self.text.len().saturating_sub(rest.len());
            if trims {
                self.skip_space();
            }
            return (!text.is_empty()).then_some((TokenKind::Text(text), begin));
        }
        if self.rest().is_empty() {
            return None;
        }
        Some((TokenKind::Fault("a raw block that does not end"), start))
    }

    /// A token inside of `{{ }}` or `{% %}`.
    fn inside(&mut self) -> Option<(TokenKind<'a>, usize)> {
        self.skip_space();
        let (start, rest) = (self.place, self.rest());
        let Some(first) = rest.chars().next() else {
            return Some((TokenKind::End, start));
        };
        if self.open.is_empty()
            && let Some(end) = self.closing(rest)
        {
            return Some((end, start));
        }
        if first.is_ascii_digit() {
            let after_dot = self.text.as_bytes().get(..start).is_some_and(|before| before.ends_with(b"."));
            let (kind, length) =
                number(rest, after_dot).unwrap_or((TokenKind::Fault("a number that is too long"), rest.len()));
            self.skip(length);
            return Some((kind, start));
        }
        if is_name_start(first) {
            let name = rest.find(|character| !unicode_ident::is_xid_continue(character));
            let name = name.and_then(|end| rest.get(..end)).unwrap_or(rest);
            self.skip(name.len());
            return Some((TokenKind::Name(name), start));
        }
        if matches!(first, '\'' | '"') {
            return Some((self.string(rest, first), start));
        }
        Some((self.operator(rest, first), start))
    }

    fn closing(&mut self, rest: &str) -> Option<TokenKind<'a>> {
        let (marks, kind): (&[&str], _) = match self.state {
            State::Output => (&["-}}", "}}"], TokenKind::OutputEnd),
            State::Tag => (&["-%}", "+%}", "%}"], TokenKind::TagEnd),
            State::Text => return None,
        };
        let mark = marks.iter().find(|mark| rest.starts_with(**mark))?;
        self.skip(mark.len());
        self.state = State::Text;
        if mark.starts_with('-') {
            self.skip_space();
        }
        Some(kind)
    }

    fn string(&mut self, rest: &'a str, quote: char) -> TokenKind<'a> {
        let mut escaped = false;
        let end = rest.bytes().enumerate().skip(1).find(|&(_, byte)| {
            let closes = !escaped && byte == quote as u8;
            escaped = !escaped && byte == b'\\';
            closes
        });
        let Some((end, _)) = end else {
            self.skip(1);
            return TokenKind::Fault("a string that does not end");
        };
        self.skip(end.saturating_add(1));
        let text = rest.get(1..end).and_then(unescape);
        text.map_or(TokenKind::Fault("a string with an escape that stands for no character"), TokenKind::Str)
    }

    fn operator(&mut self, rest: &str, first: char) -> TokenKind<'a> {
        let Some(operator) = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)) else {
            self.skip(first.len_utf8());
            return TokenKind::Fault("a character that begins nothing");
        };
        match operator {
            "(" => self.open.push(")"),
            "[" => self.open.push("]"),
            "{" => self.open.push("}"),
            ")" | "]" | "}" if self.open.pop() != Some(operator) => return self.unbalanced(operator),
            _ => {}
        }
        self.skip(operator.len());
        TokenKind::Operator(operator)
    }

    /// A bracket that closes another one than was opened; it may be the end of the tag.
    fn unbalanced(&mut self, operator: &str) -> TokenKind<'a> {
        self.open.clear();
        let before = self.text.as_bytes().get(..self.place).unwrap_or_default();
        if operator == "}" && self.state == State::Tag && before.ends_with(b"%") {
            self.state = State::Text;
        }
        if !(self.state == State::Output && self.rest().starts_with("}}")) {
            self.skip(operator.len());
        }
        TokenKind::Fault("a bracket that closes nothing, or another one")
    }
}
