//! Files with numbers that are none, in every type that has numbers.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::header::{Header, Tensor};
use super::layout::layout;
use super::{Finding, Mode, check};

/// A file of one tensor of zeros, with `changes` to its bytes. The header is not written: nothing reads it here.
struct Case {
    path: PathBuf,
    header: Header,
}

impl Case {
    fn new(name: &str, kind: u32, size: u64, big_endian: bool, changes: &[(u64, u8)]) -> Self {
        let path = std::env::temp_dir().join(format!("kandil-weights-{}-{name}", std::process::id()));
        let mut bytes = vec![0; size as usize];
        for &(place, value) in changes {
            bytes[place as usize] = value;
        }
        std::fs::write(&path, bytes).unwrap();
        let tensor = Tensor { name: b"w"[..].into(), n_dims: 1, dims: [1; 4], kind, offset: 0, size: Some(size) };
        Self { path, header: Header { file_size: size, big_endian, tensors: vec![tensor], ..Header::default() } }
    }

    fn check(&self, mode: Mode, threads: usize) -> Vec<Finding> {
        check(&File::open(&self.path).unwrap(), &self.header, mode, threads, &|_| true).unwrap()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn each_number_of_each_type_is_looked_at() {
    for kind in 0..43 {
        for big_endian in [false, true] {
            let Some(layout) = layout(kind, big_endian) else { continue };
            let block = layout.block_bytes as u64;
            let size = block * 100;
            let zeros = Case::new(&format!("zeros-{kind}-{big_endian}"), kind, size, big_endian, &[]);
            assert_eq!(zeros.check(Mode::Full, 1), [], "type {kind}");
            for number in &layout.numbers {
                let change = |index: usize| (block * 70 + number.places[index] as u64, number.masks[index]);
                let name = format!("{kind}-{big_endian}-{}", number.places[0]);
                let case = Case::new(&name, kind, size, big_endian, &[change(1), change(0)]);
                let found = case.check(Mode::Sample, 2);
                assert_eq!(found.iter().map(|finding| finding.id).collect::<Vec<_>>(), ["KG-DATA-NAN"], "type {kind}");
                assert_eq!(found[0].offset, Some(block * 70), "type {kind}");
                let words = format!("of {} ", 100 * layout.numbers.len());
                assert!(found[0].message.contains(&words) && found[0].message.contains(" 1 are NaN"), "{found:?}");
            }
        }
    }
}

#[test]
fn all_of_a_large_tensor_or_a_sample_of_it() {
    let (block, size) = (34, 34 * 1_000_000);
    let ends = Case::new("ends", 8, size, false, &[(1, 0x7c), (size - 33, 0xfe)]);
    let inside = Case::new("inside", 8, size, false, &[(block * 31_337 + 1, 0x7e)]);
    for threads in [1, 3] {
        for mode in [Mode::Sample, Mode::Full] {
            let found = ends.check(mode, threads);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].offset, Some(0));
            assert!(found[0].message.contains(" 2 are NaN"), "{found:?}");
        }
        assert_eq!(inside.check(Mode::Sample, threads), []);
        assert_eq!(inside.check(Mode::Full, threads)[0].offset, Some(block * 31_337));
    }
}

#[test]
fn it_can_be_stopped_and_counts_what_it_does() {
    let case = Case::new("stop", 0, 40 << 20, false, &[]);
    let file = File::open(&case.path).unwrap();
    let done = AtomicU64::new(0);
    let count = |bytes| {
        done.fetch_add(bytes, Ordering::Relaxed);
        true
    };
    assert_eq!(check(&file, &case.header, Mode::Full, 2, &count).unwrap(), []);
    assert_eq!(done.into_inner(), 40 << 20);
    let stopped = check(&file, &case.header, Mode::Full, 2, &|_| false);
    assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
}

#[test]
fn tensors_that_share_bytes_are_not_all_looked_at() {
    let mut case = Case::new("shared", 0, 1 << 20, false, &[]);
    let tensor = case.header.tensors[0].clone();
    case.header.tensors = vec![tensor; 10_000];
    let done = AtomicU64::new(0);
    let count = |bytes| {
        done.fetch_add(bytes, Ordering::Relaxed);
        true
    };
    check(&File::open(&case.path).unwrap(), &case.header, Mode::Full, 1, &count).unwrap();
    assert_eq!(done.into_inner(), 1 << 20);
}

#[test]
fn what_lies_outside_the_file_is_left_to_other_rules() {
    let mut case = Case::new("outside", 0, 4096, false, &[]);
    case.header.tensors[0].offset = u64::MAX - 100;
    assert_eq!(case.check(Mode::Full, 1), []);
}
