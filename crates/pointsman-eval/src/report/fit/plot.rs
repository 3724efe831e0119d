//! Curves of a fit: success and information against ability, and what lies where.

use plotters::prelude::*;

use super::super::plot::{ACCENT, CONTRAST, INK, axes_of, axes_written, svg};
use super::text::grouped;
use crate::irt::{Fit, ItemFit, ModelFit};

/// Points of a curve.
const POINTS: u32 = 120;
/// Items of a source whose curves are drawn.
const CURVES: usize = 25;
/// Width of a bar of the histograms, in units of ability.
const BIN: f64 = 0.25;

/// The part of the scale that is drawn: where nearly all models and items of the main scale lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    low: f64,
    high: f64,
}

impl Reach {
    /// From the 1st to the 99th percentile of the difficulties and over all abilities of `pool`, widened to half units.
    pub(super) fn new(fit: &Fit, pool: &[&ModelFit]) -> Self {
        let mut difficulties: Vec<f64> = fit.items.iter().map(|item| item.b).collect();
        difficulties.sort_by(f64::total_cmp);
        let at = |percent: usize| difficulties.get(difficulties.len() * percent / 100).copied();
        let ends = pool.iter().map(|model| model.ability).chain(at(1)).chain(at(99));
        Self::over(ends)
    }

    /// Over all abilities of `pool`.
    pub(super) fn of_models(pool: &[&ModelFit]) -> Self {
        Self::over(pool.iter().map(|model| model.ability))
    }

    /// Over `values`, at least from −1 to 1, widened to half units.
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((-1.0, 1.0), ends);
        Self { low: (low * 2.0 - 0.5).floor() / 2.0, high: (high * 2.0 + 0.5).ceil() / 2.0 }
    }

    /// Where `ability` is, 0 to 1 within the reach.
    pub(super) fn place(self, ability: f64) -> f64 {
        (ability - self.low) / (self.high - self.low)
    }

    fn points(self) -> impl Iterator<Item = f64> {
        (0..=POINTS).map(move |step| self.low + (self.high - self.low) * f64::from(step) / f64::from(POINTS))
    }
}

fn chance(item: &ItemFit, ability: f64) -> f64 {
    1.0 / (1.0 + (-item.a * (ability - item.b)).exp())
}

fn written(value: &f64) -> String {
    format!("{}", (value * 100.0).round() / 100.0 + 0.0)
}

/// Item characteristic curves of some of `items`, evenly chosen by difficulty, and their mean over all.
pub(super) fn characteristic(items: &[&ItemFit], reach: Reach) -> String {
    let mut chosen: Vec<&ItemFit> = items.to_vec();
    chosen.sort_by(|a, b| a.b.total_cmp(&b.b));
    let count = chosen.len();
    let curves = count.min(CURVES);
    svg(|canvas| {
        let names = ("ability", "chance of success");
        let mut chart = axes_of(canvas, reach.low..reach.high, 0.0..1.0, names, &written)?;
        for curve in 0..curves {
            let item = chosen[(2 * curve + 1) * count / (2 * curves)];
            let line = reach.points().map(|ability| (ability, chance(item, ability)));
            chart.draw_series(LineSeries::new(line, ACCENT.mix(0.45).stroke_width(1)))?;
        }
        let mean = |ability: f64| items.iter().map(|item| chance(item, ability)).sum::<f64>();
        let line = reach.points().map(|ability| (ability, mean(ability) / count.max(1) as f64));
        chart.draw_series(LineSeries::new(line, CONTRAST.stroke_width(3)))?;
        Ok(())
    })
}

/// Fisher's information of `items` at every ability: `Σ a² P (1 − P)`.
pub(super) fn information(items: &[&ItemFit], reach: Reach) -> Vec<(f64, f64)> {
    let at = |ability: f64| -> f64 {
        let of = |item: &&ItemFit| {
            let p = chance(item, ability);
            item.a * item.a * p * (1.0 - p)
        };
        items.iter().map(of).sum()
    };
    reach.points().map(|ability| (ability, at(ability))).collect()
}

