use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::schedule::{Load, keep, lanes};
use super::source::{Read, Source, Spindles};
use super::walk::walk;
use super::*;
use crate::sha256::lanes::Plan;
use crate::sha256::{self, Kernel, kernels};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("kandil-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `count` bytes, other ones for every `seed`.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(count);
    bytes
}

/// The outcomes in the order of the jobs.
fn run(paths: &[PathBuf], mode: Mode, options: Options) -> Vec<Outcome> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let jobs = paths.iter().map(|path| Job { path: path.clone(), size: size(path), mode }).collect();
    let run = Run::start(jobs, options).unwrap();
    let mut outcomes = Vec::new();
    while !run.finished() {
        outcomes.extend(run.take(Duration::from_millis(100)));
    }
    outcomes.sort_by_key(|outcome| outcome.index);
    let indices: Vec<usize> = outcomes.iter().map(|outcome| outcome.index).collect();
    assert_eq!(indices, (0..paths.len()).collect::<Vec<_>>(), "one outcome a job");
    outcomes
}

#[test]
fn digests_are_right_for_any_sizes_threads_and_memory() {
    let folder = Folder::new("sizes");
    let sizes = [0, 1, 55, 56, 63, 64, 65, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 77, 700_000];
    let mut paths = Vec::new();
    for i in 0..60 {
        let size = if i < sizes.len() { sizes[i] } else { (i * 7919) % 200_000 };
        paths.push(folder.write(&format!("{i}"), &bytes(i as u64, size)));
    }
    for (threads, max_memory) in [(1, 32 << 20), (2, 32 << 20), (3, 1 << 19), (64, 1 << 18)] {
        for blake3 in [Blake3::Never, Blake3::Always, Blake3::Auto] {
            let options = Options { threads, max_memory, blake3, ..Options::default() };
            for (outcome, path) in run(&paths, Mode::Sha256, options).iter().zip(&paths) {
                let data = fs::read(path).unwrap();
                assert_eq!(outcome.error, None);
                assert_eq!(outcome.sha256, Some(sha256::digest(&data)), "{} bytes, {threads} threads", data.len());
                assert_eq!(outcome.stat.unwrap().size, data.len() as u64);
                match blake3 {
                    Blake3::Always => assert_eq!(outcome.blake3, Some(*blake3::hash(&data).as_bytes())),
                    Blake3::Never => assert_eq!(outcome.blake3, None),
                    Blake3::Auto => {}
                }
            }
        }
    }
}

#[test]
fn idle_threads_take_blake3_of_the_same_bytes() {
    let folder = Folder::new("aside");
    // More chunks than there are buffers, and ends on and off a chunk's edge.
    let sizes = [40 * CHUNK + 123, 40 * CHUNK, 3 * CHUNK - 1, 10, 0];
    let data = bytes(4, 41 * CHUNK);
    for &size in &sizes {
        let path = folder.write(&format!("{size}"), &data[..size]);
        let options = Options { threads: 4, blake3: Blake3::Always, ..Options::default() };
        let outcome = run(&[path], Mode::Sha256, options).remove(0);
        assert_eq!(outcome.sha256, Some(sha256::digest(&data[..size])));
        assert_eq!(outcome.blake3, Some(*blake3::hash(&data[..size]).as_bytes()), "{size} bytes");
    }
}

#[test]
fn a_recheck_joins_pieces_into_the_hash_of_the_whole() {
    let folder = Folder::new("recheck");
    let piece = 4 << 20;
    let sizes = [0, 1, 1024, piece - 1, piece, piece + 1, 2 * piece, 3 * piece + 5, 5 * piece + 1024];
    let data = bytes(9, 6 * piece);
    let paths: Vec<PathBuf> = sizes.iter().map(|&size| folder.write(&format!("{size}"), &data[..size])).collect();
    for threads in [1, 3] {
        let options = Options { threads, ..Options::default() };
        for (outcome, size) in run(&paths, Mode::Blake3, options).iter().zip(sizes) {
            assert_eq!(outcome.error, None);
            assert_eq!(outcome.blake3, Some(*blake3::hash(&data[..size]).as_bytes()), "{size} bytes");
            assert_eq!(outcome.sha256, None);
        }
    }
}

