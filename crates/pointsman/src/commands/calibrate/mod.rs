//! `pointsman calibrate`: from a user's own outcomes to abilities of their models and a difficulty head for their prompts.

mod recorded;

use std::path::Path;

use anyhow::{Context, Result};
use pointsman_classifier::{
    AbilityCalibration, CARD_FILE, Card, Classifier, Embedded, FileHashes, ModelFiles, TOKENIZER_FILE,
    WEIGHTS_FILE,
};
use pointsman_domain::{ModelName, Prompt};
use pointsman_eval::adapt::{Adapted, Compared, Described, Names, Observed, State, adapt};
use pointsman_eval::linear::Linear;
use pointsman_eval::outcomes::{self, Outcomes};
use pointsman_policy::Abilities;
use pointsman_train::difficulty::{changed_head, with_head};
use serde_json::json;
use time::OffsetDateTime;

use self::recorded::Used;
use super::Outcome;
use crate::cli::{CalibrateArgs, Global};
use crate::config::Config;
use crate::model;
use crate::terminal::{self, ASIDE, GOOD, NAME, WARNING, styled};

/// File of the abilities in the folder that the command writes.
const ABILITIES_FILE: &str = "abilities.toml";
/// File of the comparison.
const REPORT_FILE: &str = "calibration.json";
/// Folder of the model with another difficulty head.
const MODEL_FOLDER: &str = "model";
/// Prompts that are read between two moves of the progress bar.
const BATCH: usize = 64;
/// How many rows that cannot be used are named one by one.
const NAMED: usize = 10;

pub(crate) fn run(args: &CalibrateArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let config = Config::load(global.config.as_deref())?;
    let outcomes = read(args)?;
    let files = model::files(&model::source(global, &config)?)?;
    let device = model::device(global, config.classifier.device)?.open()?;
    let classifier = Classifier::load_with(&files, &device, model::engine(global, &config)?)?;
    let names = Names::new(&config.abilities, config.named_models());
    let mut observed = observe(&classifier, &outcomes, &names)?;
    let used = recorded::add(&mut observed, args, &config, &classifier, &names)?;
    let mut adapted = adapt(&observed, &names.before(&observed), args.seed)?;
    if let Some(abilities) = &mut adapted.abilities {
        abilities.date = args.date.clone().unwrap_or_else(today);
        abilities.origin = format!("{}; calibrated on {} own outcomes", abilities.origin, adapted.outcomes);
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("{}: the folder cannot be made", args.out.display()))?;
    let written = write(&args.out, &adapted, &files, classifier.card())?;
    let report = report(&adapted, &observed.models, &written, used);
    write_file(&args.out.join(REPORT_FILE), (serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        used.iter().for_each(tell_used);
        tell(&adapted, &observed.models);
        tell_written(&adapted, &written, &args.out)?;
    }
    Ok(Outcome::Done)
}

fn read(args: &CalibrateArgs) -> Result<Outcomes> {
    let outcomes = outcomes::read(&args.outcomes)?;
    for row in outcomes.skipped.iter().take(NAMED) {
        anstream::eprintln!("{} {row}", styled(WARNING, "skipped:"));
    }
    if outcomes.skipped.len() > NAMED {
        anstream::eprintln!("{} {} more rows", styled(WARNING, "skipped:"), outcomes.skipped.len() - NAMED);
    }
    Ok(outcomes)
}

/// What the classifier says of the prompts. A head is fitted to the last layer alone: a user's rows are too few to tell
/// what the others would add.
fn observe(classifier: &Classifier, outcomes: &Outcomes, names: &Names<'_>) -> Result<Observed> {
    let bar = terminal::progress(Some(outcomes.items.len() as u64), "prompts");
    let mut observed = Observed::default();
    for items in outcomes.items.chunks(BATCH) {
        let prompts: Vec<Prompt> = items.iter().map(|item| item.prompt.clone()).collect();
        for (item, embedded) in items.iter().zip(classifier.embed(&prompts)?) {
            let scores = item
                .outcomes
                .iter()
                .map(|(model, outcome)| (names.of_written(model), outcome.score, f64::from(outcome.trials)));
            observed.add(described(classifier, embedded), scores);
        }
        bar.inc(items.len() as u64);
    }
    bar.finish_and_clear();
    Ok(observed)
}

/// A prompt as the classifier sees it.
fn described(classifier: &Classifier, embedded: Embedded) -> Described {
    let group = classifier.vocabulary().group_of(&embedded.labels.task).cloned();
    let last = &embedded.embedding[embedded.embedding.len() - classifier.card().encoder.hidden..];
    let embedding = last.iter().map(|value| f64::from(*value)).collect();
    Described { labels: embedded.labels, group, embedding }
}

/// Writes what is new; gives the names of the files.
fn write(out: &Path, adapted: &Adapted, files: &ModelFiles, card: &Card) -> Result<Vec<String>> {
    let mut written = Vec::new();
    if let Some(abilities) = &adapted.abilities {
        write_file(&out.join(ABILITIES_FILE), Abilities::to_toml(abilities).as_bytes())?;
        written.push(ABILITIES_FILE.to_owned());
    }
    if let Some((added, sd)) = &adapted.head {
        write_model(&out.join(MODEL_FOLDER), files, card, added, *sd)?;
        written.push(MODEL_FOLDER.to_owned());
    }
    Ok(written)
}

/// The model with `added` in its difficulty head.
fn write_model(folder: &Path, files: &ModelFiles, card: &Card, added: &Linear, sd: f64) -> Result<()> {
    let head = changed_head(&files.weights, card.calibration.ability, added)?;
    let weights = with_head(&files.weights, &head)?;
    let mut card = card.clone();
    card.difficulty_counts = card.difficulty_counts.scaled(card.calibration.ability.scale);
    card.calibration.ability = AbilityCalibration { scale: 1.0, shift: 0.0, residual_sd: sd };
    card.version = format!("{}+calibrated", card.version);
    card.files = FileHashes::of(&weights, &files.tokenizer);
    let card = card.to_toml()?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: the folder cannot be made", folder.display()))?;
    // The card comes last, so that a folder with a card is whole.
    write_file(&folder.join(WEIGHTS_FILE), &weights)?;
    write_file(&folder.join(TOKENIZER_FILE), &files.tokenizer)?;
    write_file(&folder.join(CARD_FILE), card.as_bytes())
}

fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    std::fs::write(path, content).with_context(|| format!("{}: cannot be written", path.display()))
}

