//! Files that only their owner can read, and that are replaced as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memchr::memchr;

const BUFFER: usize = 256 << 10;

/// To be read, and written to from its beginning (`anew`) or its end; where it is not there, it is made.
pub(super) fn private(path: &Path, anew: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(anew).append(!anew).mode(0o600);
    options.open(path)
}

/// None: it is not there, or a device or a pipe, which has nothing to be read again.
pub(super) fn opened(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(known) if known.is_file() => File::open(path).map(Some),
        Ok(known) if known.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of a file that belongs to another.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// The name itself is on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Whether the name leads to another file by now, or to none.
pub(super) fn is_gone(file: &File, path: &Path) -> bool {
    let key = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    fs::metadata(path).ok().map(key) != file.metadata().ok().map(key)
}

/// Reads until the buffer is full, or the file has ended.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Appends a part of a file; an error if it has less.
pub(super) fn copy(from: &File, range: Range<u64>, to: &mut impl Write) -> io::Result<()> {
    let mut rest = At { file: from, offset: range.start }.take(range.end - range.start);
    if io::copy(&mut rest, to)? < range.end - range.start {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Reads from anywhere, whatever others do with the same file.
pub(super) struct At<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// What will stand under a name; until then, what stood there does.
pub(super) struct Replacement {
    path: PathBuf,
    new: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Replacement {
    /// It will have the old file's permissions; where there is none, only its owner can read it.
    pub(super) fn of(path: &Path) -> io::Result<Replacement> {
        Replacement::with_buffer(path, BUFFER)
    }

    pub(super) fn with_buffer(path: &Path, size: usize) -> io::Result<Replacement> {
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            known => known?, // a link stays one
        };
        let new = beside(&path, "new");
        let file = private(&new, true)?;
        if let Ok(known) = fs::metadata(&path) {
            file.set_permissions(known.permissions())?;
        }
        Ok(Replacement { path, new, file: Some(BufWriter::with_capacity(size, file)) })
    }

    /// Whether a file has the same content.
    pub(super) fn is_same(&mut self, path: &Path) -> io::Result<bool> {
        self.flush()?;
        let (one, other) = (File::open(&self.new)?, File::open(path)?);
        let (mut here, mut there, mut offset) = (vec![0; BUFFER], vec![0; BUFFER], 0);
        loop {
            let read = (read_at(&one, &mut here, offset)?, read_at(&other, &mut there, offset)?);
            if here[..read.0] != there[..read.1] {
                return Ok(false);
            }
            if read.0 == 0 {
                return Ok(true);
            }
            offset += read.0 as u64;
        }
    }

    /// Its content is on the disk, under the name.
    pub(super) fn commit(mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            let result = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
            if let Err(error) = result.and_then(|()| fs::rename(&self.new, &self.path)) {
                drop(fs::remove_file(&self.new));
                return Err(error);
            }
        }
        sync_folder(&self.path)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            drop(fs::remove_file(&self.new));
        }
    }
}

/// Takes parts, in their order, out of a file; they go to the end of `aside` first.
pub(super) fn take_out(path: &Path, parts: &[Range<u64>], aside: Option<&Path>) -> io::Result<()> {
    let file = File::open(path)?;
    if let Some(aside) = aside {
        let mut to = private(aside, false)?;
        parts.iter().try_for_each(|part| copy(&file, part.clone(), &mut to))?;
        to.sync_all()?;
    }
    let mut new = Replacement::of(path)?;
    let mut kept = 0;
    for part in parts {
        copy(&file, kept..part.start, &mut new)?;
        kept = part.end;
    }
    copy(&file, kept..file.metadata()?.len(), &mut new)?;
    new.commit()
}

/// Adds a part behind those that are there.
pub(super) fn add_part(parts: &mut Vec<Range<u64>>, part: Range<u64>) {
    match parts.last_mut() {
        Some(last) if last.end == part.start => last.end = part.end,
        _ => parts.push(part),
    }
}

/// The line that begins at `offset`. The buffer has what was read from there on: a piece of this size, or, for a longer
/// line, of twice that, and so on.
pub(super) fn line_at<'a>(
    file: &File,
    offset: u64,
    buffer: &'a mut Vec<u8>,
    piece: usize,
    longest: usize,
) -> io::Result<&'a [u8]> {
    let (mut filled, mut wanted) = (0, piece);
    loop {
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let read = read_at(file, &mut buffer[filled..wanted], offset + filled as u64)?;
        let end = memchr(b'\n', &buffer[filled..filled + read]).map(|at| filled + at);
        filled += read;
        if end.is_some() || filled < wanted || filled > longest {
            buffer.truncate(filled);
            return Ok(&buffer[..end.unwrap_or(filled)]);
        }
        wanted *= 2;
    }
}