#[test]
fn a_scan_reads_the_header_alone_and_a_hash_scans_on_the_way() {
    let folder = Folder::new("scan");
    let path = folder.write("page.gguf", b"<!DOCTYPE html><html></html>");
    for mode in [Mode::Scan, Mode::Sha256] {
        let outcome = run(std::slice::from_ref(&path), mode, Options::default()).remove(0);
        assert_eq!(outcome.sha256.is_some(), mode == Mode::Sha256);
        let scan = outcome.scan.unwrap();
        assert!(!scan.is_gguf);
        assert!(!scan.findings.is_empty());
    }
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_goes_on() {
    let folder = Folder::new("unreadable");
    let sound = folder.write("sound", b"abc");
    let fifo = folder.0.join("fifo");
    let name = std::ffi::CString::new(fifo.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: a NUL-terminated path.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let paths = [folder.0.join("missing"), fifo, folder.0.clone(), sound];
    for mode in [Mode::Sha256, Mode::Blake3, Mode::Scan] {
        let outcomes = run(&paths, mode, Options::default());
        let errors: Vec<Option<&str>> = outcomes.iter().map(|outcome| outcome.error.as_deref()).collect();
        let expected = [Some("no such file"), Some("is not a regular file"), Some("is a folder"), None];
        assert_eq!(errors, expected, "{mode:?}");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = Folder::new("changing");
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("grew", |path| fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap()),
        ("shrank", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100).unwrap()),
        ("was changed", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for (how, change) in changes {
        let path = folder.write("file", &bytes(1, 1000));
        let mut source = Source::open(&path, false).unwrap();
        let mut buffer = [0; 500];
        assert_eq!(source.wait(&mut buffer).unwrap(), 500);
        change(&path);
        while source.wait(&mut buffer).unwrap() > 0 {}
        let error = source.finish().unwrap_err().to_string();
        assert_eq!(error, format!("the file {how} while it was read"));
    }
}

#[test]
fn a_source_gives_what_is_cached_or_says_that_it_would_wait() {
    let folder = Folder::new("source");
    let data = bytes(5, 300_000);
    let path = folder.write("file", &data);
    let mut source = Source::open(&path, true).unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = match source.read(&mut buffer).unwrap() {
            Read::Bytes(count) => count,
            Read::Pending => source.wait(&mut buffer).unwrap(),
        };
        if count == 0 {
            break;
        }
        got.extend_from_slice(&buffer[..count]);
    }
    assert!(got == data);
    source.finish().unwrap();
}

#[test]
fn a_disk_that_does_not_rotate_serves_all() {
    let spindles = Spindles::default();
    // Device 0 is none that exists.
    assert!(spindles.acquire(0, 1));
    assert!(spindles.acquire(0, 2));
    spindles.release(0, 1);
}

#[test]
fn a_cancelled_run_stops() {
    let folder = Folder::new("cancel");
    let paths: Vec<PathBuf> = (0..8).map(|i| folder.write(&format!("{i}"), &bytes(i, 300_000))).collect();
    let jobs = paths.into_iter().map(|path| Job { path, size: 300_000, mode: Mode::Sha256 }).collect();
    // So slow that it cannot end by itself.
    let run = Run::start(jobs, Options { max_rate: Some(1), ..Options::default() }).unwrap();
    run.cancel();
    while !run.finished() {
        assert!(run.take(Duration::from_millis(10)).is_empty());
    }
}

#[test]
fn a_walk_enters_each_folder_once_and_reports_what_is_wrong() {
    let folder = Folder::new("walk");
    fs::create_dir_all(folder.0.join("a/b")).unwrap();
    folder.write("a/b/one.gguf", b"1");
    folder.write("a/two.GGUF", b"2");
    folder.write("a/notes.txt", b"3");
    std::os::unix::fs::symlink("../..", folder.0.join("a/b/loop")).unwrap();
    // Another name of a folder, first in any order: its files keep their own paths.
    std::os::unix::fs::symlink("a", folder.0.join("0-link")).unwrap();
    std::os::unix::fs::symlink("one.gguf", folder.0.join("a/b/link.gguf")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.0.join("broken.gguf")).unwrap();
    let roots = [folder.0.clone(), folder.0.join("a/notes.txt"), folder.0.join("missing")];
    let found = walk(&roots, |name| name.to_ascii_lowercase().ends_with(b".gguf"));
    let shown: Vec<(String, Option<String>)> = found
        .into_iter()
        .map(|entry| (entry.path.strip_prefix(&folder.0).unwrap().display().to_string(), entry.file.err()))
        .collect();
    let none = Some("no such file".to_owned());
    let expected = [
        ("a/b/link.gguf", None),
        ("a/b/one.gguf", None),
        ("a/two.GGUF", None),
        ("broken.gguf", none.clone()),
        ("a/notes.txt", None),
        ("missing", none),
    ];
    assert_eq!(shown, expected.map(|(path, error)| (path.to_owned(), error)));
}

/// A plan as on a CPU with AVX-512 and no SHA instructions: one stream 160 ns, eight lanes 205, sixteen 353.
fn wide_plan() -> Plan {
    let kernel = |width| {
        let mut kernel = kernels()[0];
        kernel.width = width;
        kernel
    };
    Plan::new(&[kernel(1), kernel(8), kernel(16)], |kernel: &Kernel| match kernel.width {
        1 => 160.0,
        8 => 205.0,
        _ => 353.0,
    })
}

#[test]
fn lanes_are_shared_evenly_and_a_giant_gets_few() {
    let plan = wide_plan();
    let equal = |files: usize, threads| lanes(&plan, Load { longest: 100, total: 100 * files as u64, files, threads });
    assert_eq!(equal(1, 2), 1);
    assert_eq!(equal(2, 2), 1);
    assert_eq!(equal(4, 2), 2);
    assert_eq!(equal(8, 2), 4);
    assert_eq!(equal(32, 2), 16);
    assert_eq!(equal(200, 2), 16);
    assert_eq!(equal(200, 1), 16);
    // One file has half of all bytes: it ends last unless it runs alone.
    let giant = Load { longest: 10_000, total: 20_000, files: 101, threads: 2 };
    assert_eq!(lanes(&plan, giant), 1);
}

#[test]
fn a_thread_hands_over_what_ends_the_work_sooner() {
    let plan = wide_plan();
    // Two lanes in an eight-lane kernel: each is faster alone.
    assert_eq!(keep(&plan, &[100, 100]), Some(1));
    // Two giants part.
    assert_eq!(keep(&plan, &[1000, 900, 10]), Some(1));
    // Eight equal lanes cost what four cost: nothing to win.
    assert_eq!(keep(&plan, &[100; 8]), None);
    assert_eq!(keep(&plan, &[100; 16]), Some(8));
    assert_eq!(keep(&plan, &[100]), None);
}
