//! All profiles together: every name that one uses for another leads somewhere, and no two mean the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde_json::{Value as Json, json};

use crate::kinds::{self, Kind, dotted};
pub use crate::models::{Name, Profile};
use crate::models::{Place, json as to_json};
use crate::schema;
use crate::value::{Entry, Node};
use crate::{Mistake, read};

/// What kandil knows, checked. Everything is JSON, as kandil's Python side takes it.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// By id.
    pub profiles: BTreeMap<String, Profile>,
    /// By id.
    pub providers: BTreeMap<String, Json>,
    /// The fields of an alias, by its name.
    pub aliases: BTreeMap<String, Json>,
    /// The sources' titles, by what entries call them.
    pub sources: BTreeMap<String, String>,
    /// The files of `gguf.toml`.
    pub files: Vec<Json>,
    mistakes: Vec<Mistake>,
}

const FORMAT: i64 = 1;

impl Catalogue {
    /// Reads a folder of `*.toml`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the files; never a part of the catalogue.
    pub fn read(folder: &Path) -> Result<Catalogue, Vec<Mistake>> {
        let files = texts(folder).map_err(|error| {
            vec![Mistake { file: folder.display().to_string(), line: 0, key: String::new(), what: error.to_string() }]
        })?;
        Catalogue::from_texts(&files)
    }

    /// The same from texts: (file's name, text).
    ///
    /// # Errors
    ///
    /// As `read`.
    pub fn from_texts(files: &[(String, String)]) -> Result<Catalogue, Vec<Mistake>> {
        let mut catalogue = Catalogue::default();
        let mut shapes = None;
        let mut aliases = None;
        for (file, text) in files {
            match read::parse(file, text) {
                Ok(table) => match file.as_str() {
                    "shapes.toml" => shapes = Some(table),
                    "aliases.toml" => aliases = Some(table),
                    _ => catalogue.add_file(file, &table),
                },
                Err(mistake) => catalogue.mistakes.push(mistake),
            }
        }
        if let Some(table) = shapes {
            catalogue.add_shapes(&table);
        }
        if let Some(table) = aliases {
            catalogue.add_aliases(&table);
        }
        catalogue.check_references();
        let Catalogue { mistakes, .. } = &catalogue;
        if mistakes.is_empty() { Ok(catalogue) } else { Err(catalogue.mistakes) }
    }

    fn add_file(&mut self, file: &str, table: &Node) {
        let date = self.date(file, table);
        match file {
            "sources.toml" => self.add_sources(file, table),
            "gguf.toml" => self.add_gguf(file, &date, table),
            _ => self.add_provider(file, &date, table),
        }
    }

    pub(crate) fn date(&mut self, file: &str, table: &Node) -> String {
        if table.get("schema").and_then(Node::integer) != Some(FORMAT) {
            self.wrong(file, 1, "schema", format!("schema = {FORMAT} was expected"));
        }
        match table.get("date") {
            Some(node) => {
                self.check(file, node, Kind::Day, "date");
                node.text().unwrap_or_default().to_owned()
            }
            None => {
                self.wrong(file, 1, "date", "the day of the facts is missing".into());
                String::new()
            }
        }
    }

    fn add_sources(&mut self, file: &str, table: &Node) {
        for entry in self.entries(file, table, "sources") {
            self.check(file, &entry.node, Kind::Text, &dotted("sources", &entry.name));
            self.sources.insert(entry.name, entry.node.text().unwrap_or_default().to_owned());
        }
        self.only(file, table, &["schema", "date", "sources"]);
    }

