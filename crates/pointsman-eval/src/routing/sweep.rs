//! A router at every setting of its threshold.
//!
//! However a router decides, raising its threshold moves prompts from one model to a better or dearer one, one at a
//! time. A [`Sweep`] is the order of those moves; a [`Curve`] is what they add up to.

use super::Answers;

/// What one move changes: the prompt, and how much better and dearer its answer becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Move {
    prompt: usize,
    quality: f64,
    cost: f64,
}

/// The moves of a router from its cheapest setting to its dearest.
///
/// Moves with equal scores belong together; between their ends the curve is straight, which is the expectation over
/// every order that they could be taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Model of each prompt before any move.
    first: Vec<usize>,
    moves: Vec<Move>,
    /// Index after the last move of each group of equal scores.
    ends: Vec<usize>,
}

/// A setting of a router, and what follows from it on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    /// Share of the moves that are made; of a pair of models the share of prompts that the strong one answers.
    pub share: f64,
    /// Mean quality, 0–1.
    pub quality: f64,
    /// Mean cost of a prompt in US dollars.
    pub cost: f64,
}

impl Sweep {
    /// Prompts go from the first model to the second in the order of `scores`, the highest first. A score that is no
    /// number comes last.
    #[must_use]
    pub fn of_pair(answers: &Answers, scores: &[f64]) -> Self {
        let moves = scores.iter().enumerate().map(|(prompt, score)| {
            let (weak, strong) = (answers.get(prompt, 0), answers.get(prompt, 1));
            let change =
                Move { prompt, quality: strong.quality - weak.quality, cost: strong.cost - weak.cost };
            (if score.is_nan() { f64::NEG_INFINITY } else { *score }, change)
        });
        Self::ordered(vec![0; answers.len()], moves.collect())
    }

    /// Each prompt goes to the cheapest model whose chance of success reaches a threshold, or to the one with the best
    /// chance if none does; the threshold rises from 0. `chances` are (prompts, models), `by_price` is the models from
    /// the cheapest to the dearest.
    #[must_use]
    pub fn of_cheapest(answers: &Answers, chances: &[f64], by_price: &[usize]) -> Self {
        let width = by_price.len();
        let Some(&cheapest) = by_price.first() else { return Self::ordered(Vec::new(), Vec::new()) };
        let mut moves = Vec::new();
        for (prompt, chances) in chances.chunks_exact(width).enumerate() {
            let mut current = cheapest;
            for &model in &by_price[1..] {
                if chances[model] > chances[current] {
                    let (old, new) = (answers.get(prompt, current), answers.get(prompt, model));
                    let change =
                        Move { prompt, quality: new.quality - old.quality, cost: new.cost - old.cost };
                    // The threshold has to exceed the chance of the model that is left.
                    moves.push((-chances[current], change));
                    current = model;
                }
            }
        }
        Self::ordered(vec![cheapest; answers.len()], moves)
    }

    /// All prompts go from one model to the next in the order of `models`, whatever they are: static mixes of neighbours.
    #[must_use]
    pub fn of_mixes(answers: &Answers, models: &[usize]) -> Self {
        let mut moves = Vec::new();
        for (step, pair) in models.windows(2).enumerate() {
            moves.extend((0..answers.len()).map(|prompt| {
                let (old, new) = (answers.get(prompt, pair[0]), answers.get(prompt, pair[1]));
                let change = Move { prompt, quality: new.quality - old.quality, cost: new.cost - old.cost };
                (-(step as f64), change)
            }));
        }
        Self::ordered(vec![models.first().copied().unwrap_or(0); answers.len()], moves)
    }

    fn ordered(first: Vec<usize>, mut moves: Vec<(f64, Move)>) -> Self {
        moves.sort_by(|a, b| b.0.total_cmp(&a.0));
        let last = |i: &usize| moves.get(i + 1).is_none_or(|next| next.0 != moves[*i].0);
        let ends = (0..moves.len()).filter(last).map(|i| i + 1).collect();
        Self { first, moves: moves.iter().map(|(_, change)| *change).collect(), ends }
    }

    /// The curve with each prompt counted `counts` times.
    #[must_use]
    pub fn curve(&self, answers: &Answers, counts: &[f64]) -> Curve {
        let total = counts.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let all: f64 = self.moves.iter().map(|change| counts[change.prompt]).sum();
        let mut now = Point::default();
        for ((prompt, model), count) in self.first.iter().enumerate().zip(counts) {
            let spent = answers.get(prompt, *model);
            now.quality += count / total * spent.quality;
            now.cost += count / total * spent.cost;
        }
        let mut points = vec![now];
        let mut start = 0;
        for &end in &self.ends {
            for change in &self.moves[start..end] {
                let count = counts[change.prompt];
                now.share += count / all.max(f64::MIN_POSITIVE);
                now.quality += count / total * change.quality;
                now.cost += count / total * change.cost;
            }
            start = end;
            points.push(now);
        }
        Curve { points }
    }
}

/// What a router gives at every setting of its threshold, from the cheapest to the dearest; straight between points.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Curve {
    /// At least one.
    pub points: Vec<Point>,
}

impl Curve {
    /// A straight line between two settings.
    #[must_use]
    pub fn line(from: Point, to: Point) -> Self {
        Self { points: vec![from, to] }
    }

    /// The cheapest and the dearest setting.
    pub(super) fn ends(&self) -> (Point, Point) {
        let first = self.points.first().copied().unwrap_or_default();
        (first, self.points.last().copied().unwrap_or(first))
    }

