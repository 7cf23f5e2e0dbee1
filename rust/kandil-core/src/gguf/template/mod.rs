//! Reads chat templates as the programs that they are: parses them, and judges them without ever rendering one.
//!
//! The grammar is that of jinja2 3.1 with the tags that model runtimes add (`break`, `continue`, `do`, `generation`). It is
//! written here because a checker whose parser reads a template otherwise than the engine does is itself the hole: the
//! `minijinja` crate reads string literals by other rules (`'\137'` is no `_` for it), takes no adjacent literals, chained
//! comparisons, `{% break %}`, numbers in octal or filters with dots as jinja2 takes them, gives no place for an error to go
//! on from, and recurses as deep as the template asks.
//!
//! Work and memory are bounded: by the size of the text, by [`parser::MAX_DEPTH`] levels of nesting and by
//! [`parser::MAX_NODES`] nodes. A fault is recorded and parsing goes on after the tag that has it, so that what stands in a
//! template that one engine refuses and another tolerates is still seen.

#![allow(dead_code)] // until rules use it

pub(in crate::gguf) mod ast;
mod escape;
mod expressions;
mod lexer;
mod number;
mod operands;
pub(in crate::gguf) mod parser;
mod statements;
#[cfg(test)]
mod tests;
