//! Learning rate by step.

/// Rises linearly to `peak` over the first `warmup` steps, then falls linearly to zero at `total` steps, the schedule of
/// BERT's fine-tuning (Devlin et al. 2019, appendix A.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Steps until it is reached.
    pub warmup: usize,
    /// Steps in all.
    pub total: usize,
}

impl Schedule {
    /// The learning rate of the step with this index, counted from 0.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let left = self.total.saturating_sub(step) as f64;
        self.peak * left / self.total.saturating_sub(self.warmup).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls() {
        let schedule = Schedule { peak: 1.0, warmup: 2, total: 6 };
        let rates: Vec<f64> = (0..7).map(|step| schedule.at(step)).collect();
        assert_eq!(rates, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
    }

    #[test]
    fn no_warm_up_starts_at_the_peak() {
        assert_eq!(Schedule { peak: 2.0, warmup: 0, total: 4 }.at(0), 2.0);
    }
}
