//! Names that Python takes for others.
//!
//! jinja2 writes a template's variables and keyword arguments into a Python program, and Python reads names by their NFKC
//! form: `{% set ｘ = … %}` with a fullwidth x sets `x`, and `dict(__ｇlobals__=1)` has the key `__globals__`.

/// Whether a character of `name` has a letter, a digit or `_` of ASCII as its NFKC form, or as a part of it.
pub(super) fn is_alias(name: &str) -> bool {
    !name.is_ascii() && name.chars().any(|character| compatible(u32::from(character)))
}

fn compatible(code: u32) -> bool {
    matches!(code,
        0xaa | 0xb2 | 0xb3 | 0xb9 | 0xba
        | 0x132 | 0x133 | 0x13f | 0x140 | 0x149 | 0x17f | 0x1c4..=0x1cc | 0x1f1..=0x1f3 // ligatures, long s
        | 0x2b0..=0x2b8 | 0x2e0..=0x2e4 | 0x1d2c..=0x1d6a | 0x2070..=0x209c | 0x2c7c | 0x2c7d // raised and lowered
        | 0x2102..=0x2149 | 0x2160..=0x217f // letterlike, Roman numerals
        | 0xfb00..=0xfb06 | 0xfe33 | 0xfe34 | 0xfe4d..=0xfe4f // ligatures, low lines
        | 0xff10..=0xff19 | 0xff21..=0xff3a | 0xff3f | 0xff41..=0xff5a // fullwidth
        | 0x1d400..=0x1d7ff | 0x1fbf0..=0x1fbf9 // mathematical, segmented digits
    )
}
