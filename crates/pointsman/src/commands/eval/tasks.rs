//! `pointsman eval`: how good a classifier is on labelled data.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use pointsman_domain::{Labels, Prompt};
use pointsman_eval::dataset::{Dataset, Item, Mapping};
use pointsman_eval::perturb::Perturbation;
use pointsman_eval::report;
use pointsman_eval::tasks::{Moves, Provenance, TaskReport, predict, predict_paraphrased, predict_perturbed};

use crate::cli::{EvalTasksArgs, Global};
use crate::commands::Outcome;
use crate::config::Config;
use crate::model;
use crate::terminal::{self, WARNING, styled};

/// Prompts that are classified between two moves of the progress bar.
const BATCH: usize = 256;

#[expect(clippy::disallowed_methods, reason = "a report says how fast classifying was")]
pub(crate) fn run(args: &EvalTasksArgs, global: &Global) -> Result<Outcome> {
    let data = read(args)?;
    let classifier = model::load(global, &Config::load(global.config.as_deref())?)?;
    let card = classifier.card();
    let provenance = Provenance {
        dataset: dataset_name(&args.input, args.split.as_deref()),
        classifier: format!("{} {}", card.name, card.version),
        seed: args.seed,
    };
    let passes = 1 + if args.perturb { Perturbation::ALL.len() } else { 0 };
    let bar = terminal::progress(Some((data.items.len() * passes) as u64), "prompts");
    bar.set_message("evaluating");
    let classify = |prompts: &[Prompt]| {
        bar.inc(prompts.len() as u64);
        classifier.classify(prompts)
    };
    let start = Instant::now();
    let labels = predict(&data.items, BATCH, classify)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut report = TaskReport::new(provenance, classifier.vocabulary(), &data.items, &labels)
        .with_unreadable(data.errors.len())
        .with_time(&labels, seconds);
    if args.perturb {
        for perturbation in Perturbation::ALL {
            let after = predict_perturbed(&data.items, BATCH, perturbation, args.seed, classify)?;
            report = report.with_flips(perturbation.as_str(), &data.items, &labels, &after);
        }
    }
    if let Some(path) = &args.paraphrases {
        let paraphrases = read_file(path, None)?;
        let (items, before, after) =
            predict_paraphrased(&data.items, &labels, &paraphrases.items, BATCH, classify)?;
        anyhow::ensure!(!items.is_empty(), "{}: no row has the `id` of a row of the input", path.display());
        report = report.with_flips("paraphrase", &items, &before, &after);
    }
    bar.finish_and_clear();
    if let Some(folder) = &args.report {
        let with_excerpts = report.clone().with_excerpts(&data.items);
        let files = report::write(folder, &with_excerpts, &data.items, &labels)
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
    if let Some(earlier) = &args.against {
        anstream::eprintln!("since {}: {}", earlier.display(), moves(earlier, &data.items, &labels)?);
    }
    Ok(verdict(&report, args.floor))
}

/// What moved since the run that wrote `earlier`.
fn moves(earlier: &Path, items: &[Item], labels: &[Labels]) -> Result<Moves> {
    let place = || format!("{}: cannot be read as the items.csv of a report", earlier.display());
    Moves::since(File::open(earlier).with_context(place)?, items, labels).with_context(place)
}

/// What was read, in a line.
pub(super) fn dataset_name(input: &[PathBuf], split: Option<&str>) -> String {
    let files = match input {
        [first, .., last] => {
            format!("{} … {} ({} files)", first.display(), last.display(), input.len())
        }
        files => files.iter().map(|file| file.display().to_string()).collect(),
    };
    match split {
        Some(split) => format!("{files}, split {split}"),
        None => files,
    }
}

/// Whether the accuracy reaches the floor.
fn verdict(report: &TaskReport, floor: Option<f64>) -> Outcome {
    match floor {
        Some(floor) if report.accuracy.value < floor => {
            anstream::eprintln!(
                "{} the accuracy {:.4} is below the floor {floor}",
                styled(WARNING, "below the floor:"),
                report.accuracy.value
            );
            Outcome::No
        }
        _ => Outcome::Done,
    }
}

/// All rows of all files, and the lines that are no rows.
fn read(args: &EvalTasksArgs) -> Result<Dataset> {
    let mut all = Dataset { items: Vec::new(), errors: Vec::new() };
    let mapping = args.mapping.as_deref().map(read_mapping).transpose()?;
    for path in &args.input {
        let mut data = read_file(path, mapping.as_ref())?;
        for error in &data.errors {
            anstream::eprintln!("{} {}: {error}", styled(WARNING, "skipped:"), path.display());
        }
        if let Some(split) = &args.split {
            data = data.only_split(split);
        }
        all.errors.append(&mut data.errors);
        all.items.append(&mut data.items);
    }
    anyhow::ensure!(
        all.items.iter().any(|item: &Item| !item.accepted.is_empty()),
        "no row of the input has a `task`{}",
        args.split.as_ref().map_or(String::new(), |split| format!(" and the split `{split}`"))
    );
    Ok(all)
}

pub(super) fn read_file(path: &Path, mapping: Option<&Mapping>) -> Result<Dataset> {
    let place = || format!("{}: cannot be read", path.display());
    let file = File::open(path).with_context(place)?;
    match mapping {
        Some(mapping) => Dataset::read_mapped(file, mapping),
        None => Dataset::read(file),
    }
    .with_context(place)
}

fn read_mapping(path: &Path) -> Result<Mapping> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Mapping::parse(&text).map_err(|message| anyhow::anyhow!("{}: {message}", path.display()))
}
