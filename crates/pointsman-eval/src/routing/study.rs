//! Routers side by side on the same prompts, with bootstrap intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sweep::{Curve, Point, Sweep};
use super::{Answers, Frame, Measure, arena_score};
use crate::metrics::{Interval, resamples};

/// What stands behind a router's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The classifier.
    Own,
    /// Needs no classifier and no outcome of the prompts that are routed.
    Control,
    /// Has seen outcomes of the prompts that are routed, so it is no router that could be had.
    Informed,
}

/// A router that is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Router {
    /// Its name in tables.
    pub name: String,
    /// What it goes by, in a sentence.
    pub note: String,
    /// What stands behind it.
    pub role: Role,
    /// Its moves.
    pub sweep: Sweep,
}

/// A router's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouterReport {
    /// Its name.
    pub name: String,
    /// What it goes by.
    pub note: String,
    /// What stands behind it.
    pub role: Role,
    /// The figures that have a meaning here.
    pub figures: BTreeMap<Measure, Interval>,
    /// Its headline figure ([`StudyReport::headline`]) less that of the length, on the same draws.
    pub over_length: Option<Interval>,
    /// At most [`POINTS`] settings, the cheapest first.
    pub curve: Curve,
    /// The 95 % interval of the quality at each of the curve's shares.
    pub band: Vec<(f64, f64)>,
}

/// One model answering every prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Mean quality, 0–1.
    pub quality: Interval,
    /// Mean cost of a prompt in US dollars, if known.
    pub cost: Option<Interval>,
    /// RouterArena's score, if costs are known.
    pub arena: Option<f64>,
}

/// Everything about routers on the same prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// How many prompts were routed.
    pub prompts: usize,
    /// How many bootstrap draws the intervals are from.
    pub draws: usize,
    /// Always the same model.
    pub models: Vec<ModelReport>,
    /// For each prompt a model drawn by chance, all alike.
    pub chance: Point,
    /// The routers, in the order given.
    pub routers: Vec<RouterReport>,
}

/// Points of a curve that a report keeps.
pub const POINTS: usize = 101;

/// Points at which the interval of a curve is worked out; between them it is straight.
const BAND_POINTS: usize = 21;

/// Name of the router by length, which others are compared with.
pub const LENGTH: &str = "length";

/// Name of the router by the words of the question, answers to choose from left out.
pub const QUESTION: &str = "question words";

/// Name of the router that does not look at the prompt.
pub const STATIC_MIX: &str = "static mix";

impl StudyReport {
    /// The figure that routers are compared by: APGR for a pair, AIQ for more models.
    #[must_use]
    pub fn headline(&self) -> Measure {
        if self.models.len() == 2 { Measure::Apgr } else { Measure::Aiq }
    }

    /// Works out every figure of `routers`, with intervals from `draws` draws of prompts. The same seed gives the same.
    #[must_use]
    pub fn new(answers: &Answers, routers: &[Router], draws: usize, seed: u64) -> Self {
        let counts = vec![1.0; answers.len()];
        let frame = Frame::new(answers, &counts);
        let whole = Draw::new(answers, routers, &frame, &counts);
        let drawn: Vec<Draw> = resamples(answers.len(), draws, seed)
            .map(|counts| Draw::new(answers, routers, &Frame::new(answers, &counts), &counts))
            .collect();
        let models = answers.models().iter().zip(&frame.models).enumerate().map(|(i, (name, mean))| {
            let of = |value: f64, get: fn(&Point) -> f64| {
                Interval::of_draws(value, drawn.iter().map(|draw| Some(get(&draw.models[i]))))
            };
            ModelReport {
                name: name.clone(),
                quality: of(mean.quality, |point| point.quality),
                cost: frame.priced.then(|| of(mean.cost, |point| point.cost)),
                arena: frame.priced.then(|| arena_score(mean.quality, mean.cost)),
            }
        });
        let mut report = Self {
            prompts: answers.len(),
            draws,
            models: models.collect(),
            chance: frame.chance(),
            routers: Vec::new(),
        };
        let headline = report.headline();
        let length = routers.iter().position(|router| router.name == LENGTH);
        report.routers = (0..routers.len())
            .map(|router| {
                let over_length = length.filter(|length| *length != router);
                let lead =
                    |draw: &Draw| Some(draw.figure(router, headline)? - draw.figure(over_length?, headline)?);
                let curve = routers[router].sweep.curve(answers, &counts).thinned(POINTS);
                RouterReport {
                    name: routers[router].name.clone(),
                    note: routers[router].note.clone(),
                    role: routers[router].role,
                    figures: figures(router, &whole, &drawn),
                    over_length: lead(&whole).map(|value| Interval::of_draws(value, drawn.iter().map(lead))),
                    band: curve.points.iter().map(|point| band(router, point, &drawn)).collect(),
                    curve,
                }
            })
            .collect();
        report
    }

    /// The router called `name`.
    #[must_use]
    pub fn router(&self, name: &str) -> Option<&RouterReport> {
        self.routers.iter().find(|router| router.name == name)
    }
}

/// Every figure on one draw of prompts.
struct Draw {
    models: Vec<Point>,
    /// By router, then in the order of [`Measure::ALL`].
    figures: Vec<[Option<f64>; Measure::ALL.len()]>,
    /// By router, the quality at [`BAND_POINTS`] shares.
    heights: Vec<[f64; BAND_POINTS]>,
}

