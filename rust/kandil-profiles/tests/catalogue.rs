//! A mistake in a profile is found, and named with its file and line; what kandil ships has none.

#![cfg(feature = "build")]
#![allow(missing_docs)]

use std::path::Path;

use kandil_profiles::catalogue::Catalogue;

const SOURCES: &str = "schema = 1\ndate = \"2026-11-22\"\n[sources]\nmaker = \"the maker's page\"\n";

const PROVIDER: &str = r#"schema = 1
date = "2026-11-22"
[provider]
id = "acme"
name = "Acme"
protocol = "openai"
base_url = "https://api.acme.example/v1"
chat_path = "/chat/completions"
models_path = "/models"
check = { url = "https://api.acme.example/v1/models", ok = [200], bad_key = [401] }
sources = ["maker"]
[models."rocket-1"]
api_model = "rocket-1-20260101"
name = "Rocket 1"
context_window = 1000
max_output_tokens = 100
status = "retired"
shutdown_date = "2026-01-02"
successor = "rocket-2"
sources = ["maker"]
[models."rocket-2"]
api_model = "rocket-2"
name = "Rocket 2"
status = "active"
sources = ["maker"]
"#;

const TAGS: &str = r#"[tags."skate"]
"7b" = { size_bytes = 10, supports = ["tools"], also = ["latest", "7b-q4_K_M"], sources = ["maker"] }
"70b" = { size_approx_bytes = 100, supports = [], sources = ["maker"] }
"#;

const GGUF: &str = r#"schema = 1
date = "2026-11-22"
["Acme/Skate-GGUF"]
license = "mit"
"skate-q4-1.gguf" = { size_bytes = 5, model = "skate-70b", quant = "Q4_K_M", shard = [1, 2], agree = 0, sources = ["maker"] }
"skate-q4-2.gguf" = { size_bytes = 6, model = "skate-70b", quant = "Q4_K_M", shard = [2, 2], agree = 0, sources = ["maker"] }
"#;

const ALIASES: &str = r#"schema = 1
date = "2026-11-22"
[aliases]
"rocket" = { target = "rocket-2", also = ["skate:7b"], sources = ["maker"] }
"#;

const SHAPES: &str = r#"schema = 1
date = "2026-11-22"
["skate-70b"]
architecture = "llama"
block_count = 80
"attention.head_count_kv" = [8, 8]
models = ["skate:70b", "skate-70b"]
sources = ["maker"]
"#;

/// The files with one text in one of them replaced.
fn files(file: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let provider = format!("{PROVIDER}{TAGS}");
    let all = [
        ("sources.toml", SOURCES),
        ("acme.toml", &provider),
        ("aliases.toml", ALIASES),
        ("gguf.toml", GGUF),
        ("shapes.toml", SHAPES),
    ];
    all.iter()
        .map(|(name, text)| {
            let text = if *name == file {
                assert!(text.contains(from), "{from} is not in {file}");
                text.replacen(from, to, 1)
            } else {
                (*text).to_owned()
            };
            ((*name).to_owned(), text)
        })
        .collect()
}

fn mistakes(file: &str, from: &str, to: &str) -> Vec<String> {
    match Catalogue::from_texts(&files(file, from, to)) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_kandil_ships_is_right() {
    let catalogue = Catalogue::read(Path::new("../../profiles"))
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.iter().map(|one| format!("{one}\n")).collect::<String>()));
    let count = |source: &str| catalogue.profiles.values().filter(|one| one.fields["source"] == source).count();
    assert!(count("cloud") >= 230 && count("ollama") >= 600 && count("gguf") >= 290 && catalogue.files.len() >= 300);
}

#[test]
fn a_right_catalogue_is_read_whole() {
    let catalogue = Catalogue::from_texts(&files("acme.toml", "Acme", "Acme")).unwrap();
    let ids: Vec<&str> = catalogue.profiles.keys().map(String::as_str).collect();
    assert_eq!(ids, ["rocket-1", "rocket-2", "skate-70b-q4_k_m@acme", "skate:70b", "skate:7b"]);
    let skate = &catalogue.profiles["skate:70b"].fields["weights"];
    assert_eq!((skate["size_bytes"].as_i64(), skate["size_exact"].as_bool()), (Some(100), Some(false)));
    assert_eq!(skate["shape"]["block_count"], 80);
    let shards = &catalogue.profiles["skate-70b-q4_k_m@acme"].fields["weights"];
    assert_eq!(shards["size_bytes"], 11);
    assert_eq!(shards["files"].as_array().map(Vec::len), Some(2));
    let aliases: Vec<&str> = catalogue.aliases.keys().map(String::as_str).collect();
    assert_eq!(aliases, ["rocket", "skate", "skate:7b-q4_K_M", "skate:latest"]);
}

