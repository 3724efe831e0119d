//! The alert rules and the Grafana dashboard in `deploy/`, held against what `/metrics` has.

use std::collections::{BTreeMap, BTreeSet};

use super::upstream::Upstream;
use super::*;

const ALERTS: &str = include_str!("../../../../../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../../deploy/grafana/pointsman.json");

/// Every sample of `/metrics` by name, with the names of its labels.
async fn samples() -> BTreeMap<String, BTreeSet<String>> {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let records = format!("[record]\npath = {:?}\n", folder.path().join("records.db").display().to_string());
    let priced = upstream.config(&["refused", "gpt"]).replace(
        "gpt = \"",
        "dear = { use = \"demo/dear\", price = { input = 1.0, output = 2.0 } }\ngpt = \"",
    );
    let sidecar = sidecar(&config(&format!("{priced}\n{records}")), Arc::new(ByWord));
    let app = super::super::app(Arc::clone(&sidecar));
    // Enough prompts, now and before, for drift to be known; a fallback, an error, a price, tokens and an abstention.
    ask(&app, post("/v1/chat/completions", chat("auto", "hi"))).await;
    ask(&app, post("/v1/chat/completions", chat("auto", " "))).await;
    let kept = sidecar.traffic.recent(1).remove(0);
    for _ in 0..100 {
        sidecar.traffic.decided(&kept);
        sidecar.traffic.remember(&kept, kept.time_us);
    }
    let answered = kept.answered.expect("answered");
    let cost = Some(pointsman_domain::Usd(0.5));
    let usage = Some(pointsman_record::TokenUsage::default());
    sidecar.answered(kept.id, pointsman_record::Answered { cost, usage, ..answered });
    sidecar.metrics.reloaded(true, super::super::clock::now());
    let said = ask(&app, get("/metrics")).await;
    let mut samples: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in said.text().lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.split_once('{').unwrap_or((line.split(' ').next().unwrap_or(line), ""));
        let labels = labels.split('}').next().unwrap_or_default().split("\",");
        let labels = labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        samples.entry(name.to_owned()).or_default().extend(labels);
    }
    samples
}

/// The names of ours in an expression, each with the labels that are asked for right behind it.
fn named(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find("pointsman_") {
        let end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |length| start + length);
        let (name, after) = (rest[start..end].to_owned(), &rest[end..]);
        let matchers =
            after.strip_prefix('{').and_then(|after| after.split_once('}')).map_or("", |(own, _)| own);
        let labels =
            matchers.split(',').filter_map(|one| Some(one.split(['=', '!']).next()?.trim().to_owned()));
        found.push((name, labels.filter(|label| !label.is_empty()).collect()));
        rest = after;
    }
    found
}

/// The labels that an expression sums up by.
fn grouped(expression: &str) -> Vec<String> {
    let groups = expression.split("by (").skip(1).filter_map(|after| after.split_once(')'));
    groups.flat_map(|(labels, _)| labels.split(',').map(|label| label.trim().to_owned())).collect()
}

/// Those that Prometheus adds.
const FROM_OUTSIDE: [&str; 2] = ["instance", "job"];

fn check(expression: &str, samples: &BTreeMap<String, BTreeSet<String>>) {
    let names = named(expression);
    let mut known: BTreeSet<&str> = FROM_OUTSIDE.into();
    for (name, labels) in &names {
        let own = samples.get(name).unwrap_or_else(|| panic!("there is no metric {name}: {expression}"));
        known.extend(own.iter().map(String::as_str));
        for label in labels {
            assert!(
                own.contains(label) || FROM_OUTSIDE.contains(&label.as_str()),
                "{name} has no label {label}: {expression}"
            );
        }
    }
    for label in grouped(expression).iter().filter(|_| !names.is_empty()) {
        assert!(known.contains(label.as_str()), "nothing here has a label {label}: {expression}");
    }
}

#[tokio::test]
async fn alerts_and_dashboard_name_only_metrics_that_there_are() {
    let samples = samples().await;
    let alerts: serde_json::Value = serde_yaml_ng::from_str(ALERTS).expect("YAML");
    let rules = alerts["groups"][0]["rules"].as_array().expect("rules");
    assert!(rules.len() > 8);
    for rule in rules {
        check(rule["expr"].as_str().expect("an expression"), &samples);
        let said = &rule["annotations"]["summary"];
        assert!(said.is_string() && rule["labels"]["severity"].is_string(), "{rule:#}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<&str> =
        targets.map(|target| target["expr"].as_str().expect("an expression")).collect();
    assert!(expressions.len() > 25, "{} expressions", expressions.len());
    let asked: BTreeSet<String> =
        expressions.iter().flat_map(|expression| named(expression)).map(|(name, _)| name).collect();
    expressions.iter().for_each(|expression| check(expression, &samples));
    for other in dashboard["templating"]["list"]
        .as_array()
        .into_iter()
        .chain(dashboard["annotations"]["list"].as_array())
    {
        for own in other {
            let expression = own["expr"].as_str().or(own["query"]["query"].as_str()).unwrap_or_default();
            check(expression, &samples);
        }
    }
    for family in [
        "decisions",
        "abstentions",
        "spent_usd",
        "tokens",
        "overhead_seconds",
        "breaker_open",
        "label_drift_bits",
        "record_drops",
    ] {
        let name = format!("pointsman_{family}");
        assert!(asked.iter().any(|asked| asked.starts_with(&name)), "the dashboard does not show {name}");
    }
}

#[test]
fn names_and_labels_are_found_in_expressions() {
    let expression = "sum by (le, model) (rate(pointsman_a_bucket{x=\"1\", y=~\"2\"}[5m])) / pointsman_b";
    let expected = [
        ("pointsman_a_bucket".to_owned(), vec!["x".to_owned(), "y".to_owned()]),
        ("pointsman_b".to_owned(), vec![]),
    ];
    assert_eq!(named(expression), expected);
    assert_eq!(grouped(expression), ["le", "model"]);
}