    fn add_provider(&mut self, file: &str, date: &str, table: &Node) {
        self.only(file, table, &["schema", "date", "provider", "models", "tags"]);
        let Some(provider) = table.get("provider") else {
            return self.wrong(file, 1, "provider", "the table [provider] is missing".into());
        };
        self.check(file, provider, Kind::Table(schema::PROVIDER), "provider");
        let id = provider.text_of("id").unwrap_or_default();
        if format!("{id}.toml") != file {
            self.wrong(file, provider.line, "provider.id", format!("{id:?} was expected in a file of its name"));
        }
        let place = Place {
            file,
            date,
            provider: id,
            protocol: provider.text_of("protocol").unwrap_or_default(),
            base_url: provider.text_of("base_url"),
            hosted: provider.get("auth").is_some(),
        };
        for entry in self.entries(file, table, "models") {
            self.check(file, &entry.node, Kind::Table(schema::MODEL), &dotted("models", &entry.name));
            self.add(place.cloud(&entry.name, &entry.node));
        }
        for model in self.entries(file, table, "tags") {
            for tag in model.node.entries() {
                let key = dotted(&dotted("tags", &model.name), &tag.name);
                self.check(file, &tag.node, Kind::Table(schema::TAG), &key);
                self.add(place.tag(&model.name, &tag.name, &tag.node));
            }
        }
        let mut fields = to_json(provider);
        fields["date"] = json!(date);
        self.providers.insert(id.to_owned(), fields);
    }

    fn add_gguf(&mut self, file: &str, date: &str, table: &Node) {
        let place = Place { file, date, provider: "local", protocol: "openai", base_url: None, hosted: false };
        for repo in table.entries().iter().filter(|entry| !["schema", "date"].contains(&entry.name.as_str())) {
            let license = repo.node.text_of("license");
            let mut models: BTreeMap<(&str, &str), Vec<(&str, &Node)>> = BTreeMap::new();
            for entry in repo.node.entries().iter().filter(|entry| entry.name != "license") {
                let key = dotted(&dotted("", &repo.name), &entry.name);
                self.check(file, &entry.node, Kind::Table(schema::GGUF_FILE), &key);
                if entry.node.get("sha256").is_some() != (entry.node.get("agree").and_then(Node::integer) > Some(0)) {
                    self.wrong(file, entry.node.line, &key, "`agree` counts the sources of `sha256`".into());
                }
                let mut published = to_json(&entry.node);
                published["repo"] = json!(repo.name);
                published["file"] = json!(entry.name);
                published["license"] = json!(license);
                self.files.push(published);
                let (model, quant) = (entry.node.text_of("model"), entry.node.text_of("quant"));
                models
                    .entry((model.unwrap_or_default(), quant.unwrap_or_default()))
                    .or_default()
                    .push((&entry.name, &entry.node));
            }
            for files in models.values() {
                self.add(place.gguf(&repo.name, license, files));
            }
        }
    }

    /// A profile, unless its id is taken; ids that differ in case alone are the same.
    fn add(&mut self, profile: Profile) {
        match self.profiles.values().find(|other| other.id.eq_ignore_ascii_case(&profile.id)) {
            Some(other) => {
                let what = format!("{:?} is taken: {}:{}", profile.id, other.file, other.line);
                self.wrong(&profile.file.clone(), profile.line, "", what);
            }
            None => {
                self.profiles.insert(profile.id.clone(), profile);
            }
        }
    }

    fn add_aliases(&mut self, table: &Node) {
        let file = "aliases.toml";
        self.date(file, table);
        self.only(file, table, &["schema", "date", "aliases"]);
        for entry in self.entries(file, table, "aliases") {
            let key = dotted("aliases", &entry.name);
            self.check(file, &entry.node, Kind::Table(schema::ALIAS), &key);
            self.check_sources(file, &entry.node, &key);
            if self.profiles.keys().any(|id| id.eq_ignore_ascii_case(&entry.name)) {
                self.wrong(file, entry.node.line, &key, "this is a profile's id".into());
            }
            let also = entry.node.get("also").map(Node::items).unwrap_or_default();
            for id in entry.node.get("target").into_iter().chain(entry.node.get("instead_of")).chain(also) {
                if !id.text().is_some_and(|id| self.profiles.contains_key(id)) {
                    let what = format!("there is no profile {:?}", id.text().unwrap_or_default());
                    self.wrong(file, id.line, &key, what);
                }
            }
            self.aliases.insert(entry.name, to_json(&entry.node));
        }
        self.add_aliases_of_profiles();
    }