#[test]
fn a_mistake_is_named_with_file_and_line() {
    for (file, from, to, expected) in [
        (
            "acme.toml",
            "context_window = 1000",
            "contxt_window = 1000",
            "acme.toml:15: models.rocket-1.contxt_window: there is no such field",
        ),
        (
            "acme.toml",
            "context_window = 1000",
            "context_window = \"1k\"",
            "acme.toml:15: models.rocket-1.context_window: a whole number from 1 was expected, not text",
        ),
        (
            "acme.toml",
            "context_window = 1000",
            "context_window = 0",
            "acme.toml:15: models.rocket-1.context_window: a whole number from 1 was expected",
        ),
        (
            "acme.toml",
            "context_window = 1000",
            "context_window = 10",
            "acme.toml:12: rocket-1: max_output_tokens is more than context_window",
        ),
        (
            "acme.toml",
            "status = \"retired\"",
            "status = \"gone\"",
            "acme.toml:17: models.rocket-1.status: \"gone\" is not one of active, preview, deprecated, retired",
        ),
        (
            "acme.toml",
            "2026-01-02",
            "2026-02-30",
            "acme.toml:18: models.rocket-1.shutdown_date: \"2026-02-30\" is not a day",
        ),
        (
            "acme.toml",
            "\"rocket-2\"\nsources",
            "\"rocket-3\"\nsources",
            "acme.toml:12: rocket-1: successor: there is no other profile \"rocket-3\"",
        ),
        (
            "acme.toml",
            "https://api.acme.example/v1\"\nchat",
            "http://api.acme.example/v1\"\nchat",
            "acme.toml:7: provider.base_url: \"http://api.acme.example/v1\" is not https://",
        ),
        (
            "acme.toml",
            "https://api.acme.example/v1\"\nchat",
            "https://user@api.acme.example/v1\"\nchat",
            "acme.toml:7: provider.base_url",
        ),
        (
            "acme.toml",
            "id = \"acme\"",
            "id = \"acne\"",
            "acme.toml:3: provider.id: \"acne\" was expected in a file of its name",
        ),
        (
            "acme.toml",
            "[models.\"rocket-2\"]",
            "[models.\"Rocket-1\"]",
            "acme.toml:12: \"rocket-1\" is taken: acme.toml:21",
        ),
        ("acme.toml", "[models.\"rocket-2\"]", "[model.\"rocket-2\"]", "acme.toml:21: model: there is no such table"),
        ("acme.toml", "[models.\"rocket-2\"]", "[models.\"rocket-1\"]", "acme.toml:21: duplicate key"),
        (
            "acme.toml",
            "supports = [\"tools\"]",
            "supports = [\"tool\"]",
            "acme.toml:27: tags.skate.7b.supports: \"tool\" is not one of vision, tools",
        ),
        ("acme.toml", "also = [\"latest\"", "also = [\"70b-x\"", ""),
        (
            "acme.toml",
            "size_approx_bytes = 100, supports = []",
            "size_approx_bytes = 100, supports = [], also = [\"latest\"]",
            "\"skate:latest\" is a name of \"skate:70b\" too",
        ),
        (
            "acme.toml",
            "size_approx_bytes = 100, supports = []",
            "size_bytes = 1.5, supports = []",
            "acme.toml:28: tags.skate.70b.size_bytes: a whole number from 1 was expected",
        ),
        (
            "acme.toml",
            "status = \"active\"\nsources = [\"maker\"]",
            "status = \"active\"",
            "acme.toml:21: models.rocket-2: sources is missing",
        ),
        (
            "acme.toml",
            "status = \"active\"\nsources = [\"maker\"]",
            "status = \"active\"\nsources = [\"mother\"]",
            "acme.toml:21: rocket-2: sources.toml has no \"mother\"",
        ),
        ("acme.toml", "date = \"2026-11-22\"\n", "", "acme.toml:1: date: the day of the facts is missing"),
        (
            "acme.toml",
            "name = \"Acme\"",
            "name = \"Ac\\u001bme\"",
            "acme.toml:5: provider.name: \"Ac\\u{1b}me\" is not text in one line",
        ),
        ("acme.toml", "name = \"Acme\"", "name = \"Acme", "acme.toml:5: "),
        ("gguf.toml", "agree = 0", "agree = 1", "`agree` counts the sources of `sha256`"),
        ("gguf.toml", "agree = 0", "sha256 = \"AB\", agree = 1", "is not 64 lower-case hexadecimal digits"),
        (
            "aliases.toml",
            "\"rocket-2\"",
            "\"rocket-9\"",
            "aliases.toml:4: aliases.rocket: there is no profile \"rocket-9\"",
        ),
        (
            "aliases.toml",
            "\"rocket\" =",
            "\"skate:7b\" =",
            "aliases.toml:4: aliases.\"skate:7b\": this is a profile's id",
        ),
        (
            "shapes.toml",
            "\"skate:70b\",",
            "\"skate:71b\",",
            "shapes.toml:7: skate-70b: there is no model \"skate:71b\"",
        ),
        (
            "shapes.toml",
            "\"skate:70b\", \"skate-70b\"",
            "\"skate:70b\", \"skate:70b\"",
            "shapes.toml:7: skate-70b: \"skate:70b\" has another shape already",
        ),
        (
            "shapes.toml",
            "80",
            "\"80\"",
            "shapes.toml:5: skate-70b.block_count: a number, true, false, or a list of them was expected, not text",
        ),
    ] {
        let found = mistakes(file, from, to);
        if expected.is_empty() {
            assert_eq!(found, Vec::<String>::new(), "{from} -> {to}");
        } else {
            assert!(
                found.iter().any(|one| one.contains(expected)),
                "{from} -> {to}\nexpected {expected}\nfound {found:#?}"
            );
        }
    }
}

#[test]
fn every_mistake_is_said_at_once() {
    let found = mistakes("acme.toml", "context_window = 1000\nmax_output_tokens = 100", "a = 1\nb = 2");
    assert_eq!(found.len(), 2, "{found:#?}");
}
