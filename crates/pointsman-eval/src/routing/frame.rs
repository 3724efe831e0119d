//! What curves are compared with: each model alone, and the best that mixing them blindly can give.

use super::sweep::{Curve, Point};
use super::{Answers, hull};

/// The single models, as marks on the axes of cost and quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Always the cheapest model; of a pair the first.
    pub weak: Point,
    /// Always the best model, the cheaper of equals; of a pair the second.
    pub strong: Point,
    /// Lowest and highest mean cost of a model.
    pub costs: (f64, f64),
    /// AIQ of the best static mix; 0 without costs.
    pub mixed: f64,
    /// Whether there are two models, so that a share of strong answers has a meaning.
    pub pair: bool,
    /// Whether costs are known.
    pub priced: bool,
    /// Each model always, in the order of [`Answers::models`].
    pub models: Vec<Point>,
}

impl Frame {
    /// Means over the prompts of `answers`, each counted `counts` times.
    #[must_use]
    pub fn new(answers: &Answers, counts: &[f64]) -> Self {
        let mean = |spent: super::Spent| Point { share: 0.0, quality: spent.quality, cost: spent.cost };
        let models: Vec<Point> = answers.means(counts).into_iter().map(mean).collect();
        let pair = models.len() == 2;
        let (weak, strong) = if let [weak, strong] = models[..] {
            (weak, Point { share: 1.0, ..strong })
        } else {
            let cheapest = models.iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
            let best =
                models.iter().max_by(|a, b| a.quality.total_cmp(&b.quality).then(b.cost.total_cmp(&a.cost)));
            let strong = best.map(|point| Point { share: 1.0, ..*point });
            (cheapest.copied().unwrap_or_default(), strong.unwrap_or_default())
        };
        let low = models.iter().map(|point| point.cost).fold(f64::INFINITY, f64::min);
        let costs = (low, models.iter().map(|point| point.cost).fold(low, f64::max));
        let priced = answers.has_costs() && costs.1 > 0.0;
        let mixed = if priced { hull::aiq(&models, costs).unwrap_or(0.0) } else { 0.0 };
        Self { weak, strong, costs, mixed, pair, priced, models }
    }

    /// The best static mix of the models at every cost: of a pair the straight line between them, which is what a coin
    /// gives too.
    #[must_use]
    pub fn mix(&self) -> Curve {
        if self.pair {
            return Curve::line(self.weak, self.strong);
        }
        let corners = hull::hull(&self.models);
        let last = corners.len().saturating_sub(1).max(1) as f64;
        let place = |(i, corner): (usize, Point)| Point { share: i as f64 / last, ..corner };
        Curve { points: corners.into_iter().enumerate().map(place).collect() }
    }

    /// A model drawn by chance for each prompt, all with the same chance.
    #[must_use]
    pub fn chance(&self) -> Point {
        let share = 1.0 / self.models.len().max(1) as f64;
        self.models.iter().fold(Point::default(), |sum, model| Point {
            share: 0.5,
            quality: sum.quality + share * model.quality,
            cost: sum.cost + share * model.cost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(rows: &[[(f64, f64); 3]]) -> Answers {
        let mut answers = Answers::new(vec!["mid".into(), "dear".into(), "cheap".into()]);
        for row in rows {
            answers.push(row.map(|(quality, cost)| (quality, Some(cost))));
        }
        answers
    }

    #[test]
    fn the_cheapest_and_the_best_are_found() {
        let rows = [[(1.0, 3.0), (1.0, 9.0), (0.0, 1.0)], [(0.0, 3.0), (1.0, 9.0), (0.0, 1.0)]];
        let frame = Frame::new(&answers(&rows), &[1.0, 1.0]);
        assert_eq!((frame.weak.cost, frame.strong.quality, frame.costs), (1.0, 1.0, (1.0, 9.0)));
        assert!(!frame.pair && frame.priced);
        // Corners (1, 0), (3, .5), (9, 1): (2·.25 + 6·.75) / 8.
        assert!((frame.mixed - 5.0 / 8.0).abs() < 1e-12);
        assert_eq!(frame.mix().points.len(), 3);
        assert!((frame.chance().quality - 0.5).abs() < 1e-12);
        let reweighted = Frame::new(&answers(&rows), &[2.0, 0.0]);
        assert_eq!(reweighted.models[0].quality, 1.0);
    }

    #[test]
    fn a_pair_keeps_its_order() {
        let mut pair = Answers::new(vec!["weak".into(), "strong".into()]);
        pair.push([(1.0, None), (0.0, None)]);
        let frame = Frame::new(&pair, &[1.0]);
        assert!(frame.pair && !frame.priced);
        assert_eq!((frame.weak.quality, frame.strong.quality, frame.strong.share), (1.0, 0.0, 1.0));
    }
}
