//! YAML, read without surprise: what is not there, or of another kind, is nothing.

use anyhow::{Context as _, Result};
pub(super) use serde_yaml_ng::Value as Yaml;

/// What `text` says.
pub(super) fn parse(text: &str) -> Result<Yaml> {
    let root: Yaml = serde_yaml_ng::from_str(text).context("it is not YAML")?;
    anyhow::ensure!(!root.is_null(), "it is empty");
    Ok(root)
}

/// The text under `key`; numbers as they are written.
pub(super) fn text(node: &Yaml, key: &str) -> Option<String> {
    match &node[key] {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The list under `key`, empty if there is none.
pub(super) fn list<'a>(node: &'a Yaml, key: &str) -> &'a [Yaml] {
    node[key].as_sequence().map_or(&[], Vec::as_slice)
}

/// The texts in a list, or the one text that stands in its place.
pub(super) fn texts(node: &Yaml) -> Vec<String> {
    match node {
        Yaml::String(text) => vec![text.clone()],
        Yaml::Sequence(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The keys of a mapping with what stands under them, in the order of the file.
pub(super) fn entries(node: &Yaml) -> Vec<(String, &Yaml)> {
    let entries = node.as_mapping().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value))).collect()
}
