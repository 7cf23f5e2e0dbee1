//! Makes text that a stranger wrote safe to show.

use std::fmt::Write;

/// Longer text is cut, with `…` in place of its end.
const MAX_CHARS: usize = 120;

/// `bytes` as text that changes neither the terminal nor the order of what stands around it.
///
/// Control characters (ESC and C1 among them), bidirectional controls, zero-width and tag characters are shown as
/// `\u{…}`, bytes that are not UTF-8 as `\x..`. At most 120 characters of the source are shown.
pub fn printable(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let mut left = MAX_CHARS;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if left == 0 {
                shown.push('…');
                return shown;
            }
            left = left.saturating_sub(1);
            push(&mut shown, character);
        }
        for byte in chunk.invalid() {
            if left == 0 {
                shown.push('…');
                return shown;
            }
            left = left.saturating_sub(1);
            let _ = write!(shown, "\\x{byte:02x}"); // a String takes every write
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ if hidden(character) => {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        }
        _ => shown.push(character),
    }
}

/// Whether a character shows nothing, or changes how others are shown.
pub fn hidden(character: char) -> bool {
    character.is_control() || bidirectional(character) || invisible(character)
}

/// Unicode's explicit bidirectional controls: they can make a name read as another one.
pub fn bidirectional(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Zero-width, filler, variation and tag characters, line separators, and what is no character at all.
fn invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fffe}' | '\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn plain_text_stays() {
        assert_eq!(printable("blk.0 · Größe ▁the 日本".as_bytes()), "blk.0 · Größe ▁the 日本");
    }

    #[test]
    fn what_moves_a_terminal_is_shown() {
        assert_eq!(printable(b"a\x1b[31m\x07\n\0"), "a\\u{1b}[31m\\u{7}\\n\\u{0}");
        assert_eq!(printable("\u{9b}x\u{202e}y\u{200b}\u{e0041}".as_bytes()), "\\u{9b}x\\u{202e}y\\u{200b}\\u{e0041}");
        assert_eq!(printable(b"ok\xff\xc3"), "ok\\xff\\xc3");
    }

    #[test]
    fn length_is_capped() {
        assert_eq!(printable(&[b'a'; 4096]).chars().count(), 121);
        assert_eq!(printable(&[0xff; 4096]).chars().count(), 4 * 120 + 1);
        assert_eq!(printable(&[b'a'; 120]).chars().count(), 120);
    }
}
