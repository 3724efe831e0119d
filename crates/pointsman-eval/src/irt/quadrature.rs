//! One item, given the abilities: its posterior and marginal likelihood by adaptive Gauss–Hermite quadrature.
//!
//! In units of the block's prior, `b = μ + σ z` and `ln a = α + ς t` with `z, t ~ N(0, 1)`. The nodes lie around the
//! highest point of the posterior and are spread as its curvature there says (Naylor & Smith 1982), so that an item
//! which 70 models answered is resolved as well as one which only two did.

use super::linear::Triangle;
use super::matrix::Response;
use super::parameters::BlockParameters;

/// Nodes and weights of the Gauss–Hermite rule for a standard normal weight, for `z` and for `t`.
const Z_RULE: [(f64, f64); 7] = [
    (-3.750_439_717_725_742, 0.000_548_268_855_972_218),
    (-2.366_759_410_734_541, 0.030_757_123_967_586_5),
    (-1.154_405_394_739_968, 0.240_123_178_605_013),
    (0.0, 0.457_142_857_142_857),
    (1.154_405_394_739_968, 0.240_123_178_605_013),
    (2.366_759_410_734_541, 0.030_757_123_967_586_5),
    (3.750_439_717_725_742, 0.000_548_268_855_972_218),
];
const T_RULE: [(f64, f64); 3] =
    [(-1.732_050_807_568_877, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.732_050_807_568_877, 1.0 / 6.0)];
/// Nodes of the product of both rules.
const NODES: usize = Z_RULE.len() * T_RULE.len();

/// Most Newton steps to the highest point.
const STEPS: usize = 40;
/// The longest of them, in units of the prior.
const LONGEST_STEP: f64 = 1.0;
/// The step at which the highest point is near enough: it is only where the nodes are put.
const TOLERANCE: f64 = 1e-4;

/// `1 / (1 + e⁻ˣ)`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// How much several answers of a model to one item count: `n / (1 + (n − 1) ρ)`, the design effect of answers with an
/// intra-class correlation of `ρ` (Kish 1965), 0 (independent) to 1 (all the same).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TrialWeight(pub(super) f64);

impl TrialWeight {
    pub(super) fn of(self, trials: u32) -> f64 {
        let n = f64::from(trials);
        n / (1.0 + (n - 1.0) * self.0)
    }
}

/// The distribution of `(b, ln a)` before the item's outcomes are seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prior {
    pub(super) block: BlockParameters,
    /// `ς`.
    pub(super) spread: f64,
}

impl Prior {
    /// `(b, a)` at `(z, t)`.
    fn at(&self, z: f64, t: f64) -> (f64, f64) {
        (self.block.mu + self.block.sigma * z, (self.block.alpha + self.spread * t).exp())
    }
}

/// Posterior of one item, and what it adds to the knowledge of the parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ItemPosterior {
    /// Mean and standard deviation of `b`.
    pub(super) b: (f64, f64),
    /// Mean and standard deviation of `ln a`.
    pub(super) ln_a: (f64, f64),
    /// Derivative of the log marginal likelihood in `θ`, by response.
    pub(super) theta_score: Vec<f64>,
    /// The same in the block's `μ` and `α`.
    pub(super) block_score: [f64; 2],
    /// Expectations of `z²` and `t²`.
    pub(super) squares: [f64; 2],
    /// Chance of success expected of each response.
    pub(super) expected: Vec<f64>,
    pub(super) log_likelihood: f64,
}

/// What is known of one item: `theta` has the ability behind each response.
pub(super) struct Evidence<'a> {
    pub(super) prior: Prior,
    pub(super) responses: &'a [Response],
    pub(super) theta: &'a [f64],
    pub(super) trials: TrialWeight,
}

/// Highest point of a posterior and the lower Cholesky factor of the inverse curvature there.
struct Peak {
    z: f64,
    t: f64,
    factor: [f64; 3],
}

/// The posterior at the nodes.
struct Nodes {
    /// Sum up to 1.
    weights: [f64; NODES],
    /// `z` and `t`.
    z: [f64; NODES],
    t: [f64; NODES],
    /// Discriminations.
    a: [f64; NODES],
    /// Chances of success by response.
    chances: Vec<[f64; NODES]>,
    log_likelihood: f64,
}

impl Nodes {
    fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.weights.iter().enumerate().map(|(node, weight)| weight * value(node)).sum()
    }
}

