//! The built command, run as a person runs it.

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::{pointsman, text};

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

#[test]
fn a_proof_is_math_and_small_talk_is_easy_chat() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let route = |prompt| json_of(&pointsman(folder.path(), &["route", "--json", prompt]));
    let proof = route("Prove that there are infinitely many primes");
    assert_eq!(proof["labels"]["task"], "math", "{proof:#}");
    assert!(proof["labels"]["difficulty"].as_f64().is_some_and(|d| (0.0..=1.0).contains(&d)), "{proof:#}");
    assert!(proof["decision"]["rule"].is_string() && proof["decision"]["model"].is_string(), "{proof:#}");
    for talk in ["hey, how are you today?", "thank you so much"] {
        let labels = &route(talk)["labels"];
        assert_eq!((&labels["task"], &labels["band"]), (&json!("chat"), &json!("easy")), "{labels:#}");
    }
}

#[test]
fn the_table_decides_where_a_prompt_goes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let table =
        "[models]\na = \"openai/small\"\nb = \"openai/large\"\n[route]\ndefault = \"a\"\nmath = \"b\"\n";
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let route = json_of(&pointsman(folder.path(), &["route", "--json", "What is 17 * 23 + 4?"]));
    assert_eq!((&route["decision"]["model"], &route["decision"]["rule"]), (&json!("b"), &json!("math")));
    assert_eq!(route["decision"]["target"], "openai/large");
    let explanation = text(&pointsman(folder.path(), &["explain", "What is 17 * 23 + 4?"]).stdout);
    assert!(explanation.contains("math") && explanation.contains("openai/large"), "{explanation}");
}

#[test]
fn check_answers_by_its_exit_code() {
    let folder = tempfile::tempdir().expect("temporary folder");
    assert_eq!(pointsman(folder.path(), &["check"]).status.code(), Some(0), "the built-in table is sound");
    let table = "[models]\na = \"openai/small\"\n[route]\ndefault = \"a\"\nmaht = \"a\"\n";
    std::fs::write(folder.path().join("pointsman.toml"), table).expect("written");
    let wrong = pointsman(folder.path(), &["check"]);
    let said = text(&wrong.stdout) + &text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(said.contains("pointsman.toml:5") && said.contains("`math`"), "{said}");
    let missing = pointsman(folder.path(), &["check", "--config", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("nowhere.toml"));
}

#[test]
fn in_mode_target_the_chance_of_success_decides() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let table = |quality: &str| {
        format!(
            "[policy]\nmode = \"target\"\nquality = {quality}\n[models]\n\
             cheap = {{ use = \"openai/gpt-4o-mini\", price = {{ input = 0.15, output = 0.6 }} }}\n\
             strong = {{ use = \"demo/own\", like = \"o3-mini\", price = {{ input = 1.1, output = 4.4 }} }}\n\
             [route]\ndefault = \"strong\"\n"
        )
    };
    let route = |quality: &str| {
        std::fs::write(folder.path().join("pointsman.toml"), table(quality)).expect("written");
        json_of(&pointsman(folder.path(), &["route", "--json", "What is 17 * 23 + 4?"]))["decision"].take()
    };
    let (any, most) = (route("0"), route("1"));
    assert_eq!((&any["model"], &any["rule"]), (&json!("cheap"), &json!("target(0.00)")), "{any}");
    assert_eq!(
        (&most["model"], &most["reason"]["kind"]),
        (&json!("strong"), &json!("below_quality")),
        "{most}"
    );
    let said = |command: &[&str]| text(&pointsman(folder.path(), command).stdout);
    let explanation = said(&["explain", "What is 17 * 23 + 4?"]);
    assert!(explanation.contains("candidates") && explanation.contains("like o3-mini"), "{explanation}");
    let (checked, routed) = (said(&["check"]), said(&["route", "What is 17 * 23 + 4?"]));
    assert!(checked.contains("mode target") && checked.contains("1.00"), "{checked}");
    assert!(routed.contains("target(1.00)") && routed.contains("chances"), "{routed}");
}

