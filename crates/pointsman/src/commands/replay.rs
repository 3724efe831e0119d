//! `pointsman replay`: whether decisions follow from labels and table, and what another table would have decided.

use std::time::Instant;

use anyhow::{Context as _, Result};
use pointsman_classifier::Classifier;
use pointsman_domain::Prompt;
use pointsman_eval::replay::{Replay, Report, Versions};
use pointsman_record::{Filter, Record, StoredPrompt};
use serde_json::json;

use super::Outcome;
use super::in_force::{InForce, NO_RECORDS, say_missing, say_unreadable};
use super::record_file::{Beside, RecordFile, say_left_aside};
use crate::cli::{Global, ReplayArgs};
use crate::config::Config;
use crate::model;
use crate::terminal::{self, ASIDE, ERROR, styled};

/// Prompts that are classified together.
const BATCH: usize = 256;

#[expect(clippy::disallowed_methods, reason = "the report says how fast it was")]
pub(crate) fn run(args: &ReplayArgs, global: &Global) -> Result<Outcome> {
    let config = Config::load(global.config.as_deref())?;
    let against = match &args.against {
        Some(path) => Config::load(Some(path))?,
        None => config.clone(),
    };
    let (file, filter) = RecordFile::wanted(&args.from, &config)?;
    let classifier = args.relabel.then(|| model::load(global, &against)).transpose()?;
    let origin = against.origin().to_owned();
    let in_force = InForce::read(against, &args.tables, global)?;
    let bar = terminal::progress(None, "records");
    let start = Instant::now();
    let replayed = match &classifier {
        Some(classifier) => {
            relabelled(&file, filter, in_force.versions(), classifier, |count| bar.inc(count))?
        }
        None => recorded(&file, filter, in_force.versions(), |count| bar.inc(count))?,
    };
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    if global.json {
        print_json(&replayed, &origin, seconds)?;
    } else {
        print(&replayed, args, seconds);
    }
    say_left_aside(replayed.beside.named);
    let is_checked = !is_check(args) || say_unchecked(&replayed, &file);
    Ok(if replayed.report.unfaithful > 0 || !is_checked { Outcome::No } else { Outcome::Done })
}

/// Tells on standard error of records that could not be checked. Returns whether there are none.
fn say_unchecked(replayed: &Replayed, file: &RecordFile) -> bool {
    let Report { records, other_table, .. } = replayed.report;
    if other_table > 0 {
        say_missing(other_table, records);
    }
    let unreadable = replayed.beside.unreadable;
    if unreadable > 0 {
        say_unreadable(unreadable, file.path());
    }
    other_table == 0 && unreadable == 0
}

/// Whether it is asked that every decision follows from labels and table, not what would change.
fn is_check(args: &ReplayArgs) -> bool {
    args.against.is_none() && !args.relabel
}

/// What was found, and what could not be used.
struct Replayed {
    report: Report,
    beside: Beside,
    without_prompt: usize,
}

/// Goes by the recorded labels.
fn recorded(
    file: &RecordFile,
    filter: Filter,
    versions: Versions<'_>,
    progress: impl Fn(u64),
) -> Result<Replayed> {
    let mut replay = Replay::among(versions);
    let beside = file.decisions(filter, |record| {
        replay.add(&record, None);
        progress(1);
        Ok(())
    })?;
    Ok(Replayed { report: replay.finish(), beside, without_prompt: 0 })
}

/// Goes by the labels that `classifier` gives now. Records without their whole prompt are left out.
fn relabelled(
    file: &RecordFile,
    filter: Filter,
    versions: Versions<'_>,
    classifier: &Classifier,
    progress: impl Fn(u64),
) -> Result<Replayed> {
    let mut replay = Replay::among(versions);
    let mut without_prompt = 0;
    let (mut records, mut prompts): (Vec<Record>, Vec<Prompt>) = (Vec::new(), Vec::new());
    let mut classify = |records: &mut Vec<Record>, prompts: &mut Vec<Prompt>| -> Result<()> {
        let labels = classifier.classify(prompts).context("the prompts cannot be classified")?;
        for (record, labels) in records.drain(..).zip(&labels) {
            replay.add(&record, Some(labels));
        }
        progress(prompts.len() as u64);
        prompts.clear();
        Ok(())
    };
    let beside = file.decisions(filter, |mut record| {
        let Some(StoredPrompt::Full(prompt)) = record.prompt.take() else {
            without_prompt += 1;
            return Ok(());
        };
        records.push(record);
        prompts.push(prompt);
        if prompts.len() == BATCH { classify(&mut records, &mut prompts) } else { Ok(()) }
    })?;
    if !prompts.is_empty() {
        classify(&mut records, &mut prompts)?;
    }
    Ok(Replayed { report: replay.finish(), beside, without_prompt })
}

#[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
fn per_second(report: &Report, seconds: f64) -> f64 {
    report.records as f64 / seconds
}

fn print_json(replayed: &Replayed, against: &str, seconds: f64) -> Result<()> {
    let Replayed { report, beside, without_prompt } = replayed;
    let report = json!({
        "against": against, "report": report, "unreadable": beside.unreadable, "named": beside.named,
        "without_prompt": without_prompt, "seconds": seconds, "records_per_second": per_second(report, seconds),
    });
    anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

fn print(replayed: &Replayed, args: &ReplayArgs, seconds: f64) {
    let Replayed { report, beside, without_prompt } = replayed;
    anstream::println!("{}", report.to_string().trim_end());
    for (count, why) in
        [(beside.unreadable, "cannot be read"), (*without_prompt, "were recorded without their prompt")]
    {
        if count > 0 {
            anstream::println!("\n{count} records {why} and are left out");
        }
    }
    if is_check(args) {
        print_checked(report, args);
    }
    if report.unfaithful > 0 {
        let what = "decisions that their own table does not give again: the records were changed, or this is a fault";
        anstream::println!("\n{} {} {what}", styled(ERROR, "unfaithful:"), report.unfaithful);
    }
    let per_second = per_second(report, seconds);
    anstream::println!("\n{}", styled(ASIDE, format_args!("{seconds:.2} s, {per_second:.0} records/s")));
}

/// Says of how many records it could be checked that they follow from labels and table.
fn print_checked(report: &Report, args: &ReplayArgs) {
    let Report { records, own_table, .. } = report;
    if *records == 0 {
        anstream::println!("\n{NO_RECORDS}");
        return;
    }
    let given = if args.tables.is_empty() { "" } else { " or of those given" };
    anstream::println!("\n{own_table} of {records} records are of this table{given}");
}
