//! One item, given the abilities: its posterior and marginal likelihood by adaptive Gauss–Hermite quadrature.
//!
//! In units of the block's prior, `b = μ + σ z` and `ln a = α + ς t` with `z, t ~ N(0, 1)`. The nodes lie around the
//! highest point of the posterior and are spread as its curvature there says (Naylor & Smith 1982), so that an item
//! which 70 models answered is resolved as well as one which only two did.

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
const T_RULE: [(f64, f64); 5] = [
    (-2.856_970_013_872_806, 0.011_257_411_327_720_7),
    (-1.355_626_179_974_266, 0.222_075_922_005_613),
    (0.0, 0.533_333_333_333_333),
    (1.355_626_179_974_266, 0.222_075_922_005_613),
    (2.856_970_013_872_806, 0.011_257_411_327_720_7),
];
/// Nodes of the product of both rules.
const NODES: usize = Z_RULE.len() * T_RULE.len();

/// Most Newton steps to the highest point.
const STEPS: usize = 40;
/// The longest of them, in units of the prior.
const LONGEST_STEP: f64 = 1.0;
/// The step at which the highest point is found.
const TOLERANCE: f64 = 1e-9;

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
    /// The same in the block's `μ`, `ln σ` and `α`, and in the family's `ln ς`.
    pub(super) block_score: [f64; 4],
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

impl Evidence<'_> {
    pub(super) fn posterior(&self) -> ItemPosterior {
        let peak = self.peak();
        let (mut log_weights, mut places, mut nodes) =
            ([0.0; NODES], [(0.0, 0.0); NODES], [(0.0, 0.0); NODES]);
        let rules = Z_RULE.iter().flat_map(|z| T_RULE.iter().map(move |t| (z, t)));
        for (node, ((e, weight_z), (f, weight_t))) in rules.enumerate() {
            let [first, across, second] = peak.factor;
            let (z, t) = (peak.z + first * e, peak.t + across * e + second * f);
            places[node] = (z, t);
            nodes[node] = self.prior.at(z, t);
            log_weights[node] =
                (first * second * weight_z * weight_t).ln() + 0.5 * (e * e + f * f - z * z - t * t);
        }
        let chances = self.add_likelihood(&nodes, &mut log_weights);
        let (weights, log_likelihood) = normalised(log_weights);
        self.summary(&weights, &places, &nodes, &chances, log_likelihood)
    }

    /// Adds the log likelihood of the responses to `sums`; the chances of success are returned, by response and node.
    fn add_likelihood(&self, nodes: &[(f64, f64); NODES], sums: &mut [f64; NODES]) -> Vec<f64> {
        let mut chances = Vec::with_capacity(NODES * self.responses.len());
        for (response, theta) in self.responses.iter().zip(self.theta) {
            let weight = self.trials.of(response.trials);
            for (sum, (b, a)) in sums.iter_mut().zip(nodes) {
                let x = a * (theta - b);
                let tail = (-x.abs()).exp();
                let high = 1.0 / (1.0 + tail);
                chances.push(if x > 0.0 { high } else { tail * high });
                *sum += weight * (response.score * x - x.max(0.0) + high.ln());
            }
        }
        chances
    }

    fn summary(
        &self,
        weights: &[f64; NODES],
        places: &[(f64, f64); NODES],
        nodes: &[(f64, f64); NODES],
        chances: &[f64],
        log_likelihood: f64,
    ) -> ItemPosterior {
        let mean = |value: fn(&(f64, f64)) -> f64| -> f64 {
            weights.iter().zip(places).map(|(weight, place)| weight * value(place)).sum()
        };
        let (z, t) = (mean(|place| place.0), mean(|place| place.1));
        let (zz, tt) = (mean(|place| place.0 * place.0), mean(|place| place.1 * place.1));
        let mut slopes = *weights;
        slopes.iter_mut().zip(nodes).for_each(|(slope, (_, a))| *slope *= a);
        let mean_a: f64 = slopes.iter().sum();
        let of = |factors: &[f64; NODES], chances: &[f64]| -> f64 {
            factors.iter().zip(chances).map(|(factor, chance)| factor * chance).sum()
        };
        let by_response = || self.responses.iter().zip(chances.chunks_exact(NODES));
        let Prior { block, spread } = self.prior;
        let deviation = |mean: f64, squares: f64| (squares - mean * mean).max(0.0).sqrt();
        ItemPosterior {
            b: (block.mu + block.sigma * z, block.sigma * deviation(z, zz)),
            ln_a: (block.alpha + spread * t, spread * deviation(t, tt)),
            theta_score: by_response()
                .map(|(response, chances)| {
                    self.trials.of(response.trials) * (response.score * mean_a - of(&slopes, chances))
                })
                .collect(),
            block_score: [z / block.sigma, zz - 1.0, t / spread, tt - 1.0],
            expected: by_response().map(|(_, chances)| of(weights, chances)).collect(),
            log_likelihood,
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
        let [_, _, _, zz, zt, tt] = here;
        // Inverse of [[zz, zt], [zt, tt]] is [[tt, -zt], [-zt, zz]] / determinant.
        let determinant = zz * tt - zt * zt;
        let first = (tt / determinant).sqrt();
        let across = -zt / determinant / first;
        let second = (zz / determinant - across * across).max(1e-12).sqrt();
        Peak { z, t, factor: [first, across, second] }
    }

    /// Log posterior at `(z, t)` up to a constant, its slopes in `z` and `t`, and the expected negative curvatures in
    /// `zz`, `zt` and `tt`.
    fn slopes(&self, z: f64, t: f64) -> [f64; 6] {
        let (b, a) = self.prior.at(z, t);
        let (by_z, by_t) = (-a * self.prior.block.sigma, self.prior.spread);
        let mut sums = [-0.5 * (z * z + t * t), -z, -t, 1.0, 0.0, 1.0];
        for (response, theta) in self.responses.iter().zip(self.theta) {
            let weight = self.trials.of(response.trials);
            let x = a * (theta - b);
            let tail = (-x.abs()).exp();
            let high = 1.0 / (1.0 + tail);
            let p = if x > 0.0 { high } else { tail * high };
            let (surplus, variance) = (weight * (response.score - p), weight * p * (1.0 - p));
            let x_by_t = x * by_t;
            sums[0] += weight * (response.score * x - x.max(0.0) + high.ln());
            sums[1] += surplus * by_z;
            sums[2] += surplus * x_by_t;
            sums[3] += variance * by_z * by_z;
            sums[4] += variance * by_z * x_by_t;
            sums[5] += variance * x_by_t * x_by_t;
        }
        sums
    }
}

/// Weights that sum up to 1, and the logarithm of the sum before.
fn normalised(log_weights: [f64; NODES]) -> ([f64; NODES], f64) {
    let highest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights = log_weights.map(|log| (log - highest).exp());
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    (weights, highest + total.ln())
}
