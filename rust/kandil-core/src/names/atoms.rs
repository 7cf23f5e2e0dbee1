//! A name as its atoms: words, and numbers with the letters that belong to them.

/// A part of a name that is compared as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    /// Lower case; a number keeps the dots inside.
    pub(super) text: String,
    /// It has digits, so that it is never taken for one that is only similar.
    pub(super) number: bool,
}

/// So many atoms of a name count; what is behind them is not compared.
pub(super) const MOST: usize = 24;

/// The atoms of a name. `Qwen2.5-Coder:7B-q4_K_M` is `qwen 2.5 coder 7b q4 k m`.
///
/// Separators end an atom, and so does the border of a word of two or more letters and a number. A number takes single
/// letters that touch it (`7b`, `q4`, `8x7b`, `4o`, `a3b`) and dots between digits.
pub(super) fn atoms(name: &str) -> Vec<Atom> {
    let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() && found.len() < MOST {
        if letters[at].is_alphanumeric() {
            let end = end_of_run(&letters, at);
            split_run(&letters[at..end], &mut found);
            at = end;
        } else {
            at += 1;
        }
    }
    found.truncate(MOST);
    found
}

/// Letters, digits, and dots between digits.
fn end_of_run(letters: &[char], start: usize) -> usize {
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut at = start;
    while at < letters.len() {
        let dot = letters[at] == '.' && at > start && is_digit(at - 1) && is_digit(at + 1);
        if !letters[at].is_alphanumeric() && !dot {
            break;
        }
        at += 1;
    }
    at
}

/// Words of two and more letters stand alone; the rest between them is a number if it has a digit.
fn split_run(run: &[char], found: &mut Vec<Atom>) {
    let mut rest = String::new();
    let mut at = 0;
    while at < run.len() {
        let word = run[at..].iter().take_while(|one| one.is_alphabetic()).count();
        if word >= 2 {
            flush(&mut rest, found);
            found.push(Atom { text: run[at..at + word].iter().collect(), number: false });
            at += word;
        } else {
            rest.push(run[at]);
            at += 1;
        }
    }
    flush(&mut rest, found);
}

fn flush(rest: &mut String, found: &mut Vec<Atom>) {
    if !rest.is_empty() {
        let number = rest.contains(|one: char| one.is_ascii_digit());
        found.push(Atom { text: std::mem::take(rest), number });
    }
}

/// Two neighbours as one: `deep` and `seek`, `3` and `1`.
pub(super) fn joined(first: &Atom, second: &Atom) -> Atom {
    Atom { text: format!("{}{}", first.text, second.text), number: first.number || second.number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> String {
        atoms(name).iter().map(|atom| atom.text.as_str()).collect::<Vec<_>>().join(" ")
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
