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

/// What was known is of use only if it is found, and an ability that the router does not find is of none.
#[test]
fn the_names_of_a_table_stand_for_its_models() {
    let folder = folder_with_outcomes(40);
    let table = r#"
        [models]
        ours = "openai/gpt-4o-mini"
        theirs = { use = "demo/theirs", like = "gpt-4o-mini" }
        [route]
        default = "theirs"
    "#;
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let output = pointsman(folder.path(), &[&CALIBRATE[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    assert_eq!(report["models"], serde_json::json!(["gpt-4o-mini-2024-07-18", "demo/theirs"]), "{report}");
    let abilities =
        std::fs::read_to_string(folder.path().join("calibration/abilities.toml")).expect("written");
    assert!(abilities.contains("[models.\"demo/theirs\"]"), "{abilities}");
    assert!(!abilities.contains("[models.\"ours\"]"), "{abilities}");
    let (_, own) = abilities.split_once("[models.\"gpt-4o-mini-2024-07-18\"]").expect("listed");
    let (own, _) = own.split_once("[models.").expect("not the last");
    assert!(own.contains("aliases = [\"gpt-4o-mini\"]") && own.contains("items = 40"), "{own}");
}

/// The table may be anywhere, and so may be whoever starts the server.
#[test]
fn the_lines_that_are_told_can_be_used_as_they_are() {
    let folder = folder_with_outcomes(40);
    let table = "[models]\nours = \"demo/ours\"\n[route]\ndefault = \"ours\"\n";
    std::fs::create_dir(folder.path().join("elsewhere")).expect("made");
    let config = folder.path().join("elsewhere/pointsman.toml");
    std::fs::write(&config, table).expect("written");
    let there = ["--config", "elsewhere/pointsman.toml"];
    let output = pointsman(folder.path(), &[&CALIBRATE[..], &there].concat());
    let told = text(&output.stdout);
    let (_, lines) =
        told.split_once("to use it:").unwrap_or_else(|| panic!("{told}{}", text(&output.stderr)));
    let used = table.to_owned() + &lines.replace("[policy]", "[policy]\nmode = \"target\"");
    std::fs::write(&config, &used).expect("written");
    let output = pointsman(folder.path(), &[&["route", "--json", "What is 4?"][..], &there].concat());
    assert!(output.status.success(), "{used}{}", text(&output.stderr));
}

#[test]
fn too_few_outcomes_are_refused_with_the_number_that_is_needed() {
    let folder = folder_with_outcomes(10);
    let output = pointsman(folder.path(), &CALIBRATE);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("20 usable outcomes; 50 are needed"), "{error}");
}

/// Records of `count` prompts that somebody scored: `ours` always and `theirs` never answered well. One more was labelled by
/// a classifier that nobody has any more.
fn folder_with_records(count: usize) -> tempfile::TempDir {
    let example =
        include_str!("../../pointsman-record/tests/fixtures/records.jsonl").lines().last().expect("some");
    let example: Value = serde_json::from_str(example).expect("a record");
    let mut lines = format!("{example}\n");
    for n in 0..count {
        let mut record = example.clone();
        let (model, score) = if n % 2 == 0 { ("ours", 1.0) } else { ("theirs", 0.0) };
        record["id"] = format!("r{n}").into();
        record["prompt"] =
            serde_json::json!({"full": [{"role": "user", "content": format!("What is {n} plus 7?")}]});
        record["answered"]["attempts"][1]["model"] = model.into();
        record["answered"]["attempts"][1]["target"] = format!("demo/{model}").into();
        record["feedback"]["score"] = score.into();
        writeln!(lines, "{record}").expect("written");
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("records.jsonl"), lines).expect("written");
    folder
}

#[test]
fn scored_records_are_outcomes() {
    let folder = folder_with_records(80);
    let calibrate =
        ["calibrate", "--records", "records.jsonl", "--out", "calibration", "--date", "2026-11-21"];
    let output = pointsman(folder.path(), &[&calibrate[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    let used = serde_json::json!({"scored": 80, "with_prompt": 80, "left_out": 1});
    assert_eq!((&report["taken"], &report["records"]), (&"abilities".into(), &used), "{report}");
    assert_eq!(report["models"], serde_json::json!(["demo/ours", "demo/theirs"]), "by where they were");
    let told = text(&pointsman(folder.path(), &calibrate).stdout);
    assert!(told.contains("80 records with a score, 80 of them with the prompt"), "{told}");
    assert!(told.contains("1 record left out"), "{told}");

    let later = pointsman(folder.path(), &[&calibrate[..], &["--since", "2026-11-21"]].concat());
    assert!(text(&later.stderr).contains("0 usable outcomes"), "{}", text(&later.stderr));
    let none = pointsman(folder.path(), &["calibrate", "--out", "calibration"]);
    assert!(text(&none.stderr).contains("--outcomes"), "{}", text(&none.stderr));
}
