//! Audits of tables that favour nobody, and of records that somebody changed.

use pointsman_domain::{Band, Task, TokenCount, TokenUsage, Usd, Vocabulary};
use pointsman_policy::Policy;
use proptest::prelude::*;

use super::*;
use crate::replay::{Version, decide_again};
use crate::replay_fixtures::{abilities, example, policy};
use crate::report::{audit_markdown, audit_page};

/// `large` is dearer than `bargain`, which is as able, and `small` is cheaper and less able.
const TABLE: &str = r#"
[models]
small   = { use = "openai/small", price = { input = 1.0, output = 1.0 } }
large   = { use = "openai/large", price = { input = 10.0, output = 10.0 } }
bargain = { use = "other/large", price = { input = 5.0, output = 10.0 } }
nobody  = "other/nobody"
[route]
default   = "small"
unsure    = "large"
math      = "large"
planning  = ["bargain", "large"]
reasoning = "nobody"
"#;

/// A record of a million tokens read, decided by the table `auto` of `policy`.
fn record(policy: &Policy, task: &str, band: Band) -> Record {
    let mut record = example();
    record.labels.task = Task::new(task).expect("well formed");
    record.labels.band = band;
    record.labels.abstained = None;
    record.unhealthy_until_us.clear();
    policy.auto().hash().as_str().clone_into(&mut record.table_hash);
    record.decision = decide_again(policy.auto(), &record, &record.labels);
    let answered = record.answered.as_mut().expect("answered");
    let by = answered.attempts.last_mut().expect("one");
    (by.model, by.target) = (record.decision.model.clone(), record.decision.target.clone());
    let usage = TokenUsage { input: TokenCount(1_000_000), ..TokenUsage::default() };
    answered.usage = Some(usage);
    let price = policy.models()[&record.decision.model].price;
    answered.cost = price.map(|price| price.of_usage(usage));
    record
}

fn audit(policy: &Policy, first_party: &[&str], records: &[Record]) -> Report {
    audit_among(policy, &[], first_party, records)
}

fn audit_among(first: &Policy, further: &[&Policy], first_party: &[&str], records: &[Record]) -> Report {
    let first_party: Vec<ProviderName> = first_party.iter().map(|name| ProviderName::new(*name)).collect();
    let abilities = abilities();
    let version = |policy| Version { policy, abilities: &abilities };
    let further = further.iter().map(|policy| version(policy)).collect();
    let mut audit = Audit::new(Versions::new(version(first), further), &first_party);
    records.iter().for_each(|record| audit.add(record).expect("written"));
    audit.finish()
}

#[test]
fn shares_are_of_decisions_and_of_money() {
    let policy = policy(TABLE);
    let mut unsure = record(&policy, "math", Band::Easy);
    unsure.labels.abstained = Some(pointsman_domain::AbstainReason::LowConfidence);
    unsure.decision = decide_again(policy.auto(), &unsure, &unsure.labels);
    let records = [
        record(&policy, "chat", Band::Easy),
        record(&policy, "math", Band::Hard),
        record(&policy, "planning", Band::Hard),
        unsure,
    ];
    let shares = audit(&policy, &[], &records).shares;
    let of = |share: &Share| (share.provider.to_string(), share.requests, share.of_requests, share.spent);
    assert_eq!(
        shares.all.iter().map(of).collect::<Vec<_>>(),
        [("openai".to_owned(), 3, 0.75, Usd(21.0)), ("other".to_owned(), 1, 0.25, Usd(5.0))]
    );
    assert_eq!(shares.all[1].of_spent, Some(5.0 / 26.0));
    let names =
        |lists: &[(String, Vec<Share>)]| lists.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&shares.by_task), ["chat", "math", "planning", "unsure"]);
    assert_eq!(names(&shares.by_band), ["easy", "hard", "unsure"]);
}

#[test]
fn a_dominated_model_is_named_and_first_party_ones_come_first() {
    let policy = policy(TABLE);
    let records: Vec<Record> = ["math", "math", "chat", "planning", "reasoning"]
        .map(|task| record(&policy, task, Band::Hard))
        .into();
    let report = audit(&policy, &["openai"], &records);
    let [row] = &report.dominated.rows[..] else { panic!("one row: {:?}", report.dominated.rows) };
    assert_eq!((row.chosen.as_str(), row.by.as_str(), row.rule.0.as_str()), ("large", "bargain", "math"));
    assert_eq!((row.requests, row.spent, row.instead, row.is_first_party), (2, Usd(20.0), Usd(10.0), true));
    assert_eq!((report.dominated.judged, report.dominated.unknown), (4, 1), "nothing is known of `nobody`");
    assert_eq!(report.dominated_requests(), (2, 2));
    assert_eq!(audit(&policy, &["other"], &records).dominated_requests(), (2, 0));
    let mut unwell = records[0].clone();
    unwell.unhealthy_until_us.insert(pointsman_domain::ModelName::new("bargain"), u64::MAX);
    assert_eq!(audit(&policy, &[], &[unwell]).dominated.rows, [], "it could not have taken the request");
}

