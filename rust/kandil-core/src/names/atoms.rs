//! A name as its atoms: words, and numbers with the letters that belong to them.

/// A part of a name that is compared as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom<'a> {
    /// Lower case; a number keeps the dots inside.
    pub(super) text: &'a str,
    /// It has digits, so that it is never taken for one that is only similar.
    pub(super) number: bool,
}

/// So many atoms of a name count; what is behind them is not compared.
pub(super) const MOST: usize = 24;

/// Puts the name into `lowered` in lower case; whoever has many names gives the same text again.
pub(super) fn lower(name: &str, lowered: &mut String) {
    lowered.clear();
    if name.is_ascii() {
        lowered.push_str(name);
        lowered.make_ascii_lowercase();
    } else {
        lowered.extend(name.chars().flat_map(char::to_lowercase));
    }
}

/// The atoms of a name in lower case. `Qwen2.5-Coder:7B-q4_K_M` is `qwen 2.5 coder 7b q4 k m`.
///
/// Separators end an atom, and so does the border of a word of two or more letters and a number. A number takes single
/// letters that touch it (`7b`, `q4`, `8x7b`, `4o`, `a3b`) and dots between digits.
pub(super) fn atoms(name: &str) -> Vec<Atom<'_>> {
    let mut found = Vec::with_capacity(12);
    let mut rest = name;
    while found.len() < MOST
        && let Some(start) = rest.find(char::is_alphanumeric)
    {
        let (run, behind) = rest[start..].split_at(length_of_run(&rest[start..]));
        split_run(run, &mut found);
        rest = behind;
    }
    found.truncate(MOST);
    found
}

/// Letters, digits, and dots between digits; in bytes.
fn length_of_run(text: &str) -> usize {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.char_indices()
        .find(|(at, letter)| {
            let dot = *letter == '.' && *at > 0 && digit(at - 1) && digit(at + 1);
            !letter.is_alphanumeric() && !dot
        })
        .map_or(text.len(), |(at, _)| at)
}

/// Words of two and more letters stand alone; the rest between them is a number if it has a digit.
fn split_run<'a>(run: &'a str, found: &mut Vec<Atom<'a>>) {
    let (mut rest, mut at) = (0, 0);
    while at < run.len() {
        let word = run[at..].find(|one: char| !one.is_alphabetic()).unwrap_or(run.len() - at);
        let first = run[at..].chars().next().map_or(1, char::len_utf8);
        if word > first {
            push(&run[rest..at], found);
            push(&run[at..at + word], found);
            rest = at + word;
        }
        at += word.max(first);
    }
    push(&run[rest..], found);
}

fn push<'a>(text: &'a str, found: &mut Vec<Atom<'a>>) {
    if !text.is_empty() {
        found.push(Atom { text, number: has_digit(text) });
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|one| one.is_ascii_digit())
}

/// Two neighbours as one: `deep` and `seek` are `deepseek`, and `3` and `1` are `3.1`.
pub(super) fn joined<'a>(first: Atom<'_>, second: Atom<'_>, text: &'a mut String) -> Atom<'a> {
    text.clear();
    text.push_str(first.text);
    if first.number && second.number {
        text.push('.');
    }
    text.push_str(second.text);
    Atom { text, number: first.number || second.number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> String {
        let mut lowered = String::new();
        lower(name, &mut lowered);
        atoms(&lowered).iter().map(|atom| atom.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_name_is_its_words_and_numbers() {
        for (name, expected) in [
            ("Qwen2.5-Coder:7B-q4_K_M", "qwen 2.5 coder 7b q4 k m"),
            ("llama31 70", "llama 31 70"),
            ("gpt4o", "gpt 4o"),
            ("gpt-4o-mini", "gpt 4o mini"),
            ("mixtral:8x7b", "mixtral 8x7b"),
            ("qwen3-30b-a3b", "qwen 3 30b a3b"),
            ("deepseek-r1", "deepseek r1"),
            ("claude-3-5-sonnet", "claude 3 5 sonnet"),
            ("phi3mini", "phi 3 mini"),
            ("v1.0.2.", "v1.0.2"),
            ("..", ""),
            ("ÉCOLE 7Б", "école 7б"),
        ] {
            assert_eq!(texts(name), expected, "{name}");
        }
    }
}
