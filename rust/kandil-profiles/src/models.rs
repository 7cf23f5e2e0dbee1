//! What each kind of file says of a model, as one kind of profile. The keys are the fields of `kandil.Profile`.

use serde_json::{Map, Value as Json, json};

use crate::value::{Node, Value};

/// A profile on its way into kandil.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Unique among all.
    pub id: String,
    /// The fields of `kandil.Profile`; what is not known is not there.
    pub fields: Map<String, Json>,
    /// The names that lead to it beside its id, the surest first.
    pub names: Vec<Name>,
    /// What a shape may call it.
    pub(crate) shape_name: Option<String>,
    /// Where it stands.
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// A name of a profile. Where two profiles have the same, the surer one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// 0: an id. 1: an alias. 2: what a provider calls it. 3: a title, or a file's name.
    pub level: u8,
}

impl Name {
    pub(crate) fn new(text: impl Into<String>, level: u8) -> Name {
        Name { text: text.into(), level }
    }
}

/// The file that an entry stands in, and what it says once for all of them.
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) date: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) base_url: Option<&'a str>,
    /// The provider takes a key: its models do not run here.
    pub(crate) hosted: bool,
}

/// The same value in JSON.
pub(crate) fn json(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Table(entries) => Json::Object(entries.iter().map(|one| (one.name.clone(), json(&one.node))).collect()),
    }
}

fn object(node: &Node) -> Map<String, Json> {
    match json(node) {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Place<'_> {
    fn profile(&self, id: &str, line: usize, source: &str, mut fields: Map<String, Json>) -> Profile {
        let mut set = |name: &str, value: &str| {
            fields.entry(name.to_owned()).or_insert_with(|| json!(value));
        };
        set("id", id);
        set("name", id);
        set("source", source);
        set("provider", self.provider);
        set("protocol", self.protocol);
        set("api_model", id);
        set("date", self.date);
        if let Some(url) = self.base_url {
            set("base_url", url);
        }
        let mut names = Vec::new();
        for (field, level) in [("api_model", 2), ("name", 3)] {
            if let Some(text) = fields.get(field).and_then(Json::as_str).filter(|text| *text != id) {
                names.push(Name::new(text, level));
            }
        }
        Profile { id: id.to_owned(), fields, names, shape_name: None, file: self.file.to_owned(), line }
    }

    /// `[models."id"]`.
    pub(crate) fn cloud(&self, id: &str, node: &Node) -> Profile {
        self.profile(id, node.line, "cloud", object(node))
    }

    /// One tag of a model in Ollama's library. The other tags of the same bytes are names of it.
    pub(crate) fn tag(&self, model: &str, tag: &str, node: &Node) -> Profile {
        let mut given = object(node);
        let supports: Vec<Json> =
            given.remove("supports").and_then(|list| list.as_array().cloned()).unwrap_or_default();
        let also = given.remove("also").and_then(|list| list.as_array().cloned()).unwrap_or_default();
        let mut weights = Map::new();
        if let Some(size) = given.remove("size_approx_bytes") {
            weights.insert("size_bytes".into(), size);
            weights.insert("size_exact".into(), json!(false));
        }
        for field in ["size_bytes", "sha256", "quantization", "parameters", "manifest_sha256"] {
            if let Some(value) = given.remove(field) {
                weights.insert(field.into(), value);
            }
        }
        for (field, name) in
            [("vision", "supports_vision"), ("tools", "supports_tools"), ("reasoning", "supports_reasoning")]
        {
            given.insert(name.into(), json!(supports.contains(&json!(field))));
        }
        if !weights.is_empty() && !self.hosted {
            given.insert("weights".into(), Json::Object(weights));
        }
        let mut profile =
            self.profile(&format!("{model}:{tag}"), node.line, if self.hosted { "cloud" } else { "ollama" }, given);
        for other in also.iter().filter_map(Json::as_str) {
            profile.names.push(Name::new(format!("{model}:{other}"), 1));
            if other == "latest" {
                profile.names.push(Name::new(model, 1));
            }
        }
        if tag == "latest" {
            profile.names.push(Name::new(model, 1));
        }
        if !self.hosted {
            profile.shape_name = Some(profile.id.clone());
        }
        profile
    }

    /// A model in a repository of GGUF files: one file, or all shards of one.
    pub(crate) fn gguf(&self, repo: &str, license: Option<&str>, files: &[(&str, &Node)]) -> Profile {
        let (first, node) = files[0];
        let (model, quantization) = (node.text_of("model").unwrap_or_default(), node.text_of("quant"));
        let owner = repo.split('/').next().unwrap_or_default().to_lowercase();
        let quant = quantization.map(|quant| format!("-{}", quant.to_lowercase())).unwrap_or_default();
        let sizes: Option<i64> = files.iter().map(|(_, node)| node.get("size_bytes").and_then(Node::integer)).sum();
        let mut weights = Map::new();
        let mut set = |name: &str, value: Json| {
            if !value.is_null() {
                weights.insert(name.into(), value);
            }
        };
        set("size_bytes", json!(sizes));
        set("sha256", json!(node.text_of("sha256").filter(|_| files.len() == 1)));
        set("quantization", json!(quantization));
        set("architecture", json!(node.text_of("architecture")));
        set("repo", json!(repo));
        set("files", json!(files.iter().map(|(name, _)| name).collect::<Vec<_>>()));
        set("revision", json!(node.text_of("revision")));
        set("license", json!(license));
        let mut fields = Map::new();
        fields.insert("weights".into(), Json::Object(weights));
        fields.insert("sources".into(), node.get("sources").map(json).unwrap_or_default());
        for (field, name) in [("context", "context_window"), ("updated", "updated"), ("kind", "kind")] {
            if let Some(value) = node.get(field) {
                fields.insert(name.into(), json(value));
            }
        }
        let mut profile = self.profile(&format!("{model}{quant}@{owner}"), node.line, "gguf", fields);
        let file = first.rsplit('/').next().unwrap_or(first);
        if let Some(quantization) = quantization {
            profile.names.push(Name::new(format!("{repo}:{quantization}"), 2));
        }
        profile.names.push(Name::new(file, 3));
        profile.names.push(Name::new(file.trim_end_matches(".gguf"), 3));
        if node.get("preferred").is_some() {
            profile.names.push(Name::new(format!("{model}{quant}"), 3));
        }
        profile.shape_name = Some(model.to_owned());
        profile
    }
}
