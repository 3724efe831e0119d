//! Whether faster engines say of prompts what f32 says.

use std::fmt;

use pointsman_classifier::{Arithmetic, Embedded, Gate};
use serde::Serialize;

use crate::dataset::Item;
use crate::report::quoted;

/// Engines beside f32 on the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnginesReport {
    /// The data set's name, usually its path.
    pub dataset: String,
    /// The classifier's name and version.
    pub classifier: String,
    /// The engine that the others are held against, and its time.
    pub reference: Run,
    /// The others.
    pub engines: Vec<Compared>,
    /// The engine that `auto` stands for on this machine, by these gates.
    pub default: String,
}

/// An engine and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its name.
    pub engine: String,
    /// Wall-clock time of classifying all prompts once, in seconds.
    pub seconds: f64,
}

/// An engine beside the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name.
    pub engine: String,
    /// Wall-clock time of classifying all prompts once, in seconds.
    pub seconds: f64,
    /// How far its answers are from the reference's.
    pub gate: Gate,
    /// Whether that is near enough.
    pub passed: bool,
}

impl EnginesReport {
    /// Whether every engine is near enough to the reference.
    #[must_use]
    pub fn all_passed(&self) -> bool {
        self.engines.iter().all(|engine| engine.passed)
    }

    /// What the card should say: a gate for each arithmetic, the worst of its engines'.
    #[must_use]
    pub fn gates(&self) -> Vec<Gate> {
        let of = |arithmetic| {
            let gates = self.engines.iter().map(|engine| engine.gate);
            gates.filter(|gate| gate.arithmetic == arithmetic).reduce(worse)
        };
        Arithmetic::ALL
            .into_iter()
            .filter(|arithmetic| *arithmetic != Arithmetic::F32)
            .filter_map(of)
            .collect()
    }
}

/// In each figure the one that is further from perfect.
fn worse(a: Gate, b: Gate) -> Gate {
    Gate {
        arithmetic: a.arithmetic,
        prompts: a.prompts.min(b.prompts),
        cosine: a.cosine.min(b.cosine),
        lowest_cosine: a.lowest_cosine.min(b.lowest_cosine),
        flips: a.flips.max(b.flips),
        drift: a.drift.max(b.drift),
        largest_drift: a.largest_drift.max(b.largest_drift),
    }
}

impl Compared {
    /// Holds answers against the reference's to the same prompts, in the same order. The last `hidden` values of an
    /// embedding are the encoder's output.
    #[must_use]
    pub fn new(
        run: Run,
        arithmetic: Arithmetic,
        hidden: usize,
        reference: &[Embedded],
        answers: &[Embedded],
    ) -> Self {
        let gate = gate(arithmetic, hidden, reference, answers);
        Self { engine: run.engine, seconds: run.seconds, gate, passed: gate.passes() }
    }
}

/// How far answers are from the reference's.
fn gate(arithmetic: Arithmetic, hidden: usize, reference: &[Embedded], answers: &[Embedded]) -> Gate {
    let pairs = || reference.iter().zip(answers);
    let cosines: Vec<f64> = pairs().map(|(a, b)| cosine(output(a, hidden), output(b, hidden))).collect();
    let drifts: Vec<f64> = pairs().map(|(a, b)| drift(a, b)).collect();
    Gate {
        arithmetic,
        prompts: cosines.len(),
        cosine: mean(&cosines),
        lowest_cosine: cosines.iter().copied().fold(1.0, f64::min),
        flips: pairs().filter(|(a, b)| a.labels.task != b.labels.task).count(),
        drift: mean(&drifts),
        largest_drift: drifts.iter().copied().fold(0.0, f64::max),
    }
}

fn output(embedded: &Embedded, hidden: usize) -> &[f32] {
    &embedded.embedding[embedded.embedding.len().saturating_sub(hidden)..]
}

fn drift(a: &Embedded, b: &Embedded) -> f64 {
    (f64::from(a.labels.difficulty.value()) - f64::from(b.labels.difficulty.value())).abs()
}

/// 1 for vectors of one direction; two zeros have one, a zero and another vector none.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms == 0.0 { f64::from(u8::from(a == b)) } else { dot(a, b) / norms }
}

#[expect(clippy::cast_precision_loss, reason = "counts of prompts are far below 2^52")]
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// CSV with a line for each item and engine, in order: both tasks and difficulties, and the cosine. Texts of prompts are not in
/// it.
#[must_use]
pub fn items_csv(
    hidden: usize,
    items: &[Item],
    reference: &[Embedded],
    others: &[(String, Vec<Embedded>)],
) -> String {
    let mut text = "id,line,engine,cosine,task_f32,task,difficulty_f32,difficulty\n".to_owned();
    for (engine, answers) in others {
        for ((item, a), b) in items.iter().zip(reference).zip(answers) {
            text += &format!(
                "{},{},{engine},{:.7},{},{},{},{}\n",
                quoted(&item.id),
                item.line,
                cosine(output(a, hidden), output(b, hidden)),
                quoted(a.labels.task.as_str()),
                quoted(b.labels.task.as_str()),
                a.labels.difficulty.value(),
                b.labels.difficulty.value(),
            );
        }
    }
    text
}

