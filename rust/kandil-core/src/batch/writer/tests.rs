use std::fs;

use super::*;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kandil-writer-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn line(text: &str, ok: bool) -> Line {
    Line { lane: 0, ok, content: [0; 16], line: format!("{text}\n").into_bytes() }
}

fn wait_for_failure(sink: &WriterSink) {
    while sink.failure().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn every_line_is_in_its_file_at_the_end() {
    let folder = folder("lines");
    let (output, errors) = (folder.join("out"), folder.join("errors"));
    let writer = Writer::open(&output, &errors).unwrap();
    let mut sink = writer.sink();
    for number in 0..10_000 {
        sink.put(line(&number.to_string(), number % 100 != 0));
    }
    let closed = writer.close(&folder.join("rescue"));
    assert_eq!(closed, Closed { written: 10_000, ..Closed::default() });
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 9_900);
    assert_eq!(fs::read_to_string(&errors).unwrap().lines().nth(1), Some("100"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn two_runs_do_not_write_to_one_output() {
    let folder = folder("busy");
    let (output, errors) = (folder.join("out"), folder.join("errors"));
    let writer = Writer::open(&output, &errors).unwrap();
    assert!(matches!(Writer::open(&output, &errors), Err(WriterError::Busy(_))));
    writer.close(&folder);
    assert!(!output.exists(), "an empty one is not left behind");
    Writer::open(&output, &errors).unwrap().close(&folder);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_a_full_disk_refuses_is_saved_elsewhere() {
    let folder = folder("full");
    let (output, errors) = (PathBuf::from("/dev/full"), folder.join("errors"));
    if !output.exists() {
        return;
    }
    let writer = Writer::open(&output, &errors).unwrap();
    let mut sink = writer.sink();
    sink.put(line("first", true));
    wait_for_failure(&sink);
    sink.put(line("late", true));
    sink.put(line("wrong", false));
    let closed = writer.close(&folder.join("rescue"));
    assert!(closed.failure.unwrap().contains("/dev/full"));
    assert_eq!((closed.rescued.len(), closed.lost), (2, 0));
    assert_eq!(fs::read_to_string(folder.join("rescue/full")).unwrap(), "first\nlate\n");
    assert_eq!(fs::read_to_string(folder.join("rescue/errors")).unwrap(), "wrong\n");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_removed_output_is_saved_whole() {
    let folder = folder("gone");
    fs::create_dir(folder.join("there")).unwrap();
    let (output, errors) = (folder.join("there/out"), folder.join("there/errors"));
    let writer = Writer::open(&output, &errors).unwrap();
    let mut sink = writer.sink();
    sink.put(line("first", true));
    while writer.written().lines == 0 {
        std::thread::yield_now();
    }
    fs::remove_dir_all(folder.join("there")).unwrap();
    sink.put(line("second", true));
    wait_for_failure(&sink);
    let closed = writer.close(&folder.join("rescue"));
    assert_eq!((closed.rescued, closed.written, closed.lost), (vec![folder.join("rescue/out")], 0, 0));
    assert_eq!(fs::read_to_string(folder.join("rescue/out")).unwrap(), "first\nsecond\n");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_saved_does_not_stand_in_the_way_of_what_was_saved_before() {
    let folder = folder("again");
    let (full, errors, rescue) = (PathBuf::from("/dev/full"), folder.join("errors"), folder.join("rescue"));
    for name in ["full", "full.1", "full.2"] {
        let writer = Writer::open(&full, &errors).unwrap();
        writer.sink().put(line(name, true));
        assert_eq!(writer.close(&rescue).rescued, [rescue.join(name)]);
        assert_eq!(fs::read_to_string(rescue.join(name)).unwrap(), format!("{name}\n"));
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_can_be_saved_nowhere_is_counted() {
    let folder = folder("nowhere");
    let (output, errors) = (PathBuf::from("/dev/full"), folder.join("errors"));
    fs::write(folder.join("taken"), "").unwrap();
    let writer = Writer::open(&output, &errors).unwrap();
    let mut sink = writer.sink();
    sink.put(line("first", true));
    sink.put(line("second", true));
    wait_for_failure(&sink);
    sink.put(line("wrong", false));
    let closed = writer.close(&folder.join("taken/rescue"));
    assert_eq!((closed.written, closed.lost), (0, 3));
    fs::remove_dir_all(folder).unwrap();
}