#[test]
fn misuse_and_failure_exit_with_two() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (args, said) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["route"], "<PROMPT>"),
        (&["route", "hi", "--model", "no/such/folder"], "no/such/folder"),
        (&["route", "hi", "--device", "abacus"], "abacus"),
        (&["classify", "--input", "none.jsonl"], "none.jsonl"),
        (&["train", "--recipe", "none.toml"], "none.toml"),
        (&["eval", "tasks", "--input", "none.jsonl"], "none.jsonl"),
        (&["data", "list"], "give --datasets DIR"),
        (&["data", "fetch"], "<NAME>"),
    ] {
        let output = pointsman(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

/// Five thousand lines, every kind of bad row among them, and the kinds of answer that are due.
fn awkward_rows() -> (Vec<u8>, Vec<&'static str>) {
    let long = "lorem ipsum dolor sit amet ".repeat((1 << 20) / 27);
    let mut bytes = Vec::new();
    let mut due = Vec::new();
    for i in 0..5000 {
        let (line, kind) = match i % 50 {
            7 => (format!("{{\"id\":{i},\"text\":\"\"}}").into_bytes(), "empty"),
            13 if i == 13 || i == 2513 => {
                (json!({"id": i, "text": long}).to_string().into_bytes(), "truncated")
            }
            17 => (json!({"id": i, "text": "🎉🎊🥳🎉"}).to_string().into_bytes(), "label"),
            23 => (json!({"id": i, "text": "מה שלום אמא שלך היום?"}).to_string().into_bytes(), "label"),
            31 => (b"{\"id\":1,\"text\":\"caf\xe9\"}".to_vec(), "invalid_utf8"),
            37 => (b"{\"id\":1,\"text\":".to_vec(), "malformed_json"),
            41 => (format!("{{\"id\":{i},\"words\":\"no text\"}}").into_bytes(), "invalid_row"),
            _ => (
                json!({"id": i, "text": format!("what is {i} plus {}", i * 3)}).to_string().into_bytes(),
                "label",
            ),
        };
        bytes.extend(line);
        bytes.push(b'\n');
        due.push(kind);
    }
    (bytes, due)
}

#[test]
fn five_thousand_awkward_rows_give_five_thousand_answers() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (rows, due) = awkward_rows();
    std::fs::write(folder.path().join("in.jsonl"), rows).expect("written");
    let output = pointsman(folder.path(), &["classify", "--input", "in.jsonl", "--output", "out.jsonl"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("UTF-8");
    let answers: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), due.len());
    for (i, (answer, due)) in answers.iter().zip(due).enumerate() {
        match due {
            "label" => assert!(answer["task"].is_string() && answer["id"] == i, "{i}: {answer}"),
            "empty" => assert_eq!(answer["abstain_reason"], "empty", "{i}: {answer}"),
            "truncated" => assert_eq!(answer["truncated"], true, "{i}"),
            kind => {
                assert_eq!(
                    (&answer["error"]["kind"], &answer["error"]["line"]),
                    (&json!(kind), &json!(i + 1))
                );
            }
        }
    }
}

#[test]
fn a_labelled_row_has_the_public_fields_in_order() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("in.jsonl"), "{\"id\":\"x\",\"text\":\"hi\"}\n").expect("written");
    let output = pointsman(folder.path(), &["classify", "--input", "in.jsonl"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let row: serde_json::Map<String, Value> = serde_json::from_slice(&output.stdout).expect("one row");
    let fields = row.keys().fold(String::new(), |mut fields, key| {
        let _ = write!(fields, "{key} ");
        fields
    });
    assert_eq!(
        fields,
        "id task task_confidence task_scores difficulty ability band abstained abstain_reason tokens tokens_seen truncated "
    );
    assert_eq!(row["task_scores"].as_object().map(serde_json::Map::len), Some(17));
}

#[test]
fn data_is_listed_and_verified_from_the_manifests() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let datasets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets");
    let data = |args: &[&str]| {
        pointsman(folder.path(), &[args, &["--datasets", datasets, "--data", "data"]].concat())
    };
    let listed = json_of(&data(&["data", "list", "--json"]));
    let dolly = listed.as_array().and_then(|all| all.iter().find(|s| s["name"] == "databricks-dolly-15k"));
    assert_eq!(dolly.map(|dolly| &dolly["state"]), Some(&json!("not fetched")), "{listed:#}");
    let verified = json_of(&data(&["data", "verify", "--json"]));
    assert_eq!(verified["problems"], json!([]), "our own prompts are none of those that are kept out");
    let misspelt = data(&["data", "fetch", "clinc15"]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(text(&misspelt.stderr).contains("did you mean `clinc150`"), "{}", text(&misspelt.stderr));
}

#[test]
fn a_publisher_who_cannot_be_reached_does_not_keep_the_other_sources_away() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir_all(folder.path().join("datasets/sources")).expect("made");
    // Nobody listens on port 1.
    for name in ["first", "second"] {
        let manifest = format!(
            "name = \"{name}\"\nhome = \"http://127.0.0.1:1/\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 1\n\n[[file]]\n\
             url = \"http://127.0.0.1:1/{name}.jsonl\"\nformat = \"jsonl\"\nid = \"{name}-{{row}}\"\ntext = [\"text\"]\n"
        );
        std::fs::write(folder.path().join(format!("datasets/sources/{name}.toml")), manifest)
            .expect("written");
    }
    let fetched = pointsman(folder.path(), &["data", "fetch", "--all", "--data", "data", "--json"]);
    assert_eq!(fetched.status.code(), Some(2), "{}", text(&fetched.stderr));
    assert!(text(&fetched.stderr).contains("2 of 2 sources could not be fetched: first, second"));
    let report: Value = serde_json::from_slice(&fetched.stdout).expect("JSON");
    let names: Vec<&Value> =
        report.as_array().expect("a list").iter().map(|source| &source["name"]).collect();
    assert_eq!(names, [&json!("first"), &json!("second")]);
    assert!(report[1]["error"].as_str().is_some_and(|error| error.contains("second.jsonl")), "{report:#}");
}

