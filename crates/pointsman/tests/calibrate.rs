//! `calibrate`, run as a person runs it.

mod support;

use std::fmt::Write as _;

use serde_json::Value;
use support::{pointsman, text};

/// Prompts that `ours` always and `theirs` never answers.
fn folder_with_outcomes(prompts: usize) -> tempfile::TempDir {
    let mut rows = String::new();
    for n in 0..prompts {
        for (model, correct) in [("ours", true), ("theirs", false)] {
            let prompt = format!("What is {n} plus {}?", 3 * n + 7);
            writeln!(rows, r#"{{"id":"p{n}","text":"{prompt}","model":"{model}","correct":{correct}}}"#)
                .expect("written");
        }
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("outcomes.jsonl"), rows).expect("written");
    folder
}

const CALIBRATE: [&str; 7] =
    ["calibrate", "--outcomes", "outcomes.jsonl", "--out", "calibration", "--date", "2026-11-21"];

#[test]
fn abilities_are_written_told_and_used() {
    let folder = folder_with_outcomes(40);
    let output = pointsman(folder.path(), &[&CALIBRATE[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!((&report["taken"], &report["outcomes"]), (&"abilities".into(), &80.into()), "{report}");
    let loss = |state: usize| report["compared"][state]["quality"]["log_loss"].as_f64().expect("a number");
    assert!(loss(1) < 0.7 * loss(0), "{report}");

    let abilities =
        std::fs::read_to_string(folder.path().join("calibration/abilities.toml")).expect("written");
    assert!(abilities.contains("2026-11-21") && abilities.contains("80 own outcomes"), "{abilities}");
    let table = r#"
        [policy]
        mode = "target"
        abilities = "calibration/abilities.toml"
        [models]
        ours = { use = "demo/ours", price = { input = 9, output = 9 } }
        theirs = { use = "demo/theirs", price = { input = 1, output = 1 } }
        [route]
        default = "theirs"
        unsure = "theirs"
    "#;
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let output = pointsman(folder.path(), &["route", "--json", "What is 4 plus 5?"]);
    let routed: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!(routed["decision"]["model"], "ours", "{routed}");

    let told = text(&pointsman(folder.path(), &CALIBRATE).stdout);
    assert!(told.contains("80 outcomes of 2 models") && told.contains("[policy]"), "{told}");
}

#[test]
fn too_few_outcomes_are_refused_with_the_number_that_is_needed() {
    let folder = folder_with_outcomes(10);
    let output = pointsman(folder.path(), &CALIBRATE);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("20 usable outcomes; 50 are needed"), "{error}");
}
