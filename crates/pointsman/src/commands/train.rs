//! `pointsman train`: from a recipe and data to a model folder.

use anyhow::{Context, Error, Result, bail};
use indicatif::ProgressBar;
use pointsman_classifier::{Card, DeviceChoice, Engine, ModelSource};
use pointsman_train::corpus::{Corpus, Split};
use pointsman_train::difficulty::{DifficultyItems, Refitting, refit};
use pointsman_train::recipe::Recipe;
use pointsman_train::{Backbone, Progress, Rounding, Scores, Step, TrainError, Trained, Training, train};
use serde_json::json;

use super::Outcome;
use crate::cli::{Global, TrainArgs};
use crate::model;
use crate::terminal::{self, ASIDE, NAME, styled};

pub(crate) fn run(args: &TrainArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let recipe = Recipe::read(&args.recipe)?;
    let corpus = Corpus::read(&recipe, args.data.as_deref())?;
    let count = |split| corpus.side(split).count();
    anstream::eprintln!(
        "{} training rows, {} development, {} test; {} near-duplicates across the split dropped",
        count(Split::Train),
        count(Split::Dev),
        count(Split::Test),
        corpus.dropped
    );
    let items = recipe.difficulty.as_ref().map(|recipe| DifficultyItems::read(recipe, args.data.as_deref()));
    let items = items.transpose()?;
    let device = model::device(global, DeviceChoice::Cpu)?.open()?;
    let engine = match global.engine.as_deref() {
        None | Some("auto") if device.is_cpu() => Engine::f32(),
        None | Some("auto") => Engine::Candle,
        Some(name) => name.parse().context("--engine")?,
    };
    let mut progress = Bar::new(&recipe, count(Split::Train));
    if let Some(model) = &args.difficulty_of {
        let fitting = recipe.difficulty.as_ref().zip(items.as_ref());
        let (difficulty, items) = fitting.context("the recipe has no [difficulty] with outcomes")?;
        let files = model::files(&model.parse()?)?;
        let refitting = Refitting {
            card: std::str::from_utf8(&files.card).context("the card of the model is not UTF-8")?,
            tokenizer: &files.tokenizer,
            weights: &files.weights,
            recipe: difficulty,
            seed: recipe.seed,
            items,
            corpus: &corpus,
            languages: &recipe.languages,
            out: &args.out,
            device: &device,
            engine,
        };
        let card = refit(&refitting, &mut progress)?;
        progress.bar.finish_and_clear();
        report_refit(&card, args, global.json)?;
        return Ok(Outcome::Done);
    }
    let backbone = backbone(args, &recipe)?;
    let checkpoints =
        args.checkpoints.clone().unwrap_or_else(|| args.out.join(format!("{}.checkpoint", recipe.name)));
    let training = Training {
        engine,
        difficulty: items.as_ref(),
        recipe: &recipe,
        backbone: &backbone,
        corpus: &corpus,
        out: &args.out,
        checkpoints: &checkpoints,
        device: &device,
    };
    let trained = train(&training, &mut progress)?;
    progress.bar.finish_and_clear();
    report(&trained, args, global.json)?;
    Ok(Outcome::Done)
}

/// The encoder to start from.
fn backbone(args: &TrainArgs, recipe: &Recipe) -> Result<Backbone> {
    let source: ModelSource = args.backbone.as_deref().unwrap_or(&recipe.backbone.source).parse()?;
    let hub = model::hub();
    let task_head = recipe.backbone.task_head.then(|| recipe.vocabulary()).transpose().map_err(Error::msg)?;
    let backbone = if model::is_ours(&source) {
        let files = model::files(&source)?;
        let card = std::str::from_utf8(&files.card).context("the card of the backbone is not UTF-8")?;
        Backbone::of_model(card, files.tokenizer.into_owned(), &files.weights, task_head.as_ref())?
    } else if task_head.is_some() {
        bail!(
            "{source}: `backbone.task_head` takes a model of ours, and this is a published encoder; leave it out"
        );
    } else {
        Backbone::read(|file| source.read(file, &hub).map_err(|error| TrainError::Model(Box::new(error))))?
    };
    Ok(match recipe.backbone.pieces {
        Some(pieces) => backbone.with_pieces(pieces)?,
        None => backbone,
    })
}

fn report_refit(card: &Card, args: &TrainArgs, json: bool) -> Result<()> {
    let folder = args.out.join(&card.name);
    let scores = card.scores.get("difficulty");
    if json {
        let report = json!({ "model": folder, "difficulty": scores });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    anstream::println!("{} written", styled(NAME, folder.display()));
    let sources =
        scores.and_then(|scores| scores.get("held_out_spearman")).and_then(|scores| scores.as_table());
    for (source, rho) in sources.into_iter().flatten() {
        anstream::println!("{source:24} rank correlation {rho} on items left out");
    }
    Ok(())
}

fn report(trained: &Trained, args: &TrainArgs, json: bool) -> Result<()> {
    let folder = args.out.join(&trained.card.name);
    if json {
        let scores = |scores: &Scores| {
            json!({
                "task_rows": scores.tasks, "task_accuracy": scores.accuracy, "task_macro_f1": scores.macro_f1,
                "outcome_rows": scores.outcomes, "difficulty_spearman": scores.spearman,
            })
        };
        let Rounding { rows, median, max, flips } = trained.rounding;
        let quantization = json!({
            "rows": rows, "logit_error_median": median, "logit_error_max": max, "label_flips": flips,
        });
        let report = json!({
            "model": folder, "dev": scores(&trained.dev), "test": scores(&trained.test),
            "quantization": quantization,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    anstream::println!("{} written", styled(NAME, folder.display()));
    for (name, scores) in [("dev", &trained.dev), ("test", &trained.test)] {
        anstream::println!(
            "{name:5} task accuracy {:.3}, macro-F1 {:.3} {}; difficulty rank correlation {:.3} {}",
            scores.accuracy,
            scores.macro_f1,
            styled(ASIDE, format_args!("({} rows)", scores.tasks)),
            scores.spearman,
            styled(ASIDE, format_args!("({} rows)", scores.outcomes)),
        );
    }
    let Rounding { rows, median, max, flips } = trained.rounding;
    anstream::println!(
        "8-bit weights: logits off by {median:.3} (median), {max:.3} (most); {flips} of {rows} labels flip"
    );
    Ok(())
}

/// A bar in examples, with the running mean of the loss; off a terminal, a line after every twentieth of the steps.
struct Bar {
    bar: ProgressBar,
    loss: Option<f32>,
}

/// Lines that a run prints off a terminal.
const LINES: usize = 20;

impl Bar {
    fn new(recipe: &Recipe, rows: usize) -> Self {
        Self {
            bar: terminal::progress(Some((rows * recipe.fit.epochs * recipe.fit.runs) as u64), "examples"),
            loss: None,
        }
    }
}

impl Progress for Bar {
    fn step(&mut self, step: Step) {
        let loss = self.loss.map_or(step.loss, |loss| 0.95 * loss + 0.05 * step.loss);
        self.loss = Some(loss);
        let Step { step: now, steps, examples, .. } = step;
        self.bar.inc(examples as u64);
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("step {now}/{steps} · loss {loss:.3}"));
        } else if now * LINES / steps > (now - 1) * LINES / steps {
            anstream::eprintln!(
                "step {now} of {steps}, loss {loss:.3}, {:.0} s",
                self.bar.elapsed().as_secs_f32()
            );
        }
    }

    fn note(&mut self, message: &str) {
        self.bar.suspend(|| anstream::eprintln!("{message}"));
    }
}