/// The worked example of `docs/training.md`: files by the name that stands in the line before each block.
fn worked_example(folder: &Path) {
    let guide = include_str!("../../../docs/training.md");
    for name in ["tickets.toml", "pointsman.toml"] {
        let after = guide.split(&format!("`{name}`:\n\n```toml\n")).nth(1).expect(name);
        let content = after.split("```").next().expect("a block ends");
        std::fs::write(folder.join(name), content).expect("written");
    }
}

/// Tickets of three queues, each said in several ways.
fn tickets() -> String {
    let queues = [
        (
            "billing",
            [
                "charged me twice for",
                "wants a refund for",
                "sent a wrong invoice for",
                "billed the wrong card for",
            ],
        ),
        ("bug_report", ["crashes when I open", "shows an error in", "freezes on", "loses my changes in"]),
        (
            "feature_request",
            ["should support", "could you please add", "it would be great to have", "I miss a shortcut for"],
        ),
    ];
    let things = [
        "the yearly report",
        "the calendar",
        "our team plan",
        "the export",
        "dark mode",
        "the mobile app",
        "March",
        "search",
    ];
    let mut rows = String::new();
    for (queue, phrases) in queues {
        for (i, thing) in things.iter().enumerate() {
            let text = format!("{} {thing}", phrases[i % phrases.len()]);
            let split = ["train", "train", "train", "dev"][(i + i / 4) % 4];
            let row = json!({"id": format!("{queue}-{i}"), "text": text, "queue": queue, "split": split});
            let _ = writeln!(rows, "{row}");
        }
    }
    rows
}

#[test]
fn a_model_of_own_labels_is_trained_and_routes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    worked_example(folder.path());
    std::fs::write(folder.path().join("tickets.jsonl"), tickets()).expect("written");
    let train = || pointsman(folder.path(), &["train", "--recipe", "tickets.toml", "--json"]);
    let first = train();
    assert!(text(&first.stderr).contains("embeddings once"), "{}", text(&first.stderr));
    let trained = json_of(&first);
    assert_eq!(trained["model"], "models/support-desk");
    assert!(trained["dev"]["task_accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.6), "{trained:#}");
    let weights =
        || std::fs::read(folder.path().join("models/support-desk/model.safetensors")).expect("written");
    let bytes = weights();
    let again = train();
    assert!(text(&again.stderr).contains("embeddings read from"), "{}", text(&again.stderr));
    assert!(bytes == weights(), "the same recipe and data give the same bytes");

    let check = pointsman(folder.path(), &["check"]);
    assert_eq!(check.status.code(), Some(0), "{}{}", text(&check.stdout), text(&check.stderr));
    let route =
        json_of(&pointsman(folder.path(), &["route", "--json", "the app crashes when I open the calendar"]));
    assert_eq!(route["labels"]["task"], "bug_report", "{route:#}");
    assert_eq!(route["decision"]["rule"], "bug_report", "{route:#}");
    let scores = route["labels"]["task_scores"].as_object().expect("scores");
    assert_eq!(scores.len(), 3);
    // The difficulty head is that of the model it started from, rounded once more.
    let of = |args: &[&str]| {
        json_of(&pointsman(folder.path(), args))["labels"]["ability"].as_f64().expect("a number")
    };
    let prompt = "Prove that there are infinitely many primes";
    let own = of(&["route", "--json", prompt, "--model", "models/support-desk"]);
    std::fs::remove_file(folder.path().join("pointsman.toml")).expect("removed");
    let embedded = of(&["route", "--json", prompt]);
    assert!((own - embedded).abs() < 0.05, "{own} {embedded}");
}

#[test]
fn the_configuration_is_described_for_editors_and_people() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let schema = json_of(&pointsman(folder.path(), &["config", "schema"]));
    assert_eq!(schema["title"], "pointsman.toml");
    assert_eq!(schema["properties"]["classifier"]["properties"]["timeout_ms"]["default"], 250);
    let page = text(&pointsman(folder.path(), &["config", "reference"]).stdout);
    assert!(
        page.contains("## `[classifier]`") && page.contains("| `timeout_ms` | whole number from 1"),
        "{page}"
    );
}
