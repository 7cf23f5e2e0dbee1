//! What stands behind the header, looked at as it is hashed: the padding between tensors, and samples of their weights.
//!
//! Costs nothing to speak of: of each tensor the blocks of its first few KiB are looked at, so far as a chunk holds them
//! whole. `weights` looks at more, on request.

use std::collections::HashSet;

use super::header::Header;
use super::printable::printable;
use super::rules::{Finding, Findings, Rule};
use super::scanner::Scan;
use super::types::tensor_type_name;
use super::weights::{DATA_NAN, SLACK_GAP, Sample};

/// Files with more tensors than any model has are looked at no further than this.
const MOST_TENSORS: usize = 8192;
/// Of each tensor this much is looked at, ...
const SAMPLE: u64 = 4096;
/// ... and so many tensors with something wrong are told.
const MOST_FINDINGS: usize = 16;

/// What is to be looked at of one tensor. Offsets are from the start of the file.
#[derive(Debug)]
struct Place {
    name: Box<[u8]>,
    kind: u32,
    begin: u64,
    end: u64,
    /// Where the next tensor begins: what lies between is padding.
    next: u64,
}

/// A look at the data of one file, from a scan of its header.
#[derive(Debug)]
pub struct DataScan {
    /// In the order of the file.
    places: Vec<Place>,
    big_endian: bool,
    wrong: Vec<(Rule, u64, usize)>,
}

impl DataScan {
    /// None where there is nothing to look at, or the header does not say where the tensors are.
    pub fn new(scan: &Scan) -> Option<Self> {
        let header = scan.header.as_ref()?;
        header.data_offset.filter(|_| header.claims_to_be_a_model())?;
        let places: Vec<_> = places(header).collect();
        (!places.is_empty()).then_some(Self { places, big_endian: header.big_endian, wrong: Vec::new() })
    }

    /// Takes bytes from anywhere in the file.
    pub fn look(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        let first = self.places.partition_point(|place| place.next <= offset);
        for (index, place) in self.places.iter().enumerate().skip(first).take_while(|(_, place)| place.begin < end) {
            let part = |from: u64, to: u64| {
                let (from, to) = (from.clamp(offset, end), to.clamp(offset, end));
                let at = |place: u64| usize::try_from(place.saturating_sub(offset)).ok();
                (from, at(from).zip(at(to)).and_then(|(from, to)| bytes.get(from..to)).unwrap_or_default())
            };
            let (from, padding) = part(place.end, place.next);
            if let Some(at) = padding.iter().position(|&byte| byte != 0) {
                self.wrong.push((SLACK_GAP, from.saturating_add(at as u64), index));
            }
            let sampled = offset < place.begin.saturating_add(SAMPLE) && !place.name.starts_with(b"rope_");
            if let Some(sample) = Sample::new(place.kind, self.big_endian).filter(|_| sampled) {
                let from = place.begin.saturating_add(sample.block_from(offset.saturating_sub(place.begin)));
                let (from, blocks) = part(from, place.begin.saturating_add(SAMPLE).min(place.end));
                if let Some(at) = sample.first_wrong(blocks) {
                    self.wrong.push((DATA_NAN, from.saturating_add(at), index));
                }
            }
        }
    }

    /// Adds what was found to the scan.
    pub fn finish(self, scan: &mut Scan) {
        let mut findings = Findings::new();
        let mut seen = HashSet::new();
        for (rule, offset, index) in self.wrong {
            let Some(place) = self.places.get(index).filter(|_| seen.insert((rule.id, index))) else { continue };
            findings.add(rule, offset, || place.says(rule));
        }
        scan.findings.extend(few(findings.finish(true)));
    }
}

fn few(findings: Vec<Finding>) -> impl Iterator<Item = Finding> {
    findings.into_iter().take(MOST_FINDINGS)
}

impl Place {
    fn says(&self, rule: Rule) -> String {
        let (name, kind) = (printable(&self.name), tensor_type_name(self.kind));
        if rule.id == SLACK_GAP.id {
            return format!("bytes behind tensor \"{name}\" are not 0, as padding was expected to be");
        }
        format!("tensor \"{name}\" ({kind}): NaN or infinity among the first of its weights or block scales")
    }
}

/// The tensors that stand one behind the other: what overlaps has been reported.
fn places(header: &Header) -> impl Iterator<Item = Place> {
    let tensors = header.tensors.iter().take(MOST_TENSORS);
    let nexts = header.tensors.iter().skip(1).map(|tensor| tensor.offset).chain([header.file_size]);
    let mut reached = 0;
    tensors.zip(nexts).filter_map(move |(tensor, next)| {
        let end = tensor.offset.checked_add(tensor.size?)?.min(header.file_size);
        let begin = tensor.offset;
        if begin < reached || next < end {
            return None;
        }
        reached = end;
        let next = next.min(padded(end, header.alignment));
        Some(Place { name: tensor.name.clone(), kind: tensor.kind, begin, end, next })
    })
}

