//! The files of a batch: what reading a row costs, and a pass over the rows of a file or over its results.
//!
//! Files lie in the page cache. `memory` prints what a pass over 1,000,000 rows adds to the process at most.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::batch::index::Index;
use kandil_core::batch::merge::merge;
use kandil_core::batch::order::order;
use kandil_core::batch::recorded::Recorded;
use kandil_core::batch::row::Form;
use kandil_core::batch::run::{Pulled, Source};

const ROWS: u32 = 200_000;
const TEXT: &str =
    "Say in one sentence what \\\"this\\\" is about:\\nthe quick brown fox jumps over the lazy dog, 42 times. ";

fn openai(number: u32) -> String {
    let text = TEXT.repeat(3);
    format!(
        r#"{{"custom_id":"request-{number}","method":"POST","url":"/v1/chat/completions","body":{{"model":"small","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{text}{number}"}}],"max_tokens":64}}}}"#
    )
}

fn prompt(number: u32) -> String {
    format!(r#"{{"prompt":"{}{number}","max_tokens":64}}"#, TEXT.repeat(4))
}

fn result(number: u32, form: &Form) -> String {
    let row = form.row(openai(number).as_bytes(), 1, &mut |_| ()).expect("it is a row").expect("it is not empty");
    let content = u128::from_be_bytes(row.content());
    let answer = TEXT.repeat(4);
    format!(
        r#"{{"id":"batch_req_{content:032x}","custom_id":"request-{number}","response":{{"status_code":200,"request_id":"","body":{{"id":"chatcmpl-{number}","object":"chat.completion","created":1,"model":"small","choices":[{{"index":0,"message":{{"role":"assistant","content":"{answer}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":80,"completion_tokens":90,"total_tokens":170}}}}}},"error":null}}"#
    )
}

fn written(folder: &Path, name: &str, rows: u32, line: impl Fn(u32) -> String) -> PathBuf {
    let path = folder.join(name);
    let mut content = String::new();
    (0..rows).for_each(|number| writeln!(content, "{}", line(number)).expect("a string takes all"));
    fs::write(&path, content).expect("the temporary folder has room");
    path
}

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("row");
    let form = Form::default();
    for (name, line) in [("openai", openai(7)), ("prompt", prompt(7))] {
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| form.row(black_box(line.as_bytes()), 7, &mut |_| ()).expect("it is a row"));
        });
    }
    let row = form.row(openai(7).as_bytes(), 7, &mut |_| ()).expect("it is a row").expect("it is not empty");
    group.bench_function("content", |bencher| bencher.iter(|| black_box(&row).content()));
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("kandil-bench-batch-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is a temporary folder");
    let form = Arc::new(Form::default());
    let input = written(&folder, "rows.jsonl", ROWS, openai);
    let output = written(&folder, "results.jsonl", ROWS, |number| result(number, &form));
    let none = folder.join("none");
    let mut group = criterion.benchmark_group("batch files");
    group.throughput(Throughput::Elements(u64::from(ROWS))).sample_size(10);
    let look = || Recorded::look(&output, &none).expect("it is ours");
    let scan = |recorded: &Recorded| Index::scan(&input, &form, recorded, None).expect("its rows are right");
    group.bench_function("index", |bencher| bencher.iter(|| scan(&Recorded::default())));
    group.bench_function("recorded", |bencher| bencher.iter(look));
    let recorded = look();
    group.bench_function("index, all recorded", |bencher| bencher.iter(|| scan(&recorded)));
    let index = Arc::new(scan(&Recorded::default()));
    group.bench_function("cursor", |bencher| {
        bencher.iter(|| {
            let mut cursor = index.cursor(&form, 0).expect("nobody has changed it");
            while !matches!(cursor.next().expect("nobody has changed it"), Pulled::End) {}
        });
    });
    let (part, merged) = (folder.join("part"), folder.join("merged"));
    group.bench_function("order", |bencher| {
        bencher.iter(|| {
            fs::hard_link(&output, &part).expect("it was removed");
            order(&input, &form, &part, &merged).expect("there is room")
        });
    });
    let half = written(&folder, "half.jsonl", ROWS / 2, |number| result(number, &form));
    group.bench_function("merge", |bencher| {
        bencher.iter(|| merge(&[half.clone(), output.clone()], &merged, &none).expect("there is room"));
    });
    group.finish();
    drop(fs::remove_dir_all(folder));
}

/// The most memory that this process has had, in MiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) >> 10
}

#[cfg(target_os = "linux")]
fn memory(_: &mut Criterion) {
    use std::io::Write as _;

    let folder = std::env::temp_dir().join(format!("kandil-bench-memory-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is a temporary folder");
    let (form, path) = (Form::default(), folder.join("rows.jsonl"));
    let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("the folder is ours"));
    (0..1_000_000).for_each(|number| writeln!(file, "{}", openai(number)).expect("the temporary folder has room"));
    file.into_inner().expect("the temporary folder has room");
    drop(fs::write("/proc/self/clear_refs", "5"));
    let before = peak();
    let start = std::time::Instant::now();
    let index = Index::scan(&path, &form, &Recorded::default(), None).expect("its rows are right");
    println!("memory: {} rows in {:.2?}, {} MiB on top of {before}", index.len(), start.elapsed(), peak() - before);
    drop(fs::remove_dir_all(folder));
}

#[cfg(not(target_os = "linux"))]
fn memory(_: &mut Criterion) {}

criterion_group!(benches, memory, rows, files);
criterion_main!(benches);
