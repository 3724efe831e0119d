//! How well predicted difficulty foretells who fails, by source, beside controls.

mod bands;
mod figure;
mod held_out;
mod rank;
mod reliability;
mod scorer;

use std::collections::BTreeMap;

use pointsman_domain::Ability;
use serde::{Deserialize, Serialize};

use crate::metrics::{Interval, resamples};
use crate::routing::Role;
use scorer::{Scorer, scorers};

pub use bands::BandShare;
pub use figure::Figure;
pub use held_out::{Fitted, held_out};
pub use rank::{pairwise_accuracy, spearman};
pub use reliability::{Bin, Reliability};

/// A prompt with what was predicted and what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated<'a> {
    /// Where it is from; figures are by source.
    pub source: &'a str,
    /// The data's own name for its kind.
    pub own_task: Option<&'a str>,
    /// Characters of its text.
    pub length: f64,
    /// Words of what is asked, without answers to choose from.
    pub question: f64,
    /// The predicted ability that it needs.
    pub predicted: Ability,
    /// The share of models that fail, 0–1.
    pub truth: f64,
}

/// A scorer's figures on the prompts of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScorerReport {
    /// Its name.
    pub name: String,
    /// What it goes by.
    pub note: String,
    /// What stands behind it.
    pub role: Role,
    /// The figures that have a meaning.
    pub figures: BTreeMap<Figure, Interval>,
    /// Expected and measured failures in each band that it gives; of the controls, none.
    #[serde(default)]
    pub bands: Vec<BandShare>,
}

/// Figures on the prompts of one source, or of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source; empty for all.
    pub source: String,
    /// How many prompts it has.
    pub prompts: usize,
    /// The classifier first, then the controls.
    pub scorers: Vec<ScorerReport>,
    /// The classifier's chance of success against the share of models that succeed.
    pub reliability: Reliability,
}

/// How one model's chances of success compare with its outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelChances {
    /// Its name.
    pub model: String,
    /// How many outcomes it has.
    pub outcomes: usize,
    /// Mean chance of success.
    pub expected: f64,
    /// Mean outcome.
    pub measured: f64,
    /// Expected calibration error.
    pub ece: f64,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifficultyProvenance {
    /// The files, in a line.
    pub dataset: String,
    /// The classifier's name and version.
    pub classifier: String,
    /// What difficulty is compared with.
    pub truth: String,
    /// Rows that could not be used.
    pub unreadable: usize,
    /// Seed of folds and bootstrap.
    pub seed: u64,
}

/// Everything about predicted difficulty on prompts with outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifficultyReport {
    /// What the report is about.
    pub provenance: DifficultyProvenance,
    /// How many bootstrap draws the intervals are from.
    pub draws: usize,
    /// All prompts together.
    pub overall: SourceReport,
    /// By source, the largest first.
    pub sources: Vec<SourceReport>,
    /// The mean of the sources' rank correlations, by scorer in the order of their reports.
    pub mean_spearman: Vec<(String, f64)>,
    /// Chances of success of the models whose abilities are known.
    pub models: Vec<ModelChances>,
}

impl DifficultyReport {
    /// Works out every figure, with intervals from `draws` draws of prompts, for the classifier, for heads `fitted` to these
    /// prompts, and for the controls. The same seed gives the same.
    #[must_use]
    pub fn new(
        provenance: DifficultyProvenance,
        prompts: &[Rated<'_>],
        fitted: &[Fitted],
        draws: usize,
    ) -> Self {
        let seed = provenance.seed;
        let truth: Vec<f64> = prompts.iter().map(|prompt| prompt.truth).collect();
        let scorers = scorers(prompts, fitted, &truth, seed);
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (row, prompt) in prompts.iter().enumerate() {
            rows.entry(prompt.source).or_default().push(row);
        }
        let mut sources: Vec<SourceReport> = rows
            .into_iter()
            .map(|(source, rows)| SourceReport::new(source, &scorers, &truth, &rows, draws, seed))
            .collect();
        sources.sort_by_key(|source| std::cmp::Reverse(source.prompts));
        let all: Vec<usize> = (0..prompts.len()).collect();
        let mean_spearman = scorers.iter().enumerate().map(|(i, scorer)| {
            let found: Vec<f64> = sources
                .iter()
                .filter_map(|source| Some(source.scorers[i].figures.get(&Figure::Spearman)?.value))
                .collect();
            (scorer.name.to_owned(), found.iter().sum::<f64>() / found.len().max(1) as f64)
        });
        Self {
            mean_spearman: mean_spearman.collect(),
            overall: SourceReport::new("", &scorers, &truth, &all, draws, seed),
            sources,
            models: Vec::new(),
            provenance,
            draws,
        }
    }

    /// Adds how the chances of models compare with their outcomes: for each model, chance and outcome of every prompt.
    #[must_use]
    pub fn with_models(mut self, models: Vec<(String, Vec<(f64, f64)>)>) -> Self {
        let report = |(model, pairs): (String, Vec<(f64, f64)>)| {
            let count = pairs.len().max(1) as f64;
            ModelChances {
                model,
                outcomes: pairs.len(),
                expected: pairs.iter().map(|(chance, _)| chance).sum::<f64>() / count,
                measured: pairs.iter().map(|(_, outcome)| outcome).sum::<f64>() / count,
                ece: Reliability::new(pairs.into_iter().map(|(chance, outcome)| (chance, outcome, 1.0))).ece,
            }
        };
        self.models = models.into_iter().map(report).collect();
        self
    }
}

impl SourceReport {
    fn new(source: &str, scorers: &[Scorer], truth: &[f64], rows: &[usize], draws: usize, seed: u64) -> Self {
        let drawn: Vec<Vec<usize>> = resamples(rows.len(), draws, seed)
            .map(|counts| {
                let times = rows.iter().zip(counts);
                times.flat_map(|(row, count)| std::iter::repeat_n(*row, count as usize)).collect()
            })
            .collect();
        let report = |scorer: &Scorer| ScorerReport {
            name: scorer.name.to_owned(),
            note: scorer.note.to_owned(),
            role: scorer.role,
            figures: Figure::ALL
                .into_iter()
                .filter_map(|figure| {
                    let value = figure.of(scorer, truth, rows)?;
                    let draws = drawn.iter().map(|rows| figure.of(scorer, truth, rows));
                    Some((figure, Interval::of_draws(value, draws)))
                })
                .collect(),
            bands: match scorer.role {
                Role::Own => BandShare::of(&scorer.share, truth, rows),
                _ => Vec::new(),
            },
        };
        let own = scorers.first().map(|own| &own.share);
        let pairs = rows.iter().filter_map(|row| Some((1.0 - own?[*row], 1.0 - truth[*row], 1.0)));
        Self {
            source: source.to_owned(),
            prompts: rows.len(),
            scorers: scorers.iter().map(report).collect(),
            reliability: Reliability::new(pairs),
        }
    }
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Difficulty;

