//! `pointsman bench prompts`: the batched engine alone on real prompts, as `classify` runs it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pointsman_classifier::{Classifier, Prepared};
use rayon::prelude::*;
use serde::Serialize;

use crate::bulk::{self, Fields};
use crate::cli::{BenchPromptsArgs, Global};
use crate::commands::Outcome;
use crate::config::Config;
use crate::{model, terminal};

/// What was found.
#[derive(Debug, Serialize)]
struct Figures {
    engine: String,
    precision: &'static str,
    /// Prompts that were run, spread evenly over the file.
    prompts: usize,
    tokens: usize,
    /// Of tokenising them, on all threads, and of the encoder with its heads, in seconds.
    tokenising_s: f64,
    labelling_s: f64,
    prompts_per_s: f64,
    tokens_per_s: f64,
}

pub(super) fn run(args: &BenchPromptsArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let classifier = model::load(global, &Config::load(global.config.as_deref())?)?;
    let figures = measure(args, &classifier)?;
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        anstream::println!(
            "{} {}: {} prompts, {} tokens; tokenised in {:.2} s, labelled in {:.2} s: {:.1} prompts/s, {:.0} tokens/s",
            figures.engine,
            figures.precision,
            figures.prompts,
            figures.tokens,
            figures.tokenising_s,
            figures.labelling_s,
            figures.prompts_per_s,
            figures.tokens_per_s
        );
    }
    Ok(Outcome::Done)
}

#[expect(clippy::disallowed_methods, reason = "measuring is what the command is for")]
#[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
fn measure(args: &BenchPromptsArgs, classifier: &Classifier) -> Result<Figures> {
    let fields = Fields { text: args.text.clone(), messages: args.messages.clone(), id: None };
    let prompts = bulk::sample(&args.input, &fields, args.rows)?;
    ensure!(!prompts.is_empty(), "{}: no row can be labelled", args.input.display());
    let began = Instant::now();
    let prepared: Vec<Prepared> = prompts
        .par_iter()
        .with_min_len(8)
        .map(|prompt| classifier.prepare(prompt))
        .collect::<Result<_, _>>()?;
    let tokenising_s = began.elapsed().as_secs_f64();
    let window = bulk::window_rows(classifier);
    // The first batches fill buffers.
    classifier.label_prepared(&prepared[..prepared.len().min(64)])?;
    let bar = terminal::progress(Some(prepared.len() as u64), "prompts");
    let began = Instant::now();
    for window in prepared.chunks(window) {
        classifier.label_prepared(window).context("the engine failed")?;
        bar.inc(window.len() as u64);
    }
    let labelling_s = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let tokens = prepared.iter().map(Prepared::tokens_seen).sum();
    Ok(Figures {
        engine: classifier.engine().to_string(),
        precision: classifier.precision(),
        prompts: prepared.len(),
        tokens,
        tokenising_s,
        labelling_s,
        prompts_per_s: prepared.len() as f64 / labelling_s,
        tokens_per_s: tokens as f64 / labelling_s,
    })
}
