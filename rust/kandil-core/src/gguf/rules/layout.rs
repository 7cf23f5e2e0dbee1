//! Rules for where tensors stand in the file.

use super::super::header::Tensor;
use super::super::printable::printable;
use super::{DATA_TRUNC, Findings, SLACK_TRAIL, TEN_ALIGN, TEN_ORDER, TEN_OVERLAP};

/// `offset` rounded up to a multiple of `alignment`, a power of two.
pub(in crate::gguf) fn align_up(offset: u128, alignment: u32) -> u128 {
    let mask = u128::from(alignment).saturating_sub(1);
    offset.saturating_add(mask) & !mask
}

/// Reports tensors that are not one after the other, and a file that is shorter or longer than they are.
///
/// `tensors` come with the place of their entry in the header, which findings point to.
pub(in crate::gguf) fn check(
    tensors: &[Tensor],
    places: &[u64],
    (data_offset, alignment, file_size): (u64, u32, u64),
    findings: &mut Findings,
) {
    let mut expected = Some(u128::from(data_offset));
    let mut sound = true;
    let mut ends = true;
    for (tensor, &place) in tensors.iter().zip(places) {
        let relative = tensor.offset.saturating_sub(data_offset);
        let shown = || printable(&tensor.name);
        if relative & u64::from(alignment).saturating_sub(1) != 0 {
            findings.add(TEN_ALIGN, place, || {
                format!("tensor \"{}\": its offset {relative} is not a multiple of the alignment {alignment}", shown())
            });
        } else if let Some(expected) = expected.filter(|&expected| expected != u128::from(tensor.offset)) {
            let expected = expected.saturating_sub(u128::from(data_offset));
            sound = false;
            findings.add(TEN_ORDER, place, || {
                format!(
                    "tensor \"{}\": its offset is {relative}, {expected} was expected: the end of those before it",
                    shown()
                )
            });
        }
        sound &= relative & u64::from(alignment).saturating_sub(1) == 0;
        ends &= tensor.size.is_some();
        let end = tensor.size.map(|size| u128::from(tensor.offset).saturating_add(u128::from(size)));
        expected = end.map(|end| align_up(end, alignment));
    }
    if !sound {
        check_overlap(tensors, places, findings);
    }
    check_end(tensors, data_offset, alignment, file_size, ends, findings);
}

/// Reports each tensor that begins before an earlier one, in the order of offsets, has ended.
fn check_overlap(tensors: &[Tensor], places: &[u64], findings: &mut Findings) {
    let mut order: Vec<_> =
        tensors.iter().zip(places).filter(|(tensor, _)| tensor.size.is_some_and(|size| size > 0)).collect();
    order.sort_by_key(|(tensor, _)| tensor.offset);
    let mut last: Option<(u128, &Tensor)> = None;
    for (tensor, &place) in order {
        let end = u128::from(tensor.offset).saturating_add(u128::from(tensor.size.unwrap_or(0)));
        if let Some((last_end, holder)) = last.filter(|&(last_end, _)| last_end > u128::from(tensor.offset)) {
            findings.add(TEN_OVERLAP, place, || {
                let (name, holder) = (printable(&tensor.name), printable(&holder.name));
                format!(
                    "tensor \"{name}\" begins at byte {}, inside \"{holder}\", which ends at {last_end}",
                    tensor.offset
                )
            });
        }
        if last.is_none_or(|(last_end, _)| last_end < end) {
            last = Some((end, tensor));
        }
    }
}

fn check_end(
    tensors: &[Tensor],
    data_offset: u64,
    alignment: u32,
    file_size: u64,
    ends: bool,
    findings: &mut Findings,
) {
    let end_of = |tensor: &Tensor| u128::from(tensor.offset).saturating_add(u128::from(tensor.size.unwrap_or(0)));
    let needed = tensors.iter().map(end_of).max().unwrap_or(0);
    if needed > u128::from(file_size) {
        let cut = tensors.iter().find(|tensor| end_of(tensor) > u128::from(file_size));
        let name = cut.map(|tensor| printable(&tensor.name)).unwrap_or_default();
        findings.add(DATA_TRUNC, file_size, || {
            format!("data section incomplete: file is {file_size} bytes, the header needs {needed}; \"{name}\" is the first tensor that is cut")
        });
    }
    let end = align_up(needed.max(u128::from(data_offset)), alignment);
    if ends && u128::from(file_size) > end {
        let trailing = u128::from(file_size).saturating_sub(end);
        let after = if tensors.is_empty() { "the header" } else { "the last tensor" };
        findings.add(SLACK_TRAIL, u64::try_from(end).ok(), || {
            format!("{trailing} bytes follow {after}, which nothing reads; the file was expected to end at byte {end}")
        });
    }
}
