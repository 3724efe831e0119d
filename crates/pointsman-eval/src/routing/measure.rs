//! Figures of a curve, each beside where its definition comes from.

use serde::{Deserialize, Serialize};

use super::sweep::{Curve, Point, between, fraction};
use super::{Frame, hull};

/// A figure of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Average performance gap recovered: `∫ PGR dshare` with `PGR = (quality − weak) / (strong − weak)` and the share
    /// of prompts that the strong model answers (RouteLLM, arXiv 2406.18665, eq. 6; the integral is exact here, the
    /// paper sums over ten shares). A random router has 0.5.
    Apgr,
    /// Smallest share of strong answers with `PGR ≥ 0.5` (RouteLLM, eq. 7).
    Cpt50,
    /// Smallest share of strong answers with `PGR ≥ 0.8`.
    Cpt80,
    /// As [`Measure::Apgr`], but over the share of the extra money that the strong model costs; a static mix has 0.5.
    ApgrByCost,
    /// Average improvement in quality: mean height of the curve's non-decreasing convex hull over the range of costs
    /// (RouterBench, arXiv 2403.12031, eq. 2), which is that of the single models.
    Aiq,
    /// [`Measure::Aiq`] less that of the best static mix of the models: what knowing the prompt is worth.
    Lift,
    /// RouterArena's score (arXiv 2510.00202, §4) at the setting where it is highest.
    Arena,
    /// Share of the best model's cost that is saved at the cheapest setting with its quality.
    SavedAtEqual,
    /// The same at 95 % of its quality.
    SavedAt95,
}

impl Measure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Apgr,
        Self::Cpt50,
        Self::Cpt80,
        Self::ApgrByCost,
        Self::Aiq,
        Self::Lift,
        Self::Arena,
        Self::SavedAtEqual,
        Self::SavedAt95,
    ];

    /// The name in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Apgr => "APGR",
            Self::Cpt50 => "CPT(50 %)",
            Self::Cpt80 => "CPT(80 %)",
            Self::ApgrByCost => "APGR by cost",
            Self::Aiq => "AIQ",
            Self::Lift => "over mix",
            Self::Arena => "arena",
            Self::SavedAtEqual => "saved at 100 %",
            Self::SavedAt95 => "saved at 95 %",
        }
    }

    /// Whether the figure is a share that people read in percent.
    #[must_use]
    pub fn in_percent(self) -> bool {
        matches!(self, Self::Cpt50 | Self::Cpt80 | Self::SavedAtEqual | Self::SavedAt95)
    }

    /// The figure; `None` where it has no meaning: without costs, for more than two models, where the strong model is no
    /// better than the weak one, or where the curve does not reach the quality asked for.
    #[must_use]
    pub fn of(self, curve: &Curve, frame: &Frame) -> Option<f64> {
        match self {
            Self::Apgr => frame.pair.then(|| area(curve, frame, |point| point.share))?,
            Self::Cpt50 => frame.pair.then(|| first_share(curve, frame, 0.5))?,
            Self::Cpt80 => frame.pair.then(|| first_share(curve, frame, 0.8))?,
            _ if !frame.priced => None,
            Self::ApgrByCost => {
                let (weak, strong) = (frame.weak.cost, frame.strong.cost);
                let by_cost = |point: &Point| (point.cost - weak) / (strong - weak);
                (frame.pair && strong > weak).then(|| area(curve, frame, by_cost))?
            }
            Self::Aiq => hull::aiq(&curve.points, frame.costs),
            Self::Lift => Some(hull::aiq(&curve.points, frame.costs)? - frame.mixed),
            Self::Arena => best_arena(curve),
            Self::SavedAtEqual => saved(curve, frame, 1.0),
            Self::SavedAt95 => saved(curve, frame, 0.95),
        }
    }
}

