//! How fast devices and programs label, measured side by side in one run.

use serde::Serialize;

/// What a run of measurements found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DevicesReport {
    /// Day of the measurement in UTC, `YYYY-MM-DD`.
    pub date: String,
    /// The machine.
    pub machine: Machine,
    /// The model and its version.
    pub model: String,
    /// Who took part; the first that was measured is what the others are compared with.
    pub contenders: Vec<Contender>,
    /// Devices that were looked for and cannot be used.
    pub passed_over: Vec<PassedOver>,
}

/// A device that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The device, as it is named on the command line.
    pub name: String,
    /// Why, and what would help.
    pub reason: String,
}

/// Where it was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Machine {
    /// The processor, in its own words.
    pub processor: String,
    /// Hardware threads that may be used.
    pub threads: usize,
    /// The operating system and architecture.
    pub system: String,
    /// NVIDIA GPUs with their memory and driver.
    pub gpus: Vec<String>,
}

impl Machine {
    /// Processor, threads and system in a line, with `between` them.
    pub(crate) fn in_a_line(&self, between: &str) -> String {
        let threads =
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        let parts = [&self.processor, &threads, &self.system].into_iter().chain(&self.gpus);
        parts.map(String::as_str).collect::<Vec<_>>().join(between)
    }
}

/// A device with an engine, or another program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// What it calls itself.
    pub name: String,
    /// How it was started.
    pub command: String,
    /// From starting the process until it could be asked, in seconds; none if that did not happen.
    pub load_s: Option<f64>,
    /// The most memory that the process had in use, in bytes, where the system tells it. Memory of GPUs is not in it.
    pub peak_memory: Option<u64>,
    /// Bytes that it held on GPUs at the end, where the driver tells it. What it took and gave back is mostly still held.
    pub gpu_memory: Option<u64>,
    /// Cosine of its output with the first contender's for the same prompt: a fast wrong answer shows.
    pub cosine: Option<f64>,
    /// One for each batch and length.
    pub figures: Vec<SpeedFigure>,
    /// One for each batch that was measured at three lengths or more.
    pub fits: Vec<CostFit>,
    /// What went wrong, if something did. The figures are those from before.
    pub error: Option<String>,
}

/// How fast a batch of prompts of one length is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedFigure {
    /// Prompts that are run together.
    pub batch: usize,
    /// Tokens of each.
    pub length: usize,
    /// How often it was run.
    pub runs: usize,
    /// Wall-clock seconds from token ids to output: the median, and what 90 and 99 runs in 100 stay within.
    pub p50_s: f64,
    /// See [`Self::p50_s`].
    pub p90_s: f64,
    /// See [`Self::p50_s`].
    pub p99_s: f64,
    /// Seconds on all processors together, the median.
    pub cpu_s: f64,
    /// Prompts in a second, by the median.
    pub prompts_per_s: f64,
    /// Tokens in a second, by the median.
    pub tokens_per_s: f64,
    /// Energy of the processor for a thousand prompts, in joules, where the system tells it. It is that of the whole package, so
    /// other work counts too.
    pub joules_per_1000: Option<f64>,
    /// The same of all GPUs of the machine.
    pub gpu_joules_per_1000: Option<f64>,
}

/// Energy, as far as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Joules {
    /// Of all packages of processors.
    pub processor: Option<f64>,
    /// Of all GPUs.
    pub gpus: Option<f64>,
}

impl Joules {
    /// Both together. Of what one does not know, nothing is known: a sum with gaps would flatter.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        Self { processor: sum(self.processor, other.processor), gpus: sum(self.gpus, other.gpus) }
    }
}

impl SpeedFigure {
    /// From the seconds that runs took by the clock and on all processors, and the joules that they took together.
    ///
    /// None for no runs.
    #[must_use]
    pub fn new(shape: (usize, usize), wall: &[f64], cpu: &[f64], joules: Joules) -> Option<Self> {
        let (batch, length) = shape;
        let (wall, cpu) = (sorted(wall), sorted(cpu));
        let p50_s = percentile(&wall, 0.5)?;
        let prompts = (wall.len() * batch) as f64;
        Some(Self {
            batch,
            length,
            runs: wall.len(),
            p50_s,
            p90_s: percentile(&wall, 0.9)?,
            p99_s: percentile(&wall, 0.99)?,
            cpu_s: percentile(&cpu, 0.5).unwrap_or(f64::NAN),
            prompts_per_s: batch as f64 / p50_s,
            tokens_per_s: (batch * length) as f64 / p50_s,
            joules_per_1000: joules.processor.map(|joules| 1000.0 * joules / prompts),
            gpu_joules_per_1000: joules.gpus.map(|joules| 1000.0 * joules / prompts),
        })
    }

