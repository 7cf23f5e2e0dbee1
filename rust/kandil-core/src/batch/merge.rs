//! The results of several runs, as one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file::{Replacement, opened};
use super::lines::Lines;
use super::recorded::{LONGEST_RESULT, RecordedError, half, is_ours};
use super::result::result;

/// What was merged, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Rows with an answer.
    pub answered: u64,
    /// Rows that have failed, in all files.
    pub failed: u64,
    /// Ends of rows that have an earlier one, or an answer beside an error.
    pub repeated: u64,
    /// Lines that are damaged, or not written to their end: they were left out.
    pub damaged: u64,
}

/// Why nothing was merged.
#[derive(Debug)]
pub enum MergeError {
    /// Of the file system.
    Io(PathBuf, io::Error),
    /// This line is none of a batch's results.
    Foreign(PathBuf, u64),
    /// Two ends of a row are of different requests: its `custom_id`, and the files and lines.
    Conflict(String, [(PathBuf, u64); 2]),
}

/// An end of a row, and where it is.
struct End {
    id: [u8; 16],
    failed: bool,
    file: u32,
    offset: u64,
    /// Zeros: it could not be sent as it was.
    content: [u8; 8],
}

/// Writes all answers in these files to `output`, and to `errors` the errors of rows without one.
///
/// Of several ends of a row the first answer is kept, or else the first error. What `output` and `errors` hold already
/// comes first, so doing it again changes nothing. Either is replaced as a whole; without errors there is no such file.
///
/// # Errors
/// See [`MergeError`]; nothing was changed.
pub fn merge(inputs: &[PathBuf], output: &Path, errors: &Path) -> Result<Merged, MergeError> {
    let own = [output, errors].into_iter().filter(|path| path.exists());
    let others = inputs.iter().map(PathBuf::as_path).filter(|path| ![output, errors].contains(path) || !path.exists());
    let files: Vec<PathBuf> = own.chain(others).map(Path::to_owned).collect();
    let (mut ends, mut merged) = (Vec::new(), Merged::default());
    for (number, path) in files.iter().enumerate() {
        is_ours(path).map_err(|error| match error {
            RecordedError::Io(path, error) => MergeError::Io(path, error),
            RecordedError::Foreign(path, line) => MergeError::Foreign(path, line),
        })?;
        let number = u32::try_from(number).expect("their names are in memory");
        merged.damaged += add(&mut ends, path, number).map_err(|error| MergeError::Io(path.clone(), error))?;
    }
    ends.sort_unstable_by_key(|end| (end.id, end.failed, end.file, end.offset));
    conflict(&ends, &files)?;
    let before = ends.len();
    ends.dedup_by_key(|end| end.id);
    merged.repeated = (before - ends.len()) as u64;
    merged.failed = ends.iter().filter(|end| end.failed).count() as u64;
    merged.answered = ends.len() as u64 - merged.failed;
    ends.sort_unstable_by_key(|end| (end.file, end.offset));
    write(&ends, &files, output, errors)?;
    Ok(merged)
}

/// All ends in a file; how many of its lines are none.
fn add(ends: &mut Vec<End>, path: &Path, file: u32) -> io::Result<u64> {
    let results = opened(path)?.ok_or(io::ErrorKind::NotFound)?;
    let (mut lines, mut damaged) = (Lines::new(results, LONGEST_RESULT), 0);
    while let Some(line) = lines.next()? {
        match result(line.text) {
            Some(found) => ends.push(End {
                id: found.id(),
                failed: !found.ok,
                file,
                offset: line.offset,
                content: half(&found.content),
            }),
            None => damaged += u64::from(!line.text.trim_ascii().is_empty()),
        }
    }
    Ok(damaged)
}

fn conflict(ends: &[End], files: &[PathBuf]) -> Result<(), MergeError> {
    for rows in ends.chunk_by(|one, other| one.id == other.id) {
        let mut sent = rows.iter().filter(|end| end.content != [0; 8]);
        let Some(first) = sent.next() else { continue };
        if let Some(other) = sent.find(|end| end.content != first.content) {
            let ((name, first), (_, other)) = (place(first, files)?, place(other, files)?);
            return Err(MergeError::Conflict(name, [first, other]));
        }
    }
    Ok(())
}

/// The row's `custom_id`, and the file and line of this end.
fn place(end: &End, files: &[PathBuf]) -> Result<(String, (PathBuf, u64)), MergeError> {
    let path = &files[end.file as usize];
    let failed = |error| MergeError::Io(path.clone(), error);
    let mut lines = Lines::new(File::open(path).map_err(failed)?, LONGEST_RESULT);
    while let Some(line) = lines.next().map_err(failed)? {
        if line.offset == end.offset {
            let name = result(line.text).map(|found| found.custom_id.into_owned());
            return Ok((name.unwrap_or_default(), (path.clone(), line.number)));
        }
    }
    Err(failed(io::ErrorKind::UnexpectedEof.into()))
}

