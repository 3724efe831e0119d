//! An item-response fit as a screenful of plain text.

use std::fmt;

use super::FitReport;
use crate::irt::{Convergence, Fit, ModelFit, Run, SourceFit};

/// How many of the best and of the worst models are listed.
const LISTED: usize = 5;

impl fmt::Display for FitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n", self.provenance.dataset, about(self))?;
        writeln!(
            f,
            "{:<24} {:>8} {:>7} {:>9}  {:>13} {:>6}  linked by",
            "source", "prompts", "models", "outcomes", "difficulty", "slope"
        )?;
        for source in &self.fit.sources {
            let (mean, sd) = source.b;
            writeln!(
                f,
                "{:<24} {:>8} {:>7} {:>9}  {:>13} {:>6.2}  {}",
                source.source,
                grouped(source.items),
                source.models,
                grouped(source.outcomes),
                format!("{mean:.2} ± {sd:.2}"),
                source.a,
                linked_by(source)
            )?;
        }
        let pool = ranked(&self.fit);
        let rest = pool.len().saturating_sub(LISTED);
        writeln!(f, "\n{:<40} {:>14} {:>9}", "ability (0 is the pool's mean)", "± error", "outcomes")?;
        for (place, model) in pool.iter().enumerate() {
            if place == LISTED && rest > LISTED {
                writeln!(f, "… {} more", rest - LISTED)?;
            }
            if place < LISTED || place >= rest {
                let ability = format!("{:+.2} ± {:.2}", model.ability, model.se);
                writeln!(f, "{:<40} {ability:>14} {:>9}", model.name, grouped(model.items))?;
            }
        }
        writeln!(f)?;
        for broken in &self.fit.broken {
            let what = if broken.excluded { "broken run, left out" } else { "broken run, kept" };
            writeln!(f, "{what}: {}", said_of(&broken.run))?;
        }
        writeln!(f, "{}", convergence(&self.fit))?;
        warnings(self).iter().try_for_each(|warning| writeln!(f, "note: {warning}"))
    }
}

/// What was fitted.
pub(super) fn about(report: &FitReport) -> String {
    let summary = &report.fit.summary;
    let text = format!(
        "{} outcomes of {} on {}",
        grouped(summary.outcomes),
        count(summary.models, "model"),
        count(summary.items, "prompt")
    );
    match report.provenance.unreadable {
        0 => text,
        rows => text + &format!("; {} unreadable", count(rows, "row")),
    }
}

/// Models of the pool, the most able first.
pub(super) fn ranked(fit: &Fit) -> Vec<&ModelFit> {
    let mut pool: Vec<&ModelFit> =
        fit.models.iter().filter(|model| model.in_pool && model.component == 0).collect();
    pool.sort_by(|a, b| b.ability.total_cmp(&a.ability));
    pool
}

/// "11 models (± 0.08)".
pub(super) fn linked_by(source: &SourceFit) -> String {
    match source.link_se {
        Some(se) => format!("{} (± {se:.2})", count(source.linking_models, "model")),
        None => "–".to_owned(),
    }
}

/// What a run did, against what was to be expected.
pub(super) fn said_of(run: &Run) -> String {
    let id = &run.id;
    let start = format!("{} on {}: {:.1} % right", id.model, id.source, 100.0 * run.score);
    let below = -run.z;
    match run.elsewhere {
        Some(elsewhere) => format!(
            "{start}, ability {:+.2} there and {elsewhere:+.2} elsewhere, {below:.1} standard deviations below",
            run.ability
        ),
        None => {
            format!(
                "{start}, {below:.1} robust standard deviations below the median model; seen nowhere else"
            )
        }
    }
}

/// How the fit came to its end.
pub(super) fn convergence(fit: &Fit) -> String {
    let found = &fit.convergence;
    let how = if found.converged { "converged" } else { "did not converge" };
    let Convergence { passes, gain, .. } = found;
    format!("{how} after {passes} passes; a further step promises {gain:.3} of log likelihood")
}

/// What a reader should know before using the figures.
pub(super) fn warnings(report: &FitReport) -> Vec<String> {
    let Fit { convergence, components, summary, sources, .. } = &report.fit;
    let mut warnings = Vec::new();
    if !convergence.converged {
        warnings.push(
            "the fit did not converge: take its figures as rough, and look for sources with few outcomes"
                .to_owned(),
        );
    }
    for apart in components.iter().skip(1) {
        warnings.push(format!(
            "{} shares no model with the others: its difficulties are on a scale of their own and its models are not in \
             abilities.toml; add outcomes of a model that answered both, or join spellings of one with --aliases",
            apart.sources.join(", ")
        ));
    }
    for source in sources.iter().filter(|source| (1..3).contains(&source.linking_models)) {
        warnings.push(format!(
            "{} is linked by {} alone: its place on the scale is uncertain by ± {:.2}",
            source.source,
            count(source.linking_models, "model"),
            source.link_se.unwrap_or_default()
        ));
    }
    if summary.items_in_flat_blocks > 0 {
        warnings.push(format!(
            "{} of tasks on which success hardly depends on ability: their difficulties say little",
            count(summary.items_in_flat_blocks, "prompt")
        ));
    }
    warnings
}

/// "1 model", "2,000 models".
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(number)) }
}

/// With a comma before every third digit from the right.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(
            (count(1, "run"), count(22_445, "prompt")),
            ("1 run".to_owned(), "22,445 prompts".to_owned())
        );
    }
}
