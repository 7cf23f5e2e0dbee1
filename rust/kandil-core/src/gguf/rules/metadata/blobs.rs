//! Programs, scripts and archives among bytes, each known by several of its fields.

use super::pickle::{self, Pickle};
use super::{META_BLOB, META_PACKED, META_TXT, Report};

/// What was found, and whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gguf::rules) struct Blob {
    pub(in crate::gguf::rules) name: &'static str,
    pub(super) runs: bool,
}

const fn program(name: &'static str) -> Option<Blob> {
    Some(Blob { name, runs: true })
}

/// Reports what stands in the bytes of numbers; says whether there was something.
pub(super) fn check_bytes(bytes: &[u8], report: &mut Report<'_>) -> bool {
    if let Some(name) = script(bytes) {
        report.add(META_BLOB, 0, || format!("holds {name}"));
        return true;
    }
    check_binary(bytes, report)
}

/// Reports what stands in a string. A script is text, and may be quoted.
pub(super) fn check_text(text: &[u8], report: &mut Report<'_>) {
    if let Some(name) = script(text) {
        report.add(META_TXT, 0, || format!("begins as {name}"));
    }
    check_binary(text, report);
}

fn check_binary(bytes: &[u8], report: &mut Report<'_>) -> bool {
    let found = find(bytes);
    if let Some((at, Blob { name, runs })) = found {
        report.add(if runs { META_BLOB } else { META_PACKED }, at, || format!("holds {name}, at its byte {at}"));
    }
    found.is_some()
}

/// The first program, archive or pickle anywhere in `bytes`.
pub(in crate::gguf::rules) fn find(bytes: &[u8]) -> Option<(usize, Blob)> {
    if let Some(blob) = first_protocol(bytes).or_else(|| marked(bytes)) {
        return Some((0, blob));
    }
    let mut data = None;
    let mut pickles = 0_u32;
    for (at, pair) in bytes.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        let candidate = match (first, second) {
            (0x80, 2..=5) => pickles <= 1000,
            (0x7f, b'E')
            | (b'M', b'Z')
            | (b'P', b'K')
            | (0, b'a')
            | (0xca, 0xfe)
            | (0xfe, 0xed)
            | (0xce | 0xcf, 0xfa) => true,
            _ => false,
        };
        let Some(rest) = bytes.get(at..).filter(|_| candidate) else { continue };
        pickles = pickles.saturating_add(u32::from(*first == 0x80)); // each may be walked far
        match begins(rest) {
            Some(blob) if blob.runs => return Some((at, blob)),
            Some(blob) if at == 0 => data = Some((at, blob)), // inside other data, chance makes one now and then
            _ => {}
        }
    }
    data
}

/// A pickle of the first protocol, which is text and has no mark of its own.
fn first_protocol(bytes: &[u8]) -> Option<Blob> {
    let imports = bytes.starts_with(b"c") && pickle::judge(bytes) == Some(Pickle::Imports);
    imports.then_some(Blob { name: "a Python pickle that imports", runs: true })
}

/// What the first four bytes say alone: chance makes them in one array of billions.
fn marked(bytes: &[u8]) -> Option<Blob> {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => program("an ELF program"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => program("a macOS program"),
        [0xca, 0xfe, 0xba, 0xbe, ..] => program("a macOS program or a Java class"),
        [0, b'a', b's', b'm', ..] => program("a WebAssembly program"),
        [b'P', b'K', 3, 4, ..] => program("a ZIP archive"),
        _ => None,
    }
}

/// What `bytes` begin as; scripts too.
pub(super) fn packed(bytes: &[u8]) -> Option<&'static str> {
    let blob = begins(bytes).or_else(|| first_protocol(bytes));
    blob.map(|blob| blob.name).or_else(|| script(bytes))
}

/// What `bytes` begin as.
pub(super) fn begins(bytes: &[u8]) -> Option<Blob> {
    match bytes {
        [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..] => program("an ELF program"),
        [b'M', b'Z', ..] if is_pe(bytes) => program("a Windows program"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] if is_macho(bytes) => {
            program("a macOS program")
        }
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=20, ..] => program("a macOS program"),
        [0xca, 0xfe, 0xba, 0xbe, _, _, 0, 45..=90, ..] => program("a Java class"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] | [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => {
            program("a WebAssembly program")
        }
        [b'P', b'K', 3, 4, 0..=63, 0, flags @ ..] if is_zip(flags) => program("a ZIP archive"),
        [0x80, 2..=5, ..] => match pickle::judge(bytes)? {
            Pickle::Imports => program("a Python pickle that imports"),
            Pickle::Data if bytes.len() >= 8 => Some(Blob { name: "a Python pickle", runs: false }),
            Pickle::Data => None,
        },
        _ => None,
    }
}

