#![no_main]

#[path = "../gguf_file.rs"]
mod gguf_file;
#[path = "../gguf_model.rs"]
mod gguf_model;
#[path = "../gguf_scan.rs"]
mod gguf_scan;

libfuzzer_sys::fuzz_target!(|input: &[u8]| gguf_model::check(input));
