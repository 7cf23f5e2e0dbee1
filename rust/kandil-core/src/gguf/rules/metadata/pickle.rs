//! Python pickles: a walk over their opcodes, which runs nothing.

/// What a pickle would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pickle {
    /// It looks up a function or class by name, which loading it may call.
    Imports,
    /// It builds plain values, up to its end.
    Data,
}

/// Opcodes that are walked: pickles that import do so early.
const MOST: usize = 10_000;

/// How an opcode's argument ends.
enum Argument {
    Bytes(usize),
    Lines(usize),
    /// A string, behind its length in this many bytes.
    Counted(usize),
    /// What is looked up by the two strings before it.
    Import,
    Stop,
}

/// What `bytes` would do as a pickle; None where they are none.
///
/// Random bytes do not pass: an import needs two names, and data needs every opcode to be one, up to the end.
pub(super) fn judge(bytes: &[u8]) -> Option<Pickle> {
    let mut rest = bytes;
    let mut names = [false; 2];
    for _ in 0..MOST {
        let (&opcode, tail) = rest.split_first()?;
        rest = match argument(opcode)? {
            Argument::Stop => return Some(Pickle::Data),
            Argument::Import if names == [true; 2] => return Some(Pickle::Imports),
            Argument::Import => tail,
            Argument::Bytes(count) => tail.get(count..)?,
            Argument::Lines(count) => {
                let (names, tail) = lines(tail, count)?;
                if count == 2 && names {
                    return Some(Pickle::Imports);
                }
                tail
            }
            Argument::Counted(width) => {
                let (string, tail) = counted(tail, width)?;
                names = [names.last().copied().unwrap_or(false), is_name(string)];
                tail
            }
        };
    }
    None
}

fn argument(opcode: u8) -> Option<Argument> {
    use Argument::{Bytes, Counted, Import, Lines, Stop};
    Some(match opcode {
        b'.' => Stop,
        0x93 => Import,
        b'c' | b'i' => Lines(2),
        b'I' | b'L' | b'F' | b'S' | b'V' | b'P' | b'p' | b'g' => Lines(1),
        b'U' | b'C' | 0x8a | 0x8c => Counted(1),
        b'T' | b'X' | b'B' | 0x8b => Counted(4),
        0x8d | 0x8e | 0x96 => Counted(8),
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Bytes(1),
        b'M' | 0x83 => Bytes(2),
        b'J' | b'j' | b'r' | 0x84 => Bytes(4),
        b'G' | 0x95 => Bytes(8),
        b'('
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'Q'
        | b'R'
        | b'a'
        | b'b'
        | b'd'
        | b'}'
        | b'e'
        | b'l'
        | b']'
        | b'o'
        | b's'
        | b't'
        | b')'
        | b'u'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x92
        | 0x94
        | 0x97
        | 0x98 => Bytes(0),
        _ => return None,
    })
}

/// Takes lines; says whether each is a name.
fn lines(bytes: &[u8], count: usize) -> Option<(bool, &[u8])> {
    let mut rest = bytes;
    let mut names = true;
    for _ in 0..count {
        let end = rest.iter().take(1024).position(|&byte| byte == b'\n')?;
        let (line, tail) = rest.split_at_checked(end)?;
        names &= is_name(line);
        rest = tail.get(1..)?;
    }
    Some((names, rest))
}

fn counted(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, tail) = bytes.split_at_checked(width)?;
    let length = length.iter().rev().try_fold(0_usize, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()))?;
    tail.split_at_checked(length)
}

/// A module or what is in it: `os`, `os.path`, `__import__`.
fn is_name(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::{Pickle, judge};

    #[test]
    fn imports() {
        let protocol_4 =
            b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.";
        let protocol_2 = b"\x80\x02cposix\nsystem\nq\0X\x04\0\0\0trueq\x01\x85q\x02Rq\x03.";
        let protocol_0 = b"cos\nsystem\n(S'true'\ntR.";
        for pickle in [&protocol_4[..], protocol_2, protocol_0] {
            assert_eq!(judge(pickle), Some(Pickle::Imports), "{pickle:x?}");
        }
    }

    #[test]
    fn data_and_what_is_none() {
        assert_eq!(judge(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0]\x94(K\x01K\x02e."), Some(Pickle::Data));
        for bytes in [&b""[..], b"\x80\x04", b"chat\n", b"\x80\x04\xff", b"\x80\x02X\xff\xff\xff\xff.", b"(((("] {
            assert_eq!(judge(bytes), None, "{bytes:x?}");
        }
    }
}