/// Errors last: what ends between the two leaves a row in both files, where its answer counts.
fn write(ends: &[End], files: &[PathBuf], output: &Path, errors: &Path) -> Result<(), MergeError> {
    let paths = [output, errors];
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| MergeError::Io(path, error)
    };
    let mut new = [Replacement::of(output).map_err(failed(output))?, Replacement::of(errors).map_err(failed(errors))?];
    for ends in ends.chunk_by(|one, other| one.file == other.file) {
        let path = &files[ends[0].file as usize];
        let file = File::open(path).map_err(failed(path))?;
        let (mut lines, mut ends) = (Lines::new(file, LONGEST_RESULT), ends.iter().peekable());
        while let Some(line) = lines.next().map_err(failed(path))? {
            if let Some(end) = ends.next_if(|end| end.offset == line.offset) {
                let to = usize::from(end.failed);
                let result = new[to].write_all(line.text).and_then(|()| new[to].write_all(b"\n"));
                result.map_err(failed(paths[to]))?;
            }
        }
        if ends.next().is_some() {
            return Err(failed(path)(io::Error::other("it was changed while it was read")));
        }
    }
    let [answers, refusals] = new;
    answers.commit().map_err(failed(output))?;
    if ends.iter().any(|end| end.failed) {
        return refusals.commit().map_err(failed(errors));
    }
    drop(refusals);
    match fs::remove_file(errors) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(errors)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::super::result::tests::line;
    use super::*;

    fn lines(numbers: impl IntoIterator<Item = u32>, ok: bool) -> String {
        numbers.into_iter().map(|number| line(number, ok)).collect()
    }

    #[test]
    fn doing_it_again_in_any_way_changes_nothing() {
        let folder = Folder::new("merge");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let inputs = ["a", "b", "c"].map(|name| folder.file(name));
        fs::write(&inputs[0], lines(0..10, true)).unwrap();
        fs::write(&inputs[1], lines([20, 3, 21], true) + &line(22, true)[..90]).unwrap();
        fs::write(&inputs[2], lines([5, 30, 31, 30], false)).unwrap();
        let first = merge(&inputs, &output, &errors).unwrap();
        assert_eq!(first, Merged { answered: 12, failed: 2, repeated: 3, damaged: 1 });
        let expected = lines((0..10).chain([20, 21]), true);
        assert_eq!(fs::read_to_string(&output).unwrap(), expected);
        assert_eq!(fs::read_to_string(&errors).unwrap(), lines([30, 31], false));
        let all = [&inputs[..], &[output.clone(), errors.clone()]].concat();
        for again in [&inputs[..], &inputs[1..2], &[], &all] {
            let found = merge(again, &output, &errors).unwrap();
            assert_eq!((found.answered, found.failed), (12, 2));
            assert_eq!(fs::read_to_string(&output).unwrap(), expected);
            assert_eq!(fs::read_to_string(&errors).unwrap(), lines([30, 31], false));
        }
        fs::write(&inputs[0], lines([31, 30], true)).unwrap();
        merge(&inputs[..1], &output, &errors).unwrap();
        assert!(!errors.exists(), "every row has an answer by now");
        assert_eq!(fs::read_to_string(&output).unwrap(), expected + &lines([31, 30], true));
    }

    #[test]
    fn ends_of_different_requests_are_no_ends_of_one_row() {
        let folder = Folder::new("conflict");
        let (output, errors) = (folder.file("out"), folder.file("errors"));
        let inputs = ["a", "b"].map(|name| folder.file(name));
        fs::write(&inputs[0], lines(0..3, true)).unwrap();
        fs::write(&inputs[1], lines([7], true) + &line(8, true).replace("r-8", "r-2")).unwrap();
        match merge(&inputs, &output, &errors) {
            Err(MergeError::Conflict(name, places)) => {
                assert_eq!(name, "r-2");
                assert_eq!(places, [(inputs[0].clone(), 3), (inputs[1].clone(), 2)]);
            }
            other => panic!("{other:?}"),
        }
        assert!(!output.exists() && !folder.file("out.new").exists());
        let unsent = line(2, false).replace("req_00000003", "req_00000000");
        fs::write(&inputs[1], unsent).unwrap();
        assert_eq!(merge(&inputs, &output, &errors).unwrap().answered, 3);
    }

    #[test]
    fn files_of_somebody_else_are_refused() {
        let folder = Folder::new("merge-foreign");
        fs::write(folder.file("a"), line(1, true)).unwrap();
        fs::write(folder.file("out"), "notes\n").unwrap();
        let merged = merge(&[folder.file("a")], &folder.file("out"), &folder.file("errors"));
        assert!(matches!(merged, Err(MergeError::Foreign(_, 1))));
        assert_eq!(fs::read_to_string(folder.file("out")).unwrap(), "notes\n");
        let none = merge(&[folder.file("none")], &folder.file("new"), &folder.file("errors"));
        assert!(matches!(none, Err(MergeError::Io(..))));
    }
}
