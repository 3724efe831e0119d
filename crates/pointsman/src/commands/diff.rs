//! `pointsman diff`: what another file answers otherwise.

use std::path::Path;

use anyhow::Result;
use pointsman_policy::{Policy, PolicyDiff};
use serde_json::json;

use super::{Outcome, check};
use crate::cli::{DiffArgs, Global};
use crate::config::Config;
use crate::model;
use crate::terminal::{ASIDE, styled};

/// As `diff(1)` does: exit code 0 if nothing differs, 1 if something does.
pub(crate) fn run(args: &DiffArgs, global: &Global) -> Result<Outcome> {
    let (from, from_sd) = read(&args.from, global)?;
    let (to, to_sd) = read(&args.to, global)?;
    let diff = PolicyDiff::between((&from, from_sd), (&to, to_sd));
    if global.json {
        let report = json!({
            "from": args.from, "to": args.to, "same": diff.is_empty(), "models": diff.models, "tables": diff.tables,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let heading = format!("{} → {}", args.from.display(), args.to.display());
        anstream::println!("{}\n{}", styled(ASIDE, heading), diff.to_string().trim_end());
    }
    Ok(if diff.is_empty() { Outcome::Done } else { Outcome::No })
}

/// The policy of a file, with the standard error of the abilities by which its targets weigh.
fn read(path: &Path, global: &Global) -> Result<(Policy, f32)> {
    let config = Config::load(Some(path))?;
    let card = model::card(global, &config)?;
    let (policy, _) = config.policy(&card.vocabulary)?;
    Ok((policy, check::ability_sd(&card)))
}
