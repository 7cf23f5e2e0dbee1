//! Finds the files under a folder.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::source::Stat;

/// Folders below folders below folders: more is a loop that the device numbers do not show, or an attack.
const MAX_DEPTH: usize = 128;

/// One name that a walk met.
#[derive(Debug)]
pub struct Entry {
    /// As reached from its root.
    pub path: PathBuf,
    /// The regular file behind the name, or why there is none.
    pub file: Result<Stat, String>,
}

/// Every regular file under `roots` that `wanted` asks for by its name, sorted by path within each root.
///
/// Symbolic links are followed and a folder is entered once, so loops end; by its own name where it has one under the
/// root, and else by the first link to it, so that a file's path does not depend on the order of a folder's entries. A root that is a file is always in the
/// result. What cannot be read, and a root that is not there or neither file nor folder, is an entry with an error.
pub fn walk(roots: &[PathBuf], wanted: impl Fn(&[u8]) -> bool) -> Vec<Entry> {
    let mut walk = Walk { wanted, entered: HashSet::new(), linked: Vec::new(), found: Vec::new() };
    for root in roots {
        let first = walk.found.len();
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {
                walk.folder(root, &metadata, 0);
                walk.follow_links();
            }
            Ok(metadata) => walk.push(root.clone(), Ok(metadata)),
            Err(error) => walk.push(root.clone(), Err(error)),
        }
        walk.found[first..].sort_by(|a, b| a.path.cmp(&b.path));
    }
    walk.found
}

struct Walk<F> {
    wanted: F,
    entered: HashSet<(u64, u64)>,
    /// Links to folders, with their depth, until all folders have been entered by their own names.
    linked: Vec<(PathBuf, usize)>,
    found: Vec<Entry>,
}

impl<F: Fn(&[u8]) -> bool> Walk<F> {
    fn push(&mut self, path: PathBuf, metadata: io::Result<fs::Metadata>) {
        let file = match metadata {
            Ok(metadata) if metadata.is_file() => Ok(Stat::of(&metadata)),
            Ok(_) => Err("is not a regular file".to_owned()),
            Err(error) => Err(describe(&error)),
        };
        self.found.push(Entry { path, file });
    }

    fn folder(&mut self, path: &Path, metadata: &fs::Metadata, depth: usize) {
        let stat = Stat::of(metadata);
        // Some file systems have no inode numbers; there only the depth ends a loop.
        if stat.inode != 0 && !self.entered.insert((stat.device, stat.inode)) {
            return;
        }
        if depth > MAX_DEPTH {
            return self.push(path.to_owned(), Err(io::Error::other("folders are nested too deeply")));
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.push(path.to_owned(), Err(error)),
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry, depth),
                Err(error) => return self.push(path.to_owned(), Err(error)),
            }
        }
    }

    fn follow_links(&mut self) {
        while !self.linked.is_empty() {
            let mut links = std::mem::take(&mut self.linked);
            links.sort();
            for (path, depth) in links {
                match fs::metadata(&path) {
                    Ok(metadata) => self.folder(&path, &metadata, depth),
                    Err(error) => self.push(path, Err(error)),
                }
            }
        }
    }

    fn entry(&mut self, entry: &fs::DirEntry, depth: usize) {
        let path = entry.path();
        let named = (self.wanted)(entry.file_name().as_encoded_bytes());
        let kind = entry.file_type();
        // A name that nobody asked for is looked at only where it may be a folder.
        let maybe_folder = kind.as_ref().map_or(true, |kind| kind.is_dir() || kind.is_symlink());
        if !named && !maybe_folder {
            return;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match kind {
                Ok(kind) if kind.is_symlink() => self.linked.push((path, depth + 1)),
                _ => self.folder(&path, &metadata, depth + 1),
            },
            metadata if named => self.push(path, metadata),
            _ => {}
        }
    }
}

/// The error as a person says it, without the number.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            match text.split_once(" (os error") {
                Some((words, _)) => words.to_lowercase(),
                None => text,
            }
        }
    }
}
