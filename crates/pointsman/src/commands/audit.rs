//! `pointsman audit`: whether anybody is favoured.

use std::path::Path;

use anyhow::{Context as _, Result};
use pointsman_domain::ProviderName;
use pointsman_eval::audit::{Audit, Report, SignOff};
use pointsman_eval::report::{audit_markdown, audit_page};
use pointsman_record::Entry;
use serde::Serialize;

use super::Outcome;
use super::in_force::{InForce, NO_RECORDS, say_missing, say_unreadable};
use super::record_file::{RecordFile, say_left_aside};
use crate::cli::{AuditArgs, AuditFormat, Global};
use crate::config::Config;

pub(crate) fn run(args: &AuditArgs, global: &Global) -> Result<Outcome> {
    let config = Config::load(global.config.as_deref())?;
    let (file, filter) = RecordFile::wanted(&args.records, &config)?;
    let configured = config.first_party.clone();
    let in_force = InForce::read(config, &args.tables, global)?;
    let first_party = first_party(args, configured, &in_force)?;
    let mut audit = Audit::new(in_force.versions(), &first_party);
    let unreadable = file.each(filter, |entry| {
        match entry {
            Entry::Decided(record) => audit.add(&record)?,
            Entry::Named(record) => audit.leave_aside(&record)?,
        }
        Ok(())
    })?;
    if unreadable > 0 {
        // Nobody could compute a report again from the records that it leaves out.
        say_unreadable(unreadable, file.path());
        return Ok(Outcome::No);
    }
    let report = audit.finish();
    let sign_off = report.sign_off(args.signed_by.as_deref())?;
    let text = match args.format {
        _ if global.json => json(&report, &sign_off)?,
        AuditFormat::Json => json(&report, &sign_off)?,
        AuditFormat::Markdown => audit_markdown(&report, &sign_off),
        AuditFormat::Html => audit_page(&report, &sign_off),
    };
    write(&text, &args.out)?;
    say_what_was_not_judged(&report);
    Ok(if report.is_neutral() && report.is_complete() { Outcome::Done } else { Outcome::No })
}

/// Tells on standard error, beside the report, what it is not about.
fn say_what_was_not_judged(report: &Report) {
    if report.records == 0 {
        anstream::eprintln!("{NO_RECORDS}");
    }
    say_left_aside(report.named);
    if !report.is_complete() {
        say_missing(report.replayed.other_table, report.records);
    }
}

fn json(report: &Report, sign_off: &SignOff) -> Result<String> {
    #[derive(Serialize)]
    struct Signed<'a> {
        #[serde(flatten)]
        report: &'a Report,
        sign_off: &'a SignOff,
    }
    Ok(serde_json::to_string_pretty(&Signed { report, sign_off })? + "\n")
}

/// The providers that the command line names, else the configuration.
fn first_party(
    args: &AuditArgs,
    configured: Vec<ProviderName>,
    in_force: &InForce,
) -> Result<Vec<ProviderName>> {
    if args.first_party.is_empty() {
        return Ok(configured);
    }
    let names: Vec<ProviderName> =
        args.first_party.iter().map(|name| ProviderName::new(name.as_str())).collect();
    for name in &names {
        anyhow::ensure!(in_force.has_provider(name), "--first-party: there is no provider `{name}`");
    }
    Ok(names)
}

fn write(text: &str, out: &Path) -> Result<()> {
    if out.as_os_str() == "-" {
        anstream::print!("{text}");
        return Ok(());
    }
    std::fs::write(out, text).with_context(|| format!("{}: cannot be written", out.display()))?;
    anstream::eprintln!("written to {}", out.display());
    Ok(())
}
