//! Finding 10 000 files in 100 folders.

use std::fs;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kandil_core::library::walk::walk;

const FOLDERS: usize = 100;
const FILES: usize = 100;

/// Removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ten_thousand() -> std::io::Result<Folder> {
    let root = std::env::temp_dir().join(format!("kandil-bench-walk-{}", std::process::id()));
    fs::create_dir(&root)?;
    let root = Folder(root);
    for folder in 0..FOLDERS {
        let folder = root.0.join(format!("publisher-{folder:03}"));
        fs::create_dir(&folder)?;
        for file in 0..FILES {
            fs::write(folder.join(format!("model-{file:03}.gguf")), b"GGUF")?;
        }
    }
    Ok(root)
}

fn walking(c: &mut Criterion) {
    let root = ten_thousand().expect("the temporary folder can be written to");
    let roots = [root.0.clone()];
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements((FOLDERS * FILES) as u64)).sample_size(20);
    group.bench_function("10000 files", |b| b.iter(|| assert_eq!(walk(&roots, |_| true).len(), FOLDERS * FILES)));
    group.finish();
}

criterion_group!(benches, walking);
criterion_main!(benches);
