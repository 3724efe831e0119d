//! Made-up outcomes go in, reports come out.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pointsman_domain::Ability;
use pointsman_eval::difficulty::{DifficultyProvenance, DifficultyReport, Fitted, Rated};
use pointsman_eval::outcomes::{Item, Outcomes};
use pointsman_eval::report::{
    DifficultyRows, RoutingRows, difficulty_page, routing_page, write_difficulty, write_routing,
};
use pointsman_eval::routing::{
    Answers, Lineup, Prompts, Role, RoutingProvenance, RoutingReport, StudyReport,
};

/// Prompts whose hardness is in their text; the dear model gets most of the hard ones, the mid model the middling ones.
fn outcomes() -> Outcomes {
    let mut rows = String::new();
    for n in 0..240 {
        let hardness = (n * 7 % 10) as f64 / 10.0;
        let luck = (n * 37 % 100) as f64 / 100.0;
        let correct = |reach: f64| luck < 1.0 - (hardness - reach).max(0.0) * 3.0;
        let words = "word ".repeat(1 + (n * 11) % 23 + (hardness * 4.0) as usize);
        writeln!(
            rows,
            "{{\"id\":\"p{n}\",\"text\":\"{words}<b>&\",\"source\":\"made/{}\",\"task\":\"kind{}\",\"models\":{{\
             \"cheap\":{{\"correct\":{},\"cost\":0.0001}},\"mid\":{{\"correct\":{},\"cost\":0.0004}},\
             \"dear\":{{\"correct\":{},\"cost\":{}}}}}}}",
            if n % 3 == 0 { "a" } else { "b" },
            n * 7 % 10 / 2,
            correct(0.2),
            correct(0.5),
            correct(0.8),
            0.002 + 0.001 * hardness
        )
        .unwrap();
    }
    Outcomes::from_reader(rows.as_bytes(), "made.jsonl").unwrap()
}

fn answers(items: &[&Item], models: &[&str]) -> Answers {
    let mut answers = Answers::new(models.iter().map(|name| (*name).to_owned()).collect());
    for item in items {
        answers.push(models.iter().map(|name| (item.outcomes[*name].score, item.outcomes[*name].cost)));
    }
    answers
}

/// A guess at the hardness that is right more often than not.
fn guesses(items: &[&Item]) -> Vec<f64> {
    let guess = |(n, _): (usize, &&Item)| (n * 7 % 10) as f64 + 6.0 * ((n * 53 % 17) as f64 / 17.0);
    items.iter().enumerate().map(guess).collect()
}

