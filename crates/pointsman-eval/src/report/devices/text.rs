//! A report on devices as a screenful of plain text.

use std::fmt;

use crate::devices::{Contender, DevicesReport, SpeedFigure};

impl fmt::Display for DevicesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.model, self.machine.in_a_line(", "))?;
        let width =
            self.contenders.iter().map(|contender| contender.name.chars().count()).max().unwrap_or(0).max(9);
        writeln!(
            f,
            "\n{:<width$} {:>8} {:>10} {:>8} {:>9}",
            "contender", "load s", "memory MiB", "on GPUs", "cosine"
        )?;
        for Contender { name, load_s, peak_memory, gpu_memory, cosine, error, .. } in &self.contenders {
            let [memory, on_gpus] = [peak_memory, gpu_memory]
                .map(|bytes| bytes.map_or("–".to_owned(), |bytes| (bytes >> 20).to_string()));
            let cosine = cosine.map_or("–".to_owned(), |cosine| format!("{cosine:.5}"));
            let load = load_s.map_or("–".to_owned(), |seconds| format!("{seconds:.2}"));
            writeln!(f, "{name:<width$} {load:>8} {memory:>10} {on_gpus:>8} {cosine:>9}")?;
            if let Some(error) = error {
                writeln!(f, "{:<width$} failed: {error}", "")?;
            }
        }
        for device in &self.passed_over {
            writeln!(f, "{:<width$} passed over: {}", device.name, device.reason)?;
        }
        writeln!(
            f,
            "\n{:<width$} {:>5} {:>6} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>8} {:>8}",
            "contender",
            "batch",
            "tokens",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "prompts/s",
            "tokens/s",
            "times",
            "J/1000",
            "of GPUs"
        )?;
        for shape in shapes(self) {
            for contender in &self.contenders {
                if let Some(figure) = contender.figure(shape.0, shape.1) {
                    let line = line(self, figure);
                    writeln!(f, "{:<width$} {line}", contender.name)?;
                }
            }
        }
        writeln!(f, "\ncost of a prompt = coefficient · tokens ^ exponent")?;
        writeln!(f, "{:<width$} {:>5} {:>11} {:>8} {:>6}", "contender", "batch", "µs", "exponent", "R²")?;
        for contender in &self.contenders {
            for fit in &contender.fits {
                let micros = 1e6 * fit.coefficient;
                let (name, exponent, r) = (&contender.name, fit.exponent, fit.r_squared);
                writeln!(f, "{name:<width$} {:>5} {micros:>11.3} {exponent:>8.2} {r:>6.3}", fit.batch)?;
            }
        }
        Ok(())
    }
}

fn line(report: &DevicesReport, figure: &SpeedFigure) -> String {
    let SpeedFigure {
        batch,
        length,
        p50_s,
        p90_s,
        p99_s,
        prompts_per_s,
        tokens_per_s,
        joules_per_1000,
        gpu_joules_per_1000,
        ..
    } = figure;
    let times = times(report, figure).map_or("–".to_owned(), |times| format!("{times:.2}"));
    let [joules, of_gpus] = [joules_per_1000, gpu_joules_per_1000]
        .map(|joules| joules.map_or("–".to_owned(), |joules| format!("{joules:.2}")));
    let [p50, p90, p99] = [p50_s, p90_s, p99_s].map(|seconds| 1e3 * seconds);
    format!(
        "{batch:>5} {length:>6} {p50:>9.3} {p90:>9.3} {p99:>9.3} {prompts_per_s:>9.1} {tokens_per_s:>10.0} {times:>6} {joules:>8} {of_gpus:>8}"
    )
}

/// How many times as long as the first contender it takes.
pub(super) fn times(report: &DevicesReport, figure: &SpeedFigure) -> Option<f64> {
    let first = report.reference()?.figure(figure.batch, figure.length)?;
    Some(figure.p50_s / first.p50_s)
}

/// Every batch and length that somebody was measured at, ascending.
pub(super) fn shapes(report: &DevicesReport) -> Vec<(usize, usize)> {
    let figures = report.contenders.iter().flat_map(|contender| &contender.figures);
    let mut shapes: Vec<(usize, usize)> = figures.map(|figure| (figure.batch, figure.length)).collect();
    shapes.sort_unstable();
    shapes.dedup();
    shapes
}
