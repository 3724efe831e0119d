//! Recorded requests, held against one model for everything.

use pointsman_domain::{ModelId, TokenCount, TokenUsage};

use super::*;
use crate::replay_fixtures::{abilities, example, policy};

const TABLE: &str = r#"
[models]
cheap  = { use = "openai/small", price = { input = 1.0, output = 1.0 } }
mid    = { use = "openai/mid", price = { input = 4.0, output = 4.0 } }
strong = { use = "openai/large", price = { input = 10.0, output = 10.0 } }
unknown = "openai/unknown"
[route]
default = "cheap"
"#;

/// A record of a million tokens read, answered by `model`.
fn answered(model: &str, target: &str, priced: bool) -> Record {
    let mut record = example();
    record.labels.abstained = None;
    let own = record.answered.as_mut().expect("answered");
    let by = own.attempts.last_mut().expect("one");
    by.model = ModelName::new(model);
    by.target = ModelId::parse(target).expect("valid");
    own.usage = Some(TokenUsage { input: TokenCount(1_000_000), ..TokenUsage::default() });
    own.cost = priced.then_some(Usd(1.5));
    record
}

fn report(baseline: Option<&str>, records: &[Record]) -> Report {
    let (policy, abilities) = (policy(TABLE), abilities());
    let mut savings = Savings::new(&policy, &abilities, baseline).expect("a baseline");
    for (place, record) in (0_u64..).zip(records) {
        // 2026-11-20 and the days after.
        savings.add(&Record { time_us: (20_777 + place) * 86_400_000_000, ..record.clone() });
    }
    savings.finish()
}

#[test]
fn money_is_counted_by_day_task_model_and_key() {
    let mut unsure = answered("strong", "openai/large", false);
    unsure.labels.abstained = Some(pointsman_domain::AbstainReason::LowConfidence);
    unsure.key = None;
    let report = report(None, &[answered("cheap", "openai/small", true), unsure]);
    assert_eq!((report.baseline.as_str(), report.total.requests), ("strong", 2));
    assert_eq!(
        (report.total.spent, report.total.baseline),
        (Usd(11.5), Usd(20.0)),
        "the record's cost comes first"
    );
    assert_eq!(report.total.saved_share(), Some(0.425));
    let names = |lines: &[(String, Line)]| lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&report.by_day), ["2026-11-20", "2026-11-21"]);
    assert_eq!(names(&report.by_task), ["math", "unsure"]);
    assert_eq!(names(&report.by_model), ["cheap", "strong"]);
    assert_eq!(names(&report.by_key), ["ann"]);
    assert_eq!(report.by_key[0].1.requests, 1, "a request without a key is in none");
}

#[test]
fn the_mix_costs_what_routing_costs() {
    let records = [answered("cheap", "openai/small", false), answered("mid", "openai/mid", false)];
    let report = report(None, &records);
    let mix = report.mix.expect("two models");
    // 5 were spent: 2 for the cheap model alone, 20 for the strong one.
    assert!((mix.share_dear - 3.0 / 18.0).abs() < 1e-12 && (mix.cost.0 - 5.0).abs() < 1e-12, "{mix:?}");
    assert_eq!(mix.known, 1, "nothing is known of how able `mid` is");
    let (routed, mixed, best) = (
        mix.routed_success.expect("known"),
        mix.success.expect("known"),
        mix.baseline_success.expect("known"),
    );
    assert!(
        routed < mixed && mixed < best,
        "the cheap model alone is worse than a mix: {routed} {mixed} {best}"
    );
}

#[test]
fn a_model_that_is_like_another_counts_in_the_mix() {
    let file = TABLE.replacen("use = \"openai/mid\",", "use = \"openai/mid\", like = \"large\",", 1);
    let (policy, abilities) = (policy(&file), abilities());
    let mut savings = Savings::new(&policy, &abilities, None).expect("a baseline");
    savings.add(&answered("cheap", "openai/small", false));
    savings.add(&answered("mid", "openai/mid", false));
    let mix = savings.finish().mix.expect("two models");
    assert_eq!(mix.known, 2, "both are known");
    assert!(mix.routed_success > mix.success, "mid is as good as the dearest: {mix:?}");
}

#[test]
fn a_mix_cannot_cost_less_than_the_cheapest_nor_more_than_the_dearest() {
    let mut cheaper = answered("cheap", "openai/small", true);
    cheaper.answered.as_mut().expect("answered").cost = Some(Usd(0.5));
    assert_eq!(report(None, &[cheaper]).mix.map(|mix| (mix.share_dear, mix.cost)), Some((0.0, Usd(1.0))));
    let all = [answered("strong", "openai/large", false)];
    assert_eq!(report(None, &all).mix.map(|mix| mix.share_dear), Some(1.0));
    assert_eq!(report(Some("cheap"), &all).mix, None, "there is nothing to mix the cheapest with");
    assert_eq!(report(None, &[]).mix, None);
}

#[test]
fn what_is_not_known_is_left_out_and_counted() {
    let unanswered = Record { answered: None, ..example() };
    let mut without_tokens = answered("cheap", "openai/small", false);
    without_tokens.answered.as_mut().expect("answered").usage = None;
    let elsewhere = answered("cheap", "openai/other", false);
    let unknown = answered("unknown", "openai/unknown", false);
    let report = report(None, &[unanswered, without_tokens, elsewhere, unknown]);
    assert_eq!(report.uncounted, Uncounted { unanswered: 1, without_tokens: 1, without_price: 2 });
    assert_eq!((report.total.requests, report.total.saved_share()), (0, None));
}

#[test]
fn the_report_says_how_the_baseline_came_to_be_one() {
    let dear_and_weak =
        TABLE.replacen("mid\", price = { input = 4.0", "mid\", like = \"small\", price = { input = 40.0", 1);
    let named = format!("[policy]\nbaseline = \"cheap\"\n{TABLE}");
    for (file, option, said) in [
        (TABLE, None, "against strong (the dearest) for everything"),
        (dear_and_weak.as_str(), None, "against strong (the ablest) for everything"),
        (named.as_str(), None, "against cheap for everything"),
        (named.as_str(), Some("mid"), "against mid for everything"),
    ] {
        let (policy, abilities) = (policy(file), abilities());
        let report = Savings::new(&policy, &abilities, option).expect("a baseline").finish();
        assert!(report.to_string().starts_with(said), "{report}");
    }
}

#[test]
fn the_baseline_is_a_priced_model_of_the_table() {
    let (whole, abilities) = (policy(TABLE), abilities());
    let fail = |name| Savings::new(&whole, &abilities, Some(name)).expect_err("no baseline").to_string();
    assert_eq!(fail("strogn"), "there is no model `strogn` in the table: did you mean `strong`?");
    assert!(fail("unknown").contains("has no price"));
    let free = policy("[route]\ndefault = \"openai/a\"\n");
    assert_eq!(Savings::new(&free, &abilities, None).err(), Some(BaselineError::NoPrices));
}

#[test]
fn the_report_is_text() {
    let records = [
        answered("cheap", "openai/small", false),
        answered("strong", "openai/large", false),
        Record { answered: None, ..example() },
    ];
    insta::assert_snapshot!(report(Some("strong"), &records));
}
