//! The check of tensor data, in bytes per second, beside a plain sum of the same bytes and their copy.
//!
//! The file lies in the page cache, so the check is measured with its reads. `sum` and `copy` say what memory gives.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::gguf::Header;
use kandil_core::gguf::Tensor;
use kandil_core::gguf::weights::{Mode, check};

const SIZE: u64 = 256 << 20;

/// ggml's numbers of types, and the bytes of their blocks.
const TYPES: [(&str, u32, u64); 6] =
    [("F32", 0, 4), ("F16", 1, 2), ("BF16", 30, 2), ("Q8_0", 8, 34), ("Q4_K", 12, 144), ("MXFP4", 39, 17)];

fn header(kind: u32, block: u64) -> Header {
    let size = SIZE / block * block;
    let tensor = Tensor { name: b"w"[..].into(), n_dims: 1, dims: [1; 4], kind, offset: 0, size: Some(size) };
    Header { file_size: SIZE, tensors: vec![tensor], ..Header::default() }
}

fn weights(criterion: &mut Criterion) {
    let path = std::env::temp_dir().join(format!("kandil-bench-weights-{}", std::process::id()));
    let bytes: Vec<u8> = (0..SIZE).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 27) as u8 & 0x3b).collect();
    File::create(&path).and_then(|mut file| file.write_all(&bytes)).expect("the temporary folder has 256 MiB");
    let file = File::open(&path).expect("it was just written");
    let mut group = criterion.benchmark_group("weights");
    group.throughput(Throughput::Bytes(SIZE)).sample_size(10);
    for (name, kind, block) in TYPES {
        let header = header(kind, block);
        for threads in [1, 2] {
            group.bench_function(format!("{name}/{threads}"), |bencher| {
                bencher.iter(|| check(&file, &header, Mode::Full, threads, &|_| true).expect("the file is there"));
            });
        }
    }
    group.bench_function("sum", |bencher| {
        bencher.iter(|| {
            let (words, _) = black_box(&bytes).as_chunks::<8>();
            words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
        });
    });
    let mut copy = vec![0; bytes.len()];
    group.bench_function("copy", |bencher| bencher.iter(|| copy.copy_from_slice(black_box(&bytes))));
    group.finish();
    drop(std::fs::remove_file(&path));
}

criterion_group!(benches, weights);
criterion_main!(benches);
