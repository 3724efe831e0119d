//! Engines beside f32, as JSON, CSV and a screenful of text.

use std::fmt;

use pointsman_classifier::{Arithmetic, Embedded, Gate};
use pointsman_eval::dataset::Item;
use serde::Serialize;

/// Engines beside f32 on the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// The data set's name, usually its path.
    pub(super) dataset: String,
    /// The classifier's name and version.
    pub(super) classifier: String,
    /// The engine that the others are held against.
    pub(super) reference: Run,
    pub(super) engines: Vec<Compared>,
    /// The engine that `auto` stands for on this machine, by these gates.
    pub(super) default: String,
}

/// An engine and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Run {
    pub(super) engine: String,
    /// Wall-clock time of classifying all prompts once, in seconds.
    pub(super) seconds: f64,
}

/// An engine beside the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Compared {
    pub(super) run: Run,
    /// How far its answers are from the reference's.
    pub(super) gate: Gate,
    /// Whether that is near enough.
    pub(super) passed: bool,
}

impl Compared {
    pub(super) fn new(run: Run, gate: Gate) -> Self {
        Self { run, passed: gate.passes(), gate }
    }
}

impl Report {
    /// Whether every engine is near enough to the reference.
    pub(super) fn all_passed(&self) -> bool {
        self.engines.iter().all(|engine| engine.passed)
    }

    /// What the card should say: a gate for each arithmetic but that of the reference, the worst of its engines'.
    pub(super) fn gates(&self) -> Vec<Gate> {
        let of = |arithmetic| {
            let gates = self.engines.iter().map(|engine| engine.gate);
            gates.filter(|gate| gate.arithmetic == arithmetic).reduce(Gate::worse)
        };
        let all = Arithmetic::ALL.into_iter();
        all.filter(|arithmetic| *arithmetic != Arithmetic::F32).filter_map(of).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.classifier, self.dataset)?;
        writeln!(f, "{:<20} {:>8.2} s  the reference", self.reference.engine, self.reference.seconds)?;
        for Compared { run, gate, passed } in &self.engines {
            let verdict = if *passed { "passes" } else { "FAILS" };
            writeln!(f, "{:<20} {:>8.2} s  {verdict}: {gate}", run.engine, run.seconds)?;
        }
        write!(
            f,
            "asked for: cosine {}, at most {:.1} % of tasks differ, difficulty off by {}; the default is {}",
            Gate::MIN_COSINE,
            100.0 * Gate::MAX_FLIP_SHARE,
            Gate::MAX_DRIFT,
            self.default
        )
    }
}

/// CSV with a line for each item and engine, in order, with both tasks and difficulties. Texts of prompts are not in it.
pub(super) fn items_csv(
    items: &[Item],
    reference: &[Embedded],
    others: &[(String, Vec<Embedded>)],
) -> String {
    let mut text = "id,line,engine,task_f32,task,difficulty_f32,difficulty\n".to_owned();
    for (engine, answers) in others {
        for ((item, a), b) in items.iter().zip(reference).zip(answers) {
            text += &format!(
                "\"{}\",{},{engine},{},{},{},{}\n",
                item.id.replace('"', "\"\""),
                item.line,
                a.labels.task,
                b.labels.task,
                a.labels.difficulty.value(),
                b.labels.difficulty.value(),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(engine: &str, arithmetic: Arithmetic, flips: usize) -> Compared {
        let gate = Gate { flips, ..Gate::perfect(arithmetic, 100) };
        Compared::new(Run { engine: engine.to_owned(), seconds: 0.25 }, gate)
    }

    fn report() -> Report {
        Report {
            dataset: "dev.jsonl".to_owned(),
            classifier: "tiny 1".to_owned(),
            reference: Run { engine: "f32-portable".to_owned(), seconds: 0.5 },
            engines: vec![
                compared("int16-avx2", Arithmetic::Int16, 0),
                compared("int16-portable", Arithmetic::Int16, 2),
                compared("candle", Arithmetic::Candle, 0),
            ],
            default: "f32-portable".to_owned(),
        }
    }

    #[test]
    fn engines_are_judged_one_by_one() {
        assert!(!report().all_passed());
        insta::assert_snapshot!(report(), @r"
        tiny 1 on dev.jsonl
        f32-portable             0.50 s  the reference
        int16-avx2               0.25 s  passes: cosine 1.000000 (lowest 1.000000), 0 of 100 tasks differ (0.00 %), difficulty off by 0.00000 (at most 0.00000)
        int16-portable           0.25 s  FAILS: cosine 1.000000 (lowest 1.000000), 2 of 100 tasks differ (2.00 %), difficulty off by 0.00000 (at most 0.00000)
        candle                   0.25 s  passes: cosine 1.000000 (lowest 1.000000), 0 of 100 tasks differ (0.00 %), difficulty off by 0.00000 (at most 0.00000)
        asked for: cosine 0.998, at most 0.5 % of tasks differ, difficulty off by 0.01; the default is f32-portable
        ");
    }

    #[test]
    fn the_card_gets_the_worst_of_an_arithmetic() {
        let gates = report().gates();
        assert_eq!(gates.iter().map(|gate| gate.flips).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(gates[0].arithmetic, Arithmetic::Int16);
    }
}
