//! A file of rows, spread over several.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::fields::quoted;
use super::file::Replacement;
use super::lines::Lines;
pub use super::names::Duplicate;
use super::names::Names;
use super::row::{Form, LONGEST_LINE, id_hash, prompt, unnamed};

/// So many files are open at once.
const MOST_SHARDS: u64 = 500;
const BUFFERS: usize = 16 << 20;

/// A part of a batch: those rows whose `custom_id` falls on `number` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// Whether a row is in it.
    #[must_use]
    pub fn has(self, id: &[u8; 16]) -> bool {
        place(id, self.of) == self.number
    }
}

/// The shard in which a row is.
fn place(id: &[u8; 16], of: u64) -> u64 {
    let mut low = [0; 8];
    low.copy_from_slice(&id[..8]);
    u64::from_le_bytes(low) % of.max(1)
}

/// Why a file is not split.
#[derive(Debug)]
pub enum SplitError {
    /// Of the file system.
    Io(PathBuf, io::Error),
    /// Two rows have the same `custom_id`.
    Duplicate(Duplicate),
    /// A line is no JSON object, or has no `custom_id` that can be one: which, and why.
    Row(u64, String),
    /// There can be 1 to so many.
    Count(u64),
}

/// Writes the rows of a file to `count` new ones in a folder, `<name>-00001-of-00004.jsonl`: each row to the one that
/// [`Shard`] says. Before all rows are read there is none of them. The paths, and how many rows each has.
///
/// A row without a `custom_id` gets that of its line, and a line of text becomes an object with it: `form` says what
/// lines are, and the new files are run without `--text`, everything else alike.
///
/// # Errors
/// See [`SplitError`]. A file of such a name that holds something else is an error, never overwritten.
pub fn split(input: &Path, form: &Form, count: u64, folder: &Path) -> Result<Vec<(PathBuf, u64)>, SplitError> {
    if !(1..=MOST_SHARDS).contains(&count) {
        return Err(SplitError::Count(MOST_SHARDS));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| SplitError::Io(path, error)
    };
    let file = File::open(input).map_err(failed(input))?;
    let paths: Vec<PathBuf> = (1..=count).map(|number| folder.join(name(input, number, count))).collect();
    let buffer = (BUFFERS / count as usize).clamp(4 << 10, 256 << 10);
    let new = paths.iter().map(|path| Replacement::with_buffer(path, buffer).map_err(failed(path)));
    let mut new: Vec<Replacement> = new.collect::<Result<_, _>>()?;
    let (mut lines, mut names, mut line) = (Lines::new(&file, LONGEST_LINE), Names::default(), Vec::new());
    let mut rows = vec![0; paths.len()];
    while let Some(read) = lines.next().map_err(failed(input))? {
        line.clear();
        let custom_id = named(form, read.text, read.number, &mut line);
        let Some(custom_id) = custom_id.map_err(|why| SplitError::Row(read.number, why))? else { continue };
        let id = id_hash(&custom_id);
        names.add(&id);
        let shard = place(&id, count) as usize;
        rows[shard] += 1;
        new[shard].write_all(&line).map_err(failed(&paths[shard]))?;
    }
    if let Some(duplicate) = names.duplicate(&file, form).map_err(failed(input))? {
        return Err(SplitError::Duplicate(duplicate));
    }
    for (new, path) in new.iter_mut().zip(&paths) {
        if path.exists() && !new.is_same(path).map_err(failed(path))? {
            return Err(SplitError::Io(path.clone(), io::ErrorKind::AlreadyExists.into()));
        }
    }
    for (new, path) in new.into_iter().zip(&paths) {
        new.commit().map_err(failed(path))?;
    }
    Ok(paths.into_iter().zip(rows).collect())
}

fn name(input: &Path, number: u64, count: u64) -> String {
    let stem = input.file_stem().map_or(Cow::Borrowed("rows"), |stem| stem.to_string_lossy());
    format!("{stem}-{number:05}-of-{count:05}.jsonl")
}

