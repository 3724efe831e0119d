//! `pointsman serve`: the sidecar.

use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use anyhow::Result;
use pointsman_classifier::Classifier;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Outcome;
use crate::cli::{Global, LogForm, ServeArgs};
use crate::config::Config;
use crate::serve::ClassifierId;
use crate::{model, serve};

pub(crate) fn run(args: &ServeArgs, global: &Global) -> Result<Outcome> {
    log(args.log);
    let config = Config::load(global.config.as_deref())?;
    let classifier = model::load(global, &config)?;
    let (vocabulary, id) = (classifier.vocabulary().clone(), id(&classifier));
    let labels = serve::Labels { labeller: Arc::new(classifier), vocabulary, id };
    serve::run(&config, labels, args.listen)?;
    Ok(Outcome::Done)
}

/// What records call the classifier.
fn id(classifier: &Classifier) -> ClassifierId {
    let card = classifier.card();
    ClassifierId {
        name: format!("{} {}", card.name, card.version),
        weights_hash: card.files.weights.to_string(),
        engine: classifier.engine().to_string(),
        ability_sd: super::check::ability_sd(card),
    }
}

/// Sends the log to standard error, chosen by `RUST_LOG`; in colour where a terminal shows it.
fn log(form: LogForm) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(AutoStream::choice(&std::io::stderr()) != ColorChoice::Never)
        .with_writer(std::io::stderr);
    match form {
        LogForm::Text => subscriber.init(),
        LogForm::Pretty => subscriber.pretty().init(),
        LogForm::Json => subscriber.json().flatten_event(true).init(),
    }
}
