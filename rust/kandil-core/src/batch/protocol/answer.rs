//! The bytes of an answer, before anybody knows what they say.

use std::borrow::Cow;

use memchr::memmem;

use super::Malformed;

/// The answer as text, without a byte order mark and space around it.
///
/// What is no UTF-8, and escaped halves of surrogate pairs, become U+FFFD: an answer that was paid for is kept, and
/// what is kept can be read by all.
///
/// # Errors
/// It is empty, or a web page.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    match body.first() {
        None => return Err(Malformed("it is empty".to_owned())),
        Some(b'<') => return Err(Malformed("it is a web page".to_owned())),
        Some(_) => {}
    }
    let text = simdutf8::basic::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    if memmem::find(body, b"\\ud").is_none() && memmem::find(body, b"\\uD").is_none() {
        return Ok(text);
    }
    Ok(Cow::Owned(without_halves(&text)))
}

fn without_halves(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let size = match (unit(rest), unit(rest.get(6..).unwrap_or_default())) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // What is escaped is looked at no more; it may be a letter of any size, where this is no JSON.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..size]);
        rest = &rest[size..];
    }
    mended + rest
}

/// The number of an escape at the beginning.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Line breaks of valid JSON stand between its parts, never in a string.
pub(super) fn one_line(body: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(body.as_bytes());
    let mut rest = &mut out[start..];
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        rest[at] = b' ';
        rest = &mut rest[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_are_replaced_and_pairs_are_not() {
        for (given, kept) in [
            (r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#),
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\uDE00\ud83d\u0041"]"#, r#"["\ufffd\ufffd\u0041"]"#),
            (r#"["\\ud83d"]"#, r#"["\\ud83d"]"#),
            (r#"["\\\ud83d\"é"]"#, r#"["\\\ufffd\"é"]"#),
            ("\\ud83", "\\ud83"),
            ("\\é\\ud", "\\é\\ud"),
            ("{\\ud83d\\", "{\\ufffd\\"),
        ] {
            assert_eq!(text(given.as_bytes()).unwrap(), kept, "{given}");
        }
    }

    #[test]
    fn what_is_no_utf_8_is_kept_as_well_as_may_be() {
        assert_eq!(text(b"\xef\xbb\xbf [\"a\xff\"]\r\n").unwrap(), "[\"a\u{fffd}\"]");
        assert!(text(b" \n").is_err());
        assert!(text(b"<html>").unwrap_err().0.contains("web page"));
    }
}
