//! String literals, read as jinja2 reads them: Python's `unicode-escape` over text whose other characters are escaped first.

use std::borrow::Cow;

/// What the text between the quotes stands for; None where Python refuses it. Every line break is `\n`.
///
/// A lone surrogate becomes U+FFFD, and so does a character whose name is not that of an ASCII one: for no rule does it
/// matter which it is.
pub(super) fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('\r') {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        return unescape(&text).map(|read| Cow::Owned(read.into_owned()));
    }
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        read.push_str(before);
        rest = escaped(after, &mut read)?;
    }
    read.push_str(rest);
    Some(Cow::Owned(read))
}

/// Reads what follows a backslash, and says what follows that.
fn escaped<'a>(text: &'a str, read: &mut String) -> Option<&'a str> {
    let mut characters = text.chars();
    let first = characters.next()?;
    let rest = characters.as_str();
    match first {
        '\n' => return Some(rest),
        '\\' | '\'' | '"' => read.push(first),
        'a' => read.push('\u{7}'),
        'b' => read.push('\u{8}'),
        'f' => read.push('\u{c}'),
        'n' => read.push('\n'),
        'r' => read.push('\r'),
        't' => read.push('\t'),
        'v' => read.push('\u{b}'),
        '0'..='7' => return octal(text, read),
        'x' => return hexadecimal(rest, 2, read),
        'u' => return hexadecimal(rest, 4, read),
        'U' => return hexadecimal(rest, 8, read),
        'N' => return named(rest, read),
        _ if first.is_ascii() => read.extend(['\\', first]),
        // the backslash meets the one of the character's own escape: both are one backslash, the rest stands as it is
        _ => read.push_str(&python_escape(first)),
    }
    Some(rest)
}

fn python_escape(character: char) -> String {
    let code = u32::from(character);
    match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

fn octal<'a>(text: &'a str, read: &mut String) -> Option<&'a str> {
    let digits = text.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let (number, rest) = text.split_at_checked(digits)?;
    read.push(char::from_u32(u32::from_str_radix(number, 8).ok()?)?);
    Some(rest)
}

fn hexadecimal<'a>(text: &'a str, digits: usize, read: &mut String) -> Option<&'a str> {
    let (number, rest) = text.split_at_checked(digits)?;
    if !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(number, 16).ok().filter(|&code| code <= 0x10_ffff)?;
    read.push(char::from_u32(code).unwrap_or('\u{fffd}'));
    Some(rest)
}

fn named<'a>(text: &'a str, read: &mut String) -> Option<&'a str> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    if name.is_empty() {
        return None;
    }
    read.push(ascii_named(&name.to_ascii_uppercase()).unwrap_or('\u{fffd}'));
    Some(rest)
}

/// The letters, digits and marks that names and formats are made of.
fn ascii_named(name: &str) -> Option<char> {
    const WORDS: [&str; 10] = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"];
    let letter = |name: &str| name.parse::<char>().ok().filter(char::is_ascii_uppercase);
    if let Some(small) = name.strip_prefix("LATIN SMALL LETTER ") {
        return letter(small).map(|letter| letter.to_ascii_lowercase());
    }
    if let Some(capital) = name.strip_prefix("LATIN CAPITAL LETTER ") {
        return letter(capital);
    }
    if let Some(digit) = name.strip_prefix("DIGIT ") {
        let value = WORDS.iter().position(|word| *word == digit)?;
        return char::from_digit(u32::try_from(value).ok()?, 10);
    }
    Some(match name {
        "LOW LINE" | "SPACING UNDERSCORE" => '_',
        "FULL STOP" | "PERIOD" => '.',
        "SPACE" => ' ',
        "SOLIDUS" | "SLASH" => '/',
        "COLON" => ':',
        "HYPHEN-MINUS" => '-',
        "PERCENT SIGN" => '%',
        "LEFT CURLY BRACKET" | "OPENING CURLY BRACKET" => '{',
        "RIGHT CURLY BRACKET" | "CLOSING CURLY BRACKET" => '}',
        _ => return None,
    })
}