/// Where the padding behind a tensor ends; what comes later is reported as a gap, or as what follows the last tensor.
fn padded(end: u64, alignment: u32) -> u64 {
    let mask = u64::from(alignment).saturating_sub(1);
    end.saturating_add(mask) & !mask
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::gguf::{Entry, Header, Tensor, ValueType};

    const START: u64 = 96;

    /// A header that ends at [`START`], of tensors of F32 with so many elements, each padded to 32 bytes.
    fn scan(tensors: &[(&str, u64)], architecture: &[u8]) -> (Scan, Vec<u8>) {
        let mut offset = START;
        let mut made = Vec::new();
        for &(name, count) in tensors {
            let (name, size) = (name.as_bytes().into(), Some(count * 4));
            made.push(Tensor { name, n_dims: 1, dims: [count, 1, 1, 1], kind: 0, offset, size });
            offset = (offset + count * 4).next_multiple_of(32);
        }
        let entry = Entry {
            key: architecture.into(),
            kind: ValueType::String,
            element: None,
            count: 1,
            offset: 24,
            size: 5,
            kept: Some(b"llama"[..].into()),
        };
        let header = Header {
            version: 3,
            alignment: 32,
            data_offset: Some(START),
            file_size: offset,
            entries: vec![entry],
            tensors: made,
            ..Header::default()
        };
        (Scan { is_gguf: true, header: Some(header), findings: Vec::new() }, vec![0; offset as usize])
    }

    fn found(mut scan: Scan, bytes: &[u8], chunk: usize) -> Vec<(&'static str, Option<u64>)> {
        let Some(mut data) = DataScan::new(&scan) else { return Vec::new() };
        for (index, part) in bytes.chunks(chunk).enumerate() {
            data.look((index * chunk) as u64, part);
        }
        data.finish(&mut scan);
        scan.findings.iter().map(|finding| (finding.id, finding.offset)).collect()
    }

    const MODEL: &[u8] = b"general.architecture";

    #[test]
    fn what_is_sound_passes() {
        let (scan, bytes) = scan(&[("a", 7), ("b", 5000), ("c", 1)], MODEL);
        assert_eq!(found(scan, &bytes, 64), []);
    }

    #[test]
    fn nan_is_found_in_chunks_of_any_size_that_hold_a_number() {
        for chunk in [4, 8, 36, 1000, 4096, 1 << 20] {
            let (scan, mut bytes) = scan(&[("a", 7), ("b", 5000)], MODEL);
            bytes[START as usize + 32 + 8..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
            assert_eq!(found(scan, &bytes, chunk), [("KG-DATA-NAN", Some(START + 32 + 8))], "{chunk}");
        }
    }

    #[test]
    fn padding_is_found_in_chunks_of_any_size() {
        for chunk in [1, 7, 64, 1 << 20] {
            let (scan, mut bytes) = scan(&[("a", 7), ("b", 9)], MODEL);
            bytes[START as usize + 30] = 1;
            *bytes.last_mut().unwrap() = 1;
            let offsets = [START + 30, START + 95].map(|offset| ("KG-SLACK-GAP", Some(offset)));
            assert_eq!(found(scan, &bytes, chunk), offsets, "{chunk}");
        }
    }

    #[test]
    fn the_sample_is_the_beginning_of_each_tensor() {
        let (scan, mut bytes) = scan(&[("a", 5000)], MODEL);
        bytes[START as usize + SAMPLE as usize..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(found(scan, &bytes, 4096), []);
    }

    #[test]
    fn factors_of_rope_and_data_of_no_model_may_be_infinite() {
        for (name, key) in [("rope_freqs.weight", MODEL), ("a", &b"some.key"[..])] {
            let (scan, mut bytes) = scan(&[(name, 8)], key);
            bytes[START as usize..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
            assert_eq!(found(scan, &bytes, 4096), [], "{name}");
        }
    }

    #[test]
    fn any_places_end_in_findings() {
        let (mut scan, bytes) = scan(&[("a", 7), ("b", 9), ("c", 20), ("d", 3)], MODEL);
        let tensors = &mut scan.header.as_mut().unwrap().tensors;
        (tensors[1].offset, tensors[2].size, tensors[3].offset) = (u64::MAX - 8, None, 3);
        assert_eq!(found(scan, &vec![0xff; bytes.len()], 10).len(), 2);
    }
}
