//! Base64 in strings, decoded as far as it takes to know what it is.

use super::{META_PACKED, META_TXT, Report, blobs, phrases};

/// Shorter runs are words, keys and hashes.
const SHORTEST: usize = 40;
/// Characters of a run that are decoded.
const LONGEST: usize = 8 << 10;
/// Runs that are decoded in one string.
const RUNS: usize = 64;

/// Reports programs and archives in base64, and text in it that acts.
pub(super) fn check(text: &[u8], report: &mut Report<'_>) {
    let runs = text.split(|&byte| sextet(byte).is_none()).filter(|run| run.len() >= SHORTEST);
    for run in runs.take(RUNS) {
        let at = (run.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let bytes = decode(run.get(..LONGEST).unwrap_or(run));
        if let Some(name) = blobs::packed(&bytes) {
            report.add(META_PACKED, at, || format!("holds {name} in base64, at its byte {at}"));
            return;
        }
        if let Some(what) = phrases::find(&bytes) {
            report.add(META_TXT, at, || format!("holds {what} in base64, at its byte {at}"));
            return;
        }
    }
}

/// What a character of base64 stands for, of either alphabet.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => byte.checked_sub(b'A'),
        b'a'..=b'z' => byte.checked_sub(b'a'.wrapping_sub(26)),
        b'0'..=b'9' => byte.checked_add(4),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

pub(in crate::gguf) fn decode(run: &[u8]) -> Vec<u8> {
    let quads = run.chunks(4).map(|quad| quad.iter().filter_map(|&byte| sextet(byte)));
    quads
        .flat_map(|quad| {
            let (bits, count) = quad.fold((0_u32, 0_usize), |(bits, count), next| {
                (bits.wrapping_shl(6) | u32::from(next), count.saturating_add(1))
            });
            let missing = 4_usize.saturating_sub(count);
            let [_, bytes @ ..] = bits.checked_shl(6_u32.saturating_mul(missing as u32)).unwrap_or(0).to_be_bytes();
            bytes.into_iter().take(3_usize.saturating_sub(missing))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes() {
        for (run, bytes) in [
            ("", &b""[..]),
            ("TQ", b"M"),
            ("TVo", b"MZ"),
            ("f0VMRgIBAQ", b"\x7fELF\x02\x01\x01"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(run.as_bytes()), bytes, "{run}");
        }
    }
}
