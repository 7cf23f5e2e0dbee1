//! Magic number, version, and how many keys and tensors there are.

use super::super::impostor;
use super::super::read::{Cursor, Step, Stop};
use super::super::rules::{HDR_BIG_ENDIAN, HDR_COUNT, HDR_MAGIC, HDR_MANY, HDR_V1, HDR_VERSION};
use super::{State, Walk};

const MAGIC: &[u8; 4] = b"GGUF";
/// A key's length, an empty name, a type and a value of one byte.
const MIN_ENTRY: u64 = 8 + 4 + 1;
/// A name's length, an empty name, no dimensions, a type and an offset.
const MIN_TENSOR: u64 = 8 + 4 + 4 + 8;
/// No model comes near these.
const MAX_KEYS: u64 = 100_000;
const MAX_TENSORS: u64 = 100_000;
const MANY_KEYS: u64 = 10_000;

impl Walk {
    pub(super) fn preamble(&mut self, bytes: &[u8]) -> Step<usize> {
        let mut cursor = self.cursor(bytes);
        if self.file_size() < 4 || cursor.take(MAGIC.len())? != MAGIC {
            return Err(self.impostor(bytes));
        }
        self.is_gguf = true;
        self.version(&mut cursor)?;
        let (tensors, keys) = (cursor.u64()?, cursor.u64()?);
        let rest = cursor.remaining();
        if self.header.big_endian {
            self.findings.add(HDR_BIG_ENDIAN, 4, || "the file is big-endian".to_owned());
        }
        for (what, count, size, cap, offset) in
            [("tensors", tensors, MIN_TENSOR, MAX_TENSORS, 8), ("keys", keys, MIN_ENTRY, MAX_KEYS, 16)]
        {
            if count > cap || count > rest.checked_div(size).unwrap_or(0) {
                return Err(self.break_off(HDR_COUNT, offset, || {
                    format!("the header says {count} {what}: more than {cap}, or more than the {rest} bytes after it can hold; the file may be cut")
                }));
            }
        }
        if keys > MANY_KEYS {
            self.findings.add(HDR_MANY, 16, || format!("the header has {keys} keys, models have about fifty"));
        }
        (self.keys_total, self.tensors_total, self.state) = (keys, tensors, State::Key);
        Ok(cursor.taken())
    }

    fn version(&mut self, cursor: &mut Cursor<'_>) -> Step<()> {
        cursor.set_big_endian(false); // an attempt that came too short may have known better
        let little = cursor.u32()?;
        let swapped = little & 0xffff == 0 && little != 0;
        let version = if swapped { little.swap_bytes() } else { little };
        cursor.set_big_endian(swapped);
        (self.header.version, self.header.big_endian) = (version, swapped);
        match version {
            2 | 3 => Ok(()),
            1 => Err(self.break_off(HDR_V1, 4, || {
                "version 1, whose lengths have 32 bits: loaders refuse it, version 2 or 3 was expected".to_owned()
            })),
            _ => Err(self.break_off(HDR_VERSION, 4, || format!("version {little}, 2 or 3 was expected"))),
        }
    }

    fn impostor(&mut self, bytes: &[u8]) -> Stop {
        let enough = usize::try_from(self.file_size()).unwrap_or(usize::MAX).min(impostor::BYTES);
        let Some(head) = bytes.get(..enough) else { return Stop::Short(enough) };
        self.break_off(HDR_MAGIC, 0, || format!("not a GGUF file: it is {}", impostor::name(head)))
    }
}
