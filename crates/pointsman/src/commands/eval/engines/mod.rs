//! `pointsman eval engines`: whether faster engines say what f32 says.

mod devices;
mod report;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use pointsman_classifier::{
    CARD_FILE, Card, Classifier, Embedded, EncoderConfig, Engine, EngineChoice, Gate, ModelSource,
};
use pointsman_domain::Prompt;
use pointsman_eval::dataset::Item;

use self::report::{Compared, Report, Run, items_csv};
use super::tasks::{dataset_name, read_file};
use crate::cli::{EvalEnginesArgs, Global};
use crate::commands::Outcome;
use crate::config::Config;
use crate::model;
use crate::terminal::{self, WARNING, styled};

/// Prompts that are classified between two moves of the progress bar.
const BATCH: usize = 256;

pub(crate) fn run(args: &EvalEnginesArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let config = Config::load(global.config.as_deref())?;
    let source = model::source(global, &config)?;
    // Before the work rather than after it.
    let folder = args.write_card.then(|| folder_of(&source)).transpose()?;
    let items = read(args)?;
    let prompts: Vec<Prompt> = items.iter().map(|item| item.prompt.clone()).collect();
    if let Some(asked_for) = devices::asked_for(global)? {
        return devices::run(asked_for, &prompts, global, &config);
    }
    let reference = load(global, &config, Engine::f32())?;
    let card = reference.card();
    let engines = compared(args, model::engine(global, &config)?, &card.encoder);
    let bar = terminal::progress(Some((prompts.len() * (engines.len() + 1)) as u64), "prompts");
    bar.set_message("comparing");

    let (run, answers) = embed(&reference, &prompts, &bar)?;
    let hidden = card.encoder.hidden;
    let mut report = Report {
        dataset: dataset_name(&args.input, args.split.as_deref()),
        classifier: format!("{} {}", card.name, card.version),
        reference: run,
        engines: Vec::new(),
        default: String::new(),
    };
    let mut others = Vec::new();
    for engine in engines {
        let (run, other) = embed(&load(global, &config, engine)?, &prompts, &bar)?;
        let gate = Gate::between(engine.arithmetic(), hidden, &answers, &other);
        others.push((run.engine.clone(), other));
        report.engines.push(Compared::new(run, gate));
    }
    bar.finish_and_clear();
    let gates = merged(&card.gates, &report.gates());
    report.default = EngineChoice::Auto.choose(reference.device(), &card.encoder, &gates).to_string();
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: the folder cannot be made", folder.display()))?;
        write(&folder.join("report.json"), &(serde_json::to_string_pretty(&report)? + "\n"))?;
        write(&folder.join("items.csv"), &items_csv(&items, &answers, &others))?;
    }
    if let Some(folder) = folder {
        write(&folder.join(CARD_FILE), &Card { gates, ..card.clone() }.to_toml()?)?;
    }
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{report}");
    }
    Ok(if report.all_passed() { Outcome::Done } else { Outcome::No })
}

/// The engines to hold against f32: the one that was named, else the best of each other arithmetic, or all.
fn compared(args: &EvalEnginesArgs, choice: EngineChoice, encoder: &EncoderConfig) -> Vec<Engine> {
    let reference = Engine::f32();
    match choice {
        EngineChoice::Named(engine) => vec![engine],
        EngineChoice::Auto => Engine::available()
            .into_iter()
            .filter(|engine| *engine != reference && engine.fits(encoder))
            .filter(|engine| args.all || Some(*engine) == Engine::best(engine.arithmetic()))
            .collect(),
    }
}

fn load(global: &Global, config: &Config, engine: Engine) -> Result<Classifier> {
    let (engine, device) = (Some(engine.to_string()), Some("cpu".to_owned()));
    model::load(&Global { engine, device, ..global.clone() }, config)
}

/// Answers to all prompts, in order, and how long they took.
#[expect(clippy::disallowed_methods, reason = "the report says how fast each engine was")]
fn embed(classifier: &Classifier, prompts: &[Prompt], bar: &ProgressBar) -> Result<(Run, Vec<Embedded>)> {
    let start = Instant::now();
    let mut answers = Vec::with_capacity(prompts.len());
    for prompts in prompts.chunks(BATCH) {
        answers.extend(classifier.embed(prompts)?);
        bar.inc(prompts.len() as u64);
    }
    Ok((Run { engine: classifier.engine().to_string(), seconds: start.elapsed().as_secs_f64() }, answers))
}

fn read(args: &EvalEnginesArgs) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for path in &args.input {
        let mut data = read_file(path, None)?;
        for error in &data.errors {
            anstream::eprintln!("{} {}: {error}", styled(WARNING, "skipped:"), path.display());
        }
        if let Some(split) = &args.split {
            data = data.only_split(split);
        }
        items.append(&mut data.items);
    }
    anyhow::ensure!(!items.is_empty(), "the input has no prompts");
    Ok(items)
}

/// The gates of a card with those that were measured anew in their place.
fn merged(old: &[Gate], new: &[Gate]) -> Vec<Gate> {
    let kept = old.iter().filter(|old| new.iter().all(|new| new.arithmetic != old.arithmetic));
    new.iter().chain(kept).copied().collect()
}

fn folder_of(source: &ModelSource) -> Result<&Path> {
    match source {
        ModelSource::Folder(folder) => Ok(folder),
        _ => anyhow::bail!(
            "--write-card: {source} has no card that can be written; name a folder with --model"
        ),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
    anstream::eprintln!("{} written", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use pointsman_classifier::Arithmetic;

    use super::*;

    #[test]
    fn new_gates_take_the_place_of_old_ones() {
        let gate = Gate::perfect;
        let old = [gate(Arithmetic::Int16, 1), gate(Arithmetic::Candle, 1)];
        let new = [gate(Arithmetic::Int16, 2)];
        assert_eq!(merged(&old, &new), [gate(Arithmetic::Int16, 2), gate(Arithmetic::Candle, 1)]);
        assert_eq!(merged(&[], &new), new);
    }

    #[test]
    fn only_a_folder_has_a_card_to_write() {
        assert!(folder_of(&ModelSource::Embedded).is_err());
        assert_eq!(folder_of(&ModelSource::Folder("m".into())).expect("a folder"), Path::new("m"));
    }
}
