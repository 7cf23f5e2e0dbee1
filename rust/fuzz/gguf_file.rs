//! Writes GGUF files, sound ones and others.

const NUMBER: u32 = 4;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// Keys with their values, in the order in which they are added.
#[derive(Default)]
pub(crate) struct File {
    count: u64,
    entries: Vec<u8>,
}

/// A tensor without data.
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dims: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) offset: u64,
}

/// A text with its length before it.
pub(crate) fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

impl File {
    /// A value of any type, from its bytes.
    pub(crate) fn add(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.count += 1;
        self.entries.extend([&text(key.as_bytes()), &kind.to_le_bytes()[..], value].concat());
    }

    pub(crate) fn text(&mut self, key: &str, value: &[u8]) {
        self.add(key, TEXT, &text(value));
    }

    pub(crate) fn number(&mut self, key: &str, value: u32) {
        self.add(key, NUMBER, &value.to_le_bytes());
    }

    /// `elements` are as they stand in the file.
    pub(crate) fn array(&mut self, key: &str, kind: u32, count: u64, elements: &[u8]) {
        self.add(key, ARRAY, &[&kind.to_le_bytes()[..], &count.to_le_bytes(), elements].concat());
    }

    pub(crate) fn whole(&self, tensors: &[Tensor]) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((tensors.len() as u64).to_le_bytes());
        file.extend(self.count.to_le_bytes());
        file.extend(&self.entries);
        for tensor in tensors {
            file.extend(text(tensor.name.as_bytes()));
            file.extend((tensor.dims.len() as u32).to_le_bytes());
            file.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
            file.extend(tensor.kind.to_le_bytes());
            file.extend(tensor.offset.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file
    }
}
