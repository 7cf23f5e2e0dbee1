#![no_main]

#[path = "../gguf_scan.rs"]
mod gguf_scan;

libfuzzer_sys::fuzz_target!(|input: &[u8]| gguf_scan::check(input));
