//! A report as a screenful of plain text.

use std::fmt::{self, Write as _};

use crate::metrics::Proportion;
use crate::tasks::{Slice, TaskReport};

/// How many of the most frequent confusions are listed.
const CONFUSIONS: usize = 8;

impl fmt::Display for TaskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provenance = &self.provenance;
        writeln!(f, "{} on {}", provenance.classifier, provenance.dataset)?;
        writeln!(f, "{}\n", rows(self))?;
        for (name, value) in summary(self) {
            writeln!(f, "{name:<22} {value}")?;
        }
        writeln!(f, "\n{:<18} {:>5} {:>9} {:>6} {:>5}", "task", "n", "precision", "recall", "F1")?;
        for class in self.classes.iter().filter(|class| class.support + class.predicted > 0) {
            let share = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
            let (precision, recall) = (share(class.precision), share(class.recall));
            let (task, support, f1) = (&class.task, class.support, class.f1);
            writeln!(f, "{task:<18} {support:>5} {precision:>9} {recall:>6} {f1:>5.2}")?;
        }
        let mistakes = self.confusion.mistakes();
        if !mistakes.is_empty() {
            writeln!(f, "\nmost often confused")?;
        }
        for (truth, predicted, count) in mistakes.into_iter().take(CONFUSIONS) {
            writeln!(f, "{count:>5} × {truth} taken for {predicted}")?;
        }
        let slices = [
            ("length (tokens)", &self.by_length),
            ("language", &self.by_language),
            ("source", &self.by_source),
        ];
        for (title, slices) in slices {
            f.write_str(&table(title, slices)?)?;
        }
        Ok(())
    }
}

/// What the figures are about.
pub(super) fn rows(report: &TaskReport) -> String {
    let mut text = format!("{} labelled prompts", report.rows);
    for (count, what) in [(report.unlabelled, "without a label"), (report.unreadable, "unreadable")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

/// The headline figures with their names.
pub(super) fn summary(report: &TaskReport) -> Vec<(String, String)> {
    let mut lines = vec![
        ("accuracy".to_owned(), with_interval(&report.accuracy)),
        ("  exactly the one label".to_owned(), with_interval(&report.accuracy_single)),
    ];
    if let Some(group) = &report.accuracy_group {
        lines.push(("  group of tasks".to_owned(), with_interval(group)));
    }
    for fold in &report.folds {
        let value = format!("{}, macro F1 {:.3}", with_interval(&fold.accuracy), fold.macro_f1);
        lines.push((format!("  as {} has it", fold.name), value));
    }
    lines.push(("macro F1".to_owned(), format!("{:.3}", report.macro_f1)));
    lines.push(("calibration error".to_owned(), format!("{:.3} (ECE, 15 bins)", report.calibration.ece)));
    let abstention = &report.abstention;
    let rest = percent(abstention.accuracy_of_rest.value);
    lines.push((
        "abstained".to_owned(),
        format!("{}, accuracy of the rest {rest}", percent(abstention.rate.value)),
    ));
    for flips in &report.flips {
        let (rate, accuracy) = (percent(flips.rate.value), percent(flips.accuracy.value));
        lines.push((format!("flips by {}", flips.perturbation), format!("{rate}, accuracy then {accuracy}")));
    }
    if let Some(speed) = &report.throughput {
        let text = format!("{:.0} prompts/s, {:.0} tokens/s", speed.prompts_per_s, speed.tokens_per_s);
        lines.push(("speed".to_owned(), text));
    }
    lines
}

/// "87.5 % (84.1–90.2)".
pub(super) fn with_interval(share: &Proportion) -> String {
    let Proportion { value, low, high, of, .. } = share;
    format!("{} ({:.1}–{:.1}, n = {of})", percent(*value), low * 100.0, high * 100.0)
}

/// "87.5 %".
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn table(title: &str, slices: &[Slice]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    if slices.len() > 1 {
        writeln!(text, "\n{title:<18} {:>5} {:>9} {:>9}", "n", "accuracy", "abstained")?;
        for slice in slices {
            let Slice { name, accuracy, .. } = slice;
            let name = if name.is_empty() { "(not stated)" } else { name };
            let (right, abstained) = (percent(accuracy.value), percent(slice.abstained_share()));
            writeln!(text, "{name:<18} {:>5} {right:>9} {abstained:>9}", accuracy.of)?;
        }
    }
    Ok(text)
}
