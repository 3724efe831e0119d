//! Diagrams as inline SVG whose colours are CSS variables, so that one picture fits light and dark pages.
//!
//! The drawing library knows only RGB. Each colour here is a stand-in that [`themed`] swaps for a variable.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::metrics::{Calibration, CoveragePoint, RiskCoverage};

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

pub(super) const INK: RGBColor = RGBColor(1, 0, 1);
pub(super) const LINE: RGBColor = RGBColor(2, 0, 2);
pub(super) const ACCENT: RGBColor = RGBColor(3, 0, 3);
pub(super) const CONTRAST: RGBColor = RGBColor(4, 0, 4);
const VARIABLES: [(&str, &str); 4] = [
    ("#010001", "var(--muted)"),
    ("#020002", "var(--line)"),
    ("#030003", "var(--accent)"),
    ("#040004", "var(--contrast)"),
];

const SIZE: (u32, u32) = (560, 400);
const TEXT: i32 = 18;

fn themed(svg: String) -> String {
    VARIABLES.iter().fold(svg, |svg, (stand_in, variable)| svg.replace(stand_in, variable))
}

/// Draws with `draw` on an empty canvas; an empty string if that fails, which drawing into memory does not.
pub(super) fn svg(draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let drawn = {
        let canvas = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&canvas).and_then(|()| Ok(canvas.present()?))
    };
    if drawn.is_err() {
        svg.clear();
    }
    themed(svg)
}

pub(super) type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn percent(value: &f64) -> String {
    format!("{} %", (value * 1_000.0).round() / 10.0)
}

/// A chart with axes from `x` and `y`, in percent.
pub(super) fn axes<'a, 'b>(
    canvas: &'b Canvas<'a>,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    names: (&str, &str),
) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>>
where
    'a: 'b,
{
    axes_of(canvas, x, y, names, &percent)
}

/// A chart with axes from `x`, written by `written`, and `y`, in percent.
pub(super) fn axes_of<'a, 'b>(
    canvas: &'b Canvas<'a>,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    names: (&str, &str),
    written: &dyn Fn(&f64) -> String,
) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>>
where
    'a: 'b,
{
    axes_written(canvas, x, y, names, (written, &percent))
}

/// How a value on an axis is written.
pub(super) type Written<'a> = &'a dyn Fn(&f64) -> String;

/// A chart with axes from `x` and `y`, each written by its own function.
pub(super) fn axes_written<'a, 'b>(
    canvas: &'b Canvas<'a>,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    names: (&str, &str),
    written: (Written<'_>, Written<'_>),
) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>>
where
    'a: 'b,
{
    let mut chart = ChartBuilder::on(canvas)
        .margin(8)
        .margin_right(28)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(x, y)?;
    let text = ("sans-serif", TEXT).into_font().color(&INK);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE.stroke_width(1))
        .label_style(text.clone())
        .axis_desc_style(text)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&written.0)
        .y_label_formatter(&written.1)
        .x_desc(names.0)
        .y_desc(names.1)
        .draw()?;
    Ok(chart)
}

/// Accuracy against confidence in bins, with the diagonal of perfect calibration; under it, how many predictions
/// each bin has.
pub(super) fn reliability(calibration: &Calibration) -> String {
    svg(|canvas| {
        let (above, below) = canvas.split_vertically(SIZE.1 * 3 / 4);
        let mut chart = axes(&above, 0.0..1.0, 0.0..1.0, ("", "accuracy"))?;
        let bars = calibration.bins.iter().filter_map(|bin| Some((bin.low, bin.high, bin.accuracy?)));
        chart.draw_series(bars.map(|(low, high, accuracy)| {
            Rectangle::new([(low + 0.004, 0.0), (high - 0.004, accuracy)], ACCENT.mix(0.45).filled())
        }))?;
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, INK.stroke_width(1)))?;
        let points = calibration.bins.iter().filter_map(|bin| Some((bin.confidence?, bin.accuracy?)));
        chart.draw_series(points.map(|point| Circle::new(point, 4, CONTRAST.filled())))?;

        let rows: usize = calibration.bins.iter().map(|bin| bin.rows).sum();
        let share = |rows_of_bin: usize| rows_of_bin as f64 / rows.max(1) as f64;
        let highest = calibration.bins.iter().map(|bin| share(bin.rows)).fold(0.01, f64::max);
        let mut chart = ChartBuilder::on(&below)
            .margin(8)
            .margin_top(0)
            .margin_right(28)
            .x_label_area_size(30)
            .y_label_area_size(84)
            .build_cartesian_2d(0.0..1.0, 0.0..highest)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(LINE.stroke_width(1))
            .x_labels(0)
            .y_labels(0)
            .axis_desc_style(("sans-serif", TEXT).into_font().color(&INK))
            .x_desc("confidence, and the share of predictions that have it")
            .draw()?;
        chart.draw_series(calibration.bins.iter().map(|bin| {
            let corners = [(bin.low + 0.004, 0.0), (bin.high - 0.004, share(bin.rows))];
            Rectangle::new(corners, INK.mix(0.5).filled())
        }))?;
        Ok(())
    })
}

/// Share of wrong answers against share of answers kept; a dot where the classifier stands with its own abstentions.
pub(super) fn risk_coverage(curve: &RiskCoverage, own: Option<CoveragePoint>) -> String {
    let risks = curve.points.iter().chain(&own).map(|point| point.risk);
    let highest = (risks.fold(0.05, f64::max) * 1.1).min(1.0);
    svg(|canvas| {
        let mut chart =
            axes(canvas, 0.0..1.0, 0.0..highest, ("answers kept, the surest first", "wrong among them"))?;
        let line = curve.points.iter().map(|point| (point.coverage, point.risk));
        chart.draw_series(AreaSeries::new(line.clone(), 0.0, ACCENT.mix(0.15)))?;
        chart.draw_series(LineSeries::new(line, ACCENT.stroke_width(2)))?;
        chart
            .draw_series(own.iter().map(|own| Circle::new((own.coverage, own.risk), 6, CONTRAST.filled())))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Scored;

    fn predictions() -> Vec<Scored> {
        (0..200).map(|i| Scored { confidence: f64::from(i) / 200.0, correct: i % 4 != 0 }).collect()
    }

    #[test]
    fn colours_are_variables_and_the_picture_scales() {
        let own = CoveragePoint { threshold: 0.5, coverage: 0.9, risk: 0.2 };
        for svg in [
            reliability(&Calibration::new(&predictions())),
            risk_coverage(&RiskCoverage::new(&predictions()), Some(own)),
        ] {
            assert!(svg.contains("viewBox") && svg.ends_with("</svg>\n"), "{svg}");
            for (stand_in, variable) in VARIABLES {
                assert!(!svg.contains(stand_in) && svg.contains(variable), "{variable}");
            }
            let colour = svg.find("=\"#").map(|at| &svg[at..at + 12]);
            assert_eq!(colour, None, "a colour that no theme can change");
        }
    }

    #[test]
    fn nothing_is_a_picture_too() {
        assert!(reliability(&Calibration::new(&[])).contains("</svg>"));
        assert!(risk_coverage(&RiskCoverage::new(&[]), None).contains("</svg>"));
    }
}
