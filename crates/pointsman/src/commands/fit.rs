//! `pointsman fit`: an item-response model over outcomes of many models.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use pointsman_domain::nearest;
use pointsman_eval::irt::{self, Aliases, Options, RunId, SourceTasks};
use pointsman_eval::outcomes::{self, Outcomes};
use pointsman_eval::report::{self, FitProvenance, FitReport};
use time::OffsetDateTime;

use super::Outcome;
use crate::cli::{FitArgs, Global};
use crate::model;
use crate::terminal::{self, WARNING, styled};

/// How many rows that cannot be used are named one by one.
const NAMED: usize = 10;

pub(crate) fn run(args: &FitArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let outcomes = read(args)?;
    let aliases = aliases(args)?;
    let exclude = excluded(args, &outcomes, &aliases)?;
    let tasks = SourceTasks::built_in().context("the built-in table of tasks")?;
    let options = Options { aliases, tasks, exclude, keep_broken: args.keep_broken };
    let bar = terminal::progress(None, "");
    bar.set_message(format!("fitting {} prompts", outcomes.items.len()));
    let fit = irt::fit(&outcomes, &options)?;
    bar.finish_and_clear();
    let report = FitReport {
        provenance: FitProvenance {
            dataset: dataset(args),
            date: args.date.clone().unwrap_or_else(today),
            unreadable: outcomes.skipped.len(),
        },
        fit,
    };
    let files = report::write_fit(&args.out, &report)
        .with_context(|| format!("{}: the results cannot be written", args.out.display()))?;
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{report}");
    }
    for file in files {
        anstream::eprintln!("{} written", file.display());
    }
    Ok(Outcome::Done)
}

fn read(args: &FitArgs) -> Result<Outcomes> {
    let outcomes = outcomes::read(&args.outcomes)?;
    for row in outcomes.skipped.iter().take(NAMED) {
        anstream::eprintln!("{} {row}", styled(WARNING, "skipped:"));
    }
    if outcomes.skipped.len() > NAMED {
        anstream::eprintln!("{} {} more rows", styled(WARNING, "skipped:"), outcomes.skipped.len() - NAMED);
    }
    Ok(outcomes)
}

fn aliases(args: &FitArgs) -> Result<Aliases> {
    let Some(path) = &args.aliases else {
        return Aliases::built_in().context("the built-in table of spellings");
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Aliases::parse(&text).with_context(|| path.display().to_string())
}

/// The runs of `--exclude`, each of which must be there.
fn excluded(args: &FitArgs, outcomes: &Outcomes, aliases: &Aliases) -> Result<BTreeSet<RunId>> {
    let runs: BTreeSet<RunId> = outcomes
        .items
        .iter()
        .flat_map(|item| {
            let run = move |name| RunId::new(aliases.canonical(name), item.source_family());
            item.outcomes.keys().map(|name| &**name).map(run)
        })
        .collect();
    let known = |named: &String| {
        let (model, source) = named.rsplit_once('@').with_context(|| {
            format!("--exclude {named}: give a model and a source, such as gpt-4o-2024-08-06@zeroeval")
        })?;
        let run = RunId::new(aliases.canonical(model), source);
        if runs.contains(&run) {
            return Ok(run);
        }
        let names: Vec<String> = runs.iter().map(ToString::to_string).collect();
        let near = nearest(named, names.iter().map(String::as_str));
        let meant = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        anyhow::bail!("--exclude {named}: no outcome is of that model on that source{meant}")
    };
    args.exclude.iter().map(known).collect()
}

/// The names of the files without their folders, so that the results do not depend on where these are.
fn dataset(args: &FitArgs) -> String {
    let name = |path: &std::path::PathBuf| {
        path.file_name()
            .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
    };
    args.outcomes.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Today's date (UTC), year first.
fn today() -> String {
    OffsetDateTime::now_utc().date().to_string()
}