/// The header that `MZ` begins says where `PE` stands, or is the one that every linker writes.
fn is_pe(bytes: &[u8]) -> bool {
    let place =
        bytes.get(0x3c..).and_then(|field| field.first_chunk()).map(|field| u32::from_le_bytes(*field) as usize);
    let signature = place.and_then(|place| bytes.get(place..)?.first_chunk());
    let linked = [0x90, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0xff, 0xff];
    signature == Some(b"PE\0\0") || bytes.get(2..).is_some_and(|rest| rest.starts_with(&linked))
}

/// Processor and kind of file are ones that there are.
fn is_macho(bytes: &[u8]) -> bool {
    let field = |at: usize| {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if bytes.first() == Some(&0xfe) { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
    };
    let processor = field(4).map(|number| number & 0x00ff_ffff);
    matches!(processor, Some(6 | 7 | 12 | 14 | 18)) && matches!(field(12), Some(1..=12))
}

/// Flags and method of a local file header, behind its version.
fn is_zip(fields: &[u8]) -> bool {
    matches!(fields, [_, 0..=0x28, 0 | 8 | 9 | 12 | 14 | 93..=99, 0, ..])
}

/// What a text runs as, if it begins as a script.
fn script(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let line = text.get(..200).unwrap_or(text).split(|&byte| byte == b'\n').next().unwrap_or_default();
    let begins = |word: &[u8]| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match line {
        [b'#', b'!', path @ ..] if path.trim_ascii_start().starts_with(b"/") => Some("a script"),
        _ if begins(b"@echo off") => Some("a Windows script"),
        _ if begins(b"<?php") => Some("a PHP script"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::{begins, find, script};

    fn name(bytes: &[u8]) -> Option<&'static str> {
        begins(bytes).map(|blob| blob.name)
    }

    fn pe(place: u32) -> Vec<u8> {
        let mut file = [&b"MZ"[..], &[0; 58], &place.to_le_bytes()].concat();
        file.resize(place as usize, 0);
        [&file[..], b"PE\0\0"].concat()
    }

    #[test]
    fn formats() {
        assert_eq!(name(b"\x7fELF\x02\x01\x01\0\0"), Some("an ELF program"));
        assert_eq!(name(&pe(0x80)), Some("a Windows program"));
        assert_eq!(name(b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"), Some("a Windows program"));
        assert_eq!(name(b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0"), Some("a macOS program"));
        assert_eq!(name(b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07"), Some("a macOS program"));
        assert_eq!(name(b"\xca\xfe\xba\xbe\0\0\0\x34\0\x1d"), Some("a Java class"));
        assert_eq!(name(b"\0asm\x01\0\0\0"), Some("a WebAssembly program"));
        assert_eq!(name(b"PK\x03\x04\x14\0\0\0\x08\0\0\0"), Some("a ZIP archive"));
    }

    #[test]
    fn beginnings_alone_are_not_enough() {
        for bytes in [
            &b"\x7fELF"[..],
            b"\x7fELF is a format",
            b"MZ",
            b"MZ 2000",
            &pe(0x80)[..0x80],
            b"\xca\xfe\xba\xbe",
            b"\xcf\xfa\xed\xfe\x05\0\0\0",
            b"\0asm",
            b"PK\x03\x04",
            b"PK",
            b"\x80\x04",
            b"\x80\x04K\x01.",
        ] {
            assert_eq!(name(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn programs_are_found_anywhere() {
        let bytes = [&[0x80, 4, 0x7f, b'E', b'M', b'Z', 0, b'a'][..], b"\x7fELF\x01\x01\x01"].concat();
        assert_eq!(find(&bytes).map(|(at, blob)| (at, blob.name)), Some((8, "an ELF program")));
    }

    #[test]
    fn random_bytes_are_nothing() {
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(8 << 20)
        .collect();
        assert_eq!(find(&bytes), None);
    }

    #[test]
    fn scripts() {
        assert_eq!(script(b"#!/bin/sh\nrm -r x"), Some("a script"));
        assert_eq!(script(b"#! /usr/bin/env python3"), Some("a script"));
        assert_eq!(script(b"@ECHO OFF\r\n"), Some("a Windows script"));
        for text in [&b"#!"[..], b"#! Important", b"# Title", b"", b"echo off"] {
            assert_eq!(script(text), None, "{text:x?}");
        }
    }
}
