//! Vocabularies are looked at while they are walked: however the bytes are cut, and however large the vocabulary is.

use kandil_core::gguf::{Scan, Scanner};

const STRING: u32 = 8;
const I32: u32 = 5;
const F32: u32 = 6;
const U8: u32 = 0;

/// A file of one byte order, in parts.
struct File {
    big_endian: bool,
    keys: u64,
    bytes: Vec<u8>,
}

impl File {
    fn new(big_endian: bool) -> Self {
        let mut file = Self { big_endian, keys: 0, bytes: Vec::new() };
        let architecture = [file.string(b"general.architecture"), file.number(STRING), file.string(b"llama")].concat();
        file.add(&architecture);
        file
    }

    fn add(&mut self, entry: &[u8]) {
        self.keys += 1;
        self.bytes.extend(entry);
    }

    fn number(&self, number: u32) -> Vec<u8> {
        if self.big_endian { number.to_be_bytes().into() } else { number.to_le_bytes().into() }
    }

    fn long(&self, number: u64) -> Vec<u8> {
        if self.big_endian { number.to_be_bytes().into() } else { number.to_le_bytes().into() }
    }

    fn string(&self, text: &[u8]) -> Vec<u8> {
        [self.long(text.len() as u64), text.into()].concat()
    }

    fn array(&mut self, key: &str, element: u32, count: usize, elements: &[u8]) {
        let key = self.string(format!("tokenizer.ggml.{key}").as_bytes());
        let head = [key, self.number(9), self.number(element), self.long(count as u64)].concat();
        self.add(&[&head, elements].concat());
    }

    fn strings(&mut self, key: &str, texts: &[Vec<u8>]) {
        let elements: Vec<u8> = texts.iter().flat_map(|text| self.string(text)).collect();
        self.array(key, STRING, texts.len(), &elements);
    }

    fn numbers(&mut self, key: &str, element: u32, numbers: &[u32]) {
        let elements: Vec<u8> = numbers.iter().flat_map(|&number| self.number(number)).collect();
        self.array(key, element, numbers.len(), &elements);
    }

    fn whole(&self) -> Vec<u8> {
        [&b"GGUF"[..], &self.number(3), &self.long(0), &self.long(self.keys), &self.bytes].concat()
    }
}

fn scan(file: &[u8], chunk: usize) -> Scan {
    let mut scanner = Scanner::new(file.len() as u64);
    file.chunks(chunk).for_each(|part| scanner.feed(part));
    scanner.finish()
}

fn ids(scan: &Scan) -> Vec<&str> {
    scan.findings.iter().map(|finding| finding.id).filter(|id| id.starts_with("KG-VOC")).collect()
}

fn message<'a>(scan: &'a Scan, id: &str) -> &'a str {
    scan.findings.iter().find(|finding| finding.id == id).map_or("", |finding| &finding.message)
}

/// Words that differ, of lengths around the bound of what is hashed at once.
fn words(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{number:x}{}", "\u{2581}".repeat(number % 9)).into_bytes()).collect()
}

/// A vocabulary with one of everything that is strange.
fn strange(big_endian: bool) -> Vec<u8> {
    let mut file = File::new(big_endian);
    let mut tokens = words(3000);
    tokens.extend([0, 15, 16, 17, 127, 128, 5000, 65_537].map(|length| vec![b'-'; length]));
    tokens.extend([&b"<0x0A>"[..], b"<0x-1>", b"<0xff>", b"<0x100>", b"", b"a", b"7\xe2\x96\x81"].map(Vec::from));
    tokens.push(tokens[2222].clone());
    let count = tokens.len();
    file.strings("tokens", &tokens);
    let mut scores = vec![1_f32.to_bits(); count];
    (scores[77], scores[2000]) = (f32::NAN.to_bits(), f32::NEG_INFINITY.to_bits());
    file.numbers("scores", F32, &scores);
    let mut types = vec![1; count];
    (types[5], types[count - 3], types[count - 8]) = (7, 6, 6);
    file.numbers("token_type", I32, &types);
    let pair = |number: usize| [&tokens[number % 3000][..], b" ", &tokens[number / 7 % 3000]].concat();
    let mut merges: Vec<_> = (0..9000).map(pair).collect();
    merges[..8500].iter_mut().step_by(2).for_each(|merge| merge.retain(|&byte| byte != b' '));
    merges.iter_mut().skip(1).step_by(2).for_each(|merge| merge.push(b'?'));
    file.strings("merges", &merges);
    file.array("precompiled_charsmap", U8, 9, &[4, 0, 0, 0, 1, 2, 3, 4, 5]);
    file.whole()
}