    /// The setting at a share of moves, 0–1.
    #[must_use]
    pub fn at(&self, share: f64) -> Point {
        let after = self.points.partition_point(|point| point.share < share);
        let Some(right) = self.points.get(after) else { return self.ends().1 };
        let left = after.checked_sub(1).map_or(*right, |i| self.points[i]);
        between(left, *right, fraction(left.share, right.share, share))
    }

    /// At most `most` points that are evenly spread over the shares, for pictures and files.
    #[must_use]
    pub fn thinned(&self, most: usize) -> Self {
        if self.points.len() <= most.max(2) {
            return self.clone();
        }
        let steps = (most.max(2) - 1) as f64;
        Self { points: (0..most.max(2)).map(|i| self.at(i as f64 / steps)).collect() }
    }
}

/// How far `value` lies on the way from `from` to `to`, 0–1.
pub(super) fn fraction(from: f64, to: f64, value: f64) -> f64 {
    if to > from { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 }
}

/// The point at a fraction of the way.
pub(super) fn between(from: Point, to: Point, fraction: f64) -> Point {
    let mix = |from: f64, to: f64| from + (to - from) * fraction;
    Point {
        share: mix(from.share, to.share),
        quality: mix(from.quality, to.quality),
        cost: mix(from.cost, to.cost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Answers {
        let mut answers = Answers::new(vec!["weak".into(), "strong".into()]);
        answers.push([(0.0, Some(1.0)), (1.0, Some(10.0))]);
        answers.push([(1.0, Some(1.0)), (1.0, Some(12.0))]);
        answers.push([(1.0, Some(1.0)), (0.0, Some(14.0))]);
        answers
    }

    fn shares(curve: &Curve) -> Vec<(f64, f64, f64)> {
        let rounded = |value: f64| (value * 1e6).round() / 1e6;
        curve.points.iter().map(|p| (rounded(p.share), rounded(p.quality), rounded(p.cost))).collect()
    }

    #[test]
    fn moves_follow_the_scores_and_equals_move_together() {
        let answers = three();
        let third = 1.0 / 3.0;
        let r = |value: f64| (value * 1e6_f64).round() / 1e6;
        let apart = Sweep::of_pair(&answers, &[0.9, 0.5, 0.1]).curve(&answers, &[1.0; 3]);
        assert_eq!(
            shares(&apart),
            [
                (0.0, r(2.0 / 3.0), 1.0),
                (r(third), 1.0, 4.0),
                (r(2.0 / 3.0), 1.0, r(23.0 / 3.0)),
                (1.0, r(2.0 / 3.0), 12.0)
            ]
        );
        let tied = Sweep::of_pair(&answers, &[0.9, 0.1, 0.1]).curve(&answers, &[1.0; 3]);
        assert_eq!(tied.points.len(), 3);
        assert!((tied.at(2.0 / 3.0).quality - 5.0 / 6.0).abs() < 1e-12, "the mean of both orders");
        let last = Sweep::of_pair(&answers, &[f64::NAN, 0.2, 0.1]).curve(&answers, &[1.0; 3]);
        assert!((last.at(2.0 / 3.0).quality - third).abs() < 1e-12, "no number comes last");
        let twice = Sweep::of_pair(&answers, &[0.9, 0.5, 0.1]).curve(&answers, &[2.0, 0.0, 2.0]);
        assert_eq!(shares(&twice)[1], (0.5, 1.0, 5.5), "counts are repetitions");
    }

    #[test]
    fn the_cheapest_model_that_is_good_enough_answers() {
        let mut answers = Answers::new(vec!["dear".into(), "cheap".into(), "middling".into()]);
        answers.push([(1.0, Some(9.0)), (0.0, Some(1.0)), (0.5, Some(3.0))]);
        answers.push([(1.0, Some(9.0)), (1.0, Some(1.0)), (0.0, Some(3.0))]);
        let chances = [0.9, 0.2, 0.6, 0.95, 0.7, 0.5];
        let curve = Sweep::of_cheapest(&answers, &chances, &[1, 2, 0]).curve(&answers, &[1.0; 2]);
        let seen: Vec<_> = curve.points.iter().map(|p| (p.quality, p.cost)).collect();
        // Above .2 the first goes to `middling`, above .6 to `dear`; above .7 the second goes to `dear`, never to `middling`.
        assert_eq!(seen, [(0.5, 1.0), (0.75, 2.0), (1.0, 5.0), (1.0, 9.0)]);
        let nothing = Sweep::of_cheapest(&Answers::new(Vec::new()), &[], &[]);
        assert_eq!(nothing.curve(&Answers::new(Vec::new()), &[]).points.len(), 1);
    }

    #[test]
    fn a_static_mix_is_straight_between_models() {
        let answers = three();
        let curve = Sweep::of_mixes(&answers, &[0, 1]).curve(&answers, &[1.0; 3]);
        assert_eq!((curve.points.len(), curve.at(0.5).cost), (2, 6.5));
        assert_eq!(Sweep::of_mixes(&answers, &[1]).curve(&answers, &[1.0; 3]).points[0].cost, 12.0);
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let answers = three();
        let curve = Sweep::of_pair(&answers, &[0.9, 0.5, 0.1]).curve(&answers, &[1.0; 3]);
        assert_eq!(curve.thinned(10), curve);
        let thin = curve.thinned(3);
        assert_eq!((thin.points.len(), thin.points[0], thin.ends().1), (3, curve.points[0], curve.ends().1));
    }
}
