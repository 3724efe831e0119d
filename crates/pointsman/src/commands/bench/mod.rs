//! `pointsman bench`: how fast this machine labels.

mod devices;
mod measure;
mod peak;
mod prompts;
mod shape;
mod table;
mod worker;

use std::io;

use anyhow::{Context, Result, ensure};
use pointsman_classifier::{Arithmetic, Classifier, Engine, EngineChoice};

use super::Outcome;
use crate::cli::{BenchArgs, BenchCommand, Global};
use crate::config::Config;
use crate::{model, terminal};
use measure::{Figure, measure};
use shape::Shape;

pub(crate) fn run(args: &BenchArgs, global: &Global) -> Result<Outcome> {
    match &args.command {
        Some(BenchCommand::Devices(args)) => return devices::run(args, global),
        Some(BenchCommand::Prompts(args)) => return prompts::run(args, global),
        None => {}
    }
    let config = Config::load(global.config.as_deref())?;
    if args.worker {
        return worker(global, &config);
    }
    let shapes = shapes(args)?;
    let classifiers: Vec<Classifier> = engines(args, model::engine(global, &config)?)?
        .into_iter()
        .map(|engine| load(global, &config, EngineChoice::Named(engine)))
        .collect::<Result<_>>()?;
    let bar = terminal::progress(Some((args.threads.len() * shapes.len()) as u64), "shapes");
    bar.set_message("measuring");
    let mut figures: Vec<Figure> = Vec::new();
    for threads in &args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(*threads).build().context("--threads")?;
        for shape in &shapes {
            figures.extend(pool.install(|| measure(&classifiers, *shape, args.seconds))?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        anstream::println!("{}", table::of(&figures));
    }
    Ok(Outcome::Done)
}

fn worker(global: &Global, config: &Config) -> Result<Outcome> {
    let device = global.device.clone().unwrap_or_else(|| "cpu".to_owned());
    let classifier = model::load(&Global { device: Some(device), ..global.clone() }, config)?;
    worker::serve(&classifier, io::stdin().lock(), io::stdout().lock())?;
    Ok(Outcome::Done)
}

/// Loads the model onto the processor.
fn load(global: &Global, config: &Config, engine: EngineChoice) -> Result<Classifier> {
    let (engine, device) = (Some(engine.to_string()), Some("cpu".to_owned()));
    model::load(&Global { engine, device, ..global.clone() }, config)
}

/// Every batch of every length.
fn shapes(args: &BenchArgs) -> Result<Vec<Shape>> {
    ensure!(args.seconds > 0.0, "--seconds: {} is not above 0", args.seconds);
    for (name, counts) in [("lengths", &args.lengths), ("batches", &args.batches), ("threads", &args.threads)]
    {
        ensure!(!counts.contains(&0), "--{name}: 0 is not above 0");
    }
    let shapes = args
        .batches
        .iter()
        .flat_map(|rows| args.lengths.iter().map(|tokens| Shape { rows: *rows, tokens: *tokens }));
    Ok(shapes.collect())
}

/// The engines that were asked for.
fn engines(args: &BenchArgs, choice: EngineChoice) -> Result<Vec<Engine>> {
    if !args.engines.is_empty() {
        return args.engines.iter().map(|name| name.parse().context("--engines")).collect();
    }
    Ok(match choice {
        EngineChoice::Named(engine) => vec![engine],
        EngineChoice::Auto => Arithmetic::ALL.into_iter().filter_map(Engine::best).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(engines: &[&str]) -> BenchArgs {
        BenchArgs {
            command: None,
            lengths: vec![16, 64],
            batches: vec![1, 2],
            threads: vec![1],
            engines: engines.iter().map(ToString::to_string).collect(),
            seconds: 0.1,
            worker: false,
        }
    }

    #[test]
    fn named_engines_are_measured_else_the_best_of_each_arithmetic() {
        let candle = EngineChoice::Named(Engine::Candle);
        assert_eq!(engines(&args(&[]), candle).expect("engines"), [Engine::Candle]);
        assert_eq!(engines(&args(&["candle"]), EngineChoice::Auto).expect("engines"), [Engine::Candle]);
        assert_eq!(engines(&args(&[]), EngineChoice::Auto).expect("engines").last(), Some(&Engine::Candle));
        assert!(engines(&args(&["avx9"]), EngineChoice::Auto).is_err());
    }

    #[test]
    fn shapes_are_all_combinations_and_none_is_empty() {
        assert_eq!(shapes(&args(&[])).expect("shapes").len(), 4);
        let error = shapes(&BenchArgs { lengths: vec![0], ..args(&[]) }).expect_err("empty");
        assert_eq!(error.to_string(), "--lengths: 0 is not above 0");
        assert!(shapes(&BenchArgs { seconds: 0.0, ..args(&[]) }).is_err());
    }
}
