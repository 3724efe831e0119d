//! Records of one table, replayed through another.

use pointsman_domain::{AbstainReason, Band, Difficulty, ModelName, Task, TokenCount, Vocabulary};
use pointsman_record::{Feedback, TokenUsage};

use super::*;
use crate::replay_fixtures::{abilities, example, policy};

const BEFORE: &str = r#"
[models]
cheap  = { use = "openai/small", price = { input = 1.0, output = 2.0 } }
strong = { use = "openai/large", price = { input = 10.0, output = 20.0 } }
[route]
default     = "cheap"
unsure      = "strong"
math        = ["strong", "cheap"]
"code.hard" = "strong"
[tables.frugal]
default = "cheap"
"#;

/// A record of a prompt of this task and band, whose answer took a million tokens of either kind.
fn record(policy: &Policy, table: &str, task: &str, band: Band, unsure: bool) -> Record {
    let mut record = example();
    record.labels.task = Task::new(task).expect("well formed");
    record.labels.band = band;
    record.labels.abstained = unsure.then_some(AbstainReason::LowConfidence);
    record.unhealthy_until_us.clear();
    record.feedback = None;
    table.clone_into(&mut record.table);
    let table = policy.table(table).expect("there");
    record.table_hash = table.hash().to_string();
    record.decision = decide_again(table, &record, &record.labels);
    let million = TokenCount(1_000_000);
    let usage = TokenUsage { input: million, output: million, ..TokenUsage::default() };
    let price = policy.models()[&record.decision.model].price.expect("known");
    let answered = record.answered.as_mut().expect("answered");
    (answered.usage, answered.cost) = (Some(usage), Some(price.of(million, million)));
    record
}

/// One record of each task, band and kind.
fn records(policy: &Policy) -> Vec<Record> {
    let mut records = Vec::new();
    for task in Vocabulary::standard().tasks() {
        for band in Band::ALL {
            for unsure in [false, true] {
                records.push(record(policy, "auto", task.as_str(), band, unsure));
            }
        }
    }
    records
}

fn replay(policy: &Policy, records: &[Record]) -> Report {
    let abilities = abilities();
    let mut replay = Replay::new(policy, &abilities);
    records.iter().for_each(|record| replay.add(record, None));
    replay.finish()
}

#[test]
fn the_same_table_gives_the_same_decisions_to_the_bit() {
    let policy = policy(BEFORE);
    let mut records = records(&policy);
    // What the state was is part of the record.
    let mut unwell = record(&policy, "auto", "math", Band::Easy, false);
    unwell.unhealthy_until_us.insert(ModelName::new("strong"), unwell.time_us + 1);
    unwell.decision = decide_again(policy.auto(), &unwell, &unwell.labels);
    assert_eq!(unwell.decision.model.as_str(), "cheap");
    records.push(unwell);
    let report = replay(&policy, &records);
    assert_eq!((report.records, report.identical, report.own_table), (137, 137, 137));
    assert_eq!((report.unfaithful, report.moved, report.moves.len()), (0, 0, 0));
    assert_eq!(report.money.before, report.money.after);
}

#[test]
fn a_record_that_its_own_table_contradicts_is_counted() {
    let policy = policy(BEFORE);
    let mut forged = record(&policy, "auto", "chat", Band::Easy, false);
    forged.decision.fallbacks.push(ModelName::new("strong"));
    let report = replay(&policy, &[forged]);
    assert_eq!((report.own_table, report.unfaithful, report.identical, report.moved), (1, 1, 0, 0));
}

/// What `BEFORE` was changed to: other rows, another provider, other prices.
const AFTER: &str = r#"
[models]
cheap  = { use = "other/small", price = { input = 2.0, output = 4.0 } }
strong = { use = "openai/large", price = { input = 20.0, output = 40.0 } }
[route]
default     = "cheap"
unsure      = "strong"
chat        = "strong"
[tables.frugal]
default = "cheap"
"#;

/// Replays by whichever of both policies took the decision.
fn replay_among(first: &Policy, further: &Policy, records: &[Record]) -> Report {
    let abilities = abilities();
    let version = |policy| Version { policy, abilities: &abilities };
    let mut replay = Replay::among(Versions::new(version(first), vec![version(further)]));
    records.iter().for_each(|record| replay.add(record, None));
    replay.finish()
}

#[test]
fn each_record_is_taken_again_by_the_table_whose_hash_it_carries() {
    let (before, after) = (policy(BEFORE), policy(AFTER));
    let mut records = records(&before);
    records.extend((0..3).map(|_| record(&after, "auto", "chat", Band::Easy, false)));
    records.push(record(&after, "frugal", "chat", Band::Easy, false));
    for (first, further) in [(&before, &after), (&after, &before)] {
        let report = replay_among(first, further, &records);
        assert_eq!((report.records, report.identical, report.own_table), (140, 140, 140));
        assert_eq!((report.unfaithful, report.other_table, report.moved), (0, 0, 0));
        assert_eq!(report.money.before, report.money.after);
    }
    let mut forged = record(&before, "auto", "chat", Band::Easy, false);
    forged.decision = decide_again(after.auto(), &forged, &forged.labels);
    let report = replay_among(&after, &before, &[forged]);
    assert_eq!((report.own_table, report.unfaithful), (1, 1), "its own table says otherwise");
}