impl Evidence<'_> {
    /// The posterior. The item's part of the observed information is added to `information`, whose places are those of
    /// the block's models and then of `μ` and `α`.
    pub(super) fn posterior(&self, information: &mut Triangle) -> ItemPosterior {
        let nodes = self.nodes();
        let posterior = self.summary(&nodes);
        self.add_information(&nodes, &posterior, information);
        posterior
    }

    fn nodes(&self) -> Nodes {
        let peak = self.peak();
        let [first, across, second] = peak.factor;
        let (mut log_weights, mut z, mut t) = ([0.0; NODES], [0.0; NODES], [0.0; NODES]);
        let (mut a, mut b) = ([0.0; NODES], [0.0; NODES]);
        let rules = Z_RULE.iter().flat_map(|z| T_RULE.iter().map(move |t| (z, t)));
        for (node, ((e, weight_z), (f, weight_t))) in rules.enumerate() {
            (z[node], t[node]) = (peak.z + first * e, peak.t + across * e + second * f);
            (b[node], a[node]) = self.prior.at(z[node], t[node]);
            log_weights[node] = (first * second * weight_z * weight_t).ln()
                + 0.5 * (e * e + f * f - z[node] * z[node] - t[node] * t[node]);
        }
        let chances = self.add_likelihood((&a, &b), &mut log_weights);
        let (weights, log_likelihood) = normalised(log_weights);
        Nodes { weights, z, t, a, chances, log_likelihood }
    }

    /// Adds the log likelihood of the responses to `sums`; the chances of success are returned, by response and node.
    fn add_likelihood(
        &self,
        (a, b): (&[f64; NODES], &[f64; NODES]),
        sums: &mut [f64; NODES],
    ) -> Vec<[f64; NODES]> {
        // Of answers with weight 1, `ln(1 + e⁻ˣ)` is summed as the logarithm of a product, which stays far from 0.
        let mut products = [1.0; NODES];
        let mut chances = Vec::with_capacity(self.responses.len());
        for (place, (response, theta)) in self.responses.iter().zip(self.theta).enumerate() {
            let weight = self.trials.of(response.trials);
            let (mut highs, mut of_nodes) = ([0.0; NODES], [0.0; NODES]);
            for node in 0..NODES {
                let x = a[node] * (theta - b[node]);
                let tail = exp_of_minus(x.abs());
                let high = 1.0 / (1.0 + tail);
                highs[node] = high;
                of_nodes[node] = if x > 0.0 { high } else { tail * high };
                sums[node] += weight * (response.score * x - x.max(0.0));
            }
            chances.push(of_nodes);
            if response.trials == 1 {
                products.iter_mut().zip(&highs).for_each(|(product, high)| *product *= high);
                if place % 512 == 511 {
                    drain_products(&mut products, sums);
                }
            } else {
                sums.iter_mut().zip(&highs).for_each(|(sum, high)| *sum += weight * high.ln());
            }
        }
        drain_products(&mut products, sums);
        chances
    }

    fn summary(&self, nodes: &Nodes) -> ItemPosterior {
        let (z, t) = (nodes.mean(|node| nodes.z[node]), nodes.mean(|node| nodes.t[node]));
        let (zz, tt) = (nodes.mean(|node| nodes.z[node].powi(2)), nodes.mean(|node| nodes.t[node].powi(2)));
        let mean_a = nodes.mean(|node| nodes.a[node]);
        let Prior { block, spread } = self.prior;
        let deviation = |mean: f64, squares: f64| (squares - mean * mean).max(0.0).sqrt();
        let theta_score = |(response, chances): (&Response, &[f64; NODES])| {
            let weight = self.trials.of(response.trials);
            weight * (response.score * mean_a - nodes.mean(|node| nodes.a[node] * chances[node]))
        };
        let expected: Vec<f64> =
            nodes.chances.iter().map(|chances| nodes.mean(|node| chances[node])).collect();
        let mut theta_score: Vec<f64> = self.responses.iter().zip(&nodes.chances).map(theta_score).collect();
        let block_score = [z / block.sigma, t / spread];
        self.balance(&mut theta_score, block_score[0], &expected);
        ItemPosterior {
            b: (block.mu + block.sigma * z, block.sigma * deviation(z, zz)),
            ln_a: (block.alpha + spread * t, spread * deviation(t, tt)),
            theta_score,
            block_score,
            squares: [zz, tt],
            expected,
            log_likelihood: nodes.log_likelihood,
        }
    }

    /// Spreads over the responses, in proportion to `w P (1 − P)`, what the scores in the abilities and in `μ` lack to sum up
    /// to 0, as they must: only the distance between them counts. Quadrature finds the score in `μ`, which is the
    /// posterior's mean, far more exactly than the others.
    fn balance(&self, theta_score: &mut [f64], mu_score: f64, expected: &[f64]) {
        let answers = self.responses.iter().zip(expected);
        let shares: Vec<f64> =
            answers.map(|(response, p)| self.trials.of(response.trials) * p * (1.0 - p)).collect();
        let (total, excess) = (shares.iter().sum::<f64>(), theta_score.iter().sum::<f64>() + mu_score);
        if total > 0.0 {
            theta_score.iter_mut().zip(&shares).for_each(|(score, share)| *score -= excess * share / total);
        }
    }

    /// Observed information by Louis (1982): the expectation of the information that there would be if `b` and `a`
    /// were known, less the covariance of the scores that there would be.
    fn add_information(&self, nodes: &Nodes, posterior: &ItemPosterior, information: &mut Triangle) {
        let Prior { block, spread } = self.prior;
        let end = information.size() - 2;
        information.add(end, end, block.sigma.powi(-2));
        information.add(end + 1, end + 1, spread.powi(-2));
        let mut scores: Vec<(usize, [f64; NODES])> = Vec::with_capacity(self.responses.len() + 2);
        for (response, chances) in self.responses.iter().zip(&nodes.chances) {
            let weight = self.trials.of(response.trials);
            let of_node =
                |node: usize| weight * nodes.a[node].powi(2) * chances[node] * (1.0 - chances[node]);
            information.add(response.model, response.model, nodes.mean(of_node));
            let score = |node: usize| weight * nodes.a[node] * (response.score - chances[node]);
            scores.push((response.model, std::array::from_fn(score)));
        }
        scores.push((end, nodes.z.map(|z| z / block.sigma)));
        scores.push((end + 1, nodes.t.map(|t| t / spread)));
        let means = posterior.theta_score.iter().chain(&posterior.block_score);
        for ((_, score), mean) in scores.iter_mut().zip(means) {
            score
                .iter_mut()
                .zip(&nodes.weights)
                .for_each(|(score, weight)| *score = (*score - mean) * weight.sqrt());
        }
        for (last, (row, score)) in scores.iter().enumerate() {
            for (column, other) in &scores[..=last] {
                let covariance: f64 = score.iter().zip(other).map(|(a, b)| a * b).sum();
                information.add(*row, *column, -covariance);
            }
        }
    }

    /// Newton's way up, with the expected curvature, which is positive everywhere, and halved steps.
    fn peak(&self) -> Peak {
        let (mut z, mut t) = (0.0, 0.0);
        let mut here = self.slopes(z, t);
        for _ in 0..STEPS {
            let [height, dz, dt, zz, zt, tt] = here;
            let determinant = zz * tt - zt * zt;
            let step_z = ((tt * dz - zt * dt) / determinant).clamp(-LONGEST_STEP, LONGEST_STEP);
            let step_t = ((zz * dt - zt * dz) / determinant).clamp(-LONGEST_STEP, LONGEST_STEP);
            if step_z.abs().max(step_t.abs()) < TOLERANCE {
                break;
            }
            let mut length = 1.0;
            let mut there = self.slopes(z + step_z, t + step_t);
            while there[0] < height && length > 1e-3 {
                length /= 2.0;
                there = self.slopes(z + length * step_z, t + length * step_t);
            }
            (z, t) = (z + length * step_z, t + length * step_t);
            here = there;
        }
        let [zz, zt, tt] = self.curvature(z, t, here);
        // Inverse of [[zz, zt], [zt, tt]] is [[tt, -zt], [-zt, zz]] / determinant.
        let determinant = zz * tt - zt * zt;
        let first = (tt / determinant).sqrt();
        let across = -zt / determinant / first;
        let second = (zz / determinant - across * across).max(1e-12).sqrt();
        Peak { z, t, factor: [first, across, second] }
    }

    /// Negative curvatures `zz`, `zt`, `tt` of the log posterior at `(z, t)`; the expected ones of `slopes` there where
    /// they are not positive definite.
    fn curvature(&self, z: f64, t: f64, slopes: [f64; 6]) -> [f64; 3] {
        let (b, a) = self.prior.at(z, t);
        let [.., zz, zt, tt] = slopes;
        let (mut observed_zt, mut observed_tt) = (zt, tt);
        for (response, theta) in self.responses.iter().zip(self.theta) {
            let x = a * (theta - b);
            let surplus = self.trials.of(response.trials) * (response.score - sigmoid(x));
            observed_zt += surplus * a * self.prior.block.sigma * self.prior.spread;
            observed_tt -= surplus * x * self.prior.spread.powi(2);
        }
        let definite = observed_tt > 0.2 && zz * observed_tt > 1.2 * observed_zt * observed_zt;
        if definite { [zz, observed_zt, observed_tt] } else { [zz, zt, tt] }
    }

    /// Log posterior at `(z, t)` up to a constant, its slopes in `z` and `t`, and the expected negative curvatures in
    /// `zz`, `zt` and `tt`.
    fn slopes(&self, z: f64, t: f64) -> [f64; 6] {
        let (b, a) = self.prior.at(z, t);
        let by_z = -a * self.prior.block.sigma;
        let mut sums = [-0.5 * (z * z + t * t), -z, -t, 1.0, 0.0, 1.0];
        let mut product = 1.0_f64;
        for (place, (response, theta)) in self.responses.iter().zip(self.theta).enumerate() {
            let weight = self.trials.of(response.trials);
            let x = a * (theta - b);
            let tail = exp_of_minus(x.abs());
            let high = 1.0 / (1.0 + tail);
            let p = if x > 0.0 { high } else { tail * high };
            let (surplus, variance) = (weight * (response.score - p), weight * p * (1.0 - p));
            let by_t = self.prior.spread * x;
            sums[0] += weight * (response.score * x - x.max(0.0));
            if response.trials == 1 {
                product *= high;
                if place % 512 == 511 {
                    sums[0] += std::mem::replace(&mut product, 1.0).ln();
                }
            } else {
                sums[0] += weight * high.ln();
            }
            sums[1] += surplus * by_z;
            sums[2] += surplus * by_t;
            sums[3] += variance * by_z * by_z;
            sums[4] += variance * by_z * by_t;
            sums[5] += variance * by_t * by_t;
        }
        sums[0] += product.ln();
        sums
    }
}

