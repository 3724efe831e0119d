//! `pointsman bench devices`: devices, engines and other programs in turn, each in a process of its own.
//!
//! Every contender is a process that speaks the protocol of `pointsman bench --worker`. They take turns at each batch and
//! length, so that what else the machine does meets all of them, and what one has in memory is not counted to another. One
//! that fails has the reason in its place of the report, and the others go on.

mod contender;
mod energy;
mod entry;
mod nvml;
mod plan;
mod rapl;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use pointsman_eval::devices::{DevicesReport, Machine};
use pointsman_eval::report::write_devices;

use self::contender::{Contender, Times};
use self::energy::Meter;
use self::entry::Entry;
use self::nvml::Gpus;
use crate::cli::{DevicesArgs, Global};
use crate::commands::Outcome;
use crate::config::Config;
use crate::{model, terminal, time};

/// How often each contender gets its turn at a shape.
const ROUNDS: usize = 5;
/// Runs in a turn at most.
const MOST_RUNS: f64 = 1000.0;
/// The prompt whose outputs are compared.
const COMPARED: (usize, usize) = (1, 64);

pub(super) fn run(args: &DevicesArgs, global: &Global) -> Result<Outcome> {
    ensure!(args.seconds > 0.0, "--seconds: {} is not above 0", args.seconds);
    for (name, counts) in [("lengths", &args.lengths), ("batches", &args.batches)] {
        ensure!(!counts.is_empty() && !counts.contains(&0), "--{name}: 0 is not above 0");
    }
    let config = Config::load(global.config.as_deref())?;
    let card = model::card(global, &config)?;
    let longest = args.lengths.iter().max().copied().unwrap_or(0);
    ensure!(
        longest <= card.encoder.max_positions,
        "--lengths: {longest} is above {}, the most that the model reads",
        card.encoder.max_positions
    );
    let (mut entries, passed_over) = plan::entries(args, global)?;
    let shapes: Vec<(usize, usize)> =
        args.batches.iter().flat_map(|batch| args.lengths.iter().map(|length| (*batch, *length))).collect();
    let gpus = Gpus::find();
    let bar = terminal::progress(Some((entries.len() * shapes.len()) as u64), "figures");
    compare(&mut entries, &bar);
    for shape in shapes {
        in_turn(&mut entries, shape, args.seconds, &gpus, &bar);
    }
    bar.finish_and_clear();
    let report = DevicesReport {
        date: time::utc(time::now_us()).chars().take(10).collect(),
        machine: machine(&gpus),
        model: format!("{} {}", card.name, card.version),
        contenders: entries.into_iter().map(|entry| entry.finish(&gpus)).collect(),
        passed_over,
    };
    let errors: Vec<&str> =
        report.contenders.iter().filter_map(|contender| contender.error.as_deref()).collect();
    ensure!(report.reference().is_some(), "nobody could be measured:\n{}", errors.join("\n"));
    if let Some(folder) = &args.out {
        let paths = write_devices(folder, &report).with_context(|| format!("{}", folder.display()))?;
        paths.iter().for_each(|path| anstream::eprintln!("{} written", path.display()));
    }
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{report}");
    }
    Ok(Outcome::Done)
}

/// Asks everybody for the output of one prompt, and notes how near it is to the first one's.
fn compare(entries: &mut [Entry], bar: &ProgressBar) {
    let mut reference: Option<Vec<f32>> = None;
    for entry in entries {
        bar.set_message(entry.name().to_owned());
        let Some(output) = entry.ask(|process| process.embed(COMPARED)) else { continue };
        let reference = reference.get_or_insert_with(|| output.clone());
        entry.compared(cosine(reference, &output));
    }
}

/// Measures everybody at a shape, for about `seconds` each.
fn in_turn(entries: &mut [Entry], shape: (usize, usize), seconds: f64, gpus: &Gpus, bar: &ProgressBar) {
    let mut runs = Vec::new();
    for entry in entries.iter_mut() {
        bar.set_message(entry.name().to_owned());
        runs.push(entry.ask(|process| warm_up(process, shape, seconds)).unwrap_or(0));
    }
    let mut all: Vec<Times> = entries.iter().map(|_| Times::default()).collect();
    for _ in 0..ROUNDS {
        for ((entry, runs), all) in entries.iter_mut().zip(&runs).zip(&mut all) {
            bar.set_message(entry.name().to_owned());
            let meter = Meter::start(gpus);
            let Some(times) = entry.ask(|process| process.run(shape, *runs)) else { continue };
            let joules = meter.stop();
            all.wall.extend(times.wall);
            all.cpu.extend(times.cpu);
            // All turns or none: a sum with gaps would flatter.
            all.joules = Some(all.joules.map_or(joules, |so_far| so_far.and(joules)));
        }
    }
    for (entry, times) in entries.iter_mut().zip(&all) {
        entry.took(shape, times);
        bar.inc(1);
    }
}

/// Runs of a turn, after some that are not counted: the first fill buffers and compile, the next says how many fit.
fn warm_up(process: &mut Contender, shape: (usize, usize), seconds: f64) -> Result<usize> {
    process.run(shape, 2)?;
    let once = process.run(shape, 1)?.wall.first().copied().unwrap_or(seconds);
    Ok(runs_of_a_turn(seconds / ROUNDS as f64, once))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a few")]
fn runs_of_a_turn(seconds: f64, once: f64) -> usize {
    (seconds / once.max(1e-9)).round().clamp(1.0, MOST_RUNS) as usize
}

/// None for outputs that cannot be compared.
fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && cosine.is_finite()).then_some(cosine)
}

/// What this machine is, as far as it says so.
fn machine(gpus: &Gpus) -> Machine {
    let said = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = said.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let processor =
        name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    Machine { processor, threads, system, gpus: gpus.names() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_as_many_runs_as_fit() {
        assert_eq!((runs_of_a_turn(0.1, 0.01), runs_of_a_turn(0.1, 1.0)), (10, 1));
        assert_eq!(runs_of_a_turn(1.0, 0.0), 1000);
    }

    #[test]
    fn outputs_of_one_width_are_compared() {
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 1.0]), Some(0.0));
        assert_eq!(cosine(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(cosine(&[0.0], &[0.0]), None);
    }
}
