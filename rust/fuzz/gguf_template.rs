//! What holds for a file with any chat template. Shared by the fuzz target and by the test that replays its corpus.

use super::gguf_file::File;
use super::gguf_scan;

/// How the file is fed: a byte at a time, some, most of it; its size is as stated.
const CONTROL: [u8; 6] = [1, 7, 64, 199, 255, 0];

/// Panics unless the scan of a file with this template is the same for any chunks, and what it says fits the bytes.
pub(crate) fn check(template: &[u8]) {
    let mut file = File::default();
    file.text("general.architecture", b"llama");
    file.text("tokenizer.chat_template", template);
    gguf_scan::check(&[file.whole(&[]), CONTROL.into()].concat());
}
