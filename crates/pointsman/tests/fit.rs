//! `fit`, run as a person runs it.

mod support;

use std::fmt::Write as _;

use serde_json::Value;
use support::{pointsman, text};

/// Six models on 60 prompts of two sources; the later ones know more.
fn folder_with_outcomes() -> tempfile::TempDir {
    let mut rows = String::new();
    for n in 0..60_usize {
        let source = ["one", "two"][n % 2];
        write!(rows, r#"{{"id":"p{n}","source":"{source}","text":"prompt {n}","models":{{"#)
            .expect("written");
        for model in 0..6_usize {
            let correct = (n * 37 + model * 11) % 53 < 6 + 8 * model;
            let comma = if model == 0 { "" } else { "," };
            write!(rows, r#"{comma}"m{model}":{{"correct":{correct}}}"#).expect("written");
        }
        rows += "}}\n";
    }
    rows += "{\"id\":\"bad\",\"text\":\"no outcome\"}\n";
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("outcomes.jsonl"), rows).expect("written");
    folder
}

const FIT: [&str; 7] = ["fit", "--outcomes", "outcomes.jsonl", "--out", "fit", "--date", "2026-11-21"];

#[test]
fn a_fit_is_written_told_and_used_by_target_mode() {
    let folder = folder_with_outcomes();
    let output = pointsman(folder.path(), &[&FIT[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("outcomes.jsonl:61"), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!((&report["summary"]["items"], &report["provenance"]["unreadable"]), (&60.into(), &1.into()));
    let ability = |model: usize| report["models"][model]["ability"].as_f64().expect("a number");
    assert!(ability(0) < ability(3) && ability(3) < ability(5), "{report}");

    let told = text(&pointsman(folder.path(), &FIT).stdout);
    assert!(told.contains("360 outcomes of 6 models on 60 prompts; 1 row unreadable"), "{told}");
    let first = std::fs::read(folder.path().join("fit/report.html")).expect("written");
    pointsman(folder.path(), &[&FIT[..], &["--threads", "1"]].concat());
    assert!(
        first == std::fs::read(folder.path().join("fit/report.html")).expect("written"),
        "same bytes again"
    );

    let table = r#"
        [policy]
        mode = "target"
        abilities = "fit/abilities.toml"
        [models]
        m5 = { use = "demo/m5", price = { input = 1, output = 1 } }
        [route]
        default = "m5"
        unsure = "m5"
    "#;
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let output = pointsman(folder.path(), &["route", "--json", "What is 4 plus 5?"]);
    let routed: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!(routed["decision"]["model"], "m5", "{routed}");
}

#[test]
fn faults_are_named_with_a_remedy() {
    let folder = folder_with_outcomes();
    std::fs::write(folder.path().join("names.toml"), "[model]\n").expect("written");
    for (args, message) in [
        (vec!["--exclude", "m1"], "--exclude m1: give a model and a source"),
        (vec!["--exclude", "m1@oen"], "did you mean `m1@one`?"),
        (vec!["--aliases", "names.toml"], "names.toml"),
        (vec!["--aliases", "none.toml"], "none.toml: cannot be read"),
    ] {
        let output = pointsman(folder.path(), &[&FIT[..], &args].concat());
        assert!(!output.status.success());
        let error = text(&output.stderr);
        assert!(error.contains(message), "{error}");
    }
    let output = pointsman(folder.path(), &["fit", "--outcomes", "none.jsonl", "--out", "fit"]);
    assert!(text(&output.stderr).contains("none.jsonl: cannot be read"), "{}", text(&output.stderr));
}
