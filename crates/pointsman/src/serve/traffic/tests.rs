//! What is kept, for how long, and what is told of it.

use pointsman_domain::{AbstainReason, ModelId, ModelName};
use pointsman_policy::Models;
use pointsman_record::{End, read};

use super::*;

/// A whole number of slots since 1970.
const NOW_US: u64 = SLOT_US * 100_000_000;

fn record(id: &str, time_us: u64) -> Record {
    let lines = include_bytes!("../../../../pointsman-record/tests/fixtures/records.jsonl").as_slice();
    let mut record = read(lines).last().expect("some").expect("readable");
    (record.id, record.time_us, record.labels.abstained) = (id.to_owned(), time_us, None);
    record
}

fn answered() -> Answered {
    record("", 0).answered.expect("an example of an answer")
}

#[test]
fn a_window_counts_what_lies_in_it_step_by_step() {
    let traffic = Traffic::default();
    for (id, ago_us) in [("a", 50 * 60_000_000), ("b", 10 * 60_000_000), ("c", 0)] {
        traffic.decided(&record(id, NOW_US - ago_us));
    }
    let mut unsure = record("d", NOW_US);
    unsure.labels.abstained = Some(AbstainReason::LowConfidence);
    traffic.decided(&unsure);
    traffic.answered("c", &answered(), NOW_US + 1);
    let (quarter, steps) = traffic.window(HOUR_US / 4, 60, NOW_US);
    assert_eq!((quarter.decisions, quarter.abstained, steps.len()), (3, 1, 60));
    let counts: Vec<u64> = steps.iter().map(|(_, totals)| totals.decisions).filter(|n| *n > 0).collect();
    assert_eq!(counts, [1, 2]);
    assert_eq!(steps.last().map(|(at_us, totals)| (*at_us, totals.decisions)), Some((NOW_US, 2)));
    let (hour, steps) = traffic.window(HOUR_US, 60, NOW_US);
    assert_eq!((hour.decisions, steps.len()), (4, 60));
    assert_eq!(hour.cells.values().sum::<u64>(), 4);
    let unsure = (Label::Abstained("low_confidence"), ModelName::new("strong"));
    assert_eq!(hour.cells.get(&unsure), Some(&1));
    assert_eq!(traffic.window(u64::MAX, 60, NOW_US).0.decisions, 4, "no longer than an hour");
    assert_eq!(traffic.window(HOUR_US, 60, NOW_US + 2 * HOUR_US).0.decisions, 0);
}

