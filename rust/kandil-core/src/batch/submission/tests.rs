use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::batch::index::Index;
use crate::batch::protocol::Protocol;
use crate::batch::recorded::Recorded;
use crate::batch::row::Form;
use crate::batch::run::{Failure, Recorded as Line, Sink};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("kandil-submission-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Default)]
struct Lines(Vec<(bool, String)>);

impl Sink for Lines {
    fn put(&mut self, line: Line) {
        self.0.push((line.ok, String::from_utf8(line.line).unwrap()));
    }

    fn room(&self) -> bool {
        true
    }
}

fn written(folder: &Folder, input: &str, dialect: Dialect, caps: Caps) -> (Vec<Prepared>, Unsent) {
    let path = folder.file("in", input);
    let form = Arc::new(Form::default());
    let index = Arc::new(Index::scan(&path, &form, &Recorded::default(), None).unwrap());
    let mut cursor = index.cursor(&form, 0).unwrap();
    let target = Target::new(Protocol::OpenAi, "m");
    prepare(&mut cursor, Requests::new(&folder.0, dialect, caps, target, 1)).unwrap()
}

const MANY: Caps = Caps { rows: 1000, bytes: 1 << 20 };

fn rows(folder: &Folder, number: u64) -> Rows {
    Rows::read(&folder.0.join(format!("{number}.rows"))).unwrap()
}

fn collected(
    rows: &mut Rows,
    results: &Path,
    dialect: Dialect,
    recorded: &Recorded,
) -> (Collected, Vec<(bool, String)>) {
    let target = Target::new(Protocol::OpenAi, "m");
    let mut lines = Lines::default();
    let found = collect(dialect, &target, Kind::Chat, rows, results, recorded, &mut lines).unwrap();
    (found, lines.0)
}

#[test]
fn a_file_has_what_openai_takes() {
    let folder = Folder::new("openai");
    let input = "{\"custom_id\":\"a\",\"prompt\":\"hi\"}\n{\"custom_id\":\"ü 1\",\"prompt\":\"ho\"}\n";
    let (prepared, unsent) = written(&folder, input, Dialect::OpenAi, MANY);
    assert_eq!((prepared.len(), prepared[0].rows, unsent.rows), (1, 2, 0));
    let text = folder.text("1.requests");
    assert_eq!(text.len() as u64, prepared[0].bytes);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"hi"}]}}"#
    );
    assert!(lines[1].starts_with("{\"custom_id\":\"kandil-"), "a name that not all take: {}", lines[1]);
}

#[test]
fn a_file_has_what_the_others_take() {
    let folder = Folder::new("others");
    let input = "{\"custom_id\":\"a\",\"prompt\":\"hi\"}\n{\"custom_id\":\"b\",\"prompt\":\"ho\"}\n";
    written(&folder, input, Dialect::Mistral, MANY);
    let first = folder.text("1.requests");
    let asked = r#"{"custom_id":"a","body":{"messages":[{"role":"user","content":"hi"}]}}"#;
    assert_eq!(first.lines().next(), Some(asked));
    let (prepared, _) = written(&folder, input, Dialect::Anthropic, MANY);
    let whole = folder.text("1.requests");
    assert_eq!(whole.len() as u64, prepared[0].bytes);
    let found: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(found["requests"][1]["custom_id"], "b");
    assert_eq!(found["requests"][0]["params"]["model"], "m");
}

#[test]
fn no_batch_goes_beyond_the_caps_and_each_is_of_one_kind() {
    let input: String = (0..100).map(|n| format!("{{\"custom_id\":\"r{n}\",\"prompt\":\"{n}\"}}\n")).collect();
    for (dialect, caps) in [
        (Dialect::OpenAi, Caps { rows: 7, bytes: 1 << 20 }),
        (Dialect::OpenAi, Caps { rows: 1000, bytes: 1000 }),
        (Dialect::Anthropic, Caps { rows: 1000, bytes: 1000 }),
    ] {
        let folder = Folder::new("caps");
        let (prepared, _) = written(&folder, &input, dialect, caps);
        assert!(prepared.len() > 1);
        assert!(prepared.iter().all(|one| one.rows <= caps.rows && one.bytes <= caps.bytes), "{prepared:?}");
        assert_eq!(prepared.iter().map(|one| one.rows).sum::<u64>(), 100);
        assert_eq!(
            prepared.iter().map(|one| one.number).collect::<Vec<_>>(),
            (1..=prepared.len() as u64).collect::<Vec<_>>()
        );
    }
    let folder = Folder::new("kinds");
    let mixed = "{\"prompt\":\"a\"}\n{\"url\":\"/v1/embeddings\",\"body\":{\"input\":\"b\"}}\n{\"prompt\":\"c\"}\n";
    let (prepared, _) = written(&folder, mixed, Dialect::OpenAi, MANY);
    assert_eq!(
        prepared.iter().map(|one| (one.kind, one.rows)).collect::<Vec<_>>(),
        [(Kind::Chat, 2), (Kind::Embeddings, 1)]
    );
}

