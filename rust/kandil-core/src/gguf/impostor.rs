//! Says what a file that is not GGUF seems to be, from its first bytes.

/// How many bytes from the start of a file are enough for [`name`].
pub(super) const BYTES: usize = 512;

/// Beginnings that no other format shares.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer: the repository was cloned without its large files"),
    (b"PK\x03\x04", "a ZIP archive, as PyTorch checkpoints are"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"#!", "a script"),
    (b"lmgg", "a GGML file from before GGUF"),
    (b"tjgg", "a GGJT file from before GGUF"),
    (b"fmgg", "a GGMF file from before GGUF"),
    (b"algg", "a GGLA adapter from before GGUF"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\0", "xz-compressed"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"FUGG", "GGUF with its first bytes swapped"),
];

/// What the file seems to be; `head` is its first [`BYTES`], or all of it where it is shorter.
pub(super) fn name(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    if let Some((_, name)) = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning)) {
        return name;
    }
    if head.iter().all(|&byte| byte == 0) {
        return "zeros: a download that reserved its space and never came";
    }
    if let [0x80, 0..=5, ..] = head {
        return "a Python pickle, which runs code when it is loaded";
    }
    if is_safetensors(head) {
        return "a safetensors file";
    }
    text(head.trim_ascii_start())
}

/// Eight bytes of length, then a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    matches!(head.split_first_chunk::<8>(), Some((length, [b'{', ..])) if u64::from_le_bytes(*length) < 1 << 30)
}

fn text(head: &[u8]) -> &'static str {
    let begins = |word: &[u8]| head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") {
        "an HTML page, as servers send in place of a file"
    } else if begins(b"<?xml") || begins(b"<error") {
        "an XML document, as object stores send in place of a file"
    } else if begins(b"{") || begins(b"[") {
        "a JSON document, as servers send in place of a file"
    } else if begins(b"GGUF") || head.len() < 4 {
        "too short to tell"
    } else {
        "of an unknown format"
    }
}