impl fmt::Display for EnginesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.classifier, self.dataset)?;
        writeln!(f, "{:<20} {:>8.2} s  the reference", self.reference.engine, self.reference.seconds)?;
        for engine in &self.engines {
            let verdict = if engine.passed { "passes" } else { "FAILS" };
            writeln!(f, "{:<20} {:>8.2} s  {verdict}: {}", engine.engine, engine.seconds, engine.gate)?;
        }
        write!(
            f,
            "asked for: cosine {}, {:.1} % of tasks differ, difficulty off by {}; the default is {}",
            Gate::MIN_COSINE,
            100.0 * Gate::MAX_FLIP_SHARE,
            Gate::MAX_DRIFT,
            self.default
        )
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::{Ability, Band, Difficulty, Labels, TokenCount};

    use super::*;

    fn answer(embedding: [f32; 3], task: &str, difficulty: f32) -> Embedded {
        let task = task.parse().expect("a task");
        let labels = Labels {
            task_scores: Vec::new(),
            task,
            task_confidence: 0.5,
            difficulty: Difficulty::new(difficulty),
            ability: Ability(0.0),
            ability_sd: 1.0,
            band: Band::Easy,
            band_confidence: 0.5,
            abstained: None,
            tokens: TokenCount(1),
            tokens_seen: TokenCount(1),
        };
        Embedded { labels, embedding: embedding.to_vec() }
    }

    fn run(engine: &str) -> Run {
        Run { engine: engine.to_owned(), seconds: 0.25 }
    }

    fn report() -> (EnginesReport, Vec<Embedded>, Vec<Embedded>) {
        // The first value belongs to another layer than the last.
        let reference = vec![answer([9.0, 1.0, 0.0], "chat", 0.25), answer([9.0, 0.0, 2.0], "math", 0.5)];
        let other = vec![answer([0.0, 1.0, 1.0], "chat", 0.5), answer([9.0, 0.0, 1.0], "coding", 0.5)];
        let report = EnginesReport {
            dataset: "dev.jsonl".to_owned(),
            classifier: "tiny 1".to_owned(),
            reference: run("f32-portable"),
            engines: vec![
                Compared::new(run("int8-portable"), Arithmetic::Int8, 2, &reference, &other),
                Compared::new(run("candle"), Arithmetic::Candle, 2, &reference, &reference),
            ],
            default: "f32-portable".to_owned(),
        };
        (report, reference, other)
    }

    #[test]
    fn distances_are_measured_and_judged() {
        let (report, ..) = report();
        assert_eq!(report.engines[1].gate, Gate::perfect(Arithmetic::Candle, 2));
        let gate = report.engines[0].gate;
        assert!((gate.cosine - (0.5f64.sqrt() + 1.0) / 2.0).abs() < 1e-9, "{gate}");
        assert_eq!((gate.flips, gate.drift, gate.largest_drift), (1, 0.125, 0.25));
        assert!(!report.all_passed() && report.engines[1].passed);
        insta::assert_snapshot!(report, @r"
        tiny 1 on dev.jsonl
        f32-portable             0.25 s  the reference
        int8-portable            0.25 s  FAILS: cosine 0.853553 (lowest 0.707107), 1 of 2 tasks differ (50.00 %), difficulty off by 0.12500 (at most 0.25000)
        candle                   0.25 s  passes: cosine 1.000000 (lowest 1.000000), 0 of 2 tasks differ (0.00 %), difficulty off by 0.00000 (at most 0.00000)
        asked for: cosine 0.998, 0.5 % of tasks differ, difficulty off by 0.01; the default is f32-portable
        ");
    }

    #[test]
    fn the_card_gets_the_worst_of_an_arithmetic() {
        let (mut report, reference, _) = report();
        let perfect = Compared::new(run("int8-avx2"), Arithmetic::Int8, 2, &reference, &reference);
        let failing = report.engines[0].gate;
        report.engines.insert(0, perfect);
        assert_eq!(report.gates(), [failing, Gate::perfect(Arithmetic::Candle, 2)]);
    }

    #[test]
    fn each_item_has_a_line_for_each_engine() {
        let (_, reference, other) = report();
        let row = |line, id: &str| Item {
            line,
            id: id.to_owned(),
            prompt: pointsman_domain::Prompt::from_text("secret"),
            task: None,
            accepted: Vec::new(),
            language: None,
            source: None,
            split: None,
        };
        let csv = items_csv(2, &[row(1, "a"), row(2, "b,c")], &reference, &[("int8".to_owned(), other)]);
        insta::assert_snapshot!(csv, @r#"
        id,line,engine,cosine,task_f32,task,difficulty_f32,difficulty
        a,1,int8,0.7071068,chat,chat,0.25,0.5
        "b,c",2,int8,1.0000000,math,coding,0.5,0.5
        "#);
    }

    #[test]
    fn what_has_no_direction_is_alike_only_to_itself() {
        assert_eq!(cosine(&[0.0], &[0.0]), 1.0);
        assert_eq!(cosine(&[0.0], &[1.0]), 0.0);
        assert!(cosine(&[f32::NAN], &[1.0]).is_nan());
    }
}
