#![no_main]

#[path = "../gguf_file.rs"]
mod gguf_file;
#[path = "../gguf_scan.rs"]
mod gguf_scan;
#[path = "../gguf_template.rs"]
mod gguf_template;

libfuzzer_sys::fuzz_target!(|input: &[u8]| gguf_template::check(input));