#[test]
fn a_model_that_is_like_another_is_judged_as_that_one() {
    let policy = policy(&TABLE.replace(
        "\"other/nobody\"",
        "{ use = \"other/nobody\", like = \"large\", price = { input = 20.0, output = 20.0 } }",
    ));
    let report = audit(&policy, &[], &[record(&policy, "reasoning", Band::Hard)]);
    assert_eq!((report.dominated.judged, report.dominated.unknown), (1, 0));
    let [row] = &report.dominated.rows[..] else { panic!("one row: {:?}", report.dominated.rows) };
    let named = (row.chosen.as_str(), row.by.as_str());
    assert_eq!(named, ("nobody", "bargain"), "it is said to be as able, and is dearer");
}

#[test]
fn a_decision_that_does_not_follow_is_found() {
    let policy = policy(TABLE);
    let mut forged = record(&policy, "chat", Band::Easy);
    forged.decision.model = pointsman_domain::ModelName::new("large");
    let other_table = Record { table_hash: "00".repeat(32), ..record(&policy, "chat", Band::Easy) };
    let report = audit(&policy, &[], &[forged.clone(), record(&policy, "math", Band::Easy), other_table]);
    let Replayed { decisions, unfaithful, differ_hidden, differ_exchanged, .. } = report.replayed;
    assert_eq!((decisions, unfaithful, differ_hidden, differ_exchanged), (2, 1, 0, 0));
    assert_eq!((report.replayed.examples, report.replayed.other_table), (vec![forged.id], 1));
    let clean = audit(&policy, &[], &[record(&policy, "math", Band::Easy)]);
    assert!(clean.is_neutral() && clean.is_complete() && clean.replayed.examples.is_empty());
}

#[test]
fn records_of_tables_that_are_not_at_hand_are_not_judged() {
    let (before, after) = (policy(TABLE), policy(&TABLE.replace("math      = \"large\"", "")));
    let records = [record(&before, "math", Band::Hard), record(&before, "chat", Band::Hard)];
    let report = audit(&after, &[], &records);
    assert_eq!((report.records, report.replayed.decisions, report.replayed.other_table), (2, 0, 2));
    assert!(!report.is_complete(), "that nothing was found foul says nothing");
    assert_eq!(report.sign_off(None).expect("JSON").verdict, Verdict::Unknown);
    assert!(audit(&after, &[], &[]).is_complete(), "of no records none is missing");
}

#[test]
fn each_record_is_judged_by_the_table_whose_hash_it_carries() {
    let (before, after) = (policy(TABLE), policy(&TABLE.replace("openai/", "other/")));
    let records = [
        record(&before, "math", Band::Hard),
        record(&after, "math", Band::Hard),
        record(&after, "math", Band::Easy),
        record(&before, "chat", Band::Easy),
    ];
    let report = audit_among(&after, &[&before, &before], &["other"], &records);
    assert!(report.is_complete() && report.is_neutral(), "{:?}", report.replayed);
    assert_eq!((report.replayed.decisions, report.replayed.other_table), (4, 0));
    let hash = |policy: &Policy| ("auto".to_owned(), policy.auto().hash().to_string());
    assert_eq!(report.tables, [hash(&after), hash(&before)], "each table once");
    assert_eq!(report.abilities, "2025-11-21", "each day once");
    let [openai, other] = ["openai", "other"].map(ProviderName::new);
    let exchanged = [(openai.clone(), other.clone()), (other.clone(), openai.clone())];
    assert_eq!(report.renamed, exchanged, "providers of all versions");
    let rows: Vec<_> = report.dominated.rows.iter().map(|row| (row.provider.clone(), row.requests)).collect();
    assert_eq!(rows, [(other, 2), (openai, 1)], "who ran `large` is not mixed up");
    let markdown = audit_markdown(&report, &report.sign_off(None).expect("JSON"));
    let options = "--table FILE --table FILE --records records.jsonl --first-party other`";
    assert!(markdown.contains(&format!("--config pointsman.toml {options}")), "{markdown}");
    let mut forged = records[0].clone();
    forged.decision = records[1].decision.clone();
    let report = audit_among(&after, &[&before], &[], &[forged]);
    assert_eq!((report.replayed.unfaithful, report.is_neutral()), (1, false));
}

