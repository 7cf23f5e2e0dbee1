//! Characters that show nothing, or that reorder what is shown.

use super::{META_UNI, Report};

/// Reports the first character that hides or reorders text, in text that is UTF-8.
pub(super) fn check(text: &[u8], report: &mut Report<'_>) {
    // such characters begin with these bytes in UTF-8
    if !text.iter().any(|byte| matches!(byte, 0xc2 | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf3)) {
        return;
    }
    let Ok(text) = simdutf8::basic::from_utf8(text) else { return };
    if let Some((at, character)) = first_hidden(text) {
        report.add(META_UNI, at, || {
            format!("holds U+{:04X}, which hides or reorders what people see", u32::from(character))
        });
    }
}

pub(in crate::gguf) fn first_hidden(text: &str) -> Option<(usize, char)> {
    let reads_right_to_left = text.contains(right_to_left);
    let mut before: Option<char> = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map(|&(_, next)| next);
        let innocent = match character {
            '\u{1f3f4}' => {
                skip_flag(text.get(at..).unwrap_or_default(), &mut characters);
                true
            }
            '\u{202d}' | '\u{202e}' | '\u{e0000}'..='\u{e007f}' => false,
            '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => {
                reads_right_to_left
            }
            '\u{200d}' => (before.is_some_and(pictorial) && after.is_some_and(pictorial)) || before.is_some_and(joins),
            '\u{200c}' => before.is_some_and(joins),
            '\u{200b}' => before.is_some_and(unspaced) && after.is_none_or(unspaced),
            '\u{feff}' => before.is_none_or(|before| before == '\n'),
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => !before.is_none_or(selects),
            '\u{180e}' => before.is_some_and(mongolian) && after.is_some_and(mongolian),
            '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0080}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}' => false,
            _ => true,
        };
        if !innocent {
            return Some((at, character));
        }
        before = Some(character);
    }
    None
}

fn mongolian(letter: char) -> bool {
    matches!(letter, '\u{1800}'..='\u{18af}')
}

/// Takes the tag characters of a region's flag, such as Scotland's: letters and digits up to the cancelling tag.
fn skip_flag(flag: &str, characters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
    let tags =
        flag.chars().skip(1).take_while(|tag| matches!(tag, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'));
    let count = tags.count();
    let ended = flag.chars().nth(count.saturating_add(1)) == Some('\u{e007f}');
    if (3..=6).contains(&count) && ended {
        characters.by_ref().take(count.saturating_add(1)).for_each(drop);
    }
}

/// Variation selectors: one follows what it varies, more than one hide data.
fn selects(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Letters of Hebrew, Arabic and their relatives.
fn right_to_left(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        && character != '\u{61c}'
}

/// Scripts in which joiners choose a letter's form: Arabic and its relatives, those of India, Sinhala, Tibetan,
/// Myanmar, Khmer, Mongolian.
fn joins(character: char) -> bool {
    matches!(character, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// Scripts that are written without spaces, where U+200B says where a line may break.
fn unspaced(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Emoji, their skin tones and their selector.
fn pictorial(character: char) -> bool {
    matches!(character, '\u{1f000}'..='\u{1faff}' | '\u{2190}'..='\u{2bff}' | '\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::first_hidden;

    #[test]
    fn what_writing_needs_is_innocent() {
        for text in [
            "Größe 日本語 ▁the",
            "👩\u{200d}👩\u{200d}👧 👩🏽\u{200d}💻 ❤\u{fe0f}\u{200d}🔥 ☂\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} Scotland",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "שלום (GGUF\u{200f}) \u{202b}עולם\u{202c}",
            "\u{feff}description\n\u{feff}joined",
            "ภาษา\u{200b}ไทย",
            "葛\u{e0100}",
        ] {
            assert_eq!(first_hidden(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_hides_is_found() {
        for text in [
            "trusted\u{202e}\u{2066}ab\u{2069}",
            "Lla\u{200b}ma",
            "Lla\u{200c}ma",
            "Lla\u{200d}ma",
            "Llama\u{2060}",
            "a\u{feff}b",
            "plain \u{200f}text",
            "hi\u{e0049}\u{e0067}\u{e006e}",
            "🏴\u{e0049}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}",
            "a\u{fe0f}\u{fe01}\u{fe02}",
            "a\u{e0100}\u{e0101}",
            "\u{fe0f}",
            "\u{3164}",
            "soft\u{ad}hyphen",
        ] {
            assert!(first_hidden(text).is_some(), "{text:?}");
        }
    }
}
