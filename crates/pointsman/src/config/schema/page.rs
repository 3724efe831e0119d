//! The reference as a page of Markdown.

use std::fmt::Write as _;

use serde_json::Value;

/// What stands above the sections.
const HEAD: &str = "\
# Reference of `pointsman.toml`

<!-- Made by `pointsman config reference` from the comments in crates/pointsman/src/config/schema: change them, then run
`just config-docs`. -->

Every section and key, with its default. [configuration.md](configuration.md) explains them with examples; the schema for
editors is [pointsman.schema.json](pointsman.schema.json), which `pointsman config schema` prints.
";

/// The page that describes `schema`.
pub(crate) fn page(schema: &Value) -> String {
    let mut page = format!("{HEAD}\n{}\n", sentence(schema));
    for (name, section) in properties(schema) {
        let (heading, content) = heading(name, section);
        let _ = write!(page, "\n## `{heading}`\n\n{}\n", sentence(section));
        table(&mut page, content);
        for (key, part) in properties(content).filter(|(_, part)| properties(part).next().is_some()) {
            let _ = write!(page, "\n`{key}`:\n");
            table(&mut page, part);
        }
    }
    page
}

/// How a section is written, and what describes its keys.
fn heading<'a>(name: &str, section: &'a Value) -> (String, &'a Value) {
    if section["type"] == "array" {
        return (format!("[[{name}]]"), &section["items"]);
    }
    let inner = &section["additionalProperties"];
    if !inner.is_object() {
        return (format!("[{name}]"), section);
    }
    // One of several ways to write an entry has keys of its own, if any.
    let detailed =
        inner["anyOf"].as_array().and_then(|ways| ways.iter().find(|way| properties(way).next().is_some()));
    match detailed {
        Some(way) => (format!("[{name}]"), way),
        None if inner["additionalProperties"].is_object() || properties(inner).next().is_some() => {
            (format!("[{name}.NAME]"), inner)
        }
        None => (format!("[{name}]"), inner),
    }
}

fn table(page: &mut String, section: &Value) {
    if properties(section).next().is_none() {
        return;
    }
    page.push_str("\n| key | value | default | meaning |\n|---|---|---|---|\n");
    let required: Vec<&Value> = section["required"].as_array().into_iter().flatten().collect();
    for (key, value) in properties(section) {
        let default = match value.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.iter().any(|name| *name == key) => "required".to_owned(),
            None => "–".to_owned(),
        };
        let _ = writeln!(page, "| `{key}` | {} | {default} | {} |", kind(value), sentence(value));
    }
}

/// What a value may be, in words.
fn kind(value: &Value) -> String {
    if let Some(words) = value["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(ways) = value["anyOf"].as_array() {
        return ways.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let limits = match (limit(&value["minimum"]), limit(&value["maximum"])) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        _ => String::new(),
    };
    match value["type"].as_str() {
        Some("integer") => format!("whole number{limits}"),
        Some("number") => format!("number{limits}"),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => "list of strings".to_owned(),
        Some("object") => "table".to_owned(),
        _ => "string".to_owned(),
    }
}

fn limit(value: &Value) -> Option<String> {
    let number = value.as_f64()?;
    Some(if number.fract() == 0.0 { format!("{number:.0}") } else { number.to_string() })
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The comment in one line, fit for a table.
fn sentence(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