#[test]
fn the_fingerprint_is_that_of_the_exported_records() {
    let policy = policy(TABLE);
    let records = [record(&policy, "chat", Band::Easy), record(&policy, "math", Band::Hard)];
    let mut exported = Vec::new();
    records.iter().for_each(|record| pointsman_record::write(&mut exported, record).expect("written"));
    let digest: String = Sha256::digest(&exported).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(audit(&policy, &[], &records).records_sha256, digest);
}

#[test]
fn requests_that_named_their_model_are_in_the_fingerprint_and_nothing_else() {
    let (policy, abilities) = (policy(TABLE), abilities());
    let lines = include_bytes!("../../../pointsman-record/tests/fixtures/named.jsonl").as_slice();
    let entry = pointsman_record::read_all(lines).last().expect("there are some").expect("readable");
    let pointsman_record::Entry::Named(named) = entry else { panic!("a request that named its model") };
    let decided = record(&policy, "math", Band::Hard);
    let alone = audit(&policy, &[], std::slice::from_ref(&decided));

    let version = Version { policy: &policy, abilities: &abilities };
    let mut both = Audit::new(Versions::new(version, Vec::new()), &[]);
    both.add(&decided).expect("written");
    both.leave_aside(&named).expect("written");
    let both = both.finish();
    let mut exported = Vec::new();
    pointsman_record::write(&mut exported, &decided).expect("written");
    pointsman_record::write_named(&mut exported, &named).expect("written");
    let digest: String = Sha256::digest(&exported).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(both, Report { named: 1, records_sha256: digest, ..alone.clone() });
    let said = "1 requests named their model and are left aside.";
    let markdown = |report: &Report| audit_markdown(report, &report.sign_off(None).expect("JSON"));
    assert!(markdown(&both).contains(said) && !markdown(&alone).contains("left aside"));
}

#[test]
fn the_report_is_markdown_and_a_page() {
    let evil = TABLE.replace(
        "[models]\n",
        "[models]\n\"<b>|\" = { use = \"openai/large\", price = { input = 20.0, output = 20.0 } }\n",
    );
    let policy = policy(&evil.replace("math      = \"large\"", "math      = \"<b>|\""));
    let records: Vec<Record> =
        ["math", "chat", "planning"].map(|task| record(&policy, task, Band::Hard)).into();
    let report = audit(&policy, &["openai"], &records);
    let sign_off = report.sign_off(Some("A. Auditor <b>")).expect("JSON");
    assert_eq!(sign_off.verdict, Verdict::Neutral);
    let other = audit(&policy, &["openai"], &records[..2]).sign_off(None).expect("JSON");
    assert_ne!(sign_off.findings_sha256, other.findings_sha256);
    let unsigned = report.sign_off(None).expect("JSON");
    assert_eq!(unsigned.findings_sha256, sign_off.findings_sha256, "who signs changes no finding");
    assert_eq!(audit(&policy, &[], &[]).sign_off(None).expect("JSON").verdict, Verdict::Unknown);
    let page = audit_page(&report, &sign_off);
    assert!(page.contains("&lt;b&gt;|") && !page.contains("<b>|"), "names are escaped");
    assert!(page.starts_with("<!doctype html>") && page.contains(&report.records_sha256));
    let markdown = audit_markdown(&report, &sign_off);
    let stable = markdown
        .replace(&report.records_sha256, "RECORDS")
        .replace(&report.tables[0].1, "TABLE")
        .replace(&sign_off.findings_sha256, "FINDINGS");
    insta::assert_snapshot!(stable);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever rows a table has and whichever mode, renaming its providers changes no decision.
    #[test]
    fn no_decision_depends_on_what_providers_are_called(
        rows in prop::collection::btree_map(0_usize..17, 0_usize..4, 0..17),
        quality in prop::option::of(0.0..1.0_f64),
    ) {
        const NAMES: [&str; 4] = ["small", "large", "bargain", "nobody"];
        let vocabulary = Vocabulary::standard();
        let tasks: Vec<_> = vocabulary.tasks().collect();
        let models = TABLE.split("[route]").next().expect("models");
        let mut text = quality.map(|quality| format!("[policy]\nmode = \"target\"\nquality = {quality:.3}\n")).unwrap_or_default();
        text += &format!("{models}[route]\ndefault = \"small\"\n");
        for (task, model) in &rows {
            if let Some(task) = tasks.get(*task) {
                text += &format!("{task} = \"{}\"\n", NAMES[*model]);
            }
        }
        let policy = policy(&text);
        let records: Vec<Record> = tasks
            .iter()
            .flat_map(|task| Band::ALL.map(|band| record(&policy, task.as_str(), band)))
            .collect();
        let report = audit(&policy, &[], &records);
        prop_assert!(report.is_neutral(), "{:?}", report.replayed);
        prop_assert_eq!(report.replayed.decisions, records.len() as u64);
    }
}
