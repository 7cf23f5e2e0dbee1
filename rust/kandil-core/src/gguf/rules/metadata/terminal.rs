//! Control characters that a terminal obeys.

use super::{META_CTRL, META_ESC, Report};

const ESC: u8 = 0x1b;

/// Reports the first control sequence in a string, and the first stray control character.
///
/// Bytes that are not UTF-8 are no text, and nobody is shown them but in files that claim to be models.
pub(super) fn check(text: &[u8], report: &mut Report<'_>) {
    if !text.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0d..=0x1f | 0x7f | 0xc2)) {
        return;
    }
    if let Some(at) = sequence(text) {
        let what = || "holds a terminal control sequence".to_owned();
        match simdutf8::basic::from_utf8(text) {
            Ok(_) => report.add(META_ESC, at, what),
            Err(_) => report.add_for_models(META_ESC, at, what),
        }
    } else if let Some((at, code)) = stray(text) {
        let what = || format!("holds the control character U+{code:04X}, which no text has");
        report.add_for_models(META_CTRL, at, what);
    }
}

/// Where the first control sequence begins.
///
/// Text that was decoded twice has C1 characters in place of letters, so those count when the whole sequence is there.
fn sequence(text: &[u8]) -> Option<usize> {
    let last_end = last_terminator(text);
    (0..text.len()).find(|&at| match text.get(at..) {
        Some([ESC, b' '..=b'~', ..]) => true,
        Some([0xc2, 0x9b, rest @ ..]) => {
            let mut parameters = rest.iter().skip_while(|byte| matches!(byte, b'0'..=b'?'));
            matches!(parameters.find(|byte| !matches!(byte, b' '..=b'/')), Some(b'@'..=b'~'))
        }
        // device control, start of string, operating system command, privacy message, application program command
        Some([0xc2, 0x90 | 0x98 | 0x9d..=0x9f, ..]) => last_end.is_some_and(|end| end > at),
        _ => false,
    })
}

/// Where the last character begins that ends a control string: BEL or ST.
fn last_terminator(text: &[u8]) -> Option<usize> {
    let bell = text.iter().rposition(|&byte| byte == 7);
    let pair = text.windows(2).rposition(|pair| matches!(pair, [ESC, b'\\'] | [0xc2, 0x9c]));
    bell.max(pair)
}

/// The first control character that is neither white space nor a line's end.
fn stray(text: &[u8]) -> Option<(usize, u32)> {
    let mut next = text.iter().skip(1);
    text.iter().enumerate().find_map(|(at, &byte)| {
        let code = match (byte, next.next()) {
            (b'\t' | b'\n' | 0x0c, _) | (b'\r', None | Some(b'\n')) => return None,
            (0xc2, Some(&second @ 0x80..=0x9f)) => second,
            (0..=0x1f | 0x7f, _) => byte,
            _ => return None,
        };
        Some((at, code.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::{sequence, stray};

    #[test]
    fn sequences() {
        for text in ["\x1b[31m", "\x1b]0;x\x07", "\x1bc", "\u{9b}31m", "\u{9b}2J", "\u{9d}0;x\u{9c}", "\u{90}q\x1b\\"] {
            assert_eq!(sequence(text.as_bytes()), Some(0), "{text:?}");
        }
        for text in ["", "x", "\x1b", "\x1b\n", "\u{9b}", "\u{9b}\u{d0}", "\u{9d}\u{d0}", "\u{85}", "Â"] {
            assert_eq!(sequence(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn strays() {
        for text in ["line 1\r\n\tline 2\r\n", "GNU\n\x0cpage 2", "ends\r", "é Â ÿ", ""] {
            assert_eq!(stray(text.as_bytes()), None, "{text:?}");
        }
        for (text, at, code) in
            [("a\rb", 1, 13), ("x\x07", 1, 7), ("ab\x08", 2, 8), ("\0", 0, 0), ("a\u{85}", 1, 0x85), ("\x7f", 0, 0x7f)]
        {
            assert_eq!(stray(text.as_bytes()), Some((at, code)), "{text:?}");
        }
    }
}