/// Adds the logarithms of the products to `sums`, and starts them anew.
fn drain_products(products: &mut [f64; NODES], sums: &mut [f64; NODES]) {
    sums.iter_mut().zip(products.iter()).for_each(|(sum, product)| *sum += product.ln());
    *products = [1.0; NODES];
}

/// `e⁻ˣ` for `x ≥ 0`, to 4 units in the last place, in a form that the compiler works out for several `x` at once.
/// Above 700 it stays at `e⁻⁷⁰⁰`.
fn exp_of_minus(x: f64) -> f64 {
    /// Adding this leaves the nearest whole number in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// `ln 2` in two parts, the first with zeros at its end.
    const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);
    let x = x.min(700.0);
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let halvings = rounded - ROUND;
    let rest = (halvings * LN_2.0 - x) + halvings * LN_2.1;
    // Taylor's series: |rest| ≤ ln 2 / 2, so that the first term left out is below 2e-16.
    let mut series = 1.0 / 479_001_600.0;
    for factorial in
        [39_916_800.0, 3_628_800.0, 362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0]
    {
        series = series * rest + 1.0 / factorial;
    }
    let exponent = ROUND.to_bits().wrapping_sub(rounded.to_bits()).wrapping_add(1_023);
    series * f64::from_bits(exponent << 52)
}

