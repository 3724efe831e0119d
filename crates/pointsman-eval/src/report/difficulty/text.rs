//! A difficulty report as a screenful of plain text.

use std::fmt;

use crate::difficulty::{DifficultyReport, Figure, ScorerReport, SourceReport};
use crate::routing::Role;

impl fmt::Display for DifficultyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.provenance.classifier, self.provenance.dataset)?;
        writeln!(f, "{}\n", about(self))?;
        write!(f, "{:<24} {:>6}  {:<24}", "source", "n", "scorer")?;
        for figure in Figure::ALL {
            write!(f, " {:>20}", figure.title())?;
        }
        writeln!(f)?;
        let overall = (self.sources.len() > 1).then_some(&self.overall);
        for source in self.sources.iter().chain(overall) {
            for (i, scorer) in source.scorers.iter().enumerate() {
                let count = source.prompts.to_string();
                let (name, count) = if i == 0 { (title(source), count.as_str()) } else { ("", "") };
                write!(f, "{name:<24} {count:>6}  {:<24}", name_of(scorer))?;
                for figure in Figure::ALL {
                    write!(f, " {:>20}", written(scorer, figure))?;
                }
                writeln!(f)?;
            }
        }
        if self.sources.len() > 1 {
            let means = self.mean_spearman.iter().map(|(name, mean)| format!("{name} {mean:.3}"));
            writeln!(f, "\nmean Spearman over sources: {}", means.collect::<Vec<_>>().join(", "))?;
        }
        bands(f, &self.overall)?;
        if !self.models.is_empty() {
            writeln!(
                f,
                "\n{:<40} {:>8} {:>9} {:>9} {:>6}",
                "chance of success", "n", "expected", "measured", "ECE"
            )?;
        }
        for model in &self.models {
            let (name, count) = (&model.model, model.outcomes);
            writeln!(
                f,
                "{name:<40} {count:>8} {:>9.3} {:>9.3} {:>6.3}",
                model.expected, model.measured, model.ece
            )?;
        }
        writeln!(
            f,
            "\n* has seen outcomes of the prompts that it rates; brackets are 95 % bootstrap intervals"
        )
    }
}

/// The bands of all prompts: the share of models that is expected to fail, and the share that does.
fn bands(f: &mut fmt::Formatter<'_>, all: &SourceReport) -> fmt::Result {
    writeln!(f, "\n{:<24} {:<8} {:>6} {:>9} {:>9}", "failures by band", "band", "n", "expected", "measured")?;
    for scorer in &all.scorers {
        for (i, band) in scorer.bands.iter().enumerate() {
            let name = if i == 0 { &*scorer.name } else { "" };
            let (place, count) = (band.band.as_str(), band.prompts);
            writeln!(f, "{name:<24} {place:<8} {count:>6} {:>9.3} {:>9.3}", band.expected, band.measured)?;
        }
    }
    Ok(())
}

/// What was rated, and against what.
pub(super) fn about(report: &DifficultyReport) -> String {
    let text = format!("{} prompts, against {}", report.overall.prompts, report.provenance.truth);
    match report.provenance.unreadable {
        0 => text,
        count => text + &format!(", {count} rows unreadable"),
    }
}

/// The source's name.
pub(super) fn title(source: &SourceReport) -> &str {
    if source.source.is_empty() { "all" } else { &source.source }
}

/// A scorer's name, marked if it could not be had.
pub(super) fn name_of(scorer: &ScorerReport) -> String {
    let mark = if scorer.role == Role::Informed { " *" } else { "" };
    format!("{}{mark}", scorer.name)
}

/// "0.412 (0.38–0.44)", or a dash.
pub(super) fn written(scorer: &ScorerReport, figure: Figure) -> String {
    scorer
        .figures
        .get(&figure)
        .map_or("–".to_owned(), |found| format!("{:.3} ({:.2}–{:.2})", found.value, found.low, found.high))
}
