//! A scan does not depend on how the bytes are cut, at the sizes at which the scanner changes its ways.

use kandil_core::gguf::{Scan, Scanner};

/// Around the bounds for ASCII lengths, kept values, windows of short strings, whole elements and chunks.
const LENGTHS: [usize; 16] =
    [0, 1, 126, 127, 128, 129, 1023, 1024, 1025, 16_383, 16_384, 65_528, 65_535, 65_536, 65_537, 200_000];

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes(), bytes].concat()
}

/// A header of version 3 of a model with one key for each text, then one array of all texts.
fn file(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [&b"GGUF"[..], &3_u32.to_le_bytes(), &0_u64.to_le_bytes()].concat();
    file.extend((texts.len() as u64 + 2).to_le_bytes());
    file.extend([string(b"general.architecture"), 8_u32.to_le_bytes().into(), string(b"llama")].concat());
    for (number, text) in texts.iter().enumerate() {
        file.extend([string(format!("text.{number}").as_bytes()), 8_u32.to_le_bytes().into(), string(text)].concat());
    }
    file.extend([string(b"texts"), 9_u32.to_le_bytes().into(), 8_u32.to_le_bytes().into()].concat());
    file.extend((texts.len() as u64).to_le_bytes());
    file.extend(texts.iter().flat_map(|text| string(text)));
    file
}

fn scan(file: &[u8], chunk: usize) -> Scan {
    let mut scanner = Scanner::new(file.len() as u64);
    for part in file.chunks(chunk) {
        scanner.feed(part);
    }
    assert!(scanner.header_done(), "the header is whole");
    scanner.finish()
}

fn texts(pattern: &[u8]) -> Vec<Vec<u8>> {
    LENGTHS.iter().map(|&length| pattern.iter().copied().cycle().take(length).collect()).collect()
}

#[test]
fn chunks_of_any_size_give_the_same() {
    for pattern in [&b"a"[..], "é".as_bytes(), "日本語😀".as_bytes(), b"\xff"] {
        let file = file(&texts(pattern));
        let whole = scan(&file, file.len());
        let header = whole.header.as_ref().unwrap();
        assert_eq!(header.entries.len(), LENGTHS.len() + 2);
        assert_eq!(header.entries.last().map(|entry| entry.offset + entry.size), Some(file.len() as u64));
        for chunk in [1, 3, 7, 4096, 65_535, 65_536, 65_537, 1 << 20] {
            assert_eq!(scan(&file, chunk), whole, "chunks of {chunk}");
        }
    }
}

#[test]
fn each_string_that_is_not_utf8_is_counted() {
    let sound = texts("é".as_bytes()).into_iter().filter(|text| text.len() % 2 == 0).collect::<Vec<_>>();
    assert_eq!(scan(&file(&sound), 65_536).findings, []);
    let mut broken = sound.clone();
    for text in broken.iter_mut().skip(2) {
        text.pop(); // half a character
    }
    let scan = scan(&file(&broken), 65_536);
    let ids: Vec<_> = scan.findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids.iter().filter(|&&id| id == "KG-STR-UTF8").count(), broken.len() - 2 + 1);
    let array = scan.findings.last().unwrap();
    assert!(array.message.contains(&format!("{} strings", broken.len() - 2)), "{}", array.message);
    assert!(array.message.ends_with("element 2"), "{}", array.message);
}

#[test]
fn a_file_that_shrank_says_so() {
    let file = file(&texts(b"a"));
    let mut scanner = Scanner::new(file.len() as u64);
    scanner.feed(&file[..100_000]);
    assert!(!scanner.header_done());
    let scan = scanner.finish();
    assert_eq!(scan.findings.iter().map(|finding| finding.id).collect::<Vec<_>>(), ["KG-HDR-SHRANK"]);
    assert_eq!(scan.header.unwrap().data_offset, None);
}

#[test]
fn bytes_after_the_header_are_not_looked_at() {
    let mut scanner = Scanner::new(1 << 40);
    scanner.feed(b"GGUF\x04\0\0\0");
    assert!(scanner.header_done());
    scanner.feed(&[0xff; 4096]);
    assert_eq!(scanner.finish().findings.len(), 1);
}