/// Weights that sum up to 1, and the logarithm of the sum before.
fn normalised(log_weights: [f64; NODES]) -> ([f64; NODES], f64) {
    let highest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights = log_weights.map(|log| (log - highest).exp());
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    (weights, highest + total.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_exact() {
        for step in 0..70_000 {
            let x = f64::from(step) * 0.01;
            let (found, exact) = (exp_of_minus(x), (-x).exp());
            assert!((found - exact).abs() <= 1e-15 * exact, "{x}: {found} {exact}");
        }
        assert!(exp_of_minus(1e9) < 1e-300);
    }

    /// The posterior by brute force: 400 × 200 points over ±8 and ±5 of the prior.
    fn by_midpoints(evidence: &Evidence<'_>) -> [f64; 5] {
        let mut sums = [0.0; 5];
        for i in 0..400 {
            for j in 0..200 {
                let (z, t) = ((f64::from(i) + 0.5) * 0.04 - 8.0, (f64::from(j) + 0.5) * 0.05 - 5.0);
                let density = (-0.5 * (z * z + t * t)).exp() / std::f64::consts::TAU * 0.04 * 0.05;
                let log: f64 = (evidence.slopes(z, t)[0] + 0.5 * (z * z + t * t)).exp();
                let (b, a) = evidence.prior.at(z, t);
                let values = [1.0, b, b * b, a.ln(), a.ln() * a.ln()];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += density * log * value);
            }
        }
        let [total, b, bb, a, aa] = sums;
        let (b, a, bb, aa) = (b / total, a / total, bb / total, aa / total);
        [total.ln(), b, (bb - b * b).sqrt(), a, (aa - a * a).sqrt()]
    }

    #[test]
    fn posteriors_are_those_of_brute_force() {
        let prior = Prior { block: BlockParameters { mu: 0.5, sigma: 1.5, alpha: 0.2 }, spread: 0.35 };
        let theta: Vec<f64> = (0..60).map(|model| f64::from(model) / 15.0 - 2.0).collect();
        let half = |model: usize| if theta[model] > 0.7 { 1.0 } else { 0.0 };
        type Answers<'a> = Box<dyn Fn(usize) -> (f64, u32) + 'a>;
        let cases: [(&str, usize, Answers<'_>); 5] = [
            ("many models", 60, Box::new(|model| (half(model), 1))),
            ("few models", 5, Box::new(|model| (half(model), 1))),
            ("all right", 40, Box::new(|_| (1.0, 1))),
            ("all wrong", 9, Box::new(|_| (0.0, 1))),
            ("shares of trials", 20, Box::new(|model| (0.3 + 0.02 * model as f64, 3))),
        ];
        for (name, models, outcome) in cases {
            let responses: Vec<Response> = (0..models)
                .map(|model| Response { model, score: outcome(model).0, trials: outcome(model).1 })
                .collect();
            let evidence =
                Evidence { prior, responses: &responses, theta: &theta[..models], trials: TrialWeight(0.5) };
            let found = evidence.posterior(&mut Triangle::new(models + 2));
            let found = [found.log_likelihood, found.b.0, found.b.1, found.ln_a.0, found.ln_a.1];
            for (found, exact) in found.into_iter().zip(by_midpoints(&evidence)) {
                assert!((found - exact).abs() < 0.02, "{name}: {found} {exact}");
            }
        }
    }

    #[test]
    fn scores_are_slopes_of_the_likelihood() {
        let block = BlockParameters { mu: 0.5, sigma: 1.5, alpha: 0.2 };
        let responses: Vec<Response> = (0..8)
            .map(|model| Response { model, score: f64::from(u8::from(model > 4)), trials: 1 })
            .collect();
        let theta: Vec<f64> = (0..8).map(|model| f64::from(model) * 0.4 - 1.0).collect();
        let at = |block: BlockParameters, spread: f64, theta: &[f64]| {
            let prior = Prior { block, spread };
            Evidence { prior, responses: &responses, theta, trials: TrialWeight(0.0) }
                .posterior(&mut Triangle::new(10))
        };
        let (found, h) = (at(block, 0.35, &theta), 1e-4);
        let slope = |mu: f64, alpha: f64, ability: f64| {
            let place = |h: f64| {
                let mut theta = theta.clone();
                theta[3] += h * ability;
                let block =
                    BlockParameters { mu: block.mu + h * mu, alpha: block.alpha + h * alpha, ..block };
                at(block, 0.35, &theta).log_likelihood
            };
            (place(h) - place(-h)) / (2.0 * h)
        };
        let slopes = [slope(1.0, 0.0, 0.0), slope(0.0, 1.0, 0.0), slope(0.0, 0.0, 1.0)];
        let [mu, alpha] = found.block_score;
        for (slope, score) in slopes.into_iter().zip([mu, alpha, found.theta_score[3]]) {
            assert!((slope - score).abs() < 0.01, "{slope} {score}");
        }
    }
}
