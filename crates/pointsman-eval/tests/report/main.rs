//! From rows to a report, with a classifier that is made up and therefore known.

#![allow(clippy::unwrap_used, reason = "tests")]

mod devices;

use std::fmt::Write as _;

use pointsman_domain::{AbstainReason, Band, Difficulty, Labels, Prompt, Task, TokenCount, Vocabulary};
use pointsman_eval::dataset::{Dataset, Item};
use pointsman_eval::perturb::Perturbation;
use pointsman_eval::report;
use pointsman_eval::tasks::{
    PredictError, Provenance, TaskReport, predict, predict_paraphrased, predict_perturbed,
};

/// Numbers that look random and are always the same (Knuth's multiplicative hash).
fn mixed(n: usize) -> usize {
    (n.wrapping_mul(2_654_435_761) >> 7) % 1_000
}

/// 680 rows over all tasks, three languages and two sources; the prompt is "TASK N ….".
fn dataset() -> Dataset {
    let standard = Vocabulary::standard();
    let mut rows = String::new();
    for n in 0..680 {
        let task = standard.get(n % 17).unwrap();
        let also = standard.get((n + 1) % 17).unwrap();
        let also = if n % 10 == 0 { format!("[\"{also}\"]") } else { "[]".to_owned() };
        let language = ["en", "en", "en", "de", "zh"][mixed(n) % 5];
        let source = ["arena, 2024", "<logs>"][n % 2];
        let words = "word ".repeat(mixed(n * 3) % 300);
        writeln!(
            rows,
            "{{\"id\":\"r{n}\",\"text\":\"{task} {n} {words}\",\"task\":\"{task}\",\"also\":{also},\
             \"language\":\"{language}\",\"source\":\"{source}\",\"split\":\"test\"}}"
        )
        .unwrap();
    }
    rows += "{\"id\":\"none\",\"text\":\"math 3\"}\n{\"id\":\"broken\"\n";
    Dataset::read(rows.as_bytes()).unwrap()
}

/// Reads the task from the prompt's first word and errs the more often the more hidden chance wants it: one in six
/// goes to the next task, with low confidence more often than not.
fn classify(prompts: &[Prompt]) -> Result<Vec<Labels>, String> {
    let standard = Vocabulary::standard();
    Ok(prompts.iter().map(|prompt| label(prompt.subject(), &standard)).collect())
}

fn label(text: &str, standard: &Vocabulary) -> Labels {
    let text = text.to_lowercase();
    let mut words = text.split_whitespace();
    let truth = words.next().and_then(|word| standard.index_of(word)).unwrap_or(0);
    let chance = words.next().and_then(|word| word.parse().ok()).map_or(0, mixed);
    let confidence = (300 + (chance * 7) % 700) as f32 / 1_000.0;
    let wrong = mixed(chance + 17) as f32 / 1_000.0 > confidence + 0.1;
    let task = standard.get((truth + usize::from(wrong)) % 17).unwrap().clone();
    let runner_up = standard.get((truth + 2) % 17).unwrap().clone();
    let tokens = TokenCount(u32::try_from(text.split_whitespace().count()).unwrap() + 2);
    Labels {
        task_scores: vec![(task.clone(), confidence), (runner_up, (1.0 - confidence) / 2.0)],
        task,
        task_confidence: confidence,
        difficulty: Difficulty::new(0.3),
        ability: Difficulty::new(0.3).ability(),
        ability_sd: 0.5,
        band: Band::Medium,
        band_confidence: 0.5,
        abstained: (confidence < 0.4).then_some(AbstainReason::LowConfidence),
        tokens,
        tokens_seen: tokens,
    }
}

fn provenance() -> Provenance {
    Provenance { dataset: "made-up.jsonl".into(), classifier: "made-up 1".into(), seed: 7 }
}

