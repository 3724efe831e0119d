//! `pointsman bench --worker`: answers a driver that measures several programs in turn.
//!
//! After `READY name` it reads lines. `emb BATCH LENGTH` is answered with the encoder's output for the first row as a JSON
//! list, `run BATCH LENGTH N` with `{"wall": […], "cpu": […]}`, the seconds that each of `N` runs took by the clock and on all
//! processors together. A blank line or the end of the input ends it.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pointsman_classifier::{Classifier, TokenBatch};
use serde::Serialize;

use super::shape::Shape;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Embed(Shape),
    Run(Shape, usize),
}

/// Seconds that runs took.
#[derive(Debug, Default, Serialize)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// Answers until there are no more requests.
pub(super) fn serve(classifier: &Classifier, requests: impl BufRead, mut answers: impl Write) -> Result<()> {
    writeln!(answers, "READY pointsman-{}-{}", classifier.engine(), classifier.precision())?;
    answers.flush()?;
    for line in requests.lines() {
        let line = line.context("the requests cannot be read")?;
        if line.trim().is_empty() {
            break;
        }
        let answer = match parse(&line).with_context(|| format!("`{line}` is no request"))? {
            Request::Embed(shape) => serde_json::to_string(&embed(classifier, shape)?)?,
            Request::Run(shape, runs) => serde_json::to_string(&time(classifier, shape, runs)?)?,
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn parse(line: &str) -> Result<Request> {
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let numbers: Vec<usize> = words
        .map(|word| word.parse().with_context(|| format!("`{word}` is no number")))
        .collect::<Result<_>>()?;
    ensure!(!numbers.contains(&0), "0 is not above 0");
    match (verb, &numbers[..]) {
        ("emb", &[rows, tokens]) => Ok(Request::Embed(Shape { rows, tokens })),
        ("run", &[rows, tokens, runs]) => Ok(Request::Run(Shape { rows, tokens }, runs)),
        _ => anyhow::bail!("write `emb BATCH LENGTH` or `run BATCH LENGTH N`"),
    }
}

/// The mean of the first row's last layer: (hidden).
fn embed(classifier: &Classifier, shape: Shape) -> Result<Vec<f32>> {
    let pooled = classifier.model().embed(&batch(classifier, shape)?)?;
    let mut row: Vec<f32> = pooled.get(0).and_then(|row| row.to_vec1())?;
    let others = row.len().saturating_sub(classifier.card().encoder.hidden);
    Ok(row.split_off(others))
}

#[expect(clippy::disallowed_methods, reason = "measuring is what the command is for")]
fn time(classifier: &Classifier, shape: Shape, runs: usize) -> Result<Times> {
    let ids = shape.ids(classifier.card().encoder.vocab);
    let mut times = Times::default();
    for _ in 0..runs {
        let (start, cpu) = (Instant::now(), cpu_time());
        // From ids on the host, as peers are timed; reading the output waits for the device.
        let batch = TokenBatch::new(&ids, classifier.device())?;
        std::hint::black_box(classifier.model().embed(&batch)?.to_vec2::<f32>()?);
        times.cpu.push(cpu_time().saturating_sub(cpu).as_secs_f64());
        times.wall.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

fn batch(classifier: &Classifier, shape: Shape) -> Result<TokenBatch> {
    Ok(TokenBatch::new(&shape.ids(classifier.card().encoder.vocab), classifier.device())?)
}

/// How long all threads of the process have run.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nothing where the system is not asked.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let shape = Shape { rows: 2, tokens: 32 };
        assert_eq!(parse("emb 2 32").expect("valid"), Request::Embed(shape));
        assert_eq!(parse("run 2 32 9").expect("valid"), Request::Run(shape, 9));
        for wrong in ["emb 2", "run 2 32", "emb 2 x", "emb 0 3", "run 1 1 -1", "stop 1 1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