/// The curve of [`information`].
pub(super) fn information_curve(curve: &[(f64, f64)], reach: Reach) -> String {
    let highest = curve.iter().map(|(_, information)| *information).fold(1e-9, f64::max);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of squares")]
    let whole = |value: &f64| {
        if highest < 10.0 { written(value) } else { grouped(value.round() as usize) }
    };
    svg(|canvas| {
        let (x, y) = (reach.low..reach.high, 0.0..highest * 1.05);
        let mut chart = axes_written(canvas, x, y, ("ability", "information"), (&written, &whole))?;
        chart.draw_series(AreaSeries::new(curve.iter().copied(), 0.0, ACCENT.mix(0.15)))?;
        chart.draw_series(LineSeries::new(curve.iter().copied(), ACCENT.stroke_width(2)))?;
        Ok(())
    })
}

/// Where models (upwards) and items (downwards) lie, as shares of each.
pub(super) fn wright_map(fit: &Fit, pool: &[&ModelFit], reach: Reach) -> String {
    let models = shares(pool.iter().map(|model| model.ability), reach);
    let main = fit.items.iter().filter(|item| item.component == 0);
    let items = shares(main.map(|item| item.b), reach);
    let highest = models.iter().chain(&items).map(|(_, share)| *share).fold(0.01, f64::max) * 1.1;
    let percent = |value: &f64| format!("{:.0} %", value.abs() * 100.0);
    svg(|canvas| {
        let (x, y) = (reach.low..reach.high, -highest..highest);
        let names = ("ability and difficulty", "prompts · models");
        let mut chart = axes_written(canvas, x, y, names, (&written, &percent))?;
        let bar = |low: f64, share: f64, style: ShapeStyle| {
            Rectangle::new([(low + 0.02, 0.0), (low + BIN - 0.02, share)], style)
        };
        let upwards = models.iter().map(|(low, share)| bar(*low, *share, ACCENT.mix(0.7).filled()));
        chart.draw_series(upwards)?;
        let downwards = items.iter().map(|(low, share)| bar(*low, -share, CONTRAST.mix(0.7).filled()));
        chart.draw_series(downwards)?;
        Ok(())
    })
}

/// Share of the values in each bin; what is outside of the reach counts in the last one at its side.
fn shares(values: impl Iterator<Item = f64>, reach: Reach) -> Vec<(f64, f64)> {
    let mut bins = Vec::new();
    let mut low = reach.low;
    while low < reach.high - 1e-9 {
        bins.push((low, 0.0));
        low += BIN;
    }
    let last = bins.len().saturating_sub(1);
    let mut count = 0.0;
    for value in values {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bins")]
        let bin = ((value - reach.low) / BIN).floor().clamp(0.0, last as f64) as usize;
        bins[bin].1 += 1.0;
        count += 1.0;
    }
    bins.iter_mut().for_each(|(_, share)| *share /= f64::max(count, 1.0));
    bins
}

/// Mean score of every run against what the model's ability lets expect; broken runs in the colour of contrast.
pub(super) fn agreement(fit: &Fit) -> String {
    svg(|canvas| {
        let mut chart =
            super::super::plot::axes(canvas, 0.0..1.0, 0.0..1.0, ("expected score", "measured score"))?;
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, INK.stroke_width(1)))?;
        let runs = fit.runs.iter().map(|run| (run.expected, run.score));
        chart.draw_series(runs.map(|place| Circle::new(place, 4, ACCENT.mix(0.6).filled())))?;
        let broken = fit.broken.iter().map(|broken| (broken.run.expected, broken.run.score));
        chart.draw_series(broken.map(|place| Circle::new(place, 6, CONTRAST.filled())))?;
        Ok(())
    })
}
