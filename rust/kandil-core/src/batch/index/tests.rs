use std::fs;

use std::path::PathBuf;

use super::*;
use crate::batch::run::{Pulled, Source};

fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kandil-index-{name}-{}", std::process::id()));
    fs::write(&path, content).unwrap();
    path
}

fn drained(index: &Arc<Index>, form: &Arc<Form>, lane: usize) -> Vec<String> {
    let mut cursor = index.cursor(form, lane).unwrap();
    let mut found = Vec::new();
    loop {
        match cursor.next().unwrap() {
            Pulled::Task(task) => found.push(task.custom_id),
            Pulled::Bad(task, failure) => found.push(format!("{}: {}", task.custom_id, failure.code)),
            Pulled::Dry => unreachable!(),
            Pulled::End => return found,
        }
    }
}

fn rows(count: usize) -> String {
    (0..count).map(|n| format!("{{\"custom_id\":\"r{n}\",\"prompt\":\"{n}\",\"model\":\"m{}\"}}\n", n % 3)).collect()
}

#[test]
fn each_lane_has_its_rows_in_order() {
    let path = file("lanes", rows(10_000));
    let form = Arc::new(Form::default());
    let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
    assert_eq!(index.lanes.iter().map(|lane| lane.rows).collect::<Vec<_>>(), [3334, 3333, 3333]);
    let found = drained(&index, &form, 1);
    assert_eq!((found[0].as_str(), found[3332].as_str(), found.len()), ("r1", "r9997", 3333));
    fs::remove_file(path).unwrap();
}

#[test]
fn lines_of_any_length_and_ending_are_found() {
    let long = "x".repeat(3 << 20);
    let content =
        format!("\u{feff}{{\"prompt\":\"a\"}}\r\n\n{{\"prompt\":\"{long}\"}}\n  \nnonsense\n{{\"prompt\":\"z\"}}");
    let path = file("long", content);
    let form = Arc::new(Form::default());
    let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
    assert_eq!((index.len(), index.bad_rows, index.bad[0].line), (4, 1, 5));
    assert_eq!(drained(&index, &form, 0), ["row-1", "row-3", "row-5: invalid_row", "row-6"]);
    fs::remove_file(path).unwrap();
}

#[test]
fn two_rows_of_one_name_are_an_error() {
    let path = file("twice", rows(50) + "\n" + &rows(1));
    match Index::scan(&path, &Form::default(), &Recorded::default(), None) {
        Err(IndexError::Duplicate(name, first, second)) => {
            assert_eq!((name.as_str(), first, second), ("r0", 1, 52))
        }
        other => panic!("{:?}", other.err()),
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn shards_have_every_row_once() {
    let path = file("shards", rows(1000) + "nonsense\n");
    let form = Arc::new(Form::default());
    let mut all = Vec::new();
    for number in 0..7 {
        let shard = Some(Shard { number, of: 7 });
        let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), shard).unwrap());
        (0..index.lanes.len()).for_each(|lane| all.extend(drained(&index, &form, lane)));
    }
    all.sort_unstable();
    assert_eq!(all.len(), 1001, "what cannot be sent is in one of them, too");
    all.dedup();
    assert_eq!(all.len(), 1001);
    fs::remove_file(path).unwrap();
}

#[test]
fn what_is_recorded_is_not_read_again_and_what_was_changed_is_told() {
    let path = file("done", rows(10));
    let form = Arc::new(Form::default());
    let entry = |name: &str, line: &str| {
        let row = form.row(line.as_bytes(), 1, &mut |_| ()).unwrap().unwrap();
        crate::batch::recorded::Entry::new(id_hash(name), &row.content(), false)
    };
    let mut entries =
        vec![entry("r3", r#"{"prompt":"3","model":"m0"}"#), entry("r6", r#"{"prompt":"something else","model":"m0"}"#)];
    entries.sort_unstable();
    let recorded = Recorded { entries, ..Recorded::default() };
    let index = Arc::new(Index::scan(&path, &form, &recorded, None).unwrap());
    assert_eq!((index.lanes[0].done, index.changed_rows, index.changed.as_slice()), (2, 1, &["r6".to_owned()][..]));
    assert_eq!(drained(&index, &form, 0), ["r0", "r9"]);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_changes_is_not_gone_on_with() {
    let path = file("changes", rows(10));
    let form = Arc::new(Form::default());
    let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
    let mut cursor = index.cursor(&form, 0).unwrap();
    fs::write(&path, rows(5)).unwrap();
    assert!((0..10).any(|_| cursor.next().is_err()));
    fs::remove_file(path).unwrap();
}

#[test]
fn rows_that_are_wrong_have_names_too() {
    let path = file("bad-names", "{\"custom_id\":\"a\"}\n{\"custom_id\":\"a\",\"prompt\":\"x\"}\n");
    match Index::scan(&path, &Form::default(), &Recorded::default(), None) {
        Err(IndexError::Duplicate(name, 1, 2)) => assert_eq!(name, "a"),
        other => panic!("{:?}", other.err()),
    }
    fs::write(&path, "{\"custom_id\":\"a\"}\n{\"prompt\":\"x\"}\n").unwrap();
    let form = Arc::new(Form::default());
    let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
    assert_eq!(drained(&index, &form, 0), ["a: invalid_row", "row-2"]);
    let recorded = Recorded {
        entries: vec![crate::batch::recorded::Entry::new(id_hash("a"), &[0; 16], true)],
        ..Recorded::default()
    };
    let index = Arc::new(Index::scan(&path, &form, &recorded, None).unwrap());
    assert_eq!((index.bad_rows, drained(&index, &form, 0)), (0, vec!["row-2".to_owned()]));
    fs::remove_file(path).unwrap();
}

#[test]
fn a_last_line_without_its_line_feed_is_read_behind_any_number_of_others() {
    for count in [1, 7, 6_000, 20_000, 20_001] {
        let path = file("last", rows(count).trim_end());
        let form = Arc::new(Form::default());
        let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
        let found: usize = (0..index.lanes.len()).map(|lane| drained(&index, &form, lane).len()).sum();
        assert_eq!(found, count);
        fs::remove_file(path).unwrap();
    }
}