    /// Seconds for each prompt, by the median.
    #[must_use]
    pub fn seconds_per_prompt(&self) -> f64 {
        self.p50_s / self.batch as f64
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The smallest of `sorted` that a share of all values does not exceed (nearest rank).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the values")]
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Cost against length as a power law: `seconds per prompt = coefficient · length ^ exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CostFit {
    /// Prompts that are run together.
    pub batch: usize,
    /// Seconds for a prompt of one token, by the law.
    pub coefficient: f64,
    /// 1 where cost grows with length, 2 where it grows with its square.
    pub exponent: f64,
    /// The share of the variance of the logarithms that the law explains.
    pub r_squared: f64,
}

impl CostFit {
    /// The law with the least squares of `log seconds` over `log length`. None for fewer than three lengths.
    #[must_use]
    pub fn new(figures: &[SpeedFigure], batch: usize) -> Option<Self> {
        let points: Vec<(f64, f64)> = figures
            .iter()
            .filter(|figure| figure.batch == batch)
            .map(|figure| ((figure.length as f64).ln(), figure.seconds_per_prompt().ln()))
            .collect();
        let count = points.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 { points.iter().map(|p| of(p.0 - x, p.1 - y)).sum() };
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        if points.len() < 3 || xx <= 0.0 {
            return None;
        }
        let exponent = xy / xx;
        let r_squared = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
        Some(Self { batch, coefficient: (y - exponent * x).exp(), exponent, r_squared })
    }

    /// Seconds for a prompt of `length` tokens, by the law.
    #[must_use]
    pub fn seconds(&self, length: f64) -> f64 {
        self.coefficient * length.powf(self.exponent)
    }
}

impl DevicesReport {
    /// What the others are compared with: the first contender that was measured at anything.
    #[must_use]
    pub fn reference(&self) -> Option<&Contender> {
        self.contenders.iter().find(|contender| !contender.figures.is_empty())
    }
}

impl Contender {
    /// The batches that were measured, ascending.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        let mut batches: Vec<usize> = self.figures.iter().map(|figure| figure.batch).collect();
        batches.sort_unstable();
        batches.dedup();
        batches
    }

    /// The figure of a batch of a length.
    #[must_use]
    pub fn figure(&self, batch: usize, length: usize) -> Option<&SpeedFigure> {
        self.figures.iter().find(|figure| (figure.batch, figure.length) == (batch, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let wall: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let turn = Joules { processor: Some(15.0), gpus: None };
        let joules = turn.and(Joules { processor: Some(25.0), gpus: Some(1.0) });
        let figure = SpeedFigure::new((2, 8), &wall, &[1.0, 3.0], joules).expect("runs");
        assert_eq!((figure.p50_s, figure.p90_s, figure.p99_s, figure.cpu_s), (50.0, 90.0, 99.0, 1.0));
        assert_eq!((figure.prompts_per_s, figure.tokens_per_s), (0.04, 0.32));
        assert_eq!((figure.joules_per_1000, figure.gpu_joules_per_1000), (Some(200.0), None));
        assert!(SpeedFigure::new((1, 1), &[], &[], Joules::default()).is_none());
    }

    #[test]
    fn a_power_law_is_found_again() {
        let figure = |length: usize| {
            let seconds = 4.0 * 2e-5 * (length as f64).powf(1.3);
            SpeedFigure::new((4, length), &[seconds], &[], Joules::default()).expect("a run")
        };
        let figures: Vec<SpeedFigure> = [16, 64, 256, 512].into_iter().map(figure).collect();
        let fit = CostFit::new(&figures, 4).expect("four lengths");
        assert!((fit.exponent - 1.3).abs() < 1e-9 && (fit.coefficient - 2e-5).abs() < 1e-12, "{fit:?}");
        assert!(
            (fit.r_squared - 1.0).abs() < 1e-9
                && (fit.seconds(16.0) - figures[0].seconds_per_prompt()).abs() < 1e-12
        );
        assert!(CostFit::new(&figures[..2], 4).is_none() && CostFit::new(&figures, 1).is_none());
    }
}