/// `∫ PGR dx` with `x` the measure of a point's place.
fn area(curve: &Curve, frame: &Frame, x: impl Fn(&Point) -> f64) -> Option<f64> {
    let gap = frame.strong.quality - frame.weak.quality;
    if gap <= 0.0 {
        return None;
    }
    let height = |point: &Point| (point.quality - frame.weak.quality) / gap;
    let strip = |pair: &[Point]| (x(&pair[1]) - x(&pair[0])) * (height(&pair[0]) + height(&pair[1])) / 2.0;
    Some(curve.points.windows(2).map(strip).sum())
}

/// The first share at which the curve has recovered a part of the gap.
fn first_share(curve: &Curve, frame: &Frame, part: f64) -> Option<f64> {
    let gap = frame.strong.quality - frame.weak.quality;
    if gap <= 0.0 {
        return None;
    }
    reaching(curve, frame.weak.quality + part * gap).map(|point| point.share).next()
}

/// The points at which the curve comes to `quality` from below, and its first if that has it.
fn reaching(curve: &Curve, quality: f64) -> impl Iterator<Item = Point> {
    // Sums of the same numbers in another order may differ in the last digits.
    let wanted = quality - 1e-12;
    let first = curve.points.first().filter(|point| point.quality >= wanted).copied();
    first.into_iter().chain(curve.points.windows(2).filter_map(move |pair| {
        let crosses = pair[0].quality < wanted && pair[1].quality >= wanted;
        crosses.then(|| between(pair[0], pair[1], fraction(pair[0].quality, pair[1].quality, quality)))
    }))
}

/// `1 − cost / cost of the best model` at the cheapest setting with `part` of its quality.
fn saved(curve: &Curve, frame: &Frame, part: f64) -> Option<f64> {
    if frame.strong.cost <= 0.0 {
        return None;
    }
    // Where quality falls again, cost may fall with it while the quality is still enough.
    let enough = curve.points.iter().filter(|point| point.quality >= part * frame.strong.quality - 1e-12);
    let costs = reaching(curve, part * frame.strong.quality).chain(enough.copied()).map(|point| point.cost);
    costs.min_by(f64::total_cmp).map(|cost| 1.0 - cost / frame.strong.cost)
}

/// Weight of the accuracy in RouterArena's score.
const BETA: f64 = 0.1;
/// Highest and lowest cost of a thousand prompts in dollars on RouterArena's scale.
const ARENA_COSTS: (f64, f64) = (200.0, 0.0044);

/// RouterArena's score (arXiv 2510.00202, §4), 0 to 1: `S = (1 + β) A C / (β A + C)` with `β = 0.1`, the quality `A` and
/// `C = (log₂ c_max − log₂ c) / (log₂ c_max − log₂ c_min)`, where `c` is the cost of a thousand prompts,
/// `c_max = 200` and `c_min = 0.0044` dollars; costs beyond these count as the nearer one.
#[must_use]
pub fn arena_score(quality: f64, cost_per_prompt: f64) -> f64 {
    let (most, least) = ARENA_COSTS;
    let cost = (cost_per_prompt * 1_000.0).clamp(least, most);
    let cheapness = (most / cost).log2() / (most / least).log2();
    let (above, below) = ((1.0 + BETA) * quality * cheapness, BETA * quality + cheapness);
    if below > 0.0 { above / below } else { 0.0 }
}

