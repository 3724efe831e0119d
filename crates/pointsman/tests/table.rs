//! The commands about the table, run as a person runs them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn pointsman(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args).current_dir(folder).env("PATH_TO_A_KEY", "set");
    for variable in
        ["POINTSMAN_CONFIG", "POINTSMAN_MODEL", "POINTSMAN_DEVICE", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
    {
        command.env_remove(variable);
    }
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

const TABLE: &str = r#"
[models]
cheap  = "openai/gpt-5-mini"
own    = { use = "openai/gpt-5", price = { input = 9.0, output = 9.0 } }
nobody = "mine/llama"
[providers.mine]
kind        = "openai_compatible"
base_url    = "https://models.example/v1"
api_key_env = "PATH_TO_A_KEY"
[route]
default = "cheap"
math    = "own"
"#;

fn folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("pointsman.toml"), format!("{TABLE}{more}")).expect("written");
    folder
}

#[test]
fn models_are_listed_and_searched() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let found = pointsman(folder.path(), &["models", "GPT-5", "mini", "--provider", "openai"]);
    let lines = text(&found.stdout);
    assert!(
        found.status.success() && lines.contains("openai/gpt-5-mini ") && !lines.contains("azure/"),
        "{lines}"
    );
    assert!(lines.contains("US dollars per million tokens on 20"), "{lines}");
    let one = json_of(&pointsman(folder.path(), &["models", "openai/gpt-5-mini", "--json"]));
    let mini = one["models"].as_array().expect("a list").iter().find(|model| model["model"] == "gpt-5-mini");
    assert_eq!(mini.expect("listed")["price"]["output"], 2.0);
    assert!(one["date"].as_str() >= Some("2026-11-21"), "{}", one["date"]);
    assert_eq!(pointsman(folder.path(), &["models", "no-such-model"]).status.code(), Some(1));
    let wrong = pointsman(folder.path(), &["models", "--provider", "opanai"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean `openai`?"), "{}", text(&wrong.stderr));
}

#[test]
fn check_says_what_models_cost_and_what_they_lack() {
    let folder = folder("");
    let output = pointsman(folder.path(), &["check"]);
    let said = text(&output.stdout);
    assert!(output.status.success() && !said.contains('\u{1b}'), "plain where there is no terminal: {said}");
    let line = |name: &str| {
        said.lines().find(|line| line.trim_start().starts_with(name)).expect("a line").to_owned()
    };
    assert!(line("cheap   openai").contains("0.25 / 2 (catalogue of 20"), "{said}");
    assert!(line("own").contains("9 / 9") && !line("own ").contains("catalogue"), "{said}");
    assert!(line("own").contains("no key: OPENAI_API_KEY is not set"), "{said}");
    assert!(line("nobody").contains("no price") && !line("nobody").contains("no key"), "{said}");
    assert!(said.contains("(cheap)"), "cells of the default row are in parentheses: {said}");
    assert!(said.contains("1 models without a price, 2 models without a key"), "{said}");
    let report = json_of(&pointsman(folder.path(), &["check", "--json"]));
    let prices: Vec<&Value> =
        report["models"].as_array().expect("a list").iter().map(|m| &m["price_from"]).collect();
    assert_eq!(prices, [&json!("catalogue"), &Value::Null, &json!("file")]);
}

#[test]
fn tests_of_the_table_decide_the_exit_code() {
    let good = "[[test]]\nprompt = \"What is 17 * 23 + 4?\"\nexpect = \"own\"\n";
    let passed = pointsman(folder(good).path(), &["check"]);
    let said = text(&passed.stdout);
    assert_eq!(passed.status.code(), Some(0), "{said}");
    assert!(said.contains("pass") && said.contains("1 of 1 tests pass"), "{said}");

    let folder = folder(&format!("{good}[[test]]\nprompt = \"What is 17 * 23 + 4?\"\nexpect = \"cheap\"\n"));
    let failed = pointsman(folder.path(), &["check"]);
    let said = text(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("→ own, expected cheap (pointsman.toml:16)"), "{said}");
    assert!(said.contains("math (") && said.contains("`math` of table `auto` chose `own`"), "{said}");
    let report = json_of(&pointsman(folder.path(), &["check", "--json"]));
    assert_eq!((&report["ok"], &report["tests"][0]["ok"]), (&json!(false), &json!(true)));
    assert_eq!((&report["tests"][1]["model"], &report["tests"][1]["task"]), (&json!("own"), &json!("math")));
}

#[test]
fn diff_answers_as_diff_does() {
    let folder = folder("");
    let other = TABLE.replace("math    = \"own\"", "\"math.hard\" = \"own\"");
    std::fs::write(folder.path().join("other.toml"), other).expect("written");
    let diff = |args: &[&str]| pointsman(folder.path(), &[&["diff"], args].concat());
    let same = diff(&["pointsman.toml", "pointsman.toml"]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
    let changed = diff(&["pointsman.toml", "other.toml"]);
    let said = text(&changed.stdout);
    assert_eq!(changed.status.code(), Some(1), "{said}");
    assert!(said.contains("own by `math` → cheap by `default`") && !said.contains("math.hard"), "{said}");
    let report = json_of(&diff(&["pointsman.toml", "other.toml", "--json"]));
    assert_eq!(
        (&report["same"], &report["tables"][0]["cells"][0]["cell"]),
        (&json!(false), &json!("math.easy"))
    );
    let missing = diff(&["pointsman.toml", "none.toml"]);
    assert_eq!(missing.status.code(), Some(2));
}
