//! `pointsman serve`: the sidecar.

use std::sync::Arc;

use anyhow::Result;

use super::Outcome;
use crate::cli::{Global, ServeArgs};
use crate::config::Config;
use crate::{model, serve};

pub(crate) fn run(args: &ServeArgs, global: &Global) -> Result<Outcome> {
    let config = Config::load(global.config.as_deref())?;
    let classifier = model::load(global, &config)?;
    let vocabulary = classifier.vocabulary().clone();
    serve::run(&config, Arc::new(classifier), &vocabulary, args.listen)?;
    Ok(Outcome::Done)
}
