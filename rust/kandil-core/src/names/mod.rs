//! Ranks names of models by how like they are to what somebody typed.
//!
//! A name is a few atoms: words and numbers ([`atoms`]). Words forgive typos, numbers do not ([`similarity`]). Atoms may
//! come in any order, and neighbours may be written as one on either side: `deep seek`, `llama31`.
//!
//! Many names have few different atoms. So the query's atoms are compared with the vocabulary alone; lists of the names
//! that have an atom then give each name a first score, and the best of them are looked at closely.

mod atoms;
mod score;
mod similarity;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use atoms::{Atom, atoms, joined, lower};
use score::Query;
use similarity::Outline;

/// Names, prepared to be ranked.
///
/// Building takes 0.5 to 2 µs a name and memory is about 320 bytes a name, for names of 40 bytes on one core; the names
/// themselves are not kept.
pub struct Names {
    words: Vec<Word>,
    /// What rules most words out, close together.
    outlines: Vec<Outline>,
    /// The words that are an atom of some name, and not only two joined.
    alone: Vec<u32>,
    by_word: Lists,
    singles: Lists,
    pairs: Lists,
    /// The weight of all of a name's atoms.
    weights: Vec<f32>,
    /// Bytes of each name; of names alike the shortest is best.
    lengths: Vec<u32>,
}

/// An atom that names have, or two neighbours joined.
struct Word {
    text: String,
    number: bool,
    /// How much it says: a rare word more than a common one, a long one more than a short one.
    weight: f32,
}

impl Word {
    fn atom(&self) -> Atom<'_> {
        Atom { text: &self.text, number: self.number }
    }
}

/// Lists of numbers, one behind the other.
#[derive(Default)]
struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).expect("fewer than 4 billion atoms"));
    }

    fn get(&self, at: usize) -> &[u32] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.items[start as usize..self.ends[at] as usize]
    }

    /// For each number up to `count` the lists that have it, each once.
    fn inverted<'a>(count: usize, lists: impl Fn(usize) -> [&'a [u32]; 2], length: usize) -> Lists {
        let mut sizes = vec![0_u32; count];
        let mut last = vec![u32::MAX; count];
        let each = |visit: &mut dyn FnMut(u32, u32)| {
            for at in 0..length {
                let [singles, pairs] = lists(at);
                for item in singles.iter().chain(pairs) {
                    visit(*item, u32::try_from(at).expect("fewer than 4 billion names"));
                }
            }
        };
        each(&mut |item, at| {
            if std::mem::replace(&mut last[item as usize], at) != at {
                sizes[item as usize] += 1;
            }
        });
        let mut ends = sizes;
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        let mut next: Vec<u32> = std::iter::once(0).chain(ends.iter().copied()).take(count).collect();
        let mut items = vec![0; ends.last().copied().unwrap_or(0) as usize];
        last.fill(u32::MAX);
        each(&mut |item, at| {
            if std::mem::replace(&mut last[item as usize], at) != at {
                items[next[item as usize] as usize] = at;
                next[item as usize] += 1;
            }
        });
        Lists { ends, items }
    }
}

/// FNV-1a: the keys are short, and come from the catalogue or from a cache of the user's own.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[derive(Default)]
struct Vocabulary {
    ids: HashMap<String, u32, BuildHasherDefault<Fnv>>,
    words: Vec<Word>,
}

impl Vocabulary {
    fn id(&mut self, atom: Atom<'_>) -> u32 {
        if let Some(id) = self.ids.get(atom.text) {
            return *id;
        }
        let id = u32::try_from(self.words.len()).expect("fewer than 4 billion words");
        self.ids.insert(atom.text.to_owned(), id);
        self.words.push(Word { text: atom.text.to_owned(), number: atom.number, weight: 0.0 });
        id
    }
}

/// Joined neighbours that are longer are not looked for.
const LONGEST_PAIR: usize = 20;
/// The index of no word.
const NONE: u32 = u32::MAX;

impl Names {
    /// Prepares these names; a name is meant by its index.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
        let mut vocabulary = Vocabulary::default();
        let (mut singles, mut pairs, mut lengths) = (Lists::default(), Lists::default(), Vec::new());
        let (mut lowered, mut together) = (String::new(), String::new());
        for name in names {
            lower(name, &mut lowered);
            let atoms = atoms(&lowered);
            lengths.push(u32::try_from(name.len()).unwrap_or(u32::MAX));
            singles.push(atoms.iter().map(|atom| vocabulary.id(*atom)));
            pairs.push(atoms.windows(2).map(|two| {
                let short = two[0].text.len() + two[1].text.len() <= LONGEST_PAIR;
                if short { vocabulary.id(joined(two[0], two[1], &mut together)) } else { NONE }
            }));
        }
        let mut outlines: Vec<Outline> = vocabulary.words.iter().map(|word| Outline::of(&word.text)).collect();
        singles.items.iter().for_each(|id| outlines[*id as usize].alone = true);
        let mut names = Names {
            alone: (0..).zip(&outlines).filter_map(|(id, outline)| outline.alone.then_some(id)).collect(),
            words: vocabulary.words,
            outlines,
            by_word: Lists::default(),
            singles,
            pairs,
            weights: Vec::new(),
            lengths,
        };
        names.weigh();
        names
    }

    fn weigh(&mut self) {
        let count = self.words.len();
        for item in &mut self.pairs.items {
            if *item == NONE {
                *item = u32::try_from(count).unwrap_or(NONE); // a word that no query has
            }
        }
        let lists = |at: usize| [self.singles.get(at), self.pairs.get(at)];
        self.by_word = Lists::inverted(count + 1, lists, self.lengths.len());
        #[expect(clippy::cast_precision_loss, reason = "a weight is not exact")]
        let all = (self.lengths.len() as f32 + 1.0).ln();
        for (at, word) in self.words.iter_mut().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a weight is not exact")]
            let having = (self.by_word.get(at).len() as f32 + 1.0).ln();
            word.weight = base_weight(word.atom()) * (1.0 - having / (all + 0.1)).clamp(0.5, 1.0);
        }
        self.weights = (0..self.lengths.len())
            .map(|at| self.singles.get(at).iter().map(|id| self.words[*id as usize].weight).sum())
            .collect();
    }

    /// The best `limit` names for the query, best first: index and score, from 0 to 1, where 1 is the same atoms.
    ///
    /// What scores below 0.3 is left out. Of equal names the shorter is better, then the earlier.
    #[must_use]
    pub fn rank(&self, query: &str, limit: usize) -> Vec<(usize, f32)> {
        let mut lowered = String::new();
        lower(query, &mut lowered);
        let query = Query::new(&lowered, self);
        let mut ranked: Vec<(usize, f32)> = query
            .candidates(self, limit)
            .into_iter()
            .map(|name| (name, query.score(self, name)))
            .filter(|(_, score)| *score >= score::FLOOR)
            .collect();
        ranked.sort_by(|(a, of_a), (b, of_b)| {
            of_b.total_cmp(of_a).then(self.lengths[*a].cmp(&self.lengths[*b])).then(a.cmp(b))
        });
        ranked.truncate(limit);
        ranked
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }
}

/// Of an atom by itself.
fn base_weight(atom: Atom<'_>) -> f32 {
    if atom.number {
        return 1.1;
    }
    match atom.text.chars().count() {
        1 => 0.3,
        2 => 0.55,
        3 => 0.75,
        4 => 0.9,
        _ => 1.0,
    }
}