impl Draw {
    fn new(answers: &Answers, routers: &[Router], frame: &Frame, counts: &[f64]) -> Self {
        let curves: Vec<Curve> = routers.iter().map(|router| router.sweep.curve(answers, counts)).collect();
        let heights =
            |curve: &Curve| std::array::from_fn(|i| curve.at(i as f64 / (BAND_POINTS - 1) as f64).quality);
        Self {
            models: frame.models.clone(),
            figures: curves
                .iter()
                .map(|curve| Measure::ALL.map(|measure| measure.of(curve, frame)))
                .collect(),
            heights: curves.iter().map(heights).collect(),
        }
    }

    fn figure(&self, router: usize, measure: Measure) -> Option<f64> {
        let at = Measure::ALL.iter().position(|other| *other == measure)?;
        self.figures[router][at]
    }
}

fn figures(router: usize, whole: &Draw, drawn: &[Draw]) -> BTreeMap<Measure, Interval> {
    let figure = |(i, measure): (usize, Measure)| {
        let draws = drawn.iter().map(|draw| draw.figures[router][i]);
        Some((measure, Interval::of_draws(whole.figures[router][i]?, draws)))
    };
    Measure::ALL.into_iter().enumerate().filter_map(figure).collect()
}

/// The interval of a router's quality at the share of `point`.
fn band(router: usize, point: &Point, drawn: &[Draw]) -> (f64, f64) {
    let place = point.share.clamp(0.0, 1.0) * (BAND_POINTS - 1) as f64;
    let left = (place.floor() as usize).min(BAND_POINTS - 2);
    let rest = place - left as f64;
    let height = |draw: &Draw| {
        let heights = &draw.heights[router];
        Some(heights[left] + rest * (heights[left + 1] - heights[left]))
    };
    let interval = Interval::of_draws(point.quality, drawn.iter().map(height));
    (interval.low, interval.high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn router(name: &str, answers: &Answers, scores: &[f64]) -> Router {
        let sweep = Sweep::of_pair(answers, scores);
        Router { name: name.to_owned(), note: String::new(), role: Role::Own, sweep }
    }

    /// Prompts of which a third gains from the strong model, a twelfth loses.
    fn made(prompts: usize, seed: u64) -> (Answers, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut answers = Answers::new(vec!["weak".into(), "strong".into()]);
        let mut scores = Vec::new();
        for _ in 0..prompts {
            let (weak, strong) = [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
                [[0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3][random.random_range(0..12)]];
            answers.push([
                (weak, Some(random.random_range(0.5..1.5))),
                (strong, Some(random.random_range(5.0..9.0))),
            ]);
            scores.push(random.random::<f64>());
        }
        (answers, scores)
    }

    proptest! {
        #[test]
        fn nobody_beats_the_oracle_and_only_the_order_matters(seed in 0u64..500, prompts in 5usize..60) {
            let (answers, scores) = made(prompts, seed);
            let frame = Frame::new(&answers, &vec![1.0; prompts]);
            prop_assume!(frame.strong.quality > frame.weak.quality);
            let apgr = |scores: &[f64]| {
                let curve = Sweep::of_pair(&answers, scores).curve(&answers, &vec![1.0; prompts]);
                Measure::Apgr.of(&curve, &frame).expect("a gap")
            };
            let own = apgr(&scores);
            prop_assert!(apgr(&answers.gains()) >= own - 1e-9);
            let mapped: Vec<f64> = scores.iter().map(|score| (3.0 * score).exp() - 7.0).collect();
            prop_assert!((apgr(&mapped) - own).abs() < 1e-12);
            let level = vec![0.3; prompts];
            prop_assert!((apgr(&level) - 0.5).abs() < 1e-9, "all alike is chance");
            let backwards: Vec<f64> = scores.iter().map(|score| -score).collect();
            prop_assert!((apgr(&backwards) + own - 1.0).abs() < 1e-9, "the reverse order loses what the order gains");
        }
    }

    #[test]
    fn intervals_cover_and_repeat() {
        let (answers, scores) = made(400, 1);
        let routers = [
            router(LENGTH, &answers, &scores),
            router("oracle", &answers, &answers.gains()),
            router("none", &answers, &[0.0; 400]),
        ];
        let report = StudyReport::new(&answers, &routers, 60, 7);
        assert_eq!(report, StudyReport::new(&answers, &routers, 60, 7));
        let apgr = |name: &str| report.router(name).expect("there").figures[&Measure::Apgr];
        let chance = apgr(LENGTH);
        assert!(chance.low < 0.5 && 0.5 < chance.high && chance.high - chance.low < 0.5, "{chance:?}");
        assert!((apgr("none").value - 0.5).abs() < 1e-9 && (apgr("none").high - 0.5).abs() < 1e-9);
        assert!(apgr("oracle").low > chance.high);
        let lead = report.router("oracle").expect("there").over_length.expect("compared");
        assert!(lead.low > 0.0 && (lead.value - (apgr("oracle").value - chance.value)).abs() < 1e-12);
        assert_eq!(report.router(LENGTH).expect("there").over_length, None);
        let curve = &report.router(LENGTH).expect("there").curve;
        assert_eq!((curve.points.len(), report.routers[0].band.len()), (POINTS, POINTS));
        let inside = curve.points.iter().zip(&report.routers[0].band);
        assert!(inside.clone().all(|(p, (low, high))| low - 0.02 <= p.quality && p.quality <= high + 0.02));
        assert_eq!(report.models[1].name, "strong");
        assert!(report.models[1].cost.is_some_and(|cost| cost.low < 7.0 && 7.0 < cost.high));
    }

    #[test]
    fn nothing_to_route_is_a_report_too() {
        let answers = Answers::new(vec!["weak".into(), "strong".into()]);
        let report = StudyReport::new(&answers, &[router("own", &answers, &[])], 10, 0);
        assert_eq!((report.prompts, report.routers[0].figures.len()), (0, 0));
    }
}
