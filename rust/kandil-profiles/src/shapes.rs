//! The architecture's numbers of models whose files are not here yet.

use serde_json::{Map, Value as Json, json};

use crate::catalogue::Catalogue;
use crate::kinds::{Kind, dotted};
use crate::models::json as to_json;
use crate::value::Node;

impl Catalogue {
    pub(crate) fn add_shapes(&mut self, table: &Node) {
        let file = "shapes.toml";
        self.date(file, table);
        for shape in table.entries().iter().filter(|entry| !["schema", "date"].contains(&entry.name.as_str())) {
            let mut numbers = Map::new();
            for field in shape.node.entries() {
                let key = dotted(&dotted("", &shape.name), &field.name);
                let kind = match field.name.as_str() {
                    "architecture" => Kind::Text,
                    "sources" | "models" => Kind::List(&Kind::Text),
                    _ => Kind::Parameter,
                };
                self.check(file, &field.node, kind, &key);
                if matches!(kind, Kind::Parameter) {
                    numbers.insert(field.name.clone(), to_json(&field.node));
                }
            }
            self.check_sources(file, &shape.node, &dotted("", &shape.name));
            let architecture = shape.node.text_of("architecture").map(str::to_owned);
            for model in shape.node.get("models").map(Node::items).unwrap_or_default() {
                self.give_shape(file, model, &shape.name, architecture.as_deref(), &numbers);
            }
        }
    }

    /// Gives the shape to the profiles of a model: a GGUF file's `model`, or a tag of Ollama and what is derived from
    /// it (`llama3.1:8b` is also for `llama3.1:8b-instruct-q8_0`).
    fn give_shape(
        &mut self,
        file: &str,
        model: &Node,
        shape: &str,
        architecture: Option<&str>,
        numbers: &Map<String, Json>,
    ) {
        let wanted = model.text().unwrap_or_default();
        let (mut found, mut taken) = (false, None);
        for profile in self.profiles.values_mut() {
            let Some(name) = &profile.shape_name else { continue };
            let derived = wanted.contains(':') && name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'));
            if name != wanted && !derived {
                continue;
            }
            found = true;
            let weights = profile.fields.entry("weights").or_insert_with(|| json!({}));
            if weights.get("shape").is_some() {
                taken = Some(profile.id.clone());
            }
            weights["shape"] = Json::Object(numbers.clone());
            if let Some(architecture) = architecture.filter(|_| weights.get("architecture").is_none()) {
                weights["architecture"] = json!(architecture);
            }
        }
        if let Some(id) = taken {
            self.wrong(file, model.line, &dotted("", shape), format!("{id:?} has another shape already"));
        }
        if !found {
            self.wrong(file, model.line, &dotted("", shape), format!("there is no model {wanted:?}"));
        }
    }
}
