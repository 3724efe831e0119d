//! What is promised of the prompts in `datasets/pointsman-prompts/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use pointsman_domain::{Task, Vocabulary};
use serde::Deserialize;

/// A row; unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    text: Option<String>,
    messages: Option<Vec<Message>>,
    task: Task,
    #[serde(default)]
    also: Vec<Task>,
    language: String,
    batch: String,
    split: String,
    #[serde(default, rename = "opinion_band")]
    _opinion_band: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

impl Row {
    /// What is read, without case and white space around it.
    fn content(&self) -> String {
        let messages = self.messages.iter().flatten();
        let messages = messages.map(|message| format!("{}: {}", message.role, message.content));
        let text: Vec<String> = self.text.iter().cloned().chain(messages).collect();
        text.join("\n").trim().to_lowercase()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
}

/// All rows by the name of their file without its ending.
fn batches() -> BTreeMap<String, Vec<Row>> {
    let files = std::fs::read_dir(folder().join("pointsman-prompts")).expect("there");
    let read = |path: PathBuf| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let row =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        (name.clone(), text.lines().map(row).collect())
    };
    files.map(|file| read(file.expect("readable").path())).collect()
}

#[test]
fn every_row_is_sound_and_stands_on_one_side_of_the_split() {
    let (vocabulary, mut ids, mut texts) = (Vocabulary::standard(), BTreeSet::new(), HashMap::new());
    for (name, rows) in batches() {
        let splits: BTreeSet<&str> = rows.iter().map(|row| row.split.as_str()).collect();
        assert!(
            splits.len() == 1 && splits.is_subset(&["train", "dev", "test"].into()),
            "{name}: {splits:?}"
        );
        for row in &rows {
            let id = &row.id;
            assert!(row.batch == name && id.starts_with(&format!("{name}-")), "{id}");
            assert!(ids.insert(id.clone()), "{id} twice");
            assert!(row.text.is_some() != row.messages.is_some(), "{id}: a text or messages");
            let last = row.messages.as_ref().map(|messages| messages.last().expect("a message"));
            assert!(last.is_none_or(|last| last.role == "user"), "{id}: the last message is the user's");
            let labels: BTreeSet<&Task> = row.also.iter().chain([&row.task]).collect();
            assert_eq!(labels.len(), 1 + row.also.len(), "{id}: a label twice");
            assert!(labels.iter().all(|label| vocabulary.tasks().any(|task| task == *label)), "{id}: labels");
            let code = row.language.as_bytes();
            assert!(
                (2..=3).contains(&code.len()) && code.iter().all(u8::is_ascii_lowercase),
                "{id}: language"
            );
            let before = texts.insert(row.content(), id.clone());
            assert!(before.is_none(), "{id} repeats {before:?}");
        }
    }
}

#[test]
fn there_are_enough_of_each_kind() {
    let rows: Vec<Row> = batches().into_values().flatten().collect();
    assert!(rows.len() >= 12_000);
    let of_task = |task: &Task| rows.iter().filter(|row| row.task == *task).count();
    assert!(Vocabulary::standard().tasks().all(|task| of_task(task) >= 400));
    let languages: BTreeSet<&str> = rows.iter().map(|row| row.language.as_str()).collect();
    let others = rows.iter().filter(|row| row.language != "en").count();
    assert!(languages.len() >= 20 && others * 100 >= rows.len() * 18, "{others} not in English");
    let words: Vec<usize> = rows.iter().map(|row| row.content().split_whitespace().count()).collect();
    assert!(words.contains(&1) && words.iter().any(|words| *words >= 2_000), "{:?}", words.iter().max());
}

/// A row of `second-labels.jsonl`; unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Second {
    id: String,
    /// The label of the prompt's writer before disagreements were settled.
    first: Task,
    task: Task,
    also: Vec<Task>,
}

fn second_labels() -> Vec<Second> {
    let text = std::fs::read_to_string(folder().join("second-labels.jsonl")).expect("there");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

#[test]
fn second_labels_are_of_prompts_that_are_there() {
    let ids: BTreeSet<String> = batches().into_values().flatten().map(|row| row.id).collect();
    let (vocabulary, second) = (Vocabulary::standard(), second_labels());
    let missing: Vec<&str> =
        second.iter().map(|second| second.id.as_str()).filter(|id| !ids.contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let once: BTreeSet<&str> = second.iter().map(|second| second.id.as_str()).collect();
    assert_eq!(once.len(), second.len(), "an id twice");
    for Second { id, first, task, also } in &second {
        let labels: BTreeSet<&Task> = also.iter().chain([task]).collect();
        assert_eq!(labels.len(), 1 + also.len(), "{id}: a label twice");
        let mut given = labels.into_iter().chain([first]);
        assert!(given.all(|label| vocabulary.tasks().any(|task| task == label)), "{id}: labels");
    }
}

/// Cohen's κ of the labels that two annotators gave: how far they agree beyond chance, which is what the frequencies of
/// each one's labels would give.
fn kappa<T: Ord>(pairs: &[(T, T)]) -> f64 {
    let (mut first, mut second) = (BTreeMap::<&T, f64>::new(), BTreeMap::<&T, f64>::new());
    for (one, other) in pairs {
        *first.entry(one).or_default() += 1.0;
        *second.entry(other).or_default() += 1.0;
    }
    let rows = pairs.len() as f64;
    let same = pairs.iter().filter(|(one, other)| one == other).count() as f64 / rows;
    let both: f64 = first.iter().map(|(label, count)| count * second.get(label).unwrap_or(&0.0)).sum();
    let chance = both / (rows * rows);
    (same - chance) / (1.0 - chance)
}

#[test]
fn annotators_agree_as_far_as_the_tagging_guide_says() {
    let pairs: Vec<(Task, Task)> = second_labels().into_iter().map(|row| (row.first, row.task)).collect();
    let same = pairs.iter().filter(|(first, second)| first == second).count();
    assert_eq!((same, pairs.len()), (2_096, 2_120));
    let overall = kappa(&pairs);
    assert!((overall - 0.987_859).abs() < 1e-6, "{overall}");

    let guide = std::fs::read_to_string(folder().join("../docs/labels.md")).expect("there");
    for label in Vocabulary::standard().tasks() {
        let given: Vec<(bool, bool)> =
            pairs.iter().map(|(first, second)| (first == label, second == label)).collect();
        let first = given.iter().filter(|(first, _)| *first).count();
        let second = given.iter().filter(|(_, second)| *second).count();
        let both = given.iter().filter(|(first, second)| *first && *second).count();
        let agreement = 2.0 * both as f64 / (first + second) as f64;
        let row =
            format!("| `{label}` | {first} | {second} | {both} | {agreement:.3} | {:.3} |", kappa(&given));
        assert!(guide.lines().any(|line| line == row), "docs/labels.md has no line {row}");
    }
}

#[test]
fn disagreements_are_settled_as_the_tagging_guide_says() {
    let rows: HashMap<String, Row> =
        batches().into_values().flatten().map(|row| (row.id.clone(), row)).collect();
    let (mut kept, mut changed, mut accepted) = (0, 0, 0);
    for Second { id, first, task, .. } in second_labels() {
        let row = &rows[&id];
        assert!([&first, &task].contains(&&row.task), "{id}: neither annotator's label");
        if first != task {
            let rejected = if row.task == first { &task } else { &first };
            kept += usize::from(row.task == first);
            changed += usize::from(row.task == task);
            accepted += usize::from(row.also.contains(rejected));
        }
    }
    assert_eq!((kept, changed, accepted), (18, 6, 20));
}
