//! Names are held until the header's end, so there is a bound on all of them together.

use kandil_core::gguf::Scanner;

/// A header of `count` keys of 60,000 bytes each, with values of one byte.
fn long_keys(count: u64) -> Vec<u8> {
    let mut file = Vec::from(*b"GGUF");
    file.extend(3_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(count.to_le_bytes());
    for number in 0..count {
        let key = format!("{number:0>60000}");
        file.extend((key.len() as u64).to_le_bytes());
        file.extend(key.as_bytes());
        file.extend(0_u32.to_le_bytes());
        file.push(1);
    }
    file
}

#[test]
fn names_beyond_the_bound_end_the_walk() {
    for (count, whole) in [(100, true), (200, false)] {
        let file = long_keys(count);
        let mut scanner = Scanner::new(file.len() as u64);
        file.chunks(65_536).for_each(|chunk| scanner.feed(chunk));
        let scan = scanner.finish();
        let held: usize = scan.header.iter().flat_map(|header| &header.entries).map(|entry| entry.key.len()).sum();
        assert!(held <= 8 << 20);
        assert_eq!(scan.findings.iter().all(|finding| finding.id != "KG-KEY-LEN"), whole, "{:?}", scan.findings);
    }
}
