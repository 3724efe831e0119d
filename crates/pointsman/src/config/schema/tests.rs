//! The description, held against the readers and against the files made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pointsman_domain::Vocabulary;
use pointsman_policy::config::Source;

use super::*;
use crate::config::Config;

/// A key that no section has, and that is like none.
const STRANGE: &str = "qqqqqqqqqqqqqqqq";

/// All that is said about a file.
fn said(text: &str) -> String {
    let (config, _) = Config::read(Source::new("pointsman.toml", text));
    config.check(&Vocabulary::standard()).1.iter().map(|found| format!("{found:#}\n")).collect()
}

/// The keys that a reader knows, as it names them when it finds a strange one.
fn known(text: &str) -> BTreeSet<String> {
    let said = said(text);
    let list =
        said.lines().find_map(|line| line.split_once("known keys: ").or(line.split_once("known sections: ")));
    let list = list.unwrap_or_else(|| panic!("no keys are named in\n{said}")).1;
    list.split(',').map(|key| key.trim().to_owned()).collect()
}

fn keys(schema: &Value) -> BTreeSet<String> {
    let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("no keys in {schema:#}"));
    properties.keys().cloned().collect()
}

#[test]
fn the_keys_are_those_that_are_read() {
    let schema = json();
    let sections = &schema["properties"];
    let details = &sections["models"]["additionalProperties"]["anyOf"][1];
    let mut cases = vec![
        (format!("{STRANGE} = 1\n"), &schema),
        (format!("[models.m]\nuse = \"demo/x\"\n{STRANGE} = 1\n[route]\ndefault = \"m\"\n"), details),
        (
            format!(
                "[models.m]\nuse = \"demo/x\"\nprice = {{ input = 1, output = 1, {STRANGE} = 1 }}\n[route]\ndefault = \"m\"\n"
            ),
            &details["properties"]["price"],
        ),
        (
            format!(
                "[models]\nm = \"demo/x\"\n[route]\ndefault = \"m\"\n[[test]]\nprompt = \"x\"\nexpect = \"m\"\n{STRANGE} = 1\n"
            ),
            &sections["test"]["items"],
        ),
        (
            format!(
                "[models]\nm = \"demo/x\"\n[route]\ndefault = \"m\"\n[policy]\nmode = \"table\"\n{STRANGE} = 1\n"
            ),
            &sections["policy"],
        ),
        (
            format!("[providers.p]\nkind = \"demo\"\n{STRANGE} = 1\n"),
            &sections["providers"]["additionalProperties"],
        ),
        (format!("[keys.k]\n{STRANGE} = 1\n"), &sections["keys"]["additionalProperties"]),
    ];
    for name in crate::config::OWN_SECTIONS.into_iter().filter(|name| !["providers", "keys"].contains(name)) {
        cases.push((format!("[{name}]\n{STRANGE} = 1\n"), &sections[name]));
    }
    for (text, described) in cases {
        let help = "describe the keys in crates/pointsman/src/config/schema";
        assert_eq!(keys(described), known(&text), "{help}; asked with\n{text}");
    }
}

/// A section with every default written out.
fn with_defaults(section: &Value) -> String {
    let properties = section["properties"].as_object().expect("keys");
    let lines =
        properties.iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value.get("default")?)));
    lines.collect()
}

#[test]
fn the_defaults_are_those_that_hold() {
    let schema = json();
    for name in ["classifier", "server", "failures", "record", "dashboard", "telemetry"] {
        let read = |content: &str| {
            let source = Source::new("pointsman.toml", format!("[{name}]\n{content}"));
            let (config, diagnostics) = Config::read(source);
            assert!(!diagnostics.has_errors(), "{:#?}", diagnostics.into_sorted());
            let Config { server, classifier, record, failures, dashboard, telemetry, .. } = config;
            (server, classifier, record, failures, dashboard, telemetry)
        };
        let defaults = with_defaults(&schema["properties"][name]);
        assert_eq!(read(&defaults), read(""), "[{name}]\n{defaults}");
    }
    let kinds = &schema["properties"]["providers"]["additionalProperties"]["properties"]["kind"]["enum"];
    let known = pointsman_upstream::ProviderKind::ALL.map(pointsman_upstream::ProviderKind::as_str);
    assert_eq!(kinds, &serde_json::json!(known));
}

#[test]
fn limits_are_those_that_are_kept() {
    let schema = json();
    let sections = schema["properties"].as_object().expect("sections");
    let mut tried = 0;
    for (name, section) in
        sections.iter().filter(|(name, _)| crate::config::OWN_SECTIONS.contains(&name.as_str()))
    {
        for (key, value) in section["properties"].as_object().into_iter().flatten() {
            let (Some(least), Some(most)) = (value["minimum"].as_f64(), value["maximum"].as_f64()) else {
                continue;
            };
            let mut beyond: BTreeMap<&str, f64> = BTreeMap::from([("most", most + 1.0)]);
            if least > 0.0 {
                beyond.insert("least", least - 1.0);
            }
            for (which, number) in beyond {
                let text = format!("[{name}]\n{key} = {number:.0}\n");
                assert!(said(&text).contains("error"), "{which}: {text}");
            }
            for number in [least, most] {
                let text = format!("[{name}]\n{key} = {number:.0}\n");
                let (_, diagnostics) = Config::read(Source::new("pointsman.toml", text.as_str()));
                assert!(!diagnostics.has_errors(), "{text}");
            }
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried} keys have limits");
}

#[test]
fn the_files_in_docs_are_up_to_date() {
    let schema = json();
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let as_file = format!("{schema:#}\n");
    for (name, made) in [("pointsman.schema.json", as_file), ("configuration-reference.md", page(&schema))] {
        let kept = std::fs::read_to_string(Path::new(&folder).join(name)).unwrap_or_default();
        assert!(kept == made, "docs/{name} is not what the comments say: run `just config-docs`");
    }
}
