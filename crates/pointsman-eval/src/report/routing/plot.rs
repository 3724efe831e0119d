//! Curves of quality against calls and cost.

use plotters::prelude::*;

use super::super::plot::{ACCENT, CONTRAST, Chart, INK, axes_of, svg};
use crate::routing::{LENGTH, Point, Role, RouterReport, RoutingReport, STATIC_MIX};

/// Quality against the share of prompts that the strong model answers.
pub(super) fn by_share(report: &RoutingReport) -> String {
    let percent = |value: &f64| format!("{:.0} %", value * 100.0);
    draw(report, &|point| point.share, (0.0, 1.0), "answered by the strong model", &percent)
}

/// Quality against the cost of a thousand prompts.
pub(super) fn by_cost(report: &RoutingReport) -> String {
    let costs = report.study.models.iter().filter_map(|model| model.cost).map(|cost| cost.value * 1_000.0);
    let high = costs.fold(0.0, f64::max) * 1.03;
    let digits = if high < 0.1 {
        3
    } else if high < 10.0 {
        2
    } else {
        0
    };
    let dollars = move |value: &f64| format!("${value:.digits$}");
    draw(report, &|point| point.cost * 1_000.0, (0.0, high), "cost of 1,000 prompts", &dollars)
}

fn draw(
    report: &RoutingReport,
    x: &dyn Fn(&Point) -> f64,
    (low, high): (f64, f64),
    name: &str,
    written: &dyn Fn(&f64) -> String,
) -> String {
    let (bottom, top) = heights(report);
    svg(|canvas| {
        let mut chart = axes_of(canvas, low..high, bottom..top, (name, "quality"), written)?;
        let own = report.study.routers.iter().rposition(|router| router.role == Role::Own);
        for (i, router) in report.study.routers.iter().enumerate() {
            line(&mut chart, router, x, if own == Some(i) { 3 } else { 1 })?;
        }
        if let Some(own) = own.map(|own| &report.study.routers[own]) {
            let lower = own.curve.points.iter().zip(&own.band).map(|(point, band)| (x(point), band.0));
            let upper = own.curve.points.iter().zip(&own.band).map(|(point, band)| (x(point), band.1));
            let outline: Vec<(f64, f64)> = upper.chain(lower.collect::<Vec<_>>().into_iter().rev()).collect();
            chart.draw_series(std::iter::once(Polygon::new(outline, ACCENT.mix(0.16).filled())))?;
        }
        if x(&Point { share: 0.0, quality: 0.0, cost: 1.0 }) > 0.0 {
            let marks = report
                .study
                .models
                .iter()
                .filter_map(|model| Some((model.cost?.value * 1_000.0, model.quality.value)));
            chart.draw_series(marks.map(|mark| Circle::new(mark, 4, INK.filled())))?;
        }
        Ok(())
    })
}

/// One router: the last of ours thick, the oracle thin, controls dashed.
fn line(
    chart: &mut Chart<'_, '_>,
    router: &RouterReport,
    x: &dyn Fn(&Point) -> f64,
    width: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let points: Vec<(f64, f64)> = router.curve.points.iter().map(|point| (x(point), point.quality)).collect();
    match (router.role, router.name.as_str()) {
        (Role::Own, _) => {
            chart.draw_series(LineSeries::new(points, ACCENT.stroke_width(width)))?;
        }
        (_, "oracle") => {
            chart.draw_series(LineSeries::new(points, INK.stroke_width(1)))?;
        }
        (_, STATIC_MIX) => {
            chart.draw_series(DashedLineSeries::new(points, 2, 5, INK.stroke_width(1)))?;
        }
        (_, LENGTH) => {
            chart.draw_series(LineSeries::new(points, CONTRAST.stroke_width(2)))?;
        }
        _ => {
            chart.draw_series(DashedLineSeries::new(points, 8, 5, CONTRAST.stroke_width(1)))?;
        }
    }
    Ok(())
}

/// From a little below the lowest curve to a little above the oracle.
fn heights(report: &RoutingReport) -> (f64, f64) {
    let all = report.study.routers.iter().flat_map(|router| &router.curve.points).map(|point| point.quality);
    let (low, high) = all.fold((1.0f64, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
    if low >= high {
        return (0.0, 1.0);
    }
    let margin = 0.05 * (high - low);
    ((low - margin).max(0.0), (high + margin).min(1.0))
}
