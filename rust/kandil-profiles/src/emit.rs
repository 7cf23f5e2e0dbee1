//! The catalogue as Rust statics: nothing is parsed when kandil starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use serde_json::Value as Json;

use crate::catalogue::Catalogue;
use crate::names::normal;

impl Catalogue {
    /// The text of a Rust file with `PROFILES`, `PROVIDERS`, `ALIASES`, `SOURCES`, `NAMES`, `NORMALS` and `FILES`.
    #[must_use]
    pub fn to_rust(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes everything");
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let at: BTreeMap<&str, usize> = self.profiles.keys().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
        let profiles = self.profiles.values().map(|one| (one.id.clone(), Json::Object(one.fields.clone()).to_string()));
        pairs(out, "PROFILES", profiles)?;
        pairs(out, "PROVIDERS", self.providers.iter().map(|(id, fields)| (id.clone(), fields.to_string())))?;
        pairs(out, "ALIASES", self.aliases.iter().map(|(name, fields)| (name.clone(), fields.to_string())))?;
        pairs(out, "SOURCES", self.sources.iter().map(|(name, title)| (name.clone(), title.clone())))?;
        writeln!(out, "pub(crate) static NAMES: &[(&str, u16)] = &[")?;
        for profile in self.profiles.values() {
            let names: BTreeSet<&str> = profile.names.iter().map(|name| name.text.as_str()).collect();
            for name in std::iter::once(profile.id.as_str()).chain(names) {
                writeln!(out, "    ({name:?}, {}),", at[profile.id.as_str()])?;
            }
        }
        writeln!(out, "];\npub(crate) static NORMALS: &[(&str, &[u16])] = &[")?;
        for (name, ids) in self.normals() {
            let ids: Vec<usize> = ids.iter().map(|id| at[id]).collect();
            writeln!(out, "    ({name:?}, &{ids:?}),")?;
        }
        let files = Json::from(self.files.clone()).to_string();
        writeln!(out, "];\npub(crate) static FILES: &str = {files:?};")
    }

    /// Which profiles a normal name means: those whose surest name it is.
    fn normals(&self) -> BTreeMap<String, BTreeSet<&str>> {
        let mut meant: BTreeMap<String, (u8, BTreeSet<&str>)> = BTreeMap::new();
        for profile in self.profiles.values() {
            let id = (profile.id.as_str(), 0);
            for (name, level) in profile.names.iter().map(|name| (name.text.as_str(), name.level)).chain([id]) {
                let (best, ids) = meant.entry(normal(name)).or_insert((level, BTreeSet::new()));
                if level < *best {
                    (*best, *ids) = (level, BTreeSet::new());
                }
                if level == *best {
                    ids.insert(&profile.id);
                }
            }
        }
        meant.into_iter().map(|(name, (_, ids))| (name, ids)).collect()
    }
}

fn pairs(out: &mut String, name: &str, pairs: impl Iterator<Item = (String, String)>) -> fmt::Result {
    writeln!(out, "pub(crate) static {name}: &[(&str, &str)] = &[")?;
    for (key, value) in pairs {
        writeln!(out, "    ({key:?}, {value:?}),")?;
    }
    writeln!(out, "];")
}
