//! The scan of a header as large models have it: 152 064 tokens, scores and types, 151 387 merges, 300 tensors.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::gguf::Scanner;

const TOKENS: u64 = 152_064;
const MERGES: u64 = 151_387;
const TENSORS: u64 = 300;

fn number32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn number64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn string(out: &mut Vec<u8>, text: &str) {
    number64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn array(out: &mut Vec<u8>, key: &str, element: u32, count: u64) {
    string(out, key);
    number32(out, 9);
    number32(out, element);
    number64(out, count);
}

/// A sound header; the file that it begins is `.1` bytes long.
fn header() -> (Vec<u8>, u64) {
    let mut out = b"GGUF".to_vec();
    number32(&mut out, 3);
    number64(&mut out, TENSORS);
    number64(&mut out, 5);
    string(&mut out, "general.architecture");
    number32(&mut out, 8);
    string(&mut out, "llama");
    array(&mut out, "tokenizer.ggml.tokens", 8, TOKENS);
    for i in 0..TOKENS {
        string(&mut out, &word(i));
    }
    array(&mut out, "tokenizer.ggml.scores", 6, TOKENS);
    out.extend((0..TOKENS).flat_map(|i| (-(i as f32)).to_le_bytes()));
    array(&mut out, "tokenizer.ggml.token_type", 5, TOKENS);
    out.extend((0..TOKENS).flat_map(|_| 1i32.to_le_bytes()));
    array(&mut out, "tokenizer.ggml.merges", 8, MERGES);
    for i in 0..MERGES {
        string(&mut out, &format!("{} {}", word(i / 7), word(i % 997)));
    }
    for i in 0..TENSORS {
        string(&mut out, &format!("blk.{i}.ffn_down.weight"));
        number32(&mut out, 2);
        number64(&mut out, 32);
        number64(&mut out, 4);
        number32(&mut out, 0);
        number64(&mut out, i * 512);
    }
    out.resize(out.len().next_multiple_of(32), 0);
    let size = out.len() as u64 + TENSORS * 512;
    (out, size)
}

/// Mostly ASCII, some not, as vocabularies are.
fn word(i: u64) -> String {
    match i % 11 {
        0 => format!("Ġ{i:x}"),
        1 => format!("日本{i}"),
        _ => format!("t{i:o}"),
    }
}

fn scan(c: &mut Criterion) {
    let (header, size) = header();
    let findings = feed(&header, size, header.len());
    assert_eq!(findings, 0, "the header is sound");
    let mut group = c.benchmark_group("gguf scan");
    group.throughput(Throughput::Bytes(header.len() as u64));
    for (name, chunk) in [("whole", header.len()), ("in chunks of 64 KiB", 64 << 10), ("in chunks of 4 KiB", 4 << 10)] {
        group.bench_function(name, |b| {
            b.iter_batched(|| (), |()| feed(black_box(&header), size, chunk), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn feed(header: &[u8], size: u64, chunk: usize) -> usize {
    let mut scanner = Scanner::new(size);
    for bytes in header.chunks(chunk) {
        scanner.feed(bytes);
    }
    scanner.finish().findings.len()
}

criterion_group!(benches, scan);
criterion_main!(benches);
