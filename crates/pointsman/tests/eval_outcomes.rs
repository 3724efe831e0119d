//! `eval routing` and `eval difficulty`, run as a person runs them.

mod support;

use std::fmt::Write as _;
use std::process::Output;

use serde_json::Value;
use support::{pointsman, text};

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// Greetings, which every model answers, and products of large numbers, which only `large` gets right.
fn folder_with_outcomes() -> tempfile::TempDir {
    let mut rows = String::new();
    for n in 0..60 {
        let hard = n % 2 == 0;
        let prompt = if hard {
            format!("Compute {} * {}.", 7_321 + n * 17, 9_877 - n * 13)
        } else {
            format!("Hello number {n}!")
        };
        writeln!(
            rows,
            "{{\"id\":\"p{n}\",\"text\":\"{prompt}\",\"source\":\"made\",\"task\":\"{}\",\"models\":{{\
             \"small\":{{\"correct\":{},\"cost\":0.0001}},\"mid\":{{\"score\":{},\"cost\":0.0003}},\
             \"large\":{{\"correct\":true,\"cost\":0.002}}}}}}",
            if hard { "product" } else { "greeting" },
            !hard,
            if hard { 0.5 } else { 1.0 },
        )
        .expect("written");
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("outcomes.jsonl"), rows).expect("written");
    folder
}

const PAIR: [&str; 8] =
    ["eval", "routing", "--input", "outcomes.jsonl", "--strong", "large", "--weak", "small"];

fn apgr(report: &Value, router: &str) -> f64 {
    let routers = report["study"]["routers"].as_array().expect("a list");
    let found =
        routers.iter().find(|own| own["name"] == router).unwrap_or_else(|| panic!("{router}: {report:#}"));
    found["figures"]["apgr"]["value"].as_f64().expect("a number")
}

#[test]
fn a_head_learns_from_a_few_outcomes() {
    let folder = folder_with_outcomes();
    let more = ["--adapt", "30", "--scores", "scores.jsonl", "--report", "report", "--json"];
    let report = json_of(&pointsman(folder.path(), &[&PAIR[..], &more].concat()));
    assert_eq!((&report["study"]["prompts"], &report["provenance"]["adapted"]), (&30.into(), &30.into()));
    assert!(
        (apgr(&report, "oracle") - 0.75).abs() < 0.05 && (apgr(&report, "static mix") - 0.5).abs() < 1e-9
    );
    assert!(apgr(&report, "pointsman, adapted") > 0.7, "{report:#}");
    let scores = std::fs::read_to_string(folder.path().join("scores.jsonl")).expect("written");
    let first: Value = serde_json::from_str(scores.lines().next().expect("a line")).expect("JSON");
    assert!(scores.lines().count() == 30 && first["id"].is_string() && first["score"].is_f64());
    let again = ["--adapt", "30", "--router", "written=scores.jsonl", "--json"];
    let with_given = json_of(&pointsman(folder.path(), &[&PAIR[..], &again].concat()));
    assert_eq!(apgr(&with_given, "written"), apgr(&report, "pointsman, adapted"));
    let unknown = ["--router", "written=scores.jsonl"];
    let output = pointsman(folder.path(), &[&PAIR[..], &unknown].concat());
    let message = text(&output.stderr);
    assert!(!output.status.success() && message.contains("scores.jsonl: no score of `"), "{message}");
    for file in ["report.json", "items.csv", "index.html"] {
        assert!(folder.path().join("report").join(file).exists(), "{file}");
    }
}