fn whole_report(dataset: &Dataset, labels: &[Labels]) -> TaskReport {
    let items = &dataset.items;
    let mut report = TaskReport::new(provenance(), &Vocabulary::standard(), items, labels)
        .with_unreadable(dataset.errors.len())
        .with_time(labels, 2.0)
        .with_excerpts(items);
    for perturbation in Perturbation::ALL {
        let after = predict_perturbed(items, 64, perturbation, 7, classify).unwrap();
        report = report.with_flips(perturbation.as_str(), items, labels, &after);
    }
    report
}

#[test]
fn a_report_is_a_screenful_of_text() {
    let dataset = dataset();
    let labels = predict(&dataset.items, 100, classify).unwrap();
    insta::assert_snapshot!(whole_report(&dataset, &labels));
}

#[test]
fn a_report_is_files() {
    let dataset = dataset();
    let labels = predict(&dataset.items, 64, classify).unwrap();
    let report = whole_report(&dataset, &labels);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("eval-report");
    let paths = report::write(&folder, &report, &dataset.items, &labels).unwrap();
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["report.json", "items.csv", "index.html"]);

    let json: TaskReport = serde_json::from_str(&std::fs::read_to_string(&paths[0]).unwrap()).unwrap();
    assert_eq!(json, report);

    let csv = std::fs::read_to_string(&paths[1]).unwrap();
    assert_eq!(csv.lines().count(), 1 + dataset.items.len());
    insta::assert_snapshot!(csv.lines().take(4).collect::<Vec<_>>().join("\n"));
    let unlabelled: Vec<&str> = csv.lines().last().unwrap().split(',').collect();
    assert_eq!((unlabelled[0], unlabelled[2], unlabelled[3], unlabelled[5]), ("none", "", "", ""));

    let html = std::fs::read_to_string(&paths[2]).unwrap();
    for wanted in
        ["<!doctype html>", "</html>", "What is taken for what", "prefers-color-scheme", "&lt;logs&gt;"]
    {
        assert!(html.contains(wanted), "{wanted}");
    }
    for unwanted in ["<logs>", "<script", "https://", "@import", "url("] {
        assert!(!html.contains(unwanted), "{unwanted}: the page stands alone");
    }
}

#[test]
fn figures_of_a_small_set_by_hand() {
    let rows = r#"{"id":"1","text":"math 0","task":"math"}
{"id":"2","text":"chat 0","task":null,"tasks":["open_qa","chat"]}
{"id":"3","text":"chat 0","task":"open_qa"}
{"id":"4","text":"math 0","task":"haiku"}
{"id":"5","text":"planning 0"}
"#;
    let dataset = Dataset::read(rows.as_bytes()).unwrap();
    let sure = |prompts: &[Prompt]| {
        let task = |prompt: &Prompt| Task::new(prompt.subject().split(' ').next().unwrap()).unwrap();
        let with_task = |(labels, prompt)| Labels { task: task(prompt), task_confidence: 1.0, ..labels };
        classify(prompts).map(|labels| labels.into_iter().zip(prompts).map(with_task).collect())
    };
    let labels = predict(&dataset.items, 2, sure).unwrap();
    let report = TaskReport::new(provenance(), &Vocabulary::standard(), &dataset.items, &labels);
    assert_eq!((report.rows, report.unlabelled), (4, 1));
    assert_eq!((report.accuracy.count, report.accuracy.of), (2, 4));
    assert_eq!((report.accuracy_single.count, report.accuracy_single.of), (1, 3), "row 2 has no one label");
    let group = report.accuracy_group.unwrap();
    assert_eq!((group.count, group.of), (3, 3), "chat for open_qa is the right group; haiku has none");
    let support: Vec<_> =
        report.classes.iter().filter(|class| class.support > 0).map(|class| class.task.as_str()).collect();
    assert_eq!(support, ["chat", "open_qa", "math", "haiku"], "a class that the model lacks counts");
    assert!((report.macro_f1 - (2.0 / 3.0 + 0.0 + 2.0 / 3.0 + 0.0) / 4.0).abs() < 1e-12);
    assert!((report.calibration.ece - 0.5).abs() < 1e-12);
    assert_eq!(report.mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [3, 4]);
    assert!(
        report.mistakes.iter().all(|mistake| mistake.excerpt.is_none()),
        "texts are shown on request only"
    );
}