    use super::*;

    fn provenance() -> DifficultyProvenance {
        DifficultyProvenance {
            dataset: "made-up.jsonl".into(),
            classifier: "made-up 1".into(),
            truth: "the share of models that fail".into(),
            unreadable: 0,
            seed: 3,
        }
    }

    /// Two sources; in the first the prediction is right, in the second backwards; tasks tell all in both.
    fn made() -> Vec<Rated<'static>> {
        let row = |i: usize| {
            let truth = [0.1, 0.3, 0.6, 0.9][i % 4];
            let source = if i < 80 { "right/a" } else { "wrong" };
            #[expect(clippy::cast_possible_truncation, reason = "a test")]
            let ability = Difficulty::new(truth as f32).ability().0;
            Rated {
                source,
                own_task: Some(["t0", "t1", "t2", "t3"][i % 4]),
                length: (i * 37 % 101) as f64,
                question: (i * 29 % 97) as f64,
                predicted: Ability(if i < 80 { ability } else { -ability }),
                truth,
            }
        };
        (0..120).map(row).collect()
    }

    #[test]
    fn figures_by_source() {
        let report = DifficultyReport::new(provenance(), &made(), &[], 50);
        assert_eq!(report, DifficultyReport::new(provenance(), &made(), &[], 50));
        let names: Vec<_> = report.sources.iter().map(|s| (s.source.as_str(), s.prompts)).collect();
        assert_eq!(names, [("right/a", 80), ("wrong", 40)]);
        let figure =
            |source: usize, scorer: usize, figure| report.sources[source].scorers[scorer].figures[&figure];
        let own = |figure_of| figure(0, 0, figure_of).value;
        assert!((own(Figure::Spearman) - 1.0).abs() < 1e-9 && (own(Figure::Pairwise) - 1.0).abs() < 1e-9);
        assert_eq!(own(Figure::BandError), 0.0);
        assert!(own(Figure::Ece) < 1e-4);
        assert!((figure(1, 0, Figure::Spearman).value + 1.0).abs() < 1e-9);
        // .1 is taken for .9 (three bands), .3 for .7 (one), .6 for .4 (one), .9 for .1 (three).
        assert!((figure(1, 0, Figure::BandError).value - 2.0).abs() < 1e-9);
        let length = figure(0, 1, Figure::Spearman);
        assert!(length.low < 0.1 && length.high > -0.1, "{length:?}");
        let question = figure(0, 2, Figure::Spearman);
        assert!(question.low < 0.1 && question.high > -0.1, "{question:?}");
        assert!(figure(0, 3, Figure::Spearman).value > 0.95, "tasks tell all");
        assert!((report.mean_spearman[0].1).abs() < 1e-9);
        assert_eq!(report.overall.prompts, 120);
    }

    #[test]
    fn models_are_compared_with_their_outcomes() {
        let pairs = vec![(0.8, 1.0), (0.8, 1.0), (0.8, 0.0), (0.2, 0.0)];
        let report = DifficultyReport::new(provenance(), &[], &[], 5).with_models(vec![("m".into(), pairs)]);
        let model = &report.models[0];
        assert_eq!((model.outcomes, model.measured), (4, 0.5));
        assert!((model.expected - 0.65).abs() < 1e-12);
        assert!((model.ece - (3.0 * (0.8 - 2.0 / 3.0) + 0.2) / 4.0).abs() < 1e-12);
        assert!(report.overall.scorers[0].figures.is_empty() && report.sources.is_empty());
    }
}