    /// The names that stand with a profile. An alias of `aliases.toml` is surer, and names it as another reading.
    fn add_aliases_of_profiles(&mut self) {
        let mut wrong = Vec::new();
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for profile in self.profiles.values() {
            for name in profile.names.iter().filter(|name| name.level == 1 && !self.profiles.contains_key(&name.text)) {
                if let Some(other) = owners.insert(&name.text, &profile.id) {
                    let what = format!("{:?} is a name of {other:?} too", name.text);
                    wrong.push(Mistake { file: profile.file.clone(), line: profile.line, key: String::new(), what });
                }
                let fields = json!({"target": profile.id, "sources": profile.fields["sources"]});
                self.aliases.entry(name.text.clone()).or_insert(fields);
            }
        }
        self.mistakes.append(&mut wrong);
        let explicit: Vec<(String, String)> = self
            .aliases
            .iter()
            .filter_map(|(name, fields)| Some((name.clone(), fields["target"].as_str()?.to_owned())))
            .collect();
        for profile in self.profiles.values_mut() {
            profile.names.retain(|name| name.level != 1);
        }
        for (name, target) in explicit {
            if let Some(profile) = self.profiles.get_mut(&target) {
                profile.names.insert(0, Name::new(name, 1));
            }
        }
    }

    fn check_references(&mut self) {
        let mut wrong = Vec::new();
        for profile in self.profiles.values() {
            let mut add = |what: String| {
                let key = profile.id.clone();
                wrong.push(Mistake { file: profile.file.clone(), line: profile.line, key, what });
            };
            if let Some(successor) = profile.fields.get("successor").and_then(Json::as_str)
                && (successor == profile.id || !self.profiles.contains_key(successor))
            {
                add(format!("successor: there is no other profile {successor:?}"));
            }
            let tokens = |name: &str| profile.fields.get(name).and_then(Json::as_i64);
            for name in ["max_input_tokens", "max_output_tokens"] {
                if let (Some(part), Some(context)) = (tokens(name), tokens("context_window"))
                    && part > context
                {
                    add(format!("{name} is more than context_window: {part}, {context}"));
                }
            }
            for source in profile.fields.get("sources").and_then(Json::as_array).into_iter().flatten() {
                if !source.as_str().is_some_and(|source| self.sources.contains_key(source)) {
                    add(format!("sources.toml has no {source}"));
                }
            }
        }
        self.mistakes.append(&mut wrong);
    }

    pub(crate) fn check_sources(&mut self, file: &str, node: &Node, key: &str) {
        for source in node.get("sources").map(Node::items).unwrap_or_default() {
            let source_name = source.text().unwrap_or_default();
            if !self.sources.contains_key(source_name) {
                self.wrong(file, source.line, key, format!("sources.toml has no {source_name:?}"));
            }
        }
    }

    fn entries(&mut self, file: &str, table: &Node, name: &str) -> Vec<Entry> {
        match table.get(name) {
            Some(node) if node.entries().is_empty() => {
                self.wrong(file, node.line, name, "a table with entries was expected".into());
                Vec::new()
            }
            Some(node) => node.entries().to_vec(),
            None => Vec::new(),
        }
    }

    fn only(&mut self, file: &str, table: &Node, known: &[&str]) {
        for entry in table.entries().iter().filter(|entry| !known.contains(&entry.name.as_str())) {
            let what = format!("there is no such table; there are {}", known.join(", "));
            self.wrong(file, entry.node.line, &entry.name, what);
        }
    }

    pub(crate) fn check(&mut self, file: &str, node: &Node, kind: Kind, key: &str) {
        let before = self.mistakes.len();
        kinds::check(node, kind, key, &mut self.mistakes);
        for mistake in &mut self.mistakes[before..] {
            file.clone_into(&mut mistake.file);
        }
    }

    pub(crate) fn wrong(&mut self, file: &str, line: usize, key: &str, what: String) {
        self.mistakes.push(Mistake { file: file.to_owned(), line, key: key.to_owned(), what });
    }
}

/// (Name, text) of each `*.toml`; `sources.toml` first, because the others refer to it.
fn texts(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort_by_key(|(name, _)| (name != "sources.toml", name.clone()));
    Ok(files)
}
