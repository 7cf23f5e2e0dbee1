//! How often a schema looks at the same part of a text: references that meet again and again double the work each time.

use std::collections::HashMap;

use serde_json::Value;

/// JSON is read no deeper.
const DEEPEST: usize = 128;
/// So often one part may be looked at.
const MOST_LOOKS: u64 = 10_000;
/// Of references that lead to each other.
const LONGEST_CHAIN: usize = 1000;

/// Keywords whose schemas look at the same part; under `properties` each member is looked at by one of them.
const HERE: [&str; 8] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];
const INSIDE: [&str; 8] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "patternProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Of these, the ones that name their schemas.
const NAMED: [&str; 2] = ["dependentSchemas", "patternProperties"];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

type Counts = HashMap<*const Value, u64>;

/// How deep a text may be nested that is checked in reasonable time; None: no text can be.
pub(super) fn deepest(schema: &Value) -> Option<usize> {
    let mut looks = Looks { root: schema, anchors: HashMap::new(), below: Counts::new(), here: Counts::new() };
    let mut parts = Vec::new();
    let mut unseen = vec![schema];
    while let Some(part) = unseen.pop() {
        match part {
            Value::Object(fields) => {
                let names = ["$anchor", "$dynamicAnchor"].into_iter().filter_map(|name| fields.get(name)?.as_str());
                looks.anchors.extend(names.map(|name| (name, part)));
                parts.push(part);
                unseen.extend(fields.values());
            }
            Value::Array(items) => unseen.extend(items),
            _ => {}
        }
    }
    for depth in 0..=DEEPEST {
        for part in &parts {
            looks.at(part, 0);
        }
        if looks.here.get(&std::ptr::from_ref(schema)).is_some_and(|count| *count > MOST_LOOKS) {
            return depth.checked_sub(1);
        }
        if looks.here == looks.below {
            break; // it leads no further inside
        }
        looks.below = std::mem::take(&mut looks.here);
    }
    Some(DEEPEST)
}

struct Looks<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    /// How often one part of a text is looked at, at most, by the schema at this place in memory: where the text is
    /// nested one less deep, and as deep as is being counted. 0: it leads to itself without a step inside.
    below: Counts,
    here: Counts,
}

impl<'a> Looks<'a> {
    fn at(&mut self, schema: &'a Value, chain: usize) -> u64 {
        let Value::Object(fields) = schema else { return 1 };
        if let Some(known) = self.here.get(&std::ptr::from_ref(schema)) {
            return *known;
        }
        if chain > LONGEST_CHAIN {
            return MOST_LOOKS + 1;
        }
        self.here.insert(schema, 0);
        let mut looks = 1_u64;
        for (name, value) in fields {
            let name = name.as_str();
            let more = if REFERENCES.contains(&name) {
                self.target(value).map_or(1, |target| self.at(target, chain + 1))
            } else if HERE.contains(&name) {
                several(name, value).into_iter().map(|one| self.at(one, chain + 1)).fold(0, u64::saturating_add)
            } else if INSIDE.contains(&name) {
                several(name, value).into_iter().map(|one| self.inside(one)).fold(0, u64::saturating_add)
            } else if let ("properties", Value::Object(named)) = (name, value) {
                named.values().map(|one| self.inside(one)).max().unwrap_or(0)
            } else {
                0
            };
            looks = looks.saturating_add(more);
        }
        self.here.insert(schema, looks);
        looks
    }

    fn inside(&self, schema: &'a Value) -> u64 {
        self.below.get(&std::ptr::from_ref(schema)).copied().unwrap_or(0)
    }

    /// Where a reference leads; None: to another document, or nowhere.
    fn target(&self, reference: &Value) -> Option<&'a Value> {
        let fragment = reference.as_str()?.strip_prefix('#')?;
        self.anchors.get(fragment).copied().or_else(|| self.root.pointer(&fragment.replace("%25", "%")))
    }
}

/// The schemas of a keyword: one, a list of them, or some with names.
fn several<'a>(name: &str, value: &'a Value) -> Vec<&'a Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) if NAMED.contains(&name) => fields.values().collect(),
        one => vec![one],
    }
}

/// How deep a text is nested.
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
