//! Each SHA-256 kernel in memory, with as many streams as it takes; the plan that is made of them; BLAKE3 beside them.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::library::CHUNK;
use kandil_core::sha256::lanes::{Plan, plan};
use kandil_core::sha256::{INITIAL, MAX_WIDTH, Sha256, kernels};

/// Between two lanes' buffers: at a whole number of pages all lanes' reads would fall into the same sets of the cache.
const APART: usize = CHUNK + 4096 + 64;

fn every_kernel(c: &mut Criterion) {
    let memory = vec![0x5a; APART * MAX_WIDTH];
    let mut group = c.benchmark_group("sha256 kernels");
    for kernel in kernels() {
        let data: Vec<&[u8]> = memory.chunks(APART).take(kernel.width).map(|lane| &lane[..CHUNK]).collect();
        let mut states = vec![INITIAL; kernel.width];
        group.throughput(Throughput::Bytes((CHUNK * kernel.width) as u64));
        group.bench_function(format!("{} x{}", kernel.set, kernel.width), |b| {
            b.iter(|| kernel.compress(black_box(&mut states), black_box(&data)));
        });
    }
    group.finish();
}

fn the_plan(c: &mut Criterion) {
    println!("the plan: {}", plan().describe().join(" "));
    let memory = vec![0x5a; APART * MAX_WIDTH];
    let mut group = c.benchmark_group("sha256 live lanes");
    for lanes in 1..=MAX_WIDTH {
        let data: Vec<&[u8]> = memory.chunks(APART).take(lanes).map(|lane| &lane[..CHUNK]).collect();
        let mut states = vec![INITIAL; lanes];
        group.throughput(Throughput::Bytes((CHUNK * lanes) as u64));
        group.bench_function(BenchmarkId::from_parameter(lanes), |b| {
            b.iter(|| plan().compress(black_box(&mut states), black_box(&data)));
        });
    }
    group.finish();
    c.bench_function("sha256 plan of known costs", |b| b.iter(|| Plan::new(black_box(kernels()), |k| k.width as f64)));
}

fn one_stream(c: &mut Criterion) {
    let memory = vec![0x5a; 1 << 20];
    let mut group = c.benchmark_group("one stream");
    for bytes in [64, 1024, CHUNK, 1 << 20] {
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("sha256", bytes), |b| {
            b.iter(|| {
                let mut hash = Sha256::default();
                hash.update(black_box(&memory[..bytes]));
                hash.digest()
            });
        });
        group.bench_function(BenchmarkId::new("blake3", bytes), |b| {
            b.iter(|| blake3::hash(black_box(&memory[..bytes])))
        });
    }
    group.finish();
}

criterion_group!(benches, every_kernel, the_plan, one_stream);
criterion_main!(benches);