/// Appends the line with its `custom_id` in it. None: it is empty.
fn named(form: &Form, line: &[u8], number: u64, to: &mut Vec<u8>) -> Result<Option<String>, String> {
    let line = form.stripped(line, number);
    if line.is_empty() {
        return Ok(None);
    }
    let own = form.named(line)?;
    let custom_id = own.as_deref().map_or_else(|| unnamed(number), str::to_owned);
    if own.is_some() {
        to.extend_from_slice(line);
    } else {
        to.extend_from_slice(b"{\"custom_id\":");
        quoted(to, &custom_id);
        if form.text {
            to.extend_from_slice(if form.template.is_some() { b",\"text\":" } else { b",\"prompt\":" });
            quoted(to, prompt(line)?);
            to.push(b'}');
        } else {
            let rest = line.strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
            to.extend_from_slice(if rest.starts_with(b"}") { b"" } else { b"," });
            to.extend_from_slice(rest);
        }
    }
    to.push(b'\n');
    Ok(Some(custom_id))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::folder::Folder;
    use super::super::template::Template;
    use super::*;

    fn contents(form: &Form, path: &Path) -> Vec<(String, [u8; 16])> {
        let mut found: Vec<_> = fs::read_to_string(path)
            .unwrap()
            .lines()
            .zip(1..)
            .filter_map(|(line, number)| form.row(line.as_bytes(), number, &mut |_| ()).unwrap())
            .map(|row| (row.custom_id.clone(), row.content()))
            .collect();
        found.sort_unstable();
        found
    }

    fn split_like_its_whole(form: &Form, after: &Form, content: &str) {
        let folder = Folder::new(&format!("split-{}-{}", form.text, form.template.is_some()));
        let input = folder.file("rows.jsonl");
        fs::write(&input, content).unwrap();
        let shards = split(&input, form, 3, &folder.0).unwrap();
        let mut found: Vec<_> = shards.iter().flat_map(|(path, _)| contents(after, path)).collect();
        found.sort_unstable();
        assert_eq!(found, contents(form, &input));
        assert!(shards.iter().all(|(_, rows)| *rows > 10));
        assert_eq!(shards[1].0, folder.file("rows-00002-of-00003.jsonl"));
        split(&input, form, 3, &folder.0).expect("again is no matter");
        fs::write(&shards[2].0, "something else\n").unwrap();
        let refused = split(&input, form, 3, &folder.0);
        assert!(
            matches!(refused, Err(SplitError::Io(path, error)) if path == shards[2].0 && error.kind() == io::ErrorKind::AlreadyExists)
        );
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 4, "nothing is left behind");
    }

    #[test]
    fn every_row_of_any_form_is_the_same_in_its_shard() {
        let form = Form::default();
        let rows = |n| match n % 3 {
            0 => format!("{{\"custom_id\":\"own-{n}\",\"prompt\":\"p{n}\"}}\n"),
            1 => format!("  {{ \"prompt\" : \"p{n}\" }}\r\n\n"),
            _ => format!("{{\"body\":{{\"messages\":[],\"n\":{n}}}}}\n"),
        };
        split_like_its_whole(&form, &form, &(0..120).map(rows).collect::<String>());
        let text = |template: bool, text: bool| {
            let template = template.then(|| Template::new("say {{text}}").unwrap());
            Form { text, template, ..Form::default() }
        };
        let lines: String = (0..120).map(|n| format!("  line \"{n}\" \r\n")).collect();
        for template in [false, true] {
            split_like_its_whole(&text(template, true), &text(template, false), &lines);
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_split() {
        let folder = Folder::new("split-wrong");
        let input = folder.file("rows.jsonl");
        let refused = |content: &str| {
            fs::write(&input, content).unwrap();
            let refused = split(&input, &Form::default(), 2, &folder.0).unwrap_err();
            assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left behind");
            refused
        };
        assert!(matches!(refused("{}\n{\"prompt\":\n"), SplitError::Row(2, _)));
        assert!(matches!(refused("{\"custom_id\":1}\n"), SplitError::Row(1, _)));
        let twice = refused("{\"custom_id\":\"row-3\"}\n\n{\"prompt\":\"x\"}\n");
        assert!(matches!(twice, SplitError::Duplicate(Duplicate { custom_id, lines: [1, 3] }) if custom_id == "row-3"));
        assert!(matches!(split(&input, &Form::default(), 0, &folder.0), Err(SplitError::Count(_))));
    }
}