#[test]
fn a_request_that_named_a_model_stands_beside_decisions() {
    let traffic = Traffic::default();
    let target = |text: &str| ModelId::parse(text).expect("valid");
    let long = format!("openai/{}", "m".repeat(10_000));
    for (id, text) in [("a", "openai/gpt-5"), ("b", long.as_str())] {
        let named = Named::new(id.to_owned(), "/v1/responses", None, &target(text), &Models::default());
        assert_eq!(named.model, "openai/*", "clients cannot invent what is counted");
        traffic.named(named, &answered(), NOW_US);
    }
    let failed = Answered { end: End::Failed, attempts: Vec::new(), usage: None, cost: None, ..answered() };
    let named = Named::new("c".to_owned(), "/v1/responses", None, &target("anthropic/x"), &Models::default());
    traffic.named(named, &failed, NOW_US);
    let (totals, steps) = traffic.window(HOUR_US, 60, NOW_US);
    let (openai, anthropic) = (&totals.named["openai/*"], &totals.named["anthropic/*"]);
    assert_eq!((openai.requests, openai.failed, openai.money.output_tokens()), (2, 0, 14));
    assert_eq!((anthropic.requests, anthropic.failed, anthropic.money), (1, 1, Money::default()));
    assert_eq!((totals.decisions, totals.ends.len(), totals.models.len()), (0, 0, 0));
    assert_eq!(
        steps.iter().flat_map(|(_, step)| step.named.values()).map(|named| named.requests).sum::<u64>(),
        3
    );
    let recent = traffic.recent_named(2);
    assert_eq!(recent.iter().map(|one| one.named.id.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    assert_eq!(recent[1].named.target.model().len(), 100);
    let record = recent[1].named.record(&answered(), NOW_US);
    let asked = record.answered.by().expect("answered");
    assert_eq!((record.time_us, record.target.model().len()), (NOW_US - answered().total_us, 100));
    assert_eq!((asked.model.as_str(), &asked.target), ("openai/*", &record.target), "nothing longer is kept");
    (0..RECENT).for_each(|_| traffic.named(recent[1].named.clone(), &answered(), NOW_US));
    assert_eq!(traffic.recent_named(usize::MAX).len(), RECENT);
}

#[test]
fn an_answer_counts_its_model_its_errors_and_its_times() {
    let traffic = Traffic::default();
    traffic.decided(&record("a", NOW_US));
    traffic.answered("a", &answered(), NOW_US);
    let failed = Answered { end: End::Failed, usage: None, cost: None, first_bytes_us: None, ..answered() };
    traffic.answered("nobody knows it", &failed, NOW_US);
    let (totals, _) = traffic.window(HOUR_US, 60, NOW_US);
    assert_eq!(
        (totals.ends.get("whole"), totals.ends.get("failed"), totals.failed()),
        (Some(&1), Some(&1), 1)
    );
    let unreachable = ("openai".to_owned(), "upstream_unreachable".to_owned());
    assert_eq!(totals.errors.get(&unreachable), Some(&2));
    let money = totals.models[&ModelName::new("mid")];
    assert_eq!((money.priced, money.without_tokens, money.priced_tokens.output), (1, 1, 7));
    assert_eq!(totals.times(Stage::FirstToken).spread().count, 1);
    assert_eq!(totals.times(Stage::Total).spread().count, 2);
}

#[test]
fn the_newest_decisions_are_kept_without_prompts_and_learn_of_their_answers() {
    let traffic = Traffic::default();
    for number in 0..=RECENT {
        traffic.decided(&record(&number.to_string(), NOW_US));
    }
    assert_eq!(traffic.get("0"), None, "too old");
    let newest = traffic.recent(usize::MAX);
    assert_eq!((newest.len(), newest[0].id.as_str()), (RECENT, RECENT.to_string().as_str()));
    assert!(newest.iter().all(|record| record.prompt.is_none()));
    let end = Answered { end: End::GivenUp, ..answered() };
    traffic.answered("7", &end, NOW_US);
    assert_eq!(traffic.get("7").and_then(|record| record.answered), Some(end));
}

#[test]
fn labels_of_the_last_hour_are_compared_with_those_of_seven_days_before() {
    let traffic = Traffic::default();
    for _ in 0..200 {
        traffic.decided(&record("a", NOW_US));
    }
    let later = NOW_US + 2 * HOUR_US;
    assert_eq!(traffic.drift(later).before, 200);
    let mut other = record("b", later);
    other.labels.task = pointsman_domain::Task::new("chat").expect("well formed");
    for _ in 0..150 {
        traffic.decided(&other);
    }
    let drift = traffic.drift(later);
    assert_eq!((drift.recent, drift.before), (150, 200));
    assert!(drift.task.expect("enough").bits > 0.99, "{drift:?}");
    assert!(drift.band.expect("enough").bits < 0.01, "{drift:?}");
    assert_eq!(traffic.drift(NOW_US + (PARTS + 1) * PART_US).before, 150, "after a week it is forgotten");
}

#[test]
fn records_from_before_the_start_are_what_drift_is_measured_against() {
    let traffic = Traffic::default();
    traffic.remember(&record("a", NOW_US - 5 * HOUR_US), NOW_US);
    traffic.remember(&record("b", NOW_US - 1), NOW_US);
    traffic.remember(&record("c", NOW_US - 8 * 24 * HOUR_US), NOW_US);
    let drift = traffic.drift(NOW_US);
    assert_eq!((drift.recent, drift.before), (0, 2));
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let traffic = Traffic::default();
    traffic.decided(&record("a", NOW_US));
    traffic.decided(&record("b", NOW_US - HOUR_US));
    assert_eq!(traffic.window(HOUR_US, 60, NOW_US).0.decisions, 2);
}
