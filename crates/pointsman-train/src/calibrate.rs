//! Fitting what turns the heads' outputs into probabilities, on rows that the weights were not fitted to.

/// The temperature that minimises the negative log-likelihood of `labels` under `softmax(logits / T)` (Guo et al. 2017),
/// between 1/8 and 8.
///
/// `logits` holds one row per prompt and one value per label. Without rows the temperature is 1.
#[must_use]
pub fn temperature(logits: &[Vec<f32>], labels: &[usize]) -> f64 {
    if logits.is_empty() {
        return 1.0;
    }
    let loss = |log_t: f64| negative_log_likelihood(logits, labels, log_t.exp());
    golden_section(loss, -(8f64.ln()), 8f64.ln()).exp()
}

/// Mean negative log-likelihood of `labels` under `softmax(logits / temperature)`.
#[must_use]
pub fn negative_log_likelihood(logits: &[Vec<f32>], labels: &[usize], temperature: f64) -> f64 {
    let of_row = |row: &Vec<f32>, label: usize| {
        let scaled: Vec<f64> = row.iter().map(|logit| f64::from(*logit) / temperature).collect();
        let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + scaled.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln() - scaled[label]
    };
    mean(logits.iter().zip(labels).map(|(row, label)| of_row(row, *label)))
}

/// Straight line `target ≈ shift + scale · predicted` by least squares, and the standard deviation of what is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Slope.
    pub scale: f64,
    /// Value at zero.
    pub shift: f64,
    /// Standard deviation of the residuals.
    pub residual_sd: f64,
}

/// Fits a [`Line`]; with fewer than two distinct predictions it is the identity with a residual of 1.
#[must_use]
pub fn line(predicted: &[f64], targets: &[f64]) -> Line {
    let (x, y) = (mean(predicted.iter().copied()), mean(targets.iter().copied()));
    let variance = mean(predicted.iter().map(|p| (p - x).powi(2)));
    if predicted.len() < 2 || variance < 1e-12 {
        return Line { scale: 1.0, shift: 0.0, residual_sd: 1.0 };
    }
    let covariance = mean(predicted.iter().zip(targets).map(|(p, t)| (p - x) * (t - y)));
    let scale = covariance / variance;
    let shift = y - scale * x;
    let residual = mean(predicted.iter().zip(targets).map(|(p, t)| (t - shift - scale * p).powi(2)));
    Line { scale, shift, residual_sd: residual.sqrt() }
}

/// Spearman's rank correlation, ties at their average rank; 0 when either side is constant.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let (x, y) = (mean(a.iter().copied()), mean(b.iter().copied()));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(p, q)| f(p - x, q - y)).sum::<f64>();
    let scale = (sum(&|p, _| p * p) * sum(&|_, q| q * q)).sqrt();
    if scale > 0.0 { sum(&|p, q| p * q) / scale } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|i, j| values[*i].total_cmp(&values[*j]).is_eq()) {
        let rank = before as f64 + (tied.len() - 1) as f64 / 2.0;
        tied.iter().for_each(|i| ranks[*i] = rank);
        before += tied.len();
    }
    ranks
}

/// The mean, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in values {
        sum += value;
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// The place of the minimum of a unimodal function, to 1e-6 of the interval (Kiefer 1953).
fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let width = high - low;
    let (mut a, mut b) = (high - ratio * width, low + ratio * width);
    let (mut at_a, mut at_b) = (f(a), f(b));
    while high - low > 1e-6 * width {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = f(b);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_logits_are_cooled() {
        // Logits say 0.982 (4 nats) while three answers in four are right, so T = 4 / ln 3.
        let logits = vec![vec![4.0, 0.0]; 8];
        let labels = [0, 0, 0, 1, 0, 0, 0, 1];
        let found = temperature(&logits, &labels);
        assert!((found - 4.0 / 3f64.ln()).abs() < 1e-3, "{found}");
        assert!(
            negative_log_likelihood(&logits, &labels, found) < negative_log_likelihood(&logits, &labels, 1.0)
        );
        assert_eq!(temperature(&[], &[]), 1.0);
    }

    #[test]
    fn a_line_is_recovered() {
        let x = [0.0, 1.0, 2.0, 3.0];
        let y = [1.0, 3.5, 4.5, 7.0];
        let fit = line(&x, &y);
        assert!((fit.scale - 1.9).abs() < 1e-9 && (fit.shift - 1.15).abs() < 1e-9, "{fit:?}");
        let residuals: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - 1.15 - 1.9 * x).collect();
        let sd = (residuals.iter().map(|r| r * r).sum::<f64>() / 4.0).sqrt();
        assert!((fit.residual_sd - sd).abs() < 1e-9);
        assert_eq!(line(&[1.0, 1.0], &y[..2]).scale, 1.0);
    }

    #[test]
    fn rank_correlation_handles_ties_and_constants() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 90.0]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert_eq!(spearman(&[1.0, 1.0], &[3.0, 2.0]), 0.0);
        // scipy.stats.spearmanr([1, 2, 2, 3], [1, 2, 3, 4]) = 0.9486832980505138
        assert!((spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]) - 0.948_683_298).abs() < 1e-9);
    }
}
