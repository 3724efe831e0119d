//! Item-response fits of outcomes that were drawn from a known model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use pointsman_eval::irt::{Aliases, Fit, Options, RunId, SourceTasks, fit};
use pointsman_eval::outcomes::Outcomes;
use pointsman_eval::report::{FitProvenance, FitReport, write_fit};
use pointsman_policy::Abilities;
use pointsman_policy::config::Source;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MODELS: usize = 30;
const ITEMS: usize = 150;

/// What the outcomes were drawn from: abilities by model, difficulties by source and id.
struct World {
    rows: Vec<String>,
    abilities: BTreeMap<String, f64>,
    difficulties: BTreeMap<(String, String), f64>,
}

/// Two sources with discriminations of their own. The first twenty models took `easy`, the last twenty `hard`, so that ten
/// link them. `m12` is broken on `hard`: it fails whatever it is asked.
fn world() -> World {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let abilities: Vec<f64> = (0..MODELS).map(|_| normal()).collect();
    let (mut rows, mut difficulties) = (Vec::new(), BTreeMap::new());
    for (source, models, a, shift) in [("easy", 0..20, 1.6, -0.7), ("hard", 10..30, 1.1, 0.7)] {
        for item in 0..ITEMS {
            let b = normal() + shift;
            let mut answers = String::new();
            for model in models.clone() {
                let chance = 1.0 / (1.0 + f64::exp(-a * (abilities[model] - b)));
                // A uniform number by way of the normal one's own generator.
                let uniform = 0.5 + normal().clamp(-3.0, 3.0) / 6.0;
                let uniform = smooth(uniform);
                let correct = uniform < chance && !(source == "hard" && model == 12);
                let comma = if answers.is_empty() { "" } else { "," };
                write!(answers, r#"{comma}"m{model}":{{"correct":{correct}}}"#).expect("written");
            }
            let id = format!("i{item}");
            rows.push(format!(
                r#"{{"id":"{id}","source":"{source}","task":"t","text":"{source} {item}","models":{{{answers}}}}}"#
            ));
            difficulties.insert((source.to_owned(), id), b);
        }
    }
    let abilities = abilities.into_iter().enumerate().map(|(at, ability)| (format!("m{at}"), ability));
    World { rows, abilities: abilities.collect(), difficulties }
}

/// Turns `½ + z/6` of a standard normal `z` into a uniform number: the logistic approximation of `Φ` (Bowling et al. 2009).
fn smooth(value: f64) -> f64 {
    let z = (value - 0.5) * 6.0;
    1.0 / (1.0 + (-(0.07056 * z.powi(3) + 1.5976 * z)).exp())
}

fn options() -> Options {
    Options {
        aliases: Aliases::default(),
        tasks: SourceTasks::built_in().expect("a table"),
        exclude: BTreeSet::new(),
        keep_broken: false,
    }
}

fn fitted_with(rows: &[String], options: &Options) -> Fit {
    let outcomes = Outcomes::from_reader(rows.join("\n").as_bytes(), "rows").expect("readable");
    assert_eq!(outcomes.skipped.len(), 0);
    fit(&outcomes, options).expect("fits")
}

fn fitted(rows: &[String]) -> Fit {
    fitted_with(rows, &options())
}

/// The fit of [`world`], which several tests look at.
static FIT: LazyLock<Fit> = LazyLock::new(|| fitted(&world().rows));

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn abilities_and_difficulties_are_recovered_across_sources() {
    let (world, fit) = (world(), &FIT);
    assert!(fit.convergence.converged, "{:?}", fit.convergence);
    let abilities: Vec<(f64, f64)> =
        fit.models.iter().map(|model| (model.ability, world.abilities[&model.name])).collect();
    assert_eq!(abilities.len(), MODELS);
    assert!(correlation(&abilities) > 0.97, "{}", correlation(&abilities));
    let difficulties: Vec<(f64, f64)> = fit
        .items
        .iter()
        .map(|item| (item.b, world.difficulties[&(item.source.clone(), item.id.clone())]))
        .collect();
    assert_eq!(difficulties.len(), 2 * ITEMS);
    assert!(correlation(&difficulties) > 0.9, "{}", correlation(&difficulties));
    assert!(fit.items.iter().all(|item| item.b.is_finite() && item.b_se > 0.0));
    assert_eq!(fit.components.len(), 1);
}

/// Answers with what GIRTH makes of them (`tests/peers/girth_fixture.py`): a character for each model, a line for each prompt.
#[derive(serde::Deserialize)]
struct Girth {
    answers: Vec<String>,
    abilities: Vec<f64>,
    difficulties: Vec<f64>,
}

#[test]
fn girth_finds_the_same() {
    let girth: Girth = serde_json::from_str(include_str!("girth.json")).expect("well formed");
    let row = |(item, answers): (usize, &String)| {
        let models: Vec<String> = answers
            .bytes()
            .enumerate()
            .map(|(model, answer)| format!(r#""{model}":{{"correct":{}}}"#, answer == b'1'))
            .collect();
        format!(r#"{{"id":"{item}","source":"s","text":"{item}","models":{{{}}}}}"#, models.join(","))
    };
    let rows: Vec<String> = girth.answers.iter().enumerate().map(row).collect();
    let fit = fitted_with(&rows, &Options { keep_broken: true, ..options() });
    let at = |name: &str| name.parse::<usize>().expect("a number");
    let abilities: Vec<(f64, f64)> =
        fit.models.iter().map(|model| (model.ability, girth.abilities[at(&model.name)])).collect();
    let difficulties: Vec<(f64, f64)> =
        fit.items.iter().map(|item| (item.b, girth.difficulties[at(&item.id)])).collect();
    assert_eq!((abilities.len(), difficulties.len()), (60, 120));
    let (abilities, difficulties) = (correlation(&abilities), correlation(&difficulties));
    assert!(abilities >= 0.98 && difficulties >= 0.98, "{abilities} {difficulties}");
}

#[test]
fn errors_are_as_large_as_they_say() {
    let (world, fit) = (world(), &FIT);
    // On the published scale, whose unit is the pool's standard deviation.
    let truth: Vec<f64> = fit.models.iter().map(|model| world.abilities[&model.name]).collect();
    let mean = truth.iter().sum::<f64>() / MODELS as f64;
    let sd = (truth.iter().map(|theta| (theta - mean).powi(2)).sum::<f64>() / MODELS as f64).sqrt();
    let misses = fit.models.iter().zip(&truth).map(|(model, theta)| {
        let miss = (model.ability - (theta - mean) / sd) / model.se;
        miss * miss
    });
    let mean_square = misses.sum::<f64>() / MODELS as f64;
    assert!((0.4..2.2).contains(&mean_square), "{mean_square}");
}

#[test]
fn a_broken_run_is_found_and_left_out() {
    let broken: Vec<(&RunId, bool)> =
        FIT.broken.iter().map(|broken| (&broken.run.id, broken.excluded)).collect();
    assert_eq!(broken, [(&RunId::new("m12", "hard"), true)]);
    assert!(FIT.runs.iter().all(|run| run.id != RunId::new("m12", "hard")));

    let kept = fitted_with(&world().rows, &Options { keep_broken: true, ..options() });
    assert!(kept.broken.iter().any(|broken| broken.run.id.model == "m12" && !broken.excluded));
    assert!(kept.runs.iter().any(|run| run.id == RunId::new("m12", "hard")));
}

#[test]
fn the_order_of_rows_changes_no_bit() {
    let mut rows = world().rows;
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(fitted(&rows), *FIT);
}

#[test]
fn sources_without_a_shared_model_have_scales_of_their_own() {
    let mut rows = world().rows;
    for n in 0..60 {
        let right = |model: usize| (n * 7 + model * 5) % 11 < 3 * model + 3;
        rows.push(format!(
            r#"{{"id":"{n}","source":"apart","text":"{n}","models":{{"x0":{{"correct":{}}},"x1":{{"correct":{}}}}}}}"#,
            right(0),
            right(1)
        ));
    }
    let fit = fitted(&rows);
    assert_eq!(fit.components.len(), 2);
    assert_eq!(
        (fit.components[1].sources.clone(), fit.components[1].models.len()),
        (vec!["apart".to_owned()], 2)
    );
    assert!(fit.items.iter().all(|item| (item.component == 1) == (item.source == "apart")));
    let abilities = fit.abilities("2026-11-21".to_owned(), "made up".to_owned());
    assert!(abilities.find("m3").is_some() && abilities.find("x0").is_none());
}

#[test]
fn nothing_and_one_model_are_refused() {
    let error = |rows: &str| {
        let outcomes = Outcomes::from_reader(rows.as_bytes(), "rows").expect("readable");
        fit(&outcomes, &options()).expect_err("nothing to fit").to_string()
    };
    assert!(error("").contains("there are no outcomes to fit"));
    let one = error(r#"{"id":"1","text":"a","model":"m","correct":true}"#);
    assert!(one.contains("all outcomes are of `m`"), "{one}");
}

#[test]
fn files_hold_what_was_found() {
    let report = FitReport {
        provenance: FitProvenance {
            dataset: "<rows>".to_owned(),
            date: "2026-11-21".to_owned(),
            unreadable: 2,
        },
        fit: FIT.clone(),
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let files = write_fit(folder.path(), &report).expect("written");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
    assert_eq!(files.len(), 4);

    let toml = read("abilities.toml");
    assert!(toml.starts_with("# Written by `pointsman fit` from <rows>;"), "{toml}");
    assert!(toml.contains("# Left out as broken: m12 on hard"), "{toml}");
    let abilities =
        Abilities::parse(&Source::new("abilities.toml", toml.as_str())).expect("target mode reads it");
    assert_eq!((abilities.models.len(), abilities.date.as_str()), (MODELS, "2026-11-21"));
    for model in &FIT.models {
        let (_, known) = abilities.find(&model.name).expect("listed");
        assert!((f64::from(known.general.ability.0) - model.ability).abs() < 1e-4, "{model:?}");
    }

    let items = read("items.jsonl");
    assert_eq!(items.lines().count(), 2 * ITEMS);
    for (line, item) in items.lines().zip(&FIT.items) {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((row["id"].as_str(), row["models"].as_u64()), (Some(&*item.id), Some(item.models as u64)));
        assert!((row["b"].as_f64().expect("a number") - item.b).abs() < 1e-4, "{line}");
        assert_eq!(row.as_object().map(serde_json::Map::len), Some(10), "{line}");
    }

    let page = read("report.html");
    for part in ["<svg", "Broken runs", "m12", "Abilities of the pool", "Diagnostics", "&lt;rows&gt;"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !["<script", "<link", "src="].iter().any(|part| page.contains(part)),
        "the page needs nothing else"
    );
    insta::assert_snapshot!(report.to_string());
}
