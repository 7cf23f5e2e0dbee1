//! Replays the fuzzers' corpora on stable.

#[path = "../../fuzz/gguf_file.rs"]
mod gguf_file;
#[path = "../../fuzz/gguf_model.rs"]
mod gguf_model;
#[path = "../../fuzz/gguf_scan.rs"]
mod gguf_scan;
#[path = "../../fuzz/gguf_template.rs"]
mod gguf_template;

use std::fs;
use std::path::Path;

/// Checks each input, and what it is when it is cut anywhere.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        (0..=input.len()).for_each(|end| check(&input[..end]));
        count += 1;
    }
    assert!(count > 10, "the corpus is there");
}

#[test]
fn corpus_of_files_holds() {
    replay("gguf", gguf_scan::check); // the last bytes become other chunk sizes
}

#[test]
fn corpus_of_templates_holds() {
    replay("template", gguf_template::check);
}

#[test]
fn corpus_of_models_holds() {
    replay("model", gguf_model::check);
}

#[test]
fn no_choices_make_a_sound_model() {
    let file = gguf_model::file(&[]);
    let mut scanner = kandil_core::gguf::Scanner::new(file.len() as u64);
    scanner.feed(&file);
    assert_eq!(scanner.finish().findings, []);
}