#[test]
fn records_whose_table_is_not_at_hand_are_counted() {
    let (before, after) = (policy(BEFORE), policy(AFTER));
    let mut records = records(&before);
    records.push(record(&after, "auto", "chat", Band::Easy, false));
    let report = replay(&after, &records);
    assert_eq!((report.records, report.own_table, report.other_table), (137, 1, 136));
    assert_eq!((report.unfaithful, report.without_table), (0, 0));
    assert!(report.moved > 0, "the table of the same name is asked");
    // A hash alone does not do: the table must be the one of that name.
    let mislabelled =
        Record { table: "none".to_owned(), ..record(&after, "auto", "chat", Band::Easy, false) };
    let report = replay(&after, &[mislabelled]);
    assert_eq!((report.own_table, report.other_table, report.without_table), (0, 1, 1));
}

#[test]
fn what_moves_is_grouped_by_row_and_priced() {
    let before = policy(BEFORE);
    let mut records = records(&before);
    let coded = record(&before, "auto", "code_generation", Band::Hard, false);
    let scored = Feedback { score: 0.25, time_us: 1 };
    records.push(Record { feedback: Some(scored), id: "scored".to_owned(), ..coded });
    records.push(record(&before, "frugal", "chat", Band::Easy, false));
    let after = policy(
        r#"
        [models]
        cheap  = { use = "other/small", price = { input = 0.5, output = 0.5 } }
        strong = { use = "openai/large", price = { input = 10.0, output = 20.0 } }
        mid    = "openai/mid"
        [route]
        default = "strong"
        unsure  = "strong"
        "math"  = "mid"
        "code.hard" = "cheap"
        "#,
    );
    let report = replay(&after, &records);
    assert_eq!((report.records, report.without_table, report.own_table), (138, 1, 0));
    assert_eq!(report.money.records, 133, "four go to a model without a price");
    assert_eq!((report.moved_with_score, report.mean_moved_score()), (1, Some(0.25)));
    assert_eq!(report.largest.len(), LARGEST);
    assert_eq!(report.success.records, 133, "the model without a price has no ability either");
    let largest = &report.largest[0];
    assert_eq!((largest.from.model.as_str(), largest.to.model.as_str()), ("strong", "cheap"));
    let (before, after) = largest.success.expect("known");
    assert!(before > 0.5 && after < 0.5, "{before} {after}");
    insta::assert_snapshot!(report.to_string().split("\nlargest").next().expect("split"));
}

#[test]
fn a_model_that_is_like_another_has_a_chance() {
    let before = policy(BEFORE);
    let moved_to = |details: &str| {
        let after = BEFORE.replace(
            "[route]\ndefault     = \"cheap\"",
            &format!("mid = {{ use = \"openai/mid\"{details} }}\n[route]\ndefault     = \"mid\""),
        );
        let report = replay(&policy(&after), &[record(&before, "auto", "chat", Band::Easy, false)]);
        assert_eq!((report.moved, report.largest[0].to.model.as_str()), (1, "mid"));
        report.success
    };
    assert_eq!(moved_to("").records, 0, "nothing is known of `mid`");
    let success = moved_to(", like = \"large\"");
    assert_eq!(success.records, 1);
    assert!(success.after > success.before, "it is abler than `cheap`: {success}");
}

#[test]
fn other_labels_can_be_asked_about() {
    let policy = policy(BEFORE);
    let record = record(&policy, "auto", "chat", Band::Easy, false);
    let mut labels = record.labels.clone();
    labels.task = Task::new("math").expect("well formed");
    labels.difficulty = Difficulty::new(0.9);
    let abilities = abilities();
    let mut replay = Replay::new(&policy, &abilities);
    replay.add(&record, Some(&labels));
    replay.add(&record, Some(&record.labels));
    let report = replay.finish();
    assert_eq!((report.relabelled, report.moved, report.identical, report.own_table), (1, 1, 1, 0));
    assert_eq!((report.moves[0].from.rule.as_str(), report.moves[0].to.rule.as_str()), ("default", "math"));
}

#[test]
fn the_largest_moves_are_those_that_cost_most_then_the_longest() {
    let before = policy(BEFORE);
    let after = policy(&BEFORE.replace("default     = \"cheap\"", "default     = \"strong\""));
    let mut records: Vec<Record> = (0..30_u32)
        .map(|i| {
            let mut one = record(&before, "auto", "chat", Band::Easy, false);
            one.id = format!("{i}");
            one.facts.input_tokens = TokenCount(100 - i);
            let answered = one.answered.as_mut().expect("answered");
            if i < 25 {
                answered.usage = None;
            }
            one
        })
        .collect();
    records.rotate_left(13);
    let report = replay(&after, &records);
    let ids: Vec<&str> = report.largest.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["25", "26", "27", "28", "29", "0", "1", "2", "3", "4"]);
    assert!(
        report
            .to_string()
            .contains("chat easy, 75 tokens  default: cheap → default: strong  $3.0000 → $30.0000")
    );
}
