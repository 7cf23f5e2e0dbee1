//! A file that lines are appended to, whole, and what is certain of it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::WriterError;
use crate::batch::file::{beside, copy, is_gone, private, sync_folder};

/// Lines, one after another, and how many.
#[derive(Default)]
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
}

/// So much of a file.
#[derive(Clone, Copy, Default)]
struct Extent {
    bytes: u64,
    /// Of these, the ones that this process has written.
    lines: u64,
}

/// A file that this process alone writes to.
pub(super) struct Target {
    pub(super) path: PathBuf,
    file: File,
    /// It is no device.
    regular: bool,
    /// Whole lines end here.
    written: Extent,
    /// On the disk.
    synced: Extent,
    /// A sync has failed: nobody knows what of the lines since the one before is on the disk.
    doubtful: bool,
}

impl Target {
    pub(super) fn open(path: &Path) -> Result<Target, WriterError> {
        let failed = |error| WriterError::Io(path.to_owned(), error);
        let file = private(path, false).map_err(failed)?;
        let known = file.metadata().map_err(failed)?;
        let (written, regular) = (Extent { bytes: known.len(), lines: 0 }, known.is_file());
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if regular => return Err(WriterError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) if regular => return Err(failed(error)),
            _ => {}
        }
        sync_folder(path).map_err(failed)?;
        Ok(Target { path: path.to_owned(), file, regular, written, synced: written, doubtful: false })
    }

    /// All of it, or, where that fails, nothing.
    pub(super) fn append(&mut self, group: &mut Group) -> io::Result<()> {
        if let Err(error) = self.file.write_all(&group.bytes) {
            drop(self.file.set_len(self.written.bytes));
            return Err(error);
        }
        self.written.bytes += group.bytes.len() as u64;
        self.written.lines += group.lines;
        *group = Group::default();
        Ok(())
    }

    /// What is written is on the disk, under the file's name.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.regular
            && self.written.bytes > self.synced.bytes
            && let Err(error) = self.file.sync_data()
        {
            self.doubtful = true;
            return Err(error);
        }
        if is_gone(&self.file, &self.path) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody has removed it"));
        }
        self.synced = self.written;
        Ok(())
    }

    /// Lines that this process has written to the disk.
    pub(super) fn lines(&self) -> u64 {
        self.synced.lines
    }

    /// An empty one is not left behind.
    pub(super) fn tidy(self) {
        if self.regular && self.written.bytes == 0 && !is_gone(&self.file, &self.path) {
            drop(fs::remove_file(&self.path));
        }
    }

    /// What is certainly on the disk: how many bytes, and lines of this process.
    fn certain(&mut self) -> Extent {
        if is_gone(&self.file, &self.path) {
            return Extent::default();
        }
        if !self.doubtful {
            drop(self.sync());
        }
        self.synced
    }

    /// Where what is not certainly on the disk is now, together with what waits to be written; how many lines are in
    /// the file itself, and how many are nowhere. Where the file is gone, all that it had is saved.
    pub(super) fn saved(mut self, waiting: &Group, folder: &Path) -> (u64, io::Result<Option<PathBuf>>, u64) {
        let certain = self.certain();
        let left = self.written.lines - certain.lines + waiting.lines;
        if certain.bytes == self.written.bytes && waiting.lines == 0 {
            return (certain.lines, Ok(None), 0);
        }
        let result = fresh(folder, &self.path).and_then(|(place, mut to)| {
            copy(&self.file, certain.bytes..self.written.bytes, &mut to)?;
            to.write_all(&waiting.bytes)?;
            to.sync_all()?;
            sync_folder(&place)?;
            Ok(Some(place))
        });
        let lost = if result.is_ok() { 0 } else { left };
        (certain.lines, result, lost)
    }
}

/// A new file in the folder, called like the other one, with a number where that is taken.
fn fresh(folder: &Path, like: &Path) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(folder)?;
    let name = folder.join(like.file_name().unwrap_or_default());
    let mut place = name.clone();
    for number in 1_u32.. {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                place = beside(&name, &number.to_string());
            }
            result => return result.map(|file| (place, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
