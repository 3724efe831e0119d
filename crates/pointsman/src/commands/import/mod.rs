//! `pointsman import`: another router's configuration as a table, and what of it could not be carried over.

mod draft;
mod litellm;
mod nvidia;
mod place;
mod plano;
mod routellm;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, Result};
use pointsman_policy::Catalogue;
use serde_json::json;

use self::draft::Draft;
use super::{Outcome, classify};
use crate::cli::{Global, ImportArgs, ImportFormat};
use crate::terminal::{WARNING, styled};

pub(crate) fn run(args: &ImportArgs, global: &Global) -> Result<Outcome> {
    let text = classify::read_all(&args.file)?;
    let draft = read(args.format, &text).with_context(|| format!("{}", args.file.display()))?;
    let document = draft.document(&args.file.display().to_string());
    if global.json {
        let report = json!({ "text": document, "left_out": draft.left_out() });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    for sentence in draft.left_out() {
        anstream::eprintln!("{} {sentence}", styled(WARNING, "not carried over:"));
    }
    write(&args.out, &document)?;
    Ok(Outcome::Done)
}

/// What `text` says, as a table.
fn read(format: ImportFormat, text: &str) -> Result<Draft> {
    let mut draft = Draft::new(Catalogue::shipped());
    match format {
        ImportFormat::Litellm => litellm::read(&yaml::parse(text)?, &mut draft),
        ImportFormat::Plano => plano::read(&yaml::parse(text)?, &mut draft),
        ImportFormat::Nvidia => nvidia::read(&yaml::parse(text)?, &mut draft),
        ImportFormat::Routellm => routellm::read(text, &mut draft),
    }?;
    anyhow::ensure!(draft.has_models(), "it names no model that can be reached{}", because(&draft));
    Ok(draft)
}

/// What was left out, for a message.
fn because(draft: &Draft) -> String {
    draft.left_out().iter().map(|sentence| format!("\n  {sentence}")).collect()
}

fn write(out: &Path, text: &str) -> Result<()> {
    if out.as_os_str() == "-" {
        anstream::print!("{text}");
        return Ok(());
    }
    anyhow::ensure!(!out.exists(), "{} is there already: --out names another", out.display());
    std::fs::write(out, text).with_context(|| format!("{}: cannot be written", out.display()))?;
    anstream::eprintln!("written to {}; `pointsman check` draws it", out.display());
    Ok(())
}
