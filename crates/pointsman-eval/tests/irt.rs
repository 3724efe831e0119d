//! Item-response fits of outcomes that were drawn from a known model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pointsman_eval::irt::{Aliases, Fit, Options, SourceTasks, fit};
use pointsman_eval::outcomes::Outcomes;
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

fn fitted(rows: &[String]) -> Fit {
    let outcomes = Outcomes::from_reader(rows.join("\n").as_bytes(), "rows").expect("readable");
    assert_eq!(outcomes.skipped.len(), 0);
    let options = Options {
        aliases: Aliases::default(),
        tasks: SourceTasks::built_in().expect("a table"),
        exclude: BTreeSet::new(),
        keep_broken: false,
    };
    fit(&outcomes, &options).expect("fits")
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn abilities_and_difficulties_are_recovered_across_sources() {
    let world = world();
    let fit = fitted(&world.rows);
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

#[test]
fn a_broken_run_is_found_and_left_out() {
    let fit = fitted(&world().rows);
    let broken: Vec<String> =
        fit.broken.iter().map(|run| format!("{:?} {}", run.run.id, run.excluded)).collect();
    assert!(broken.len() == 1 && broken[0].contains("m12") && broken[0].contains("true"), "{broken:?}");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut rows = world().rows;
    let first = fitted(&rows);
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let second = fitted(&rows);
    for (a, b) in first.models.iter().zip(&second.models) {
        assert_eq!(a.name, b.name);
        assert!((a.ability - b.ability).abs() < 1e-3, "{a:?} {b:?}");
    }
}
