//! `pointsman records`: what was decided, one by one, summed up, or as a file for other programs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use pointsman_record::{Filter, Record};
use serde_json::json;

use super::Outcome;
use super::record_file::RecordFile;
use crate::cli::{Global, RecordsArgs, RecordsCommand};
use crate::config::Config;
use crate::terminal::{ASIDE, NAME, styled};
use crate::time;

pub(crate) fn run(command: &RecordsCommand, global: &Global) -> Result<Outcome> {
    match command {
        RecordsCommand::List { records, limit } => list(records, *limit, global),
        RecordsCommand::Stats(records) => stats(records, global),
        RecordsCommand::Export { records, out, .. } => export(records, out, global),
    }
}

fn open(args: &RecordsArgs, global: &Global) -> Result<(RecordFile, Filter)> {
    let file = RecordFile::open(args.records.as_deref(), &Config::load(global.config.as_deref())?)?;
    let since_us = args.since.map_or(0, |since| since.unix_us(time::now_us()));
    Ok((file, Filter { since_us, newest: None }))
}

fn list(args: &RecordsArgs, limit: usize, global: &Global) -> Result<Outcome> {
    let (file, filter) = open(args, global)?;
    let filter = Filter { newest: Some(limit), ..filter };
    if global.json {
        let mut records = Vec::new();
        file.each(filter, |record| {
            records.push(record);
            Ok(())
        })?;
        anstream::println!("{}", serde_json::to_string_pretty(&records)?);
        return Ok(Outcome::Done);
    }
    file.each(filter, |record| {
        anstream::println!("{}", line(&record));
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// A record in a line.
fn line(record: &Record) -> String {
    let Record { labels, decision, .. } = record;
    let judged = match labels.abstained {
        Some(reason) => reason.to_string(),
        None => format!("{}.{} {:.2}", labels.task, labels.band, labels.task_confidence),
    };
    let mut line = format!(
        "{}  {}  {judged}  {} → {}",
        styled(ASIDE, time::utc(record.time_us)),
        record.id,
        decision.rule,
        styled(NAME, &decision.model),
    );
    if let Some(answered) = &record.answered {
        let by = answered.by().map(|attempt| &attempt.model).filter(|by| **by != decision.model);
        if let Some(by) = by {
            line += &format!(" → {by}");
        }
        line += &format!("  {} {} ms", answered.end.as_str(), answered.total_us / 1000);
        if let Some(usage) = answered.usage {
            line += &format!("  {}+{} tokens", usage.input, usage.output);
        }
        if let Some(cost) = answered.cost {
            line += &format!("  {cost}");
        }
    }
    if let Some(feedback) = record.feedback {
        line += &format!("  score {}", feedback.score);
    }
    line
}

fn export(args: &RecordsArgs, out: &Path, global: &Global) -> Result<Outcome> {
    let (file, filter) = open(args, global)?;
    let to_file = out.as_os_str() != "-";
    let place = || format!("{}: cannot be written", out.display());
    let writer: Box<dyn Write> =
        if to_file { Box::new(File::create(out).with_context(place)?) } else { Box::new(std::io::stdout()) };
    let mut writer = BufWriter::new(writer);
    let mut written = 0_usize;
    file.each(filter, |record| {
        written += 1;
        pointsman_record::write(&mut writer, &record).with_context(place)
    })?;
    writer.flush().with_context(place)?;
    if to_file {
        anstream::eprintln!("{written} records written to {}", out.display());
    }
    Ok(Outcome::Done)
}

/// Sums over records.
#[derive(Default)]
struct Stats {
    records: usize,
    first_us: Option<u64>,
    last_us: u64,
    /// How often each model was chosen, and the like.
    by: BTreeMap<&'static str, BTreeMap<String, usize>>,
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: f64,
    with_cost: usize,
    scores: f64,
    with_score: usize,
    with_prompt: usize,
    times_us: BTreeMap<&'static str, Vec<u64>>,
}

impl Stats {
    fn add(&mut self, record: &Record) {
        self.records += 1;
        self.first_us = Some(self.first_us.map_or(record.time_us, |first| first.min(record.time_us)));
        self.last_us = self.last_us.max(record.time_us);
        self.with_prompt += usize::from(record.prompt.is_some());
        let Record { labels, decision, .. } = record;
        self.count("model", decision.model.to_string());
        self.count("rule", decision.rule.to_string());
        self.count("reason", decision.reason.as_str().to_owned());
        self.count("endpoint", record.endpoint.to_string());
        if labels.abstained.is_none() {
            self.count("task", labels.task.to_string());
            self.count("band", labels.band.to_string());
        }
        self.time("queue", record.queue_us);
        self.time("classify", record.classify_us);
        self.time("overhead", record.overhead_us);
        if let Some(answered) = &record.answered {
            self.count("end", answered.end.as_str().to_owned());
            self.time("total", answered.total_us);
            if let Some(first) = answered.first_bytes_us {
                self.time("first_bytes", first);
            }
            if let Some(usage) = answered.usage {
                self.input_tokens += u64::from(usage.input.0);
                self.output_tokens += u64::from(usage.output.0);
            }
            if let Some(cost) = answered.cost {
                self.cost_usd += cost.0;
                self.with_cost += 1;
            }
        }
        if let Some(feedback) = record.feedback {
            self.scores += feedback.score;
            self.with_score += 1;
        }
    }

    fn count(&mut self, what: &'static str, name: String) {
        *self.by.entry(what).or_default().entry(name).or_default() += 1;
    }

    fn time(&mut self, what: &'static str, us: u64) {
        self.times_us.entry(what).or_default().push(us);
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer records than a float counts exactly")]
    fn mean_score(&self) -> Option<f64> {
        (self.with_score > 0).then(|| self.scores / self.with_score as f64)
    }

    /// Each list of times as its median and its 95th percentile (nearest rank).
    fn quantiles(&mut self) -> BTreeMap<&'static str, [u64; 2]> {
        let quantiles = |times: &mut Vec<u64>| {
            times.sort_unstable();
            [50, 95].map(|percent| times[(times.len() * percent).div_ceil(100) - 1])
        };
        self.times_us.iter_mut().map(|(what, times)| (*what, quantiles(times))).collect()
    }
}

fn stats(args: &RecordsArgs, global: &Global) -> Result<Outcome> {
    let (file, filter) = open(args, global)?;
    let mut stats = Stats::default();
    let unreadable = file.each(filter, |record| {
        stats.add(&record);
        Ok(())
    })?;
    let times = stats.quantiles();
    let mean_score = stats.mean_score();
    let Stats { records, first_us, last_us, by, input_tokens, output_tokens, cost_usd, .. } = &stats;
    if global.json {
        let times: BTreeMap<_, _> =
            times.iter().map(|(what, [p50, p95])| (what, json!({"p50_us": p50, "p95_us": p95}))).collect();
        let report = json!({
            "file": file.path(), "records": records, "unreadable": unreadable, "first_us": first_us,
            "last_us": first_us.map(|_| last_us), "by": by, "input_tokens": input_tokens,
            "output_tokens": output_tokens, "cost_usd": cost_usd, "with_cost": stats.with_cost,
            "with_score": stats.with_score, "mean_score": mean_score, "with_prompt": stats.with_prompt,
            "times": times,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(Outcome::Done);
    }
    anstream::println!("{}: {records} records, {} with prompts", file.path().display(), stats.with_prompt);
    if let Some(first) = first_us {
        anstream::println!("from {} to {} UTC", time::utc(*first), time::utc(*last_us));
    }
    anstream::println!(
        "tokens {input_tokens} in, {output_tokens} out; ${cost_usd:.4} for {} records with a price",
        stats.with_cost
    );
    if let Some(mean) = mean_score {
        anstream::println!("score {mean:.2} on average for {} answers", stats.with_score);
    }
    for (what, [p50, p95]) in &times {
        anstream::println!("{what:12} p50 {p50} µs, p95 {p95} µs");
    }
    for (what, counts) in by {
        anstream::println!("\n{}", styled(ASIDE, what));
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (name, count) in counts {
            anstream::println!("{count:>9}  {name}");
        }
    }
    Ok(Outcome::Done)
}