fn routing(items: &[&Item], models: &[&str]) -> (RoutingReport, Answers) {
    let answers = answers(items, models);
    let own_tasks: Vec<Option<&str>> = items.iter().map(|item| item.task.as_deref()).collect();
    let tasks = vec!["math"; items.len()];
    let lineup = Lineup::new(Prompts { answers: &answers, own_tasks: &own_tasks, tasks: &tasks }, None);
    let lengths: Vec<f64> = items.iter().map(|item| item.prompt.subject().len() as f64).collect();
    let mut routers =
        vec![lineup.by_score("pointsman", "the predicted difficulty", Role::Own, &guesses(items))];
    routers.extend(lineup.controls(&lengths, None, 5));
    let report = RoutingReport {
        provenance: RoutingProvenance {
            dataset: "made.jsonl".into(),
            classifier: "made-up 1".into(),
            abilities: None,
            adapted: 0,
            left_out: 3,
            unreadable: 0,
            seed: 5,
        },
        study: StudyReport::new(&answers, &routers, 40, 5),
        sources: vec![("made/b".into(), 160), ("made/a".into(), 80)],
    };
    (report, answers)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The page is whole, stands alone, and shows no prompt.
fn check_page(html: &str, wanted: &[&str]) {
    for wanted in wanted.iter().chain(&["<!doctype html>", "</html>", "prefers-color-scheme", "</svg>"]) {
        assert!(html.contains(wanted), "{wanted}");
    }
    for unwanted in ["<script", "https://", "@import", "url(", "word word", "NaN"] {
        assert!(!html.contains(unwanted), "{unwanted}");
    }
}

#[test]
fn routing_a_pair() {
    let outcomes = outcomes();
    let items: Vec<&Item> = outcomes.items.iter().collect();
    let (report, answers) = routing(&items, &["cheap", "dear"]);
    insta::assert_snapshot!(report);
    let scores = guesses(&items);
    let rows = RoutingRows { items: &items, answers: &answers, scores: &scores };
    let paths = write_routing(&folder("routing-pair"), &report, &rows).unwrap();
    let read = |at: usize| std::fs::read_to_string(&paths[at]).unwrap();
    assert_eq!(serde_json::from_str::<RoutingReport>(&read(0)).unwrap(), report);
    insta::assert_snapshot!(read(1).lines().take(3).collect::<Vec<_>>().join("\n"));
    assert_eq!(read(1).lines().count(), 241);
    check_page(&read(2), &["APGR", "By calls", "By cost", "mean by own task *"]);
}

#[test]
fn routing_among_three() {
    let outcomes = outcomes();
    let items: Vec<&Item> = outcomes.items.iter().collect();
    let (report, _) = routing(&items, &["dear", "cheap", "mid"]);
    insta::assert_snapshot!(report);
    let page = routing_page(&report);
    check_page(&page, &["AIQ", "By cost"]);
    assert!(!page.contains("By calls"), "a share of strong answers has no meaning");
}

#[test]
fn without_costs_only_calls_are_counted() {
    let mut outcomes = outcomes();
    for item in &mut outcomes.items {
        item.outcomes.values_mut().for_each(|outcome| outcome.cost = None);
    }
    let items: Vec<&Item> = outcomes.items.iter().collect();
    let (report, _) = routing(&items, &["cheap", "dear"]);
    let text = report.to_string();
    assert!(text.contains("CPT(50 %)") && !text.contains("AIQ") && !text.contains("saved"), "{text}");
    let page = routing_page(&report);
    assert!(page.contains("By calls") && !page.contains("By cost"));
}

#[test]
fn difficulty_by_source() {
    let outcomes = outcomes();
    let guesses = guesses(&outcomes.items.iter().collect::<Vec<_>>());
    let rated: Vec<Rated<'_>> = outcomes
        .items
        .iter()
        .zip(&guesses)
        .map(|(item, guess)| Rated {
            source: &item.source,
            own_task: item.task.as_deref(),
            question: 1.0,
            length: item.prompt.subject().len() as f64,
            predicted: Ability(*guess as f32 / 3.0 - 3.0),
            truth: 1.0 - item.mean_score(),
        })
        .collect();
    let provenance = DifficultyProvenance {
        dataset: "made.jsonl".into(),
        classifier: "made-up 1".into(),
        truth: "the share of models that fail".into(),
        unreadable: 2,
        seed: 5,
    };
    let chances = vec![(0.9, 1.0), (0.4, 0.0), (0.6, 1.0)];
    let abilities = rated.iter().map(|item| item.predicted).collect();
    let fitted = [Fitted { name: "a head", note: "says what the classifier says", abilities }];
    let report =
        DifficultyReport::new(provenance, &rated, &fitted, 40).with_models(vec![("dear".into(), chances)]);
    insta::assert_snapshot!(report);
    let ids: Vec<&str> = outcomes.items.iter().map(|item| item.id.as_str()).collect();
    let rows = DifficultyRows { ids: &ids, prompts: &rated };
    let paths = write_difficulty(&folder("difficulty"), &report, &rows).unwrap();
    let read = |at: usize| std::fs::read_to_string(&paths[at]).unwrap();
    assert_eq!(serde_json::from_str::<DifficultyReport>(&read(0)).unwrap(), report);
    insta::assert_snapshot!(read(1).lines().take(3).collect::<Vec<_>>().join("\n"));
    assert_eq!(read(2), difficulty_page(&report));
    check_page(&read(2), &["Spearman", "made/a", "Does a chance mean what it says?", "mean by own task *"]);
}
