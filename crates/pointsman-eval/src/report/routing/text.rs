//! A routing report as a screenful of plain text.

use std::fmt;

use crate::metrics::Interval;
use crate::routing::{Measure, Role, RoutingReport};

impl fmt::Display for RoutingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.provenance.classifier, self.provenance.dataset)?;
        writeln!(f, "{}\n", about(self))?;
        let width =
            self.study.models.iter().map(|model| model.name.chars().count()).max().unwrap_or(0).max(15);
        writeln!(f, "{:<width$} {:>9} {:>17} {:>6}", "always", "quality", "$ / 1,000 prompts", "arena")?;
        for model in &self.study.models {
            let quality = percent(model.quality.value);
            let cost = model.cost.map_or("–".to_owned(), |cost| format!("{:.4}", cost.value * 1_000.0));
            let arena = model.arena.map_or("–".to_owned(), |arena| format!("{arena:.3}"));
            writeln!(f, "{:<width$} {quality:>9} {cost:>17} {arena:>6}", model.name)?;
        }
        let quality = percent(self.study.chance.quality);
        writeln!(f, "{:<width$} {quality:>9}", "drawn by chance")?;
        for measures in shown(self).chunks(COLUMNS) {
            table(f, self, measures)?;
        }
        writeln!(f)?;
        for router in self.study.routers.iter().filter(|router| router.role == Role::Own) {
            if let Some(lead) = &router.over_length {
                let headline = self.study.headline();
                let figure = signed(lead);
                writeln!(f, "{} has {} {figure} over the length alone", router.name, headline.title())?;
            }
        }
        writeln!(
            f,
            "\n* has seen outcomes of the prompts that it routes; brackets are 95 % bootstrap intervals"
        )
    }
}

/// Figures that fit side by side.
const COLUMNS: usize = 5;

fn table(f: &mut fmt::Formatter<'_>, report: &RoutingReport, measures: &[Measure]) -> fmt::Result {
    write!(f, "\n{:<20}", "router")?;
    for measure in measures {
        write!(f, " {:>19}", measure.title())?;
    }
    writeln!(f)?;
    for router in &report.study.routers {
        write!(f, "{:<20}", format!("{}{}", router.name, mark(router.role)))?;
        for measure in measures {
            let figure = router.figures.get(measure);
            write!(f, " {:>19}", figure.map_or("–".to_owned(), |figure| with_interval(*measure, figure)))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// What was routed.
pub(super) fn about(report: &RoutingReport) -> String {
    let provenance = &report.provenance;
    let mut text = format!("{} prompts", report.study.prompts);
    for (count, what) in [
        (provenance.adapted, "set apart to learn from"),
        (provenance.left_out, "without an outcome of every model"),
        (provenance.unreadable, "rows unreadable"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    match &provenance.abilities {
        Some(name) => text + &format!("; abilities from {name}"),
        None => text,
    }
}

/// The figures that some router has.
pub(super) fn shown(report: &RoutingReport) -> Vec<Measure> {
    let has =
        |measure: &Measure| report.study.routers.iter().any(|router| router.figures.contains_key(measure));
    Measure::ALL.into_iter().filter(has).collect()
}

/// What follows the name of a router that could not be had.
pub(super) fn mark(role: Role) -> &'static str {
    if role == Role::Informed { " *" } else { "" }
}

/// "0.612 (0.59–0.63)", or "41.2 % (38–44)".
pub(super) fn with_interval(measure: Measure, figure: &Interval) -> String {
    // Adding 0 turns −0 into 0.
    let rounded = |value: f64, steps: f64| (value * steps).round() / steps + 0.0;
    let (value, low, high) =
        (rounded(figure.value, 1e3), rounded(figure.low, 1e2), rounded(figure.high, 1e2));
    if measure.in_percent() {
        return format!("{:.1} % ({:.0}–{:.0})", value * 100.0, low * 100.0, high * 100.0);
    }
    match measure {
        Measure::Lift => format!("{value:+.3} ({low:.2}–{high:.2})"),
        _ => format!("{value:.3} ({low:.2}–{high:.2})"),
    }
}

/// "+0.043 (+0.01 to +0.07)".
pub(super) fn signed(figure: &Interval) -> String {
    format!("{:+.3} ({:+.3} to {:+.3})", figure.value, figure.low, figure.high)
}

/// "87.5 %".
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