#[test]
fn what_cannot_be_sent_has_its_line_of_error() {
    let folder = Folder::new("unsent");
    let long = "x".repeat(500);
    let input =
        format!("nonsense\n{{\"custom_id\":\"b\",\"prompt\":\"{long}\"}}\n{{\"custom_id\":\"c\",\"prompt\":\"c\"}}\n");
    let (prepared, unsent) = written(&folder, &input, Dialect::OpenAi, Caps { rows: 10, bytes: 400 });
    assert_eq!((prepared[0].rows, unsent.rows), (1, 2));
    let lines = folder.text("unsent");
    assert!(
        lines.lines().all(|line| line.starts_with("{\"id\":\"batch_req_") && line.contains("\"error\":{\"code\":\""))
    );
}

#[test]
fn results_become_our_lines_in_any_order_and_once() {
    let folder = Folder::new("results");
    let input = "{\"custom_id\":\"a\",\"prompt\":\"1\"}\n{\"custom_id\":\"ü\",\"prompt\":\"2\"}\n{\"custom_id\":\"c\",\"prompt\":\"3\"}\n{\"custom_id\":\"d\",\"prompt\":\"4\"}\n";
    written(&folder, input, Dialect::OpenAi, MANY);
    let strange = sent_id("ü");
    let answer = r#"{"choices":[{"message":{"content":"yes"}}]}"#;
    let content = format!(
        "{}\n{}\n{}\n{}\nnonsense\n{}\n",
        r#"{"id":"x","custom_id":"c","response":{"status_code":400,"request_id":"r","body":{"error":{"code":"bad","message":"no"}}},"error":null}"#,
        format_args!(
            r#"{{"id":"x","custom_id":"{strange}","response":{{"status_code":200,"request_id":"q","body":{answer}}},"error":null}}"#
        ),
        format_args!(
            r#"{{"id":"x","custom_id":"{strange}","response":{{"status_code":200,"request_id":"q","body":{answer}}},"error":null}}"#
        ),
        r#"{"id":"x","custom_id":"nobody","response":null,"error":{"code":"x","message":"y"}}"#,
        r#"{"id":"x","custom_id":"d","response":null,"error":{"code":"batch_expired","message":"late"}}"#,
    );
    let results = folder.file("results", &content);
    let mut known = rows(&folder, 1);
    let (found, lines) = collected(&mut known, &results, Dialect::OpenAi, &Recorded::default());
    assert_eq!(found, Collected { answered: 1, failed: 2, strange: 3 });
    assert!(
        lines[0].1.contains(r#""response":{"status_code":400"#)
            && lines[0].1.contains(r#""error":{"code":"bad","message":"no"}"#)
    );
    assert!(lines[1].0 && lines[1].1.contains("\"custom_id\":\"ü\"") && lines[1].1.contains(answer));
    assert!(lines[2].1.contains("batch_expired"));
    let mut rest = Lines::default();
    let failure = Failure { code: "batch_failed".to_owned(), message: "why".to_owned() };
    give_up(&known, &failure, &Recorded::default(), &mut rest).unwrap();
    assert_eq!(rest.0.len(), 1);
    assert!(rest.0[0].1.contains("\"custom_id\":\"a\",\"response\":null,\"error\":{\"code\":\"batch_failed\""));

    let output =
        folder.file("out", &lines.iter().filter(|line| line.0).map(|line| line.1.as_str()).collect::<String>());
    let recorded = Recorded::read(&output, &folder.0.join("none")).unwrap();
    let (again, _) = collected(&mut rows(&folder, 1), &results, Dialect::OpenAi, &recorded);
    assert_eq!((again.answered, again.failed), (0, 2), "what is recorded is not written again");
}

#[test]
fn each_end_of_anthropics_is_told() {
    let folder = Folder::new("anthropic");
    let input = "{\"custom_id\":\"a\",\"prompt\":\"1\"}\n{\"custom_id\":\"b\",\"prompt\":\"2\"}\n{\"custom_id\":\"c\",\"prompt\":\"3\"}\n";
    written(&folder, input, Dialect::Anthropic, MANY);
    let content = [
        r#"{"custom_id":"a","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"no"}}}}"#,
        r#"{"custom_id":"b","result":{"type":"canceled"}}"#,
        r#"{"custom_id":"c","result":{"type":"expired"}}"#,
    ]
    .join("\n");
    let results = folder.file("results", &content);
    let (found, lines) = collected(&mut rows(&folder, 1), &results, Dialect::Anthropic, &Recorded::default());
    assert_eq!((found.failed, found.strange), (3, 0));
    for (line, code) in lines.iter().zip(["invalid_request_error", "batch_cancelled", "batch_expired"]) {
        assert!(line.1.contains(&format!("\"error\":{{\"code\":\"{code}\"")), "{}", line.1);
    }
}
