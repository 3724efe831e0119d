//! Curves of cost and throughput against length.

use plotters::prelude::*;

use super::super::plot::{ACCENT, CONTRAST, INK, axes_written, svg};
use crate::devices::{Contender, CostFit, DevicesReport};

/// Contenders in the order of the report: the first thick, the others told apart by colour and dash.
fn style(at: usize) -> (RGBColor, u32, bool) {
    let colour = [ACCENT, CONTRAST, INK][at % 3];
    (colour, if at == 0 { 3 } else { 2 }, at >= 3)
}

/// A short description of a contender's line, for the caption.
pub(super) fn legend(report: &DevicesReport) -> String {
    let names = ["green", "orange", "grey"];
    let named = |(at, contender): (usize, &Contender)| {
        let dash = if at >= 3 { "dashed " } else { "" };
        format!("{}: {dash}{}", contender.name, names[at % 3])
    };
    report.contenders.iter().enumerate().map(named).collect::<Vec<_>>().join(" · ")
}

/// Microseconds for a prompt against its tokens, both logarithmic: dots are measured, lines are the power laws.
pub(super) fn cost(report: &DevicesReport, batch: usize) -> String {
    let value = |contender: &Contender| -> Vec<(f64, f64)> {
        of_batch(contender, batch).map(|figure| (figure.0, 1e6 * figure.1)).collect()
    };
    draw(report, batch, &value, "µs for a prompt")
}

/// Thousands of tokens in a second against the tokens of a prompt, both logarithmic.
pub(super) fn throughput(report: &DevicesReport, batch: usize) -> String {
    let value = |contender: &Contender| -> Vec<(f64, f64)> {
        of_batch(contender, batch).map(|(length, seconds)| (length, length / seconds)).collect()
    };
    draw(report, 0, &value, "tokens/s")
}

/// Length and seconds for a prompt of each figure of a batch.
fn of_batch(contender: &Contender, batch: usize) -> impl Iterator<Item = (f64, f64)> {
    let figures = contender.figures.iter().filter(move |figure| figure.batch == batch);
    figures.map(|figure| (figure.length as f64, figure.seconds_per_prompt()))
}

/// Dots for what was measured, with the laws of batch `fits` or lines from dot to dot.
fn draw(
    report: &DevicesReport,
    fits: usize,
    value: &dyn Fn(&Contender) -> Vec<(f64, f64)>,
    name: &str,
) -> String {
    let all: Vec<(f64, f64)> = report.contenders.iter().flat_map(value).collect();
    let reach = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let values = all.iter().map(of).filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low > high { (0.0, 1.0) } else { (low - 0.08, high + 0.12) }
    };
    let (x, y) = (reach(&|point| point.0), reach(&|point| point.1));
    svg(|canvas| {
        let names = ("tokens of a prompt", name);
        let mut chart = axes_written(canvas, x.0..x.1, y.0..y.1, names, (&power, &power))?;
        for (at, contender) in report.contenders.iter().enumerate() {
            let (colour, width, dashed) = style(at);
            let points: Vec<(f64, f64)> =
                value(contender).into_iter().map(|(x, y)| (x.log10(), y.log10())).collect();
            let law = contender.fits.iter().find(|fit| fit.batch == fits);
            let line = law.map_or(points.clone(), |law| curve(law, x));
            if dashed {
                chart.draw_series(DashedLineSeries::new(line, 7, 5, colour.stroke_width(width)))?;
            } else {
                chart.draw_series(LineSeries::new(line, colour.stroke_width(width)))?;
            }
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, colour.filled())))?;
        }
        Ok(())
    })
}

/// The law in microseconds, over the lengths from 10^low to 10^high.
fn curve(law: &CostFit, (low, high): (f64, f64)) -> Vec<(f64, f64)> {
    [low, high].map(|x| (x, (1e6 * law.seconds(10f64.powf(x))).log10())).to_vec()
}

/// The number whose logarithm it is.
fn power(logarithm: &f64) -> String {
    let value = 10f64.powf(*logarithm);
    match value {
        _ if value >= 1e6 => format!("{:.1} M", value / 1e6),
        _ if value >= 1e4 => format!("{:.0} k", value / 1e3),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
