//! `pointsman records stats`: records summed up.

use anyhow::Result;
use pointsman_record::Entry;
use serde_json::json;

use super::Outcome;
use super::record_file::RecordFile;
use crate::cli::{Global, StatsArgs};
use crate::config::Config;
use crate::stats::{Quantiles, Stats, Summing};
use crate::terminal::{ASIDE, WARNING, styled};
use crate::{model, time};

pub(crate) fn run(args: &StatsArgs, global: &Global) -> Result<Outcome> {
    let config = Config::load(global.config.as_deref())?;
    let (file, filter) = RecordFile::wanted(&args.records, &config)?;
    let (policy, _) = config.policy(&model::card(global, &config)?.vocabulary)?;
    let mut summing = Summing::new(&policy, &config.abilities, args.baseline.as_deref());
    if let Some(error) = summing.baseline_error().filter(|_| args.baseline.is_some()) {
        anyhow::bail!("--baseline: {error}");
    }
    let unreadable = file.each(filter, |entry| {
        match entry {
            Entry::Decided(record) => summing.add(&record),
            Entry::Named(record) => summing.add_named(&record),
        }
        Ok(())
    })?;
    let stats = summing.finish();
    if global.json {
        let mut report = json!({ "file": file.path(), "unreadable": unreadable });
        if let (Some(report), Ok(serde_json::Value::Object(stats))) =
            (report.as_object_mut(), serde_json::to_value(&stats))
        {
            report.extend(stats);
        }
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!(
            "{}: {} records, {} with prompts",
            file.path().display(),
            stats.records,
            stats.with_prompt
        );
        print(&stats);
    }
    Ok(Outcome::Done)
}

fn print(stats: &Stats) {
    if let (Some(first), Some(last)) = (stats.first_us, stats.last_us) {
        anstream::println!("from {} to {} UTC", time::utc(first), time::utc(last));
    }
    let Stats { named, input_tokens, output_tokens, cost_usd, with_cost, .. } = stats;
    if *named > 0 {
        anstream::println!(
            "{named} more requests named their model: they are in all that follows but savings"
        );
    }
    anstream::println!(
        "tokens {input_tokens} in, {output_tokens} out; ${cost_usd:.4} for {with_cost} requests with a price"
    );
    if let Some(mean) = stats.mean_score {
        anstream::println!("score {mean:.2} on average for {} answers", stats.with_score);
    }
    for (what, Quantiles { p50_us, p95_us }) in &stats.times {
        anstream::println!("{what:12} p50 {p50_us} µs, p95 {p95_us} µs");
    }
    match (&stats.savings, &stats.no_savings) {
        (Some(savings), _) => anstream::println!("\n{}", savings.to_string().trim_end()),
        (None, Some(why)) => anstream::println!("\n{}", styled(WARNING, format_args!("no savings: {why}"))),
        (None, None) => {}
    }
    for (what, counts) in &stats.by {
        anstream::println!("\n{}", styled(ASIDE, what));
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (name, count) in counts {
            anstream::println!("{count:>9}  {name}");
        }
    }
}
