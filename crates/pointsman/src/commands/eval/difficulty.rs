//! `pointsman eval difficulty`: how well difficulty foretells who fails.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use pointsman_classifier::features::FEATURES;
use pointsman_classifier::{Classifier, Embedded, features};
use pointsman_domain::{Ability, Difficulty};
use pointsman_eval::difficulty::{DifficultyProvenance, DifficultyReport, Fitted, Rated, held_out};
use pointsman_eval::linear::{COUNT_PENALTY, Design};
use pointsman_eval::outcomes::Item;
use pointsman_eval::report;
use serde::Deserialize;

use super::{prompts, scores};
use crate::cli::{EvalDifficultyArgs, Global};
use crate::commands::Outcome;

/// Bootstrap draws.
const DRAWS: usize = 200;

/// Items for each value of the encoder's layers below which the last layer alone is read.
const FEW: usize = 2;

/// The head that has not seen the prompt's source.
const SOURCE_LEFT_OUT: &str = "head, source left out";

pub(crate) fn run(args: &EvalDifficultyArgs, global: &Global) -> Result<Outcome> {
    let outcomes = prompts::read(&args.outcomes)?;
    let fitted = args.items.as_deref().map(fitted).transpose()?;
    let truth = |item: &Item| match &fitted {
        Some(fitted) => fitted.get(&(item.source.clone(), item.id.clone())).copied(),
        None => Some(1.0 - item.mean_score()),
    };
    let (items, truths): (Vec<&Item>, Vec<f64>) =
        outcomes.items.iter().filter_map(|item| Some((item, truth(item)?))).unzip();
    anyhow::ensure!(!items.is_empty(), "no item of the input is in {}", name_of(args.items.as_deref()));
    let calibration = prompts::Calibration::read(&args.outcomes, global)?;
    let classifier = calibration.classifier(global)?;
    let embedded = prompts::embed(&classifier, &items)?;
    let rated: Vec<Rated<'_>> = items
        .iter()
        .zip(&embedded)
        .zip(&truths)
        .map(|((item, embedded), truth)| Rated {
            source: item.source_family(),
            own_task: item.task.as_deref(),
            length: item.prompt.subject().chars().count() as f64,
            question: prompts::question_words(item.prompt.subject()),
            predicted: embedded.labels.ability,
            truth: *truth,
        })
        .collect();
    let card = classifier.card();
    let provenance = DifficultyProvenance {
        dataset: prompts::name(&args.outcomes.input),
        classifier: format!("{} {}", card.name, card.version),
        truth: match &args.items {
            Some(path) => format!("the difficulties in {}", path.display()),
            None => "the share of models that fail".to_owned(),
        },
        unreadable: outcomes.skipped.len(),
        seed: args.outcomes.seed,
    };
    let fitted = if args.heads {
        heads(classifier.card().encoder.hidden, &items, &embedded, &rated, args.outcomes.seed)?
    } else {
        Vec::new()
    };
    if let Some(path) = &args.scores {
        let left_out = fitted.iter().find(|head| head.name == SOURCE_LEFT_OUT);
        let predicted = |at: usize| left_out.map_or(rated[at].predicted, |head| head.abilities[at]);
        let difficulties: Vec<f64> = (0..items.len()).map(|at| f64::from(predicted(at).0)).collect();
        scores::write(path, &items, &difficulties)?;
    }
    let mut report = DifficultyReport::new(provenance, &rated, &fitted, DRAWS);
    if let Some(known) = calibration.known() {
        report = report.with_models(chances(&classifier, &known, &items, &embedded));
    }
    if let Some(folder) = &args.outcomes.report {
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        let rows = report::DifficultyRows { ids: &ids, prompts: &rated };
        let files = report::write_difficulty(folder, &report, &rows)
            .with_context(|| format!("{}: the report cannot be written", folder.display()))?;
        for file in files {
            anstream::eprintln!("{} written", file.display());
        }
    }
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{report}");
    }
    Ok(Outcome::Done)
}

/// Heads on the encoder's pooled layers and on what is counted in the text, held out by item and by source. Of the layers
/// the last `hidden` values alone are read where items are too few to tell what the others would add.
fn heads(
    hidden: usize,
    items: &[&Item],
    embedded: &[Embedded],
    rated: &[Rated<'_>],
    seed: u64,
) -> Result<Vec<Fitted>> {
    let all = embedded.first().map_or(0, |first| first.embedding.len());
    let width = if items.len() < FEW * all { hidden } else { all };
    let (mut encoded, mut counted) = (Design::new(width + FEATURES), Design::new(FEATURES));
    for (item, embedded) in items.iter().zip(embedded) {
        let figures = features(item.prompt.subject()).map(f64::from);
        encoded.push(embedded.embedding[all - width..].iter().map(|value| f64::from(*value)).chain(figures));
        counted.push(figures);
    }
    let penalties = [vec![1.0; width], vec![COUNT_PENALTY; FEATURES]].concat();
    let both = (&encoded, Some(&penalties[..]));
    let mut fitted = held_out(["head, items left out", SOURCE_LEFT_OUT], both, rated, seed)?;
    let counted = (&counted, None);
    fitted.extend(held_out(["counts, items left out", "counts, source left out"], counted, rated, seed)?);
    Ok(fitted)
}

fn name_of(items: Option<&Path>) -> String {
    items.map_or("the input".to_owned(), |path| path.display().to_string())
}

/// A line of the items that `pointsman fit` writes; what else is in it does not matter here.
#[derive(Deserialize)]
struct FittedItem {
    id: String,
    source: String,
    b: f32,
}

/// The share of the reference pool that fails, by source and id.
fn fitted(path: &Path) -> Result<HashMap<(String, String), f64>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            let row: FittedItem = serde_json::from_str(line).with_context(|| {
                format!(
                    "{}:{}: not an item of `pointsman fit` ({{\"id\", \"source\", \"b\"}})",
                    path.display(),
                    i + 1
                )
            })?;
            let share = Difficulty::from_ability(Ability(row.b)).value();
            Ok(((row.source, row.id), f64::from(share)))
        })
        .collect()
}

/// For each model with an ability: chance of success and outcome on every prompt that it answered.
fn chances(
    classifier: &Classifier,
    known: &prompts::ByName<'_>,
    items: &[&Item],
    embedded: &[Embedded],
) -> Vec<(String, Vec<(f64, f64)>)> {
    let vocabulary = classifier.vocabulary();
    let mut names: Vec<&str> =
        items.iter().flat_map(|item| item.outcomes.keys().map(|name| &**name)).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str| {
        let model = known.find(name)?;
        let pair = |(item, embedded): (&&Item, &Embedded)| {
            let labels = &embedded.labels;
            let task = (&labels.task, vocabulary.group_of(&labels.task));
            let outcome = item.outcomes.get(name)?;
            Some((known.abilities.success(model, task, (labels.ability, labels.ability_sd)), outcome.score))
        };
        Some((name.to_owned(), items.iter().zip(embedded).filter_map(pair).collect()))
    };
    names.into_iter().filter_map(of).collect()
}