#[test]
fn chunks_of_any_size_give_the_same() {
    for big_endian in [false, true] {
        let file = strange(big_endian);
        let whole = scan(&file, file.len());
        assert_eq!(
            ids(&whole),
            [
                "KG-VOC-DUP",
                "KG-VOC-HUGE",
                "KG-VOC-BYTE",
                "KG-VOC-BYTE-LIKE",
                "KG-VOC-SCORE",
                "KG-VOC-BYTE",
                "KG-VOC-KIND",
                "KG-VOC-PAIR",
                "KG-VOC-MERGES",
                "KG-VOC-CHARSMAP"
            ]
        );
        assert!(message(&whole, "KG-VOC-DUP").contains("1 tokens"), "{}", message(&whole, "KG-VOC-DUP"));
        assert!(
            message(&whole, "KG-VOC-SCORE")
                .ends_with("2 scores that are no finite numbers; the first is element 77, NaN")
        );
        assert!(message(&whole, "KG-VOC-BYTE").contains("\"<0x-1>\""));
        for chunk in [1, 2, 3, 7, 61, 4096, 16_385, 65_536] {
            assert_eq!(scan(&file, chunk), whole, "chunks of {chunk}");
        }
    }
}

fn findings_of_tokens(tokens: &[Vec<u8>]) -> Scan {
    let mut file = File::new(false);
    file.strings("tokens", tokens);
    scan(&file.whole(), 65_536)
}

#[test]
fn each_duplicate_of_a_small_vocabulary_is_found() {
    let sound = words(2000);
    assert_eq!(ids(&findings_of_tokens(&sound)), [""; 0]);
    for (first, second) in [(0, 1), (0, 1999), (63, 64), (1023, 1998), (8, 17)] {
        let mut tokens = sound.clone();
        tokens[second] = tokens[first].clone();
        let scan = findings_of_tokens(&tokens);
        assert_eq!(ids(&scan), ["KG-VOC-DUP"], "{first} and {second}");
        assert!(message(&scan, "KG-VOC-DUP").ends_with(&format!("element {second}")));
    }
}

#[test]
fn of_a_large_vocabulary_the_first_and_the_last_are_compared() {
    let sound = words(152_064);
    assert_eq!(ids(&findings_of_tokens(&sound)), [""; 0]);
    for (first, second, found) in
        [(7, 65_535, true), (65_535, 152_063, true), (144_000, 152_000, true), (9, 100_000, false)]
    {
        let mut tokens = sound.clone();
        tokens[second] = tokens[first].clone();
        assert_eq!(!ids(&findings_of_tokens(&tokens)).is_empty(), found, "{first} and {second}");
    }
}

#[test]
fn empty_tokens_may_be_many() {
    let mut tokens = words(1000);
    tokens.iter_mut().step_by(3).for_each(Vec::clear);
    assert_eq!(ids(&findings_of_tokens(&tokens)), [""; 0]);
}

#[test]
fn what_breaks_off_inside_the_tokens_says_what_was_seen() {
    let file = strange(false);
    let place = file.windows(6).position(|window| window == b"<0xff>").unwrap();
    let scan = scan(&file[..place], 4096);
    assert_eq!(ids(&scan), ["KG-VOC-HUGE", "KG-VOC-BYTE"]);
}

/// Merges of a vocabulary of four tokens.
fn findings_of_merges(merges: &[&[u8]]) -> Vec<String> {
    let mut file = File::new(false);
    file.strings("tokens", &[b"a".to_vec(), b"b".to_vec(), b" ".to_vec(), b"a b".to_vec()]);
    file.strings("merges", &merges.iter().map(|merge| merge.to_vec()).collect::<Vec<_>>());
    ids(&scan(&file.whole(), 65_536)).into_iter().map(str::to_owned).collect()
}

#[test]
fn merges_may_hold_spaces() {
    assert_eq!(findings_of_merges(&[b"a b", b"  a", b"a  ", b"   ", b"a b a", b"b a b"]), [""; 0]);
    assert_eq!(findings_of_merges(&[b"a b", b"ab"]), ["KG-VOC-PAIR"]);
    assert_eq!(findings_of_merges(&[b" a"]), ["KG-VOC-PAIR"]);
    assert_eq!(findings_of_merges(&[b"a b", b"a c"]), ["KG-VOC-MERGES"]);
    assert_eq!(findings_of_merges(&[&b"a b"[..]; 9000]), [""; 0]);
    let few: Vec<&[u8]> = (0..1000).map(|number| if number % 100 == 0 { &b"a c"[..] } else { b"a b" }).collect();
    assert_eq!(findings_of_merges(&few), [""; 0], "one in a hundred");
}