#[test]
fn batches_do_not_matter_and_failures_are_passed_on() {
    let items: Vec<Item> = dataset().items;
    let one_by_one = predict(&items, 1, classify).unwrap();
    assert_eq!(predict(&items, 1_000, classify).unwrap(), one_by_one);
    assert_eq!(predict(&items, 0, classify).unwrap(), one_by_one);
    let failure = predict(&items, 10, |_| Err("no model")).unwrap_err();
    assert_eq!(failure.to_string(), "no model");
    let short = predict(&items, 10, |prompts: &[Prompt]| classify(&prompts[1..])).unwrap_err();
    assert!(matches!(short, PredictError::Count { prompts: 10, answers: 9 }), "{short}");
}

#[test]
fn nothing_labelled_is_a_report_too() {
    let dataset = Dataset::read(&b"{\"text\":\"math 1\"}"[..]).unwrap();
    let labels = predict(&dataset.items, 8, classify).unwrap();
    let report = TaskReport::new(provenance(), &Vocabulary::standard(), &dataset.items, &labels);
    assert_eq!((report.rows, report.accuracy.of, report.macro_f1), (0, 0, 0.0));
    assert!(report::page(&report).contains("0 labelled prompts, 1 without a label"));
    assert!(!report.to_string().contains("NaN"));
}

#[test]
fn paraphrases_are_held_against_the_items_of_their_id() {
    let items = Dataset::read(
        &b"{\"id\":\"1\",\"text\":\"math 0\",\"task\":\"math\"}\n{\"id\":\"2\",\"text\":\"chat 0\",\"task\":\"chat\"}\n"[..],
    )
    .unwrap()
    .items;
    let paraphrases = Dataset::read(
        &b"{\"id\":\"2\",\"text\":\"chat 0 again\"}\n{\"id\":\"2\",\"text\":\"planning 0\"}\n{\"id\":\"9\",\"text\":\"chat\"}\n"[..],
    )
    .unwrap()
    .items;
    let labels = predict(&items, 8, classify).unwrap();
    let (originals, before, after) = predict_paraphrased(&items, &labels, &paraphrases, 8, classify).unwrap();
    let report = TaskReport::new(provenance(), &Vocabulary::standard(), &items, &labels).with_flips(
        "paraphrase",
        &originals,
        &before,
        &after,
    );
    let flips = &report.flips[0];
    assert_eq!((flips.perturbation.as_str(), flips.rate.count, flips.rate.of), ("paraphrase", 1, 2));
}

#[test]
fn folds_accept_what_is_one_class_to_others() {
    let rows = "{\"text\":\"translation 0\",\"task\":\"rewriting\"}\n{\"text\":\"math 0\",\"task\":\"reasoning\"}\n\
                {\"text\":\"chat 0\",\"task\":\"haiku\"}\n";
    let items = Dataset::read(rows.as_bytes()).unwrap().items;
    let sure = |prompts: &[Prompt]| {
        let task = |prompt: &Prompt| Task::new(prompt.subject().split(' ').next().unwrap()).unwrap();
        let with_task = |(labels, prompt)| Labels { task: task(prompt), ..labels };
        classify(prompts).map(|labels| labels.into_iter().zip(prompts).map(with_task).collect())
    };
    let labels = predict(&items, 8, sure).unwrap();
    let report = TaskReport::new(provenance(), &Vocabulary::standard(), &items, &labels);
    let found: Vec<_> =
        report.folds.iter().map(|fold| (fold.name.as_str(), fold.accuracy.count, fold.accuracy.of)).collect();
    assert_eq!(found, [("nvidia", 2, 2), ("openrouter", 0, 2)], "haiku has no class");
}
