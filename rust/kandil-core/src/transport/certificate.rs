//! As much of X.509 as tells a certificate that was issued by itself (RFC 5280, 4.1).

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Whether issuer and subject are the same; of what is no certificate, false.
pub(super) fn is_self_issued(certificate: &[u8]) -> bool {
    issuer_and_subject(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

fn issuer_and_subject(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, whole, _) = element(certificate)?;
    let (signed_tag, mut signed, _) = element(whole)?;
    if (tag, signed_tag) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    let mut parts = std::iter::from_fn(|| {
        let (tag, content, rest) = element(signed)?;
        signed = rest;
        Some((tag, content))
    });
    let (first, _) = parts.next()?;
    if first == VERSION {
        parts.next()?; // the serial number
    }
    parts.next()?; // how it is signed
    let (_, issuer) = parts.next()?;
    parts.next()?; // from when to when it is valid
    let (_, subject) = parts.next()?;
    Some((issuer, subject))
}

/// Tag, content, and what follows (X.690, 8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, mut rest) = rest.split_first()?;
    let mut size = usize::from(length);
    if length & 0x80 != 0 {
        let (digits, after) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        size = digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(size)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut whole = vec![tag];
        match u8::try_from(content.len()) {
            Ok(short) if short < 0x80 => whole.push(short),
            _ => whole.extend([0x82, (content.len() >> 8) as u8, content.len() as u8]),
        }
        whole.extend(content);
        whole
    }

    fn certificate(issuer: &[u8], subject: &[u8], version: bool) -> Vec<u8> {
        let sequence = |content: &[u8]| der(SEQUENCE, &[content]);
        let version = if version { der(VERSION, &[&[2, 1, 2]]) } else { Vec::new() };
        let parts =
            [version, der(2, &[&[1]]), sequence(b"how"), sequence(issuer), sequence(b"when"), sequence(subject)];
        der(SEQUENCE, &[&der(SEQUENCE, &parts.each_ref().map(Vec::as_slice)), b"signature"])
    }

    #[test]
    fn tells_who_has_issued_itself() {
        let long = [7; 300];
        for version in [true, false] {
            assert!(is_self_issued(&certificate(b"me", b"me", version)));
            assert!(is_self_issued(&certificate(&long, &long, version)));
            assert!(!is_self_issued(&certificate(b"me", b"you", version)));
        }
    }

    #[test]
    fn any_cut_of_one_is_none() {
        let whole = certificate(b"me", b"me", true);
        for end in 0..whole.len() {
            assert!(!is_self_issued(&whole[..end]));
        }
        assert!(!is_self_issued(&[SEQUENCE, 0xff, 0xff]));
    }
}
