//! The curated profiles, as `build.rs` compiled them in. An entry is JSON, because only Python knows what it means.

use kandil_profiles::kinds::{self, Kind};
use kandil_profiles::value::{Entry, Node, Value};
use kandil_profiles::{names, schema};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

fn find<V: Copy>(pairs: &[(&'static str, V)], key: &str) -> Option<V> {
    pairs.binary_search_by_key(&key, |(name, _)| name).ok().map(|at| pairs[at].1)
}

fn keys(pairs: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    pairs.iter().map(|(name, _)| *name).collect()
}

/// The profile with this id, as JSON.
#[pyfunction]
fn profile(profile_id: &str) -> Option<&'static str> {
    find(PROFILES, profile_id)
}

/// Every profile's id, sorted.
#[pyfunction]
fn profile_ids() -> Vec<&'static str> {
    keys(PROFILES)
}

/// Every name that leads to a profile, and the id that it leads to.
#[pyfunction]
fn profile_names() -> Vec<(&'static str, &'static str)> {
    NAMES.iter().map(|(name, at)| (*name, PROFILES[usize::from(*at)].0)).collect()
}

/// The ids of the profiles whose surest name this is, in another spelling. Several: none of them is meant alone.
#[pyfunction]
fn profiles_named(name: &str) -> Vec<&'static str> {
    let ids = find(NORMALS, &names::normal(name)).unwrap_or_default();
    ids.iter().map(|at| PROFILES[usize::from(*at)].0).collect()
}

/// The provider with this id, as JSON.
#[pyfunction]
fn provider(provider_id: &str) -> Option<&'static str> {
    find(PROVIDERS, provider_id)
}

/// Every provider's id, sorted.
#[pyfunction]
fn provider_ids() -> Vec<&'static str> {
    keys(PROVIDERS)
}

/// What this alias stands for, as JSON.
#[pyfunction]
fn alias(name: &str) -> Option<&'static str> {
    find(ALIASES, name)
}

/// Every alias, sorted.
#[pyfunction]
fn alias_names() -> Vec<&'static str> {
    keys(ALIASES)
}

/// The title of a source of facts.
#[pyfunction]
fn fact_source(name: &str) -> Option<&'static str> {
    find(SOURCES, name)
}

/// Every published GGUF file, as a JSON list.
#[pyfunction]
fn published_files() -> &'static str {
    FILES
}

/// The form in which two spellings of one name are the same.
#[pyfunction]
fn normal_name(name: &str) -> String {
    names::normal(name)
}

/// What is wrong with a profile of the user's: (field, what). Checked by the same rules as kandil's own.
#[pyfunction]
fn check_profile(fields: &Bound<'_, PyDict>) -> PyResult<Vec<(String, String)>> {
    let mut mistakes = Vec::new();
    kinds::check(&node(fields.as_any(), 0)?, Kind::Table(schema::OWN), "", &mut mistakes);
    Ok(mistakes.into_iter().map(|one| (one.key, one.what)).collect())
}

const DEEPEST: usize = 8;

fn node(given: &Bound<'_, PyAny>, depth: usize) -> PyResult<Node> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err("nested too deeply"));
    }
    let items = |items: Vec<Bound<'_, PyAny>>| items.iter().map(|item| node(item, depth + 1)).collect::<PyResult<_>>();
    let value = if let Ok(flag) = given.cast::<PyBool>() {
        Value::Flag(flag.is_true())
    } else if given.is_instance_of::<PyInt>() {
        Value::Integer(given.extract()?)
    } else if given.is_instance_of::<PyFloat>() {
        Value::Number(given.extract()?)
    } else if given.is_instance_of::<PyString>() {
        Value::Text(given.extract()?)
    } else if let Ok(list) = given.cast::<PyList>() {
        Value::List(items(list.iter().collect())?)
    } else if let Ok(tuple) = given.cast::<PyTuple>() {
        Value::List(items(tuple.iter().collect())?)
    } else if let Ok(table) = given.cast::<PyDict>() {
        let entry = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok(Entry { name: name.extract()?, node: node(&value, depth + 1)? })
        };
        Value::Table(table.iter().map(entry).collect::<PyResult<_>>()?)
    } else {
        return Err(PyTypeError::new_err(format!("no value of a profile: {}", given.get_type().name()?)));
    };
    Ok(Node { value, line: 0 })
}

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(profile, m)?)?;
    m.add_function(wrap_pyfunction!(profile_ids, m)?)?;
    m.add_function(wrap_pyfunction!(profile_names, m)?)?;
    m.add_function(wrap_pyfunction!(profiles_named, m)?)?;
    m.add_function(wrap_pyfunction!(provider, m)?)?;
    m.add_function(wrap_pyfunction!(provider_ids, m)?)?;
    m.add_function(wrap_pyfunction!(alias, m)?)?;
    m.add_function(wrap_pyfunction!(alias_names, m)?)?;
    m.add_function(wrap_pyfunction!(fact_source, m)?)?;
    m.add_function(wrap_pyfunction!(published_files, m)?)?;
    m.add_function(wrap_pyfunction!(normal_name, m)?)?;
    m.add_function(wrap_pyfunction!(check_profile, m)?)
}