/// Today's date (UTC), year first.
fn today() -> String {
    OffsetDateTime::now_utc().date().to_string()
}

fn report(
    adapted: &Adapted,
    models: &[ModelName],
    written: &[String],
    used: Option<Used>,
) -> serde_json::Value {
    json!({
        "taken": adapted.state,
        "outcomes": adapted.outcomes,
        "prompts": adapted.prompts,
        "held_out_prompts": adapted.held_out,
        "models": models,
        "compared": adapted.compared,
        "written": written,
        "records": used,
    })
}

/// What was made of records.
fn tell_used(used: &Used) {
    let Used { scored, with_prompt, left_out } = used;
    anstream::println!("{} with a score, {with_prompt} of them with the prompt", count(*scored, "record"));
    if *left_out > 0 {
        let why = "without a reply or labels, or labelled by another classifier";
        anstream::println!(
            "{}",
            styled(WARNING, format_args!("{} left out: {why}", count(*left_out, "record")))
        );
    }
    if with_prompt < scored {
        anstream::println!(
            "abilities alone are fitted, for the difficulty head takes whole prompts ([record] prompts)"
        );
    }
}

/// The comparison.
fn tell(adapted: &Adapted, models: &[ModelName]) {
    let Adapted { outcomes, prompts, held_out, .. } = adapted;
    anstream::println!(
        "{outcomes} outcomes of {} on {prompts} prompts; compared on {held_out} of them, held out:",
        count(models.len(), "model")
    );
    anstream::println!(
        "{}",
        styled(ASIDE, "                          log loss    Brier  calibration error      gain ± se")
    );
    for Compared { state, quality, gain, gain_se } in &adapted.compared {
        let gain =
            if *state == State::AsBefore { String::new() } else { format!("{gain:+.4} ± {gain_se:.4}") };
        anstream::println!(
            "{} {:24} {:>9.4} {:>8.4} {:>18.4}  {gain:>18}",
            if *state == adapted.state { "→" } else { " " },
            name(*state),
            quality.log_loss,
            quality.brier,
            quality.calibration_error,
        );
    }
}

/// What was written, with the lines that take it into use. Their paths are absolute: one of them would be sought beside the
/// configuration, the other where the server is started.
fn tell_written(adapted: &Adapted, written: &[String], out: &Path) -> Result<()> {
    if written.is_empty() {
        anstream::println!(
            "{}: what is known already foretells these outcomes as well; nothing was changed",
            styled(WARNING, "calibration did not help")
        );
        return Ok(());
    }
    anstream::println!("{} in {}; to use it:", styled(GOOD, "written"), styled(NAME, out.display()));
    let out = std::path::absolute(out)
        .with_context(|| format!("{}: its absolute path is not known", out.display()))?;
    if adapted.abilities.is_some() {
        anstream::println!("  [policy]\n  abilities = {}", quoted(&out.join(ABILITIES_FILE)));
    }
    if adapted.head.is_some() {
        anstream::println!("  [classifier]\n  model = {}", quoted(&out.join(MODEL_FOLDER)));
    }
    Ok(())
}

/// A path as a string of TOML.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

fn name(state: State) -> &'static str {
    match state {
        State::AsBefore => "as before",
        State::Abilities => "abilities",
        State::AbilitiesAndHead => "abilities and head",
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
