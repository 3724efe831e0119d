//! The card's `scores`: what a run found out about the model that it made.

use pointsman_classifier::Calibration;
use pointsman_eval::metrics::{CoveragePoint, RiskCoverage, Scored};
use toml::{Table, Value};

use crate::corpus::Example;
use crate::scores::{Output, Rounding, Scores, argmax, ratio};

/// Shares of answers that the card's risk–coverage curve is given at.
const COVERAGES: [f64; 8] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Four digits are more than the rows can tell.
pub(crate) fn rounded(value: f64) -> Value {
    Value::Float((value * 1e4).round() / 1e4)
}

#[expect(clippy::cast_possible_wrap, reason = "row counts are far below 2^63")]
pub(crate) fn count(rows: usize) -> Value {
    Value::Integer(rows as i64)
}

/// Scores of a side of the split; figures without rows are left out.
pub(crate) fn side(scores: &Scores) -> Table {
    let mut table = Table::new();
    if scores.tasks > 0 {
        table.insert("task_rows".to_owned(), count(scores.tasks));
        table.insert("task_accuracy".to_owned(), rounded(scores.accuracy));
        table.insert("task_macro_f1".to_owned(), rounded(scores.macro_f1));
    }
    if scores.outcomes > 0 {
        table.insert("outcome_rows".to_owned(), count(scores.outcomes));
        table.insert("difficulty_spearman".to_owned(), rounded(scores.spearman));
    }
    table
}

/// What 8-bit weights cost.
pub(crate) fn rounding(rounding: &Rounding) -> Table {
    Table::from_iter([
        ("rows".to_owned(), count(rounding.rows)),
        ("logit_error_median".to_owned(), rounded(rounding.median.into())),
        ("logit_error_max".to_owned(), rounded(rounding.max.into())),
        ("label_flips".to_owned(), count(rounding.flips)),
    ])
}

/// What abstaining below a confidence costs and buys: `coverage`, the share of prompts answered, and `accuracy` of those
/// (risk–coverage curve, El-Yaniv and Wiener 2010), at some shares and at the model's own threshold. Nothing if no row has a task.
pub(crate) fn risk_coverage(
    rows: &[&Example],
    outputs: &[Output],
    calibration: &Calibration,
) -> Option<Value> {
    let scored: Vec<Scored> = rows
        .iter()
        .zip(outputs)
        .filter_map(|(row, output)| {
            let task = row.task.as_ref()?;
            let best = argmax(&output.task);
            let confidence = calibration.probabilities(&output.task).get(best).copied()?;
            let correct = best == task.label || task.also.contains(&best);
            Some(Scored { confidence: confidence.into(), correct })
        })
        .collect();
    let curve = RiskCoverage::new(&scored);
    let point = |point: CoveragePoint| {
        Value::Table(Table::from_iter([
            ("abstain_below".to_owned(), rounded(point.threshold)),
            ("coverage".to_owned(), rounded(point.coverage)),
            ("accuracy".to_owned(), rounded(1.0 - point.risk)),
        ]))
    };
    let mut points: Vec<CoveragePoint> = COVERAGES.iter().filter_map(|at| curve.at(*at)).collect();
    if !points.is_empty() {
        points.extend(own_threshold(&scored, calibration.abstain_below.into()));
        points.sort_by(|a, b| b.threshold.total_cmp(&a.threshold));
    }
    (!points.is_empty()).then(|| Value::Array(points.into_iter().map(point).collect()))
}

/// The point at `threshold`; none if nothing is as sure.
fn own_threshold(scored: &[Scored], threshold: f64) -> Option<CoveragePoint> {
    let answered = scored.iter().filter(|scored| scored.confidence >= threshold);
    let (count, wrong) = (answered.clone().count(), answered.filter(|scored| !scored.correct).count());
    let (coverage, risk) = (ratio(count, scored.len()), ratio(wrong, count));
    (count > 0).then_some(CoveragePoint { threshold, coverage, risk })
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Prompt;

    use super::*;
    use crate::corpus::{Split, TaskTarget};

    #[test]
    fn surer_answers_are_righter_on_the_curve() {
        let example = |label| Example {
            id: String::new(),
            source: String::new(),
            prompt: Prompt::default(),
            task: Some(TaskTarget { label, also: Vec::new(), weight: 1.0 }),
            difficulty: None,
            language: None,
            split: Split::Test,
        };
        // Ten answers, surer and surer; the two least sure are wrong.
        let examples: Vec<Example> = (0..10).map(|i| example(usize::from(i < 2))).collect();
        let outputs: Vec<Output> =
            (0..10u8).map(|i| Output { task: vec![f32::from(i) + 0.1, 0.0], ability: 0.0 }).collect();
        let calibration = Calibration { abstain_below: 0.8, ..Calibration::default() };
        let curve = risk_coverage(&examples.iter().collect::<Vec<_>>(), &outputs, &calibration);
        let curve = curve.expect("rows have tasks");
        let points: Vec<(f64, f64)> = curve
            .as_array()
            .expect("points")
            .iter()
            .map(|point| {
                (point["coverage"].as_float().expect("share"), point["accuracy"].as_float().expect("share"))
            })
            .collect();
        assert_eq!(points.len(), COVERAGES.len() + 1);
        assert_eq!(points[5], (0.8, 1.0));
        // The third is σ(2.1) = 0.89 sure, the second 0.75: the own threshold lies between the two.
        assert_eq!(points[6], (0.8, 1.0));
        assert_eq!(curve[6]["abstain_below"].as_float(), Some(0.8));
        assert_eq!(points[8], (1.0, 0.8));
        assert_eq!(risk_coverage(&[], &[], &Calibration::default()), None);
    }

    #[test]
    fn what_was_not_measured_is_not_on_the_card() {
        assert!(side(&Scores::default()).is_empty());
        let scores = Scores { tasks: 3, accuracy: 2.0 / 3.0, macro_f1: 0.5, ..Scores::default() };
        assert_eq!(side(&scores).to_string(), "task_accuracy = 0.6667\ntask_macro_f1 = 0.5\ntask_rows = 3\n");
    }
}
