//! Replays the fuzzer's corpus on stable.

#[path = "../../fuzz/gguf_scan.rs"]
mod gguf_scan;

use std::fs;
use std::path::Path;

#[test]
fn corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/gguf");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        gguf_scan::check(&input);
        for end in 0..input.len() {
            gguf_scan::check(&input[..end]); // cut anywhere; the last bytes become other chunk sizes
        }
        count += 1;
    }
    assert!(count > 10, "the corpus is there");
}
