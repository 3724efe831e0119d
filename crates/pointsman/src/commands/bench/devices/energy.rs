//! What a turn costs in energy.

use pointsman_eval::devices::Joules;

use super::nvml::Gpus;
use super::rapl;

/// Counters of energy at a start.
pub(super) struct Meter<'a> {
    processor: rapl::Meter,
    gpus: &'a Gpus,
    millijoules: Option<u64>,
}

impl<'a> Meter<'a> {
    /// Reads the counters.
    pub(super) fn start(gpus: &'a Gpus) -> Self {
        Self { processor: rapl::Meter::start(), gpus, millijoules: gpus.millijoules() }
    }

    /// What was spent since, as far as the system tells it.
    pub(super) fn stop(self) -> Joules {
        let spent = self.gpus.millijoules().zip(self.millijoules).map(|(now, then)| now.saturating_sub(then));
        Joules { processor: self.processor.stop(), gpus: spent.map(|millijoules| millijoules as f64 * 1e-3) }
    }
}
