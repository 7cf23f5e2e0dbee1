//! One run at a time on an output.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::file::{beside, is_gone, private};

/// While it lives, no other process has it; it goes with its process, however that ends.
///
/// It is a file of its own beside the output, because the output may be replaced.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Of the file system.
    Io(PathBuf, io::Error),
    /// Somebody has it: the process, if it says so.
    Held(Option<u32>),
}

impl Lock {
    /// Of an output, which need not be there.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(output: &Path) -> Result<Lock, LockError> {
        let path = beside(output, "lock");
        let failed = |error| LockError::Io(path.clone(), error);
        loop {
            let mut file = private(&path, false).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if is_gone(&file, &path) {
                continue; // whoever had it has just removed it
            }
            file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
            return Ok(Lock { path, file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !is_gone(&self.file, &self.path) {
            drop(fs::remove_file(&self.path));
        }
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut said = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(16).read_to_string(&mut said).ok()?;
    said.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::*;

    #[test]
    fn one_at_a_time_and_who() {
        let folder = Folder::new("lock");
        let output = folder.file("out");
        let lock = Lock::take(&output).unwrap();
        match Lock::take(&output) {
            Err(LockError::Held(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(lock);
        assert!(!folder.file("out.lock").exists());
        fs::write(folder.file("out.lock"), "what a killed process leaves").unwrap();
        drop(Lock::take(&output).unwrap());
        assert!(matches!(Lock::take(&folder.file("none/out")), Err(LockError::Io(..))));
    }

    #[test]
    fn many_at_once_have_it_one_after_another() {
        let folder = Folder::new("locks");
        let output = folder.file("out");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut had = 0;
                    while had < 200 {
                        let Ok(lock) = Lock::take(&output) else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        had += 1;
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
