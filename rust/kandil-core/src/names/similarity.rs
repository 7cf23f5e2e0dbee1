//! How alike two atoms are, from 0 to 1.

use super::atoms::Atom;

/// An atom of a query, made ready to be compared with many.
pub(super) struct Pattern<'a> {
    atom: Atom<'a>,
    letters: Vec<char>,
    /// The letters that it has, as bits.
    mask: u64,
    /// A number's digits without dots and letters.
    digits: String,
    digits_mask: u64,
    /// So many are forgiven.
    edits: u8,
    /// Where each ASCII letter stands, as bits; the algorithm's PM.
    places: [u64; 128],
}

const LONGEST: usize = 64;

/// What is looked at before a word is compared.
#[derive(Clone, Copy)]
pub(super) struct Outline {
    /// The letters that it has.
    mask: u64,
    /// How many there are.
    length: u32,
    /// It is an atom of some name, and not only two joined.
    pub(super) alone: bool,
}

impl Outline {
    pub(super) fn of(text: &str) -> Outline {
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Outline { mask: mask(text), length, alone: false }
    }
}

/// The bits of the letters in a text; several letters share a bit.
fn mask(text: &str) -> u64 {
    text.chars().fold(0, |mask, letter| mask | 1 << (letter as u32 % 64))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Two letters stand side by side.
fn has_word(text: &str) -> bool {
    let mut before = false;
    text.chars().any(|letter| std::mem::replace(&mut before, letter.is_alphabetic()) && letter.is_alphabetic())
}

impl<'a> Pattern<'a> {
    pub(super) fn new(atom: Atom<'a>) -> Pattern<'a> {
        let letters: Vec<char> = atom.text.chars().take(LONGEST).collect();
        let mut places = [0; 128];
        for (at, letter) in letters.iter().enumerate() {
            if let Some(place) = places.get_mut(*letter as usize) {
                *place |= 1 << at;
            }
        }
        let digits = digits(atom.text);
        let edits = match letters.len() {
            0..=2 => 0,
            3..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        Pattern { mask: mask(atom.text), digits_mask: mask(&digits), digits, edits, letters, places, atom }
    }

    pub(super) fn atom(&self) -> Atom<'a> {
        self.atom
    }

    /// A word of this outline can be alike. Two joined are compared as a whole: what one of them is like is itself there.
    pub(super) fn possible(&self, other: Outline) -> bool {
        let more = if self.atom.number { 2 } else { usize::from(self.edits) };
        let close = other.length as usize <= self.letters.len() + more;
        if self.atom.number {
            return self.digits_mask & !other.mask == 0 && (other.alone || close);
        }
        let missing = (self.mask & !other.mask).count_ones();
        close && missing <= u32::from(self.edits) || other.alone && missing == 0
    }

    /// How alike the other is; 0 is not at all. `outline` is of its text.
    pub(super) fn similarity(&self, other: Atom<'_>, outline: Outline) -> f32 {
        if self.atom.text == other.text {
            return 1.0;
        }
        if self.atom.number || other.number {
            return if self.atom.number && other.number { self.of_numbers(other) } else { 0.0 };
        }
        self.of_words(other, outline)
    }

    /// Only what is the same number, written with more or less: `32` and `32b`, `31` and `3.1`, `4` and `q4`, `3` and `v3`.
    fn of_numbers(&self, other: Atom<'_>) -> f32 {
        let (mine, theirs) = (self.atom.text, other.text);
        if has_word(mine) || has_word(theirs) {
            return 0.0; // joined, and not the same
        }
        if let Some(unit) = theirs.strip_prefix(mine) {
            return match unit {
                "b" | ".0" => 0.95,
                _ if unit.chars().all(char::is_alphabetic) => 0.75,
                _ if unit.starts_with('.') => 0.35, // an older or newer version of the same line
                _ => 0.0,
            };
        }
        if mine.strip_suffix('b') == Some(theirs) {
            return 0.55;
        }
        if mine.trim_start_matches(['v', '0']) == theirs.trim_start_matches(['v', '0']) {
            return 0.93;
        }
        let point_lost = mine.contains('.') && !theirs.contains('.'); // 3.2 is not 32
        if point_lost || !theirs.chars().filter(char::is_ascii_digit).eq(self.digits.chars()) {
            return 0.0;
        }
        let letters = |text: &str| text.chars().filter(|one| one.is_alphabetic()).collect::<String>();
        match (letters(mine), letters(theirs)) {
            (mine, theirs) if mine == theirs => 0.9,
            (mine, theirs) if mine.is_empty() && theirs == "b" => 0.85,
            (mine, theirs) if mine.is_empty() || theirs.is_empty() => 0.6,
            _ => 0.0,
        }
    }

    fn of_words(&self, other: Atom<'_>, outline: Outline) -> f32 {
        let length = self.letters.len();
        let missing = (self.mask & !outline.mask).count_ones() as usize;
        let edits = usize::from(self.edits);
        if missing > edits {
            return 0.0;
        }
        let theirs = outline.length as usize;
        if missing == 0 && theirs > length {
            if other.text.starts_with(self.atom.text) {
                #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
                let share = length as f32 / theirs as f32;
                return if length == 1 { 0.0 } else { 0.62 + 0.35 * share };
            }
            if length >= 4 && other.text.contains(self.atom.text) {
                return 0.6;
            }
        }
        if edits == 0 || theirs > length + edits || length > theirs + edits {
            return 0.0;
        }
        let distance = self.distance(other.text);
        if distance > edits {
            return 0.0;
        }
        let same_start = self.letters.first().copied() == other.text.chars().next();
        #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
        let similarity = 1.0 - distance as f32 / length.max(theirs) as f32;
        (if same_start { similarity + 0.04 } else { similarity - 0.06 }).clamp(0.0, 0.96)
    }

    /// Edits between the two, a transposition of neighbours being one: optimal string alignment, bit-parallel as in
    /// H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances" (2003).
    fn distance(&self, text: &str) -> usize {
        let (mut vertical_up, mut vertical_down, mut diagonal, mut before) = (!0_u64, 0_u64, 0_u64, 0_u64);
        let mut distance = self.letters.len();
        let last = 1_u64 << (self.letters.len() - 1);
        for letter in text.chars().take(LONGEST) {
            let places = self.places_of(letter);
            let swapped = ((!diagonal & places) << 1) & before;
            diagonal =
                ((places & vertical_up).wrapping_add(vertical_up) ^ vertical_up) | places | vertical_down | swapped;
            let up = vertical_down | !(diagonal | vertical_up);
            let down = diagonal & vertical_up;
            distance += usize::from(up & last != 0);
            distance -= usize::from(down & last != 0);
            let up = (up << 1) | 1;
            vertical_up = (down << 1) | !(diagonal | up);
            vertical_down = up & diagonal;
            before = places;
        }
        distance
    }

    fn places_of(&self, letter: char) -> u64 {
        self.places.get(letter as usize).copied().unwrap_or_else(|| {
            self.letters.iter().enumerate().filter(|(_, one)| **one == letter).fold(0, |bits, (at, _)| bits | 1 << at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Atom<'_> {
        Atom { text, number: text.contains(|one: char| one.is_ascii_digit()) }
    }

    fn similarity(mine: &str, theirs: &str) -> f32 {
        Pattern::new(word(mine)).similarity(word(theirs), Outline::of(theirs))
    }

    /// The same by its definition.
    fn plain_distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let changed = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                };
            }
        }
        table[a.len()][b.len()]
    }

    #[test]
    fn the_distance_is_that_of_its_definition() {
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..20_000 {
            let mut text =
                |least: u32| (0..least + next(9)).map(|_| ['a', 'b', 'c', 'é'][next(4) as usize]).collect::<String>();
            let (a, b) = (text(1), text(0));
            assert_eq!(Pattern::new(word(&a)).distance(&b), plain_distance(&a, &b), "{a} {b}");
        }
    }

    #[test]
    fn numbers_are_never_taken_for_others() {
        for (mine, theirs) in
            [("7b", "70b"), ("70b", "7b"), ("3.1", "3.2"), ("7", "17b"), ("q4", "q5"), ("8", "b"), ("3.2", "32b")]
        {
            assert_eq!(similarity(mine, theirs).to_bits(), 0, "{mine} {theirs}");
        }
        for (mine, theirs) in [("32", "32b"), ("31", "3.1"), ("4", "q4"), ("7b", "7"), ("3", "3.1"), ("3.2", "v3.2")] {
            assert!(similarity(mine, theirs) > 0.0, "{mine} {theirs}");
        }
    }

    #[test]
    fn words_forgive_what_people_mistype() {
        for (mine, theirs) in
            [("qwn", "qwen"), ("codr", "coder"), ("claud", "claude"), ("sonet", "sonnet"), ("gmeini", "gemini")]
        {
            assert!(similarity(mine, theirs) > 0.7, "{mine} {theirs} {}", similarity(mine, theirs));
        }
        for (mine, theirs) in [("ai", "qi"), ("opus", "aya"), ("llama", "gemma")] {
            assert!(similarity(mine, theirs) < 0.5, "{mine} {theirs}");
        }
    }
}