#[test]
fn three_models_and_abilities_that_are_known() {
    let folder = folder_with_outcomes();
    let calibration = "version = \"abilities/1\"\ndate = \"2025-11-21\"\norigin = \"made up\"\n\
        [models.small]\nability = -1.0\nse = 0.1\nitems = 60\n[models.mid]\nability = 0.0\nse = 0.1\nitems = 60\n\
        [models.large]\nability = 2.0\nse = 0.1\nitems = 60\n";
    std::fs::write(folder.path().join("abilities.toml"), calibration).expect("written");
    let three =
        ["eval", "routing", "--input", "outcomes.jsonl", "--models", "large,small,mid", "--calibration", "."];
    let report = json_of(&pointsman(folder.path(), &[&three[..], &["--json"]].concat()));
    assert_eq!(report["study"]["models"].as_array().map(Vec::len), Some(3));
    assert!(report["study"]["routers"][0]["figures"]["aiq"]["value"].as_f64().is_some_and(|aiq| aiq > 0.5));
    let shown = text(&pointsman(folder.path(), &three).stdout);
    assert!(shown.contains("AIQ") && shown.contains("abilities from ./abilities.toml"), "{shown}");
    let difficulty = ["eval", "difficulty", "--input", "outcomes.jsonl", "--calibration", ".", "--json"];
    let report = json_of(&pointsman(folder.path(), &difficulty));
    assert_eq!(report["models"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["sources"][0]["source"], "made");
}

#[test]
fn outcomes_may_call_a_model_what_the_table_calls_it() {
    let folder = folder_with_outcomes();
    let abilities = "version = \"abilities/1\"\ndate = \"2025-11-21\"\norigin = \"made up\"\n\
        [models.tiny-1]\nability = -1.0\nse = 0.1\nitems = 60\n";
    std::fs::write(folder.path().join("abilities.toml"), abilities).expect("written");
    let difficulty = ["eval", "difficulty", "--input", "outcomes.jsonl", "--calibration", ".", "--json"];
    let unnamed = json_of(&pointsman(folder.path(), &difficulty));
    assert_eq!(unnamed["models"].as_array().map(Vec::len), Some(0), "nobody says that small is tiny-1");
    let table = "[models]\nsmall = \"openai/tiny-1\"\n[route]\ndefault = \"small\"\n";
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let named = json_of(&pointsman(folder.path(), &difficulty));
    assert_eq!(named["models"][0]["model"], "small", "{named:#}");
}

#[test]
fn difficulty_is_held_against_who_fails() {
    let folder = folder_with_outcomes();
    let args = ["eval", "difficulty", "--input", "outcomes.jsonl", "--report", "report"];
    let shown = pointsman(folder.path(), &args);
    let text = text(&shown.stdout);
    assert!(
        shown.status.success() && text.contains("Spearman") && text.contains("mean by own task *"),
        "{text}"
    );
    assert!(folder.path().join("report/index.html").exists());
    let items = "{\"id\":\"p0\",\"source\":\"made\",\"b\":1.5,\"se\":0.2}\n{\"id\":\"p1\",\"source\":\"made\",\"b\":-1.5}\n";
    std::fs::write(folder.path().join("items.jsonl"), items).expect("written");
    let fitted = ["eval", "difficulty", "--input", "outcomes.jsonl", "--items", "items.jsonl", "--json"];
    assert_eq!(json_of(&pointsman(folder.path(), &fitted))["overall"]["prompts"], 2);
}

#[test]
fn what_cannot_be_routed_is_said() {
    let folder = folder_with_outcomes();
    let cases: [(&[&str], &str); 6] = [
        (&["--strong", "lage", "--weak", "small"], "did you mean `large`?"),
        (&["--strong", "large", "--weak", "large"], "the same model is named twice"),
        (&["--models", "large,small"], "for two use --strong and --weak"),
        (&["--strong", "large", "--weak", "small", "--adapt", "60"], "some must be left to evaluate on"),
        (&["--strong", "large", "--weak", "small", "--source", "other"], "there are made"),
        (&["--strong", "large", "--weak", "small", "--format", "routerbench"], "not --format routerbench"),
    ];
    for (args, expected) in cases {
        let all = [&["eval", "routing", "--input", "outcomes.jsonl"][..], args].concat();
        let output = pointsman(folder.path(), &all);
        assert!(
            !output.status.success() && text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn heads_are_judged_on_what_they_have_not_seen() {
    let folder = folder_with_outcomes();
    let args =
        ["eval", "difficulty", "--input", "outcomes.jsonl", "--heads", "--scores", "hard.jsonl", "--json"];
    let report = json_of(&pointsman(folder.path(), &args));
    let scorers = report["overall"]["scorers"].as_array().expect("a list");
    let names: Vec<&str> = scorers.iter().filter_map(|scorer| scorer["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            "pointsman",
            "head, items left out",
            "counts, items left out",
            "length",
            "question words",
            "mean by own task"
        ],
        "one source has no other to learn from"
    );
    assert!(scorers[1]["figures"]["spearman"]["value"].as_f64().is_some_and(|rho| rho > 0.3), "{report:#}");
    let bands = scorers[1]["bands"].as_array().expect("a list");
    assert_eq!(bands.iter().filter_map(|band| band["prompts"].as_u64()).sum::<u64>(), 60);
    let scores = std::fs::read_to_string(folder.path().join("hard.jsonl")).expect("written");
    assert_eq!(scores.lines().count(), 60);
}