fn best_arena(curve: &Curve) -> Option<f64> {
    curve.points.iter().map(|point| arena_score(point.quality, point.cost)).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(share: f64, quality: f64, cost: f64) -> Point {
        Point { share, quality, cost }
    }

    fn frame() -> Frame {
        let (weak, strong) = (point(0.0, 0.4, 1.0), point(1.0, 0.8, 5.0));
        Frame {
            weak,
            strong,
            costs: (1.0, 5.0),
            mixed: 0.6,
            pair: true,
            priced: true,
            models: vec![weak, strong],
        }
    }

    /// Half of the gap at a fifth of the calls, more than all of it at 0.6.
    fn curve() -> Curve {
        Curve {
            points: vec![
                point(0.0, 0.4, 1.0),
                point(0.2, 0.6, 2.0),
                point(0.6, 0.9, 4.0),
                point(1.0, 0.8, 5.0),
            ],
        }
    }

    fn figure(measure: Measure) -> f64 {
        measure.of(&curve(), &frame()).expect("has a meaning")
    }

    fn close(measure: Measure, expected: f64) {
        let found = figure(measure);
        assert!((found - expected).abs() < 1e-9, "{measure:?}: {found}, not {expected}");
    }

    #[test]
    fn figures_by_hand() {
        // PGR 0, .5, 1.25, 1 at shares 0, .2, .6, 1.
        close(Measure::Apgr, 0.2 * 0.25 + 0.4 * 0.875 + 0.4 * 1.125);
        close(Measure::Cpt50, 0.2);
        // PGR .8 lies .3/.75 of the way from .2 to .6.
        close(Measure::Cpt80, 0.2 + 0.4 * 0.4);
        // Shares of the extra cost: 0, .25, .75, 1.
        close(Measure::ApgrByCost, 0.25 * 0.25 + 0.5 * 0.875 + 0.25 * 1.125);
        // The hull stays at .9 from cost 4 on: (1·.5 + 2·.75 + 1·.9) / 4.
        close(Measure::Aiq, (0.5 + 1.5 + 0.9) / 4.0);
        close(Measure::Lift, (0.5 + 1.5 + 0.9) / 4.0 - 0.6);
        // Quality .8 lies two thirds of the way from cost 2 to 4; .76 lies .16/.3 of it.
        close(Measure::SavedAtEqual, 1.0 - (2.0 + 4.0 / 3.0) / 5.0);
        close(Measure::SavedAt95, 1.0 - (2.0 + 2.0 * 0.16 / 0.3) / 5.0);
        let best = arena_score(0.4, 1.0).max(arena_score(0.6, 2.0)).max(arena_score(0.9, 4.0));
        close(Measure::Arena, best);
    }

    #[test]
    fn what_has_no_meaning_has_no_figure() {
        let level = Frame { strong: point(1.0, 0.4, 5.0), ..frame() };
        for measure in [Measure::Apgr, Measure::Cpt50, Measure::Cpt80, Measure::ApgrByCost] {
            assert_eq!(measure.of(&curve(), &level), None, "no gap");
        }
        let unpriced = Frame { priced: false, ..frame() };
        let many = Frame { pair: false, ..frame() };
        for measure in Measure::ALL {
            let needs_pair = matches!(measure, Measure::Apgr | Measure::Cpt50 | Measure::Cpt80);
            assert_eq!(measure.of(&curve(), &unpriced).is_some(), needs_pair, "{measure:?}");
            let pair_only = needs_pair || measure == Measure::ApgrByCost;
            assert_eq!(measure.of(&curve(), &many).is_none(), pair_only, "{measure:?}");
        }
        let short = Curve { points: curve().points[..2].to_vec() };
        assert_eq!(Measure::SavedAtEqual.of(&short, &frame()), None, "never as good");
    }

    #[test]
    fn a_weak_model_that_is_good_enough_saves_all_the_difference() {
        let near = Frame { strong: point(1.0, 0.41, 5.0), ..frame() };
        let line = Curve::line(near.weak, near.strong);
        assert!((Measure::SavedAt95.of(&line, &near).expect("reached") - 0.8).abs() < 1e-12);
        assert!((Measure::SavedAtEqual.of(&line, &near).expect("reached")).abs() < 1e-12);
        assert!((Measure::Apgr.of(&line, &near).expect("a gap") - 0.5).abs() < 1e-12, "chance has a half");
    }

    #[test]
    fn arena_scores_of_the_leaderboard() {
        // RouterArena's README: cost per thousand prompts, accuracy in percent, score in percent. RouteLLM and RouterBench-MLP.
        for (cost, accuracy, score) in [(0.27, 47.04, 48.07), (4.83, 61.62, 57.56)] {
            let found = 100.0 * arena_score(accuracy / 100.0, cost / 1_000.0);
            assert!((found - score).abs() < 0.02, "{found} {score}");
        }
        assert_eq!(arena_score(0.9, 1.0), 0.0, "beyond the dearest");
        assert_eq!(arena_score(0.0, 0.0), 0.0);
    }
}
