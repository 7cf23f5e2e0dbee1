//! A query against one name.

use super::Names;
use super::atoms::{Atom, atoms, joined};
use super::similarity::{Outline, Pattern};

/// What scores less is no answer.
pub(super) const FLOOR: f32 = 0.3;
/// So many names are looked at closely, if more are not asked for.
const CLOSELY: usize = 96;
/// What is less like an atom than this does not make a name worth a close look.
const LEAST_LIKE: f32 = 0.3;
/// A joined match is a little less than a plain one.
const JOINED: f32 = 0.97;
/// What is left of a score when a number of the query is in no part of the name.
const NUMBER_MISSED: f32 = 0.6;
/// And when a word of three letters or more is.
const WORD_MISSED: f32 = 0.85;
/// What a name loses when none of its own atoms were asked for.
const NOT_ASKED_FOR: f32 = 0.22;
/// What a name loses when its atoms come in another order.
const DISORDER: f32 = 0.04;

/// One or two neighbouring atoms of a query, with the words that are like it.
struct Unit {
    /// The first atom, and how many there are.
    at: usize,
    span: usize,
    weight: f32,
    /// (word, similarity), by word.
    alike: Vec<(u32, f32)>,
}

pub(super) struct Query<'a> {
    units: Vec<Unit>,
    atoms: Vec<Atom<'a>>,
    /// Of each atom.
    weights: Vec<f32>,
    /// Of each word the first of its likenesses, by one more than its index; 0 is none.
    first: Vec<u32>,
    likenesses: Vec<Likeness>,
}

/// A word is like a unit.
struct Likeness {
    unit: usize,
    similarity: f32,
    /// The word's next, as in `first`.
    next: u32,
}

/// A match of a part of the query and a part of the name.
struct Match {
    similarity: f32,
    gain: f32,
    at: usize,
    span: usize,
    name_at: usize,
    name_span: usize,
}

