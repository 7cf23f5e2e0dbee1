//! Tensor infos, and where the tensor data begins.

use super::super::header::Tensor;
use super::super::printable::printable;
use super::super::read::{Cursor, Step};
use super::super::rules::{
    ALIGN_SMALL, TEN_BLOCK, TEN_DIMS, TEN_FORK, TEN_NAME, TEN_SIZE, TEN_TYPE, TEN_ZERO, layout::align_up, names,
};
use super::super::types::{fork_type_name, tensor_type};
use super::{State, Walk, Wrong};

/// A longer name is a broken length.
const MAX_NAME: u64 = 65_535;
const MAX_DIMS: u32 = 4;
/// llama.cpp's CPU backend wants its tensors aligned to this.
const CPU_ALIGNMENT: u32 = 32;

impl Walk {
    pub(super) fn tensor(&mut self, bytes: &[u8]) -> Step<usize> {
        if self.header.tensors.len() as u64 == self.tensors_total {
            self.end_tensors();
            return Ok(0);
        }
        let mut cursor = self.cursor(bytes);
        let length = cursor.u64()?;
        if length > MAX_NAME {
            let (number, total) = (self.header.tensors.len(), self.tensors_total);
            return Err(self.break_off(TEN_NAME, self.position, || {
                format!("tensor {number} of {total} has a name of {length} bytes, at most 63 were expected")
            }));
        }
        self.check_names(TEN_NAME, length)?;
        let name = cursor.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let (n_dims, dims) = self.dims(&mut cursor, name)?;
        let (kind, offset) = (cursor.u32()?, cursor.u64()?);
        let mut tensor = Tensor { name: name.into(), n_dims, dims, kind, offset, size: None };
        names::check_tensor(name, self.position, &mut self.findings);
        tensor.size = self.size(&tensor);
        self.header.tensors.push(tensor);
        self.tensor_places.push(self.position);
        self.names_total = self.names_total.saturating_add(length);
        Ok(cursor.taken())
    }

    fn dims(&mut self, cursor: &mut Cursor<'_>, name: &[u8]) -> Step<(u32, [u64; 4])> {
        let at = cursor.offset();
        let n_dims = cursor.u32()?;
        if n_dims > MAX_DIMS {
            return Err(self.break_off(TEN_DIMS, at, || {
                format!("tensor \"{}\" has {n_dims} dimensions, at most {MAX_DIMS} were expected", printable(name))
            }));
        }
        let mut dims = [1; 4];
        for dim in dims.iter_mut().take(n_dims as usize) {
            *dim = cursor.u64()?;
        }
        Ok((n_dims, dims))
    }

    /// The tensor's bytes; None, and a finding, where there is no such size.
    fn size(&mut self, tensor: &Tensor) -> Option<u64> {
        let place = self.position;
        let findings = &mut self.findings;
        let shown = || format!("tensor \"{}\" of shape {:?}", printable(&tensor.name), tensor.shape());
        if tensor.n_dims == 0 || tensor.dims.contains(&0) {
            findings.add_for_models(TEN_ZERO, place, || format!("{} has no dimensions or one that is 0", shown()));
        }
        let signed = tensor.dims.iter().all(|&dim| i64::try_from(dim).is_ok());
        let product = tensor.dims.iter().try_fold(1_u128, |product, &dim| product.checked_mul(dim.into()));
        let Some(elements) = product.filter(|&elements| signed && elements <= i64::MAX as u128) else {
            findings
                .add(TEN_DIMS, place, || format!("{} has more than 2^63 elements, or a negative dimension", shown()));
            return None;
        };
        let Some(kind) = tensor_type(tensor.kind).filter(|kind| !kind.removed()) else {
            self.unknown_type(tensor);
            return None;
        };
        let [first, ..] = tensor.dims;
        if first.checked_rem(kind.block) != Some(0) {
            findings.add(TEN_BLOCK, place, || {
                format!(
                    "{} is of type {}: a first dimension that is a multiple of {} was expected",
                    shown(),
                    kind.name,
                    kind.block
                )
            });
            return None;
        }
        let size = elements.checked_div(kind.block.into())?.checked_mul(kind.bytes.into())?;
        let size = i64::try_from(size).ok().and_then(|size| u64::try_from(size).ok());
        if size.is_none() {
            findings.add(TEN_SIZE, place, || format!("{} has more than 2^63 bytes", shown()));
        }
        size
    }

    fn unknown_type(&mut self, tensor: &Tensor) {
        let shown = || format!("tensor \"{}\" is of type {}", printable(&tensor.name), tensor.kind);
        if let Some(name) = fork_type_name(tensor.kind) {
            self.findings
                .add(TEN_FORK, self.position, || format!("{}: {name}, which only ik_llama.cpp reads", shown()));
            return;
        }
        let removed = tensor_type(tensor.kind).map(|kind| format!("{}, which ggml has removed", kind.name));
        let what = removed.unwrap_or_else(|| "a number that ggml does not have".to_owned());
        self.findings.add(TEN_TYPE, self.position, || format!("{}: {what}", shown()));
    }

    fn end_tensors(&mut self) {
        let alignment = self.header.alignment;
        let start = u64::try_from(align_up(self.position.into(), alignment)).ok();
        let Some(data_offset) = start.filter(|_| self.alignment_sound) else {
            self.header.tensors = Vec::new();
            self.state = State::Done;
            return;
        };
        if alignment < CPU_ALIGNMENT && !self.header.tensors.is_empty() {
            let at = self.header.entry(b"general.alignment").map(|entry| entry.offset);
            self.findings.add_for_models(ALIGN_SMALL, at, || {
                format!("general.alignment is {alignment}: llama.cpp aborts on tensors that are not aligned to {CPU_ALIGNMENT}")
            });
        }
        for tensor in &mut self.header.tensors {
            tensor.offset = data_offset.saturating_add(tensor.offset);
        }
        self.header.data_offset = Some(data_offset);
        self.header.tensor_count = self.header.tensors.len() as u64;
        let left = data_offset.min(self.file_size()).saturating_sub(self.position);
        self.state = State::Padding { left, wrong: Wrong::default() };
    }
}
