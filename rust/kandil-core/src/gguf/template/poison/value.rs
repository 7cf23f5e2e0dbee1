//! What is known of an expression's value without computing it.

use std::rc::Rc;

/// Where a value comes from: bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sources(u8);

impl Sources {
    /// The text of a message.
    pub(super) const CONTENT: Self = Self(1);
    /// Messages as a structure: roles, tool calls, the list itself.
    pub(super) const MESSAGE: Self = Self(2);
    /// The clock.
    pub(super) const TIME: Self = Self(4);
    /// How many messages there are, or the place of one.
    pub(super) const COUNT: Self = Self(8);
    /// Made fit to stand in a URL.
    pub(super) const URL_ENCODED: Self = Self(16);
    /// `loop`
    pub(super) const LOOP: Self = Self(32);
    /// A part of the text of a message, or that text in another form.
    pub(super) const CUT: Self = Self(64);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// A set of conditions, by their numbers in [`super::triggers::Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Triggers(u128);

impl Triggers {
    /// Higher numbers share the last place.
    pub(super) const MOST: usize = 127;
    /// A switch that callers set decides: tools, documents, thoughts. No number stands for it.
    pub(super) const SWITCH: Self = Self(1 << 127);

    pub(super) fn one(number: usize) -> Self {
        Self(1_u128.checked_shl(u32::try_from(number.min(Self::MOST)).unwrap_or(0)).unwrap_or(0))
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Stands in the template, or is made of what does.
    Text(Rc<str>),
    /// Comes from elsewhere.
    Hole(Sources),
    /// What follows does not stand beside what precedes.
    Break,
}

/// A part of a text, and the conditions that decide whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) piece: Piece,
    pub(super) triggers: Triggers,
    /// It is printed behind what a message says.
    pub(super) behind: bool,
}

impl Part {
    pub(super) fn new(piece: Piece, triggers: Triggers) -> Self {
        Self { piece, triggers, behind: false }
    }

    /// Whether both say the same under the same conditions, wherever that is printed.
    fn same(&self, other: &Self) -> bool {
        self.piece == other.piece && self.triggers.with(Triggers::SWITCH) == other.triggers.with(Triggers::SWITCH)
    }
}

/// A value that is the same whenever the template runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    Text(Rc<str>),
    Int(i64),
}

/// An element of a list, or of a mapping with its key.
pub(super) type Item = (Option<Rc<str>>, Value);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Value {
    pub(super) sources: Sources,
    /// The conditions that decide which value it is: matters where it becomes a condition itself.
    pub(super) triggers: Triggers,
    /// What is printed where it is printed.
    pub(super) parts: Vec<Part>,
    pub(super) known: Option<Known>,
    /// Of a list or a mapping that is written out.
    pub(super) items: Option<Rc<Vec<Item>>>,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        let text: Rc<str> = text.into();
        let parts = vec![Part::new(Piece::Text(Rc::clone(&text)), Triggers::default())];
        Self { parts, known: Some(Known::Text(text)), ..Self::default() }
    }

    pub(super) fn int(value: i64) -> Self {
        Self { known: Some(Known::Int(value)), ..Self::default() }
    }

    pub(super) fn from(sources: Sources) -> Self {
        let parts = vec![Part::new(Piece::Hole(sources), Triggers::default())];
        Self { sources, parts, ..Self::default() }
    }

    /// A number or a truth value: nothing of it is text.
    pub(super) fn number(sources: Sources, triggers: Triggers) -> Self {
        Self { sources, triggers, ..Self::default() }
    }

    pub(super) fn known_text(&self) -> Option<&Rc<str>> {
        match &self.known {
            Some(Known::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn known_int(&self) -> Option<i64> {
        match self.known {
            Some(Known::Int(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn has(&self, source: Sources) -> bool {
        self.sources.has(source)
    }

    /// The texts of its parts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match &part.piece {
            Piece::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// Both, one after the other.
    pub(super) fn then(mut self, other: &Self) -> Self {
        self.sources = self.sources.with(other.sources);
        self.triggers = self.triggers.with(other.triggers);
        self.parts.extend(other.parts.iter().cloned());
        self.known = None;
        self.items = None;
        self
    }

    /// Whichever: what is known of it is what both have.
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    /// As [`Self::or`], in place; whether anything changed.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let before = (self.sources, self.triggers, self.parts.len(), self.known.is_some(), self.items.is_some());
        self.sources = self.sources.with(other.sources);
        self.triggers = self.triggers.with(other.triggers);
        let blank = before.2 == 0;
        let fresh: Vec<Part> =
            other.parts.iter().filter(|part| !self.parts.iter().any(|known| known.same(part))).cloned().collect();
        if !fresh.is_empty() {
            if !blank && fresh.first().is_some_and(|part| part.piece != Piece::Break) {
                self.parts.push(Part::new(Piece::Break, Triggers::default()));
            }
            self.parts.extend(fresh);
        }
        if self.known != other.known {
            self.known = None;
        }
        if self.items != other.items {
            self.items = None;
        }
        before != (self.sources, self.triggers, self.parts.len(), self.known.is_some(), self.items.is_some())
    }

    /// There only under these conditions.
    pub(super) fn under(mut self, triggers: Triggers) -> Self {
        if !triggers.is_empty() {
            self.triggers = self.triggers.with(triggers);
            for part in &mut self.parts {
                part.triggers = part.triggers.with(triggers);
            }
        }
        self
    }

    /// Parts of what a message says, chosen by their place, or the letters of it changed.
    pub(super) fn cut(mut self) -> Self {
        for part in &mut self.parts {
            if let Piece::Hole(sources) = &mut part.piece
                && sources.has(Sources::CONTENT)
            {
                *sources = sources.with(Sources::CUT);
            }
        }
        self.altered()
    }

    /// Without what only holds for the whole of it.
    pub(super) fn altered(mut self) -> Self {
        self.known = None;
        self.items = None;
        self
    }
}