impl<'a> Query<'a> {
    /// `lowered` is the query in lower case.
    pub(super) fn new(lowered: &'a str, names: &Names) -> Query<'a> {
        let atoms = atoms(lowered);
        let mut together = String::new();
        let mut units: Vec<Unit> = Vec::new();
        let mut weights = Vec::new();
        for (at, atom) in atoms.iter().enumerate() {
            let unit = Unit::new(at, 1, *atom, names);
            weights.push(unit.weight);
            units.push(unit);
        }
        for (at, two) in atoms.windows(2).enumerate() {
            let mut unit = Unit::new(at, 2, joined(two[0], two[1], &mut together), names);
            unit.weight = weights[at] + weights[at + 1];
            units.push(unit);
        }
        let (mut first, mut likenesses) = (vec![0; names.words.len() + 1], Vec::new());
        for (at, unit) in units.iter().enumerate() {
            for (word, similarity) in &unit.alike {
                let next = first[*word as usize];
                likenesses.push(Likeness { unit: at, similarity: *similarity, next });
                first[*word as usize] = u32::try_from(likenesses.len()).expect("fewer than 4 billion words");
            }
        }
        Query { units, atoms, weights, first, likenesses }
    }

    /// The units that the word is like.
    fn alike(&self, word: u32) -> impl Iterator<Item = (&Unit, f32)> {
        let like = |at: u32| (at > 0).then(|| &self.likenesses[at as usize - 1]);
        std::iter::successors(like(self.first[word as usize]), move |one| like(one.next))
            .map(|one| (&self.units[one.unit], one.similarity))
    }

    /// The names that are worth a close look: those that have the most of what the query has.
    pub(super) fn candidates(&self, names: &Names, limit: usize) -> Vec<usize> {
        let mut gains = vec![0.0_f32; names.len()];
        let mut seen = vec![0_u8; names.len()];
        let others = self.atoms.iter().any(|atom| !says_little(*atom));
        for (number, unit) in self.units.iter().enumerate() {
            let mark = u8::try_from(number + 1).unwrap_or(u8::MAX);
            let mut alike: Vec<&(u32, f32)> = unit.alike.iter().filter(|(_, like)| *like >= LEAST_LIKE).collect();
            alike.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            // What both of two atoms give is not given again by their pair.
            let weight = if unit.span == 1 { unit.weight } else { unit.weight * 0.5 };
            if unit.span == 1 && others && says_little(self.atoms[unit.at]) {
                continue;
            }
            for (word, similarity) in alike {
                for name in names.by_word.get(*word as usize) {
                    let name = *name as usize;
                    if std::mem::replace(&mut seen[name], mark) != mark {
                        gains[name] += weight * similarity;
                    }
                }
            }
        }
        let most = CLOSELY.max(limit.saturating_mul(2));
        let worth = |name: usize| gains[name] - 0.1 * names.weights[name];
        let better = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let (mut found, mut least) = (Vec::new(), f32::NEG_INFINITY);
        for name in (0..names.len()).filter(|name| gains[*name] > 0.0) {
            // At the same worth the earlier is better, and it is here already.
            if gains[name] > least && worth(name) > least {
                found.push((worth(name), name));
            }
            if found.len() >= most.saturating_mul(8) {
                least = found.select_nth_unstable_by(most - 1, better).1.0;
                found.truncate(most);
            }
        }
        if found.len() > most {
            found.select_nth_unstable_by(most, better);
            found.truncate(most);
        }
        found.into_iter().map(|(_, name)| name).collect()
    }

    /// How like the name is, from 0 to 1.
    pub(super) fn score(&self, names: &Names, name: usize) -> f32 {
        let asked: f32 = self.weights.iter().sum();
        if asked <= 0.0 {
            return 0.0;
        }
        let singles = names.singles.get(name);
        let taken = self.taken(singles, names.pairs.get(name));
        let gained: f32 = taken.iter().map(|one| one.gain).sum();
        let mut rest: f32 = names.weights[name];
        for one in &taken {
            rest -= (one.name_at..one.name_at + one.name_span)
                .map(|at| names.words[singles[at] as usize].weight)
                .sum::<f32>();
        }
        let mut score = gained / asked;
        for (at, atom) in self.atoms.iter().enumerate() {
            if !taken.iter().any(|one| (one.at..one.at + one.span).contains(&at)) {
                score *= match atom.text.chars().count() {
                    _ if atom.number => NUMBER_MISSED,
                    3.. => WORD_MISSED,
                    _ => 1.0,
                };
            }
        }
        score *= 1.0 - NOT_ASKED_FOR * (rest / names.weights[name]).clamp(0.0, 1.0);
        (score * (1.0 - DISORDER * disorder(&taken))).clamp(0.0, 1.0)
    }

    /// The surest matches, none of which shares an atom with another: `laguna` before what `lagunaxs` is like.
    fn taken(&self, singles: &[u32], pairs: &[u32]) -> Vec<Match> {
        let mut matches = Vec::with_capacity(32);
        for (words, name_span) in [(singles, 1), (pairs, 2)] {
            for (name_at, word) in words.iter().enumerate() {
                for (unit, similarity) in self.alike(*word) {
                    if unit.span + name_span > 3 {
                        continue;
                    }
                    let similarity = similarity * if unit.span + name_span == 3 { JOINED } else { 1.0 };
                    let gain = unit.weight * similarity;
                    matches.push(Match { similarity, gain, at: unit.at, span: unit.span, name_at, name_span });
                }
            }
        }
        matches.sort_unstable_by(|a, b| {
            b.similarity
                .total_cmp(&a.similarity)
                .then(b.gain.total_cmp(&a.gain))
                .then(a.at.cmp(&b.at))
                .then(a.at.abs_diff(a.name_at).cmp(&b.at.abs_diff(b.name_at)))
                .then((a.span, a.name_at, a.name_span).cmp(&(b.span, b.name_at, b.name_span)))
        });
        let (mut used, mut name_used) = (0_u64, 0_u64);
        matches.retain(|one| {
            let (bits, name_bits) = (span(one.at, one.span), span(one.name_at, one.name_span));
            let free = used & bits == 0 && name_used & name_bits == 0;
            if free {
                used |= bits;
                name_used |= name_bits;
            }
            free
        });
        matches
    }
}

impl Unit {
    fn new(at: usize, span: usize, atom: Atom<'_>, names: &Names) -> Unit {
        let pattern = Pattern::new(atom);
        let mut alike = Vec::new();
        let (mut best, mut weight) = (0.0, super::base_weight(pattern.atom()));
        let mut compare = |id: u32, outline: Outline| {
            if !pattern.possible(outline) {
                return;
            }
            let word = &names.words[id as usize];
            let similarity = pattern.similarity(word.atom(), outline);
            if similarity > 0.0 {
                alike.push((id, similarity));
                if similarity > best {
                    (best, weight) = (similarity, word.weight.max(0.3 * super::base_weight(pattern.atom())));
                }
            }
        };
        if span == 1 {
            (0..).zip(&names.outlines).for_each(|(id, outline)| compare(id, *outline));
        } else {
            // Two of the query's atoms are never two of a name's: those match one by one.
            names.alone.iter().for_each(|id| compare(*id, names.outlines[*id as usize]));
        }
        Unit { at, span, weight, alike }
    }
}

/// A single letter is in half of all names: it does not decide which are looked at.
fn says_little(atom: Atom<'_>) -> bool {
    !atom.number && atom.text.chars().nth(1).is_none()
}

fn span(at: usize, length: usize) -> u64 {
    ((1 << length) - 1) << at
}

/// The share of neighbours in the query whose matches stand in another order in the name.
fn disorder(taken: &[Match]) -> f32 {
    let mut places: Vec<(usize, usize)> = taken.iter().map(|one| (one.at, one.name_at)).collect();
    places.sort_unstable();
    let turned = places.windows(2).filter(|two| two[0].1 > two[1].1).count();
    #[expect(clippy::cast_precision_loss, reason = "a few atoms")]
    let share = turned as f32 / places.len().saturating_sub(1).max(1) as f32;
    share
}
