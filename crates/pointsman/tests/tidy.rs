//! The architecture, held against what cargo sees.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Which of our crates each of our crates may use: the "may use" column of ARCHITECTURE.md's code map.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("pointsman-domain", &[]),
    ("pointsman-kernels", &[]),
    ("pointsman-classifier", &["pointsman-domain", "pointsman-kernels"]),
    ("pointsman-policy", &["pointsman-domain"]),
    ("pointsman-upstream", &["pointsman-domain"]),
    ("pointsman-record", &["pointsman-domain"]),
    ("pointsman-eval", &["pointsman-domain", "pointsman-classifier", "pointsman-policy", "pointsman-record"]),
    ("pointsman-train", &["pointsman-domain", "pointsman-kernels", "pointsman-classifier", "pointsman-eval"]),
    ("pointsman-data", &["pointsman-domain", "pointsman-classifier"]),
    (
        "pointsman",
        &[
            "pointsman-domain",
            "pointsman-kernels",
            "pointsman-classifier",
            "pointsman-policy",
            "pointsman-upstream",
            "pointsman-record",
            "pointsman-eval",
            "pointsman-train",
            "pointsman-data",
        ],
    ),
];

/// Normal dependencies of each workspace member.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata runs");
    let normal = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.clone())
            .collect()
    };
    metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), normal(p))).collect()
}

#[test]
fn the_crate_graph_is_the_one_in_the_code_map() {
    let found = dependencies();
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let members: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(members, allowed.keys().copied().collect::<Vec<_>>(), "members of the workspace");
    for (name, dependencies) in &found {
        for dependency in dependencies.iter().filter(|dependency| dependency.starts_with("pointsman")) {
            assert!(
                allowed[name.as_str()].contains(&dependency.as_str()),
                "{name} must not use {dependency}"
            );
        }
    }
}

#[test]
fn the_shared_words_need_no_runtime() {
    let found = dependencies();
    for crate_name in ["pointsman-domain", "pointsman-policy"] {
        for banned in ["tokio", "reqwest", "axum", "candle-core", "rand", "rand_chacha", "jiff", "chrono"] {
            assert!(!found[crate_name].contains(banned), "{crate_name} is pure and must not use {banned}");
        }
    }
}

#[test]
fn unsafe_code_is_opened_in_the_kernels_alone() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    for (name, _) in MAY_USE.into_iter().filter(|(name, _)| *name != "pointsman-kernels") {
        let mut folders = vec![std::path::PathBuf::from(root).join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("source folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let text = std::fs::read_to_string(&path).expect("source file");
                    let opened = ["allow(unsafe_code", "expect(unsafe_code", "allow(warnings"];
                    assert!(!opened.iter().any(|o| text.contains(o)), "{} opens unsafe code", path.display());
                }
            }
        }
    }
}
