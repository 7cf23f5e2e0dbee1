//! What holds for the scan of any bytes. Shared by the fuzz target and by the test that replays its corpus.

use kandil_core::gguf::printable::hidden;
use kandil_core::gguf::{Scan, Scanner, Value, rules};

/// The end of an input says how its beginning is fed: five chunk sizes, and by how much the file's size is misstated.
const CONTROL: usize = 6;

/// Panics unless the scan of `input` is the same for any chunks, and what it says fits the bytes.
pub(crate) fn check(input: &[u8]) {
    let (file, control) = input.split_at(input.len().saturating_sub(CONTROL));
    let misstated = i64::from(control.last().map_or(0, |&byte| byte as i8));
    let size = if misstated.abs() < 64 {
        file.len() as u64
    } else {
        file.len().saturating_add_signed(misstated as isize) as u64
    };

    let whole = scan(file, size, &[file.len().max(1)]);
    let sizes: Vec<usize> =
        control.iter().map(|&byte| if byte < 200 { byte.into() } else { usize::from(byte) << 7 }).collect();
    assert_eq!(whole, scan(file, size, &sizes), "chunks of {sizes:?}");
    check_findings(&whole);
    check_header(&whole, file, size);
}

fn scan(file: &[u8], size: u64, chunk_sizes: &[usize]) -> Scan {
    let mut scanner = Scanner::new(size);
    let mut rest = file;
    for chunk_size in chunk_sizes.iter().cycle() {
        if scanner.header_done() || rest.is_empty() || chunk_sizes.iter().all(|&size| size == 0) {
            break;
        }
        let (chunk, tail) = rest.split_at((*chunk_size).min(rest.len()));
        scanner.feed(chunk);
        rest = tail;
    }
    scanner.feed(rest);
    scanner.finish()
}

fn check_findings(scan: &Scan) {
    assert!(scan.findings.len() <= 101, "capped");
    for finding in &scan.findings {
        assert!(rules::all().any(|rule| rule.id == finding.id), "{finding:?} has a rule");
        assert!(!finding.message.contains(hidden), "{finding:?} can be shown");
        assert!(finding.message.len() < 4096, "{finding:?} is short");
    }
}

fn check_header(scan: &Scan, file: &[u8], size: u64) {
    assert_eq!(scan.header.is_some(), scan.is_gguf);
    let Some(header) = &scan.header else { return };
    assert!(file.starts_with(b"GGUF"));
    assert!(header.entries.len() as u64 <= size / 13 && header.tensors.len() as u64 <= size / 24);
    let mut end = 24;
    for entry in &header.entries {
        assert!(entry.offset > end, "entries follow each other");
        end = entry.offset + entry.size;
        let bytes = &file[entry.offset as usize..end as usize];
        assert!(entry.kept.as_deref().is_none_or(|kept| kept == bytes));
        let value = Value::new(header, entry, bytes.into()).expect("a walked value can be read");
        assert_eq!(value.scalars().count() as u64, entry.count);
    }
    let Some(data_offset) = header.data_offset else {
        assert!(!scan.findings.is_empty() && header.tensors.is_empty(), "a header that breaks off says why");
        return;
    };
    assert!(data_offset >= end && data_offset % u64::from(header.alignment) == 0);
    let found = |id| scan.findings.iter().any(|finding| finding.id == id);
    if scan.findings.iter().any(|finding| finding.severity >= rules::Severity::Malformed) {
        return;
    }
    for tensor in &header.tensors {
        let end = tensor.offset.checked_add(tensor.size.unwrap_or(0));
        assert!(tensor.offset >= data_offset && end.is_some_and(|end| end <= size), "{tensor:?} is in the file");
        assert!(tensor.size.is_some() || found("KG-TEN-FORK"), "{tensor:?} has a size, or a type that is not ggml's");
    }
}
