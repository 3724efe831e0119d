//! What a decision may know of the world outside the request.

use std::collections::BTreeMap;

use pointsman_domain::ModelName;
use serde::{Deserialize, Serialize};

/// A moment, in microseconds since the start of 1970 (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMicros(pub u64);

/// A snapshot of everything that changes while the table stays the same. It goes into the record of a decision, so
/// that the decision can be taken again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Models that failed of late, each with the moment from which it may be tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unhealthy_until: BTreeMap<ModelName, UnixMicros>,
}

impl State {
    /// Whether `model` is not to be tried at `now`.
    #[must_use]
    pub fn is_unhealthy(&self, model: &ModelName, now: UnixMicros) -> bool {
        self.unhealthy_until.get(model).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_unhealthy_until_the_moment_it_may_be_tried_again() {
        let cheap = ModelName::new("cheap");
        let state = State { unhealthy_until: [(cheap.clone(), UnixMicros(100))].into() };
        assert!(state.is_unhealthy(&cheap, UnixMicros(99)));
        assert!(!state.is_unhealthy(&cheap, UnixMicros(100)));
        assert!(!state.is_unhealthy(&ModelName::new("other"), UnixMicros(0)));
    }
}
