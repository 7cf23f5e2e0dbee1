//! Reserving, settling and ending a call, in this process and in a file that others share; waiting; a full line.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kandil_core::bucket::{Bucket, Cost, Resource, Taken, now};

const COST: Cost = Cost { input: 500, output: 500 };
const SETTLED: Cost = Cost { input: 480, output: 210 };

fn limited() -> Box<Bucket> {
    let mut bucket = Box::<Bucket>::default();
    for (resource, limit) in [
        (Resource::RequestsPerMinute, 1 << 40),
        (Resource::TokensPerMinute, 1 << 40),
        (Resource::InputTokensPerMinute, 1 << 40),
        (Resource::OutputTokensPerMinute, 1 << 40),
        (Resource::RequestsPerDay, 1 << 40),
    ] {
        bucket.list_limit(resource, 0, Some(limit));
    }
    bucket.set_concurrency(Some(64));
    bucket
}

fn call(bucket: &mut Bucket, now: u64) {
    let Taken::Granted(token) = bucket.take(now, 1, black_box(COST), None) else { panic!("there is room") };
    bucket.settle(token, now, black_box(SETTLED));
    bucket.finish(token, now);
}

fn bucket(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bucket");
    let mut here = limited();
    let mut time = now();
    group.bench_function("acquire+settle", |bencher| {
        bencher.iter(|| {
            time += 1_000;
            call(&mut here, time);
        });
    });
    #[cfg(target_os = "linux")]
    group.bench_function("acquire+settle, shared by processes", |bencher| {
        use kandil_core::bucket::shared::{Clocks, Shared};
        let path = std::env::temp_dir().join(format!("kandil-bench-bucket-{}", std::process::id()));
        let clocks = Clocks { now: now(), wall: 0, boot: 1 };
        let shared = Shared::<Bucket>::open(&path, clocks).expect("the temporary folder takes a file");
        shared.with(now(), |bucket, _| *bucket = *limited()).expect("nobody else has it");
        bencher.iter(|| {
            let taken =
                shared.with(now(), |bucket, caller| bucket.take(caller.now, caller.owner, black_box(COST), None));
            let Ok(Taken::Granted(token)) = taken else { panic!("there is room") };
            drop(shared.with(now(), |bucket, caller| bucket.settle(token, caller.now, black_box(SETTLED))));
            drop(shared.with(now(), |bucket, caller| bucket.finish(token, caller.now)));
        });
        drop(std::fs::remove_file(&path));
    });
    let mut full = limited();
    full.list_limit(Resource::RequestsPerMinute, 0, Some(1));
    call(&mut full, time);
    group.bench_function("how long to wait", |bencher| bencher.iter(|| full.wait(time, black_box(COST))));
    group.finish();
}

criterion_group!(benches, bucket);
criterion_main!(benches);
