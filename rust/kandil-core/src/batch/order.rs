//! Results in the order of their rows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::file::{Replacement, line_at, opened, sync_folder};
use super::lines::Lines;
use super::recorded::LONGEST_RESULT;
use super::result::result;
use super::row::{Form, LONGEST_LINE, id_hash};

const PIECE: usize = 4 << 10;
const TAKEN: u64 = u64::MAX;

/// Writes the results in `part` to `output`, in the order of the rows in `input`, and removes `part`.
///
/// Results of rows that are not in the input any more come last; of several results of a row the first is kept. Until
/// all is on the disk, `output` is as it was. Without `part` there is nothing to do. How many results there are.
///
/// # Errors
/// Of the file system; then `part` is as it was.
pub fn order(input: &Path, form: &Form, part: &Path, output: &Path) -> io::Result<u64> {
    let Some(results) = opened(part)? else { return Ok(0) };
    let mut places = places(&results)?;
    let mut new = Replacement::of(output)?;
    let (mut buffer, mut count) = (Vec::new(), 0);
    let mut append = |offset| {
        new.write_all(line_at(&results, offset, &mut buffer, PIECE, LONGEST_RESULT)?)?;
        count += 1;
        new.write_all(b"\n")
    };
    let mut rows = Lines::new(File::open(input)?, LONGEST_LINE);
    while let Some(line) = rows.next()? {
        let Some(custom_id) = form.custom_id(line.text, line.number) else { continue };
        let id = id_hash(&custom_id);
        let Ok(at) = places.binary_search_by_key(&id, |place| place.0) else { continue };
        let offset = std::mem::replace(&mut places[at].1, TAKEN);
        if offset != TAKEN {
            append(offset)?;
        }
    }
    let mut left: Vec<u64> = places.into_iter().map(|place| place.1).filter(|offset| *offset != TAKEN).collect();
    left.sort_unstable();
    left.into_iter().try_for_each(&mut append)?;
    new.commit()?;
    fs::remove_file(part)?;
    sync_folder(part)?;
    Ok(count)
}

/// Hash of its `custom_id`, and where each row's first result is; sorted.
fn places(results: &File) -> io::Result<Vec<([u8; 16], u64)>> {
    let (mut lines, mut places) = (Lines::new(results, LONGEST_RESULT), Vec::new());
    while let Some(line) = lines.next()? {
        if let Some(found) = result(line.text) {
            places.push((found.id(), line.offset));
        }
    }
    places.sort_unstable();
    places.dedup_by_key(|place| place.0);
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::super::result::tests::line;
    use super::*;

    #[test]
    fn results_stand_where_their_rows_do() {
        let folder = Folder::new("order");
        let (input, part, output) = (folder.file("in"), folder.file("out.part"), folder.file("out"));
        let rows: String = (0..50).map(|n| format!("{{\"custom_id\":\"r-{n}\",\"prompt\":\"x\"}}\n\n")).collect();
        fs::write(&input, rows).unwrap();
        let late = (0..60).rev().filter(|n| n % 7 != 0).map(|n| line(n, true));
        let repeated = line(3, true).replace("\"choices\":[]", "\"choices\":[1]");
        fs::write(&part, late.collect::<String>() + &repeated).unwrap();
        let count = order(&input, &Form::default(), &part, &output).unwrap();
        let expected = (0..50).chain((50..60).rev()).filter(|n| n % 7 != 0).map(|n| line(n, true));
        assert_eq!(fs::read_to_string(&output).unwrap(), expected.collect::<String>());
        assert_eq!((count, part.exists(), folder.file("out.new").exists()), (51, false, false));
        let before = fs::read(&output).unwrap();
        assert_eq!(order(&input, &Form::default(), &part, &output).unwrap(), 0);
        assert_eq!(fs::read(&output).unwrap(), before, "a second time changes nothing");
    }

    #[test]
    fn rows_without_a_name_have_that_of_their_line() {
        let folder = Folder::new("order-lines");
        let (input, part, output) = (folder.file("in"), folder.file("out.part"), folder.file("out"));
        fs::write(&input, "\nfirst\nsecond\n").unwrap();
        let lines = ["row-3", "row-2"].map(|name| line(1, true).replace("r-1", name));
        fs::write(&part, lines.concat()).unwrap();
        let form = Form { text: true, ..Form::default() };
        assert_eq!(order(&input, &form, &part, &output).unwrap(), 2);
        assert_eq!(fs::read_to_string(&output).unwrap(), lines[1].clone() + &lines[0]);
    }
}
