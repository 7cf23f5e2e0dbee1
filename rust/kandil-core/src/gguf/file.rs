//! Scans a file's header from disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::rules::check_name;
use super::scanner::{Scan, Scanner};

/// The chunk that is read at once.
const CHUNK: usize = 64 << 10;

/// Scans the file at `path`, of which no more than the header is read, and compares its name with its shard keys.
///
/// # Errors
/// What opening and reading say; `InvalidInput` for what is not a regular file. Never for what the bytes are: that is
/// in the findings.
pub fn open(path: &Path) -> io::Result<Scan> {
    let file = open_regular(path)?;
    let mut scan = scan(&file)?;
    let name = path.file_name().unwrap_or_default();
    scan.findings.extend(scan.header.as_ref().and_then(|header| check_name(header, name.as_bytes())));
    Ok(scan)
}

/// Opens without waiting for a FIFO's writer or a terminal, and takes nothing but a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    Ok(file)
}

/// Scans a file's header, of which no more is read; its name is not known.
///
/// # Errors
/// What reading says.
pub fn scan(file: &File) -> io::Result<Scan> {
    let mut scanner = Scanner::new(length(file)?);
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0_u64;
    while !scanner.header_done() {
        let count = match file.read_at(&mut chunk, offset) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        scanner.feed(chunk.get(..count).unwrap_or_default());
        offset = offset.saturating_add(count as u64);
    }
    Ok(scanner.finish())
}

/// A file's length, asked by seeking, which a sandbox allows where it forbids `statx`; the position stays what it was.
///
/// # Errors
/// What seeking says.
pub(super) fn length(mut file: &File) -> io::Result<u64> {
    let position = file.stream_position()?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(position))?;
    Ok(length)
}
