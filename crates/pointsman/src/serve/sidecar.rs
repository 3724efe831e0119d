//! What every request shares.

use std::sync::atomic::{AtomicBool, Ordering};

use pointsman_classifier::Queue;
use pointsman_policy::Policy;
use pointsman_upstream::Client;

use super::clock;
use super::labelling::Labelling;
use super::metrics::Metrics;
use crate::config::Config;

/// A sidecar: tables, classifier, providers and counters.
#[derive(Debug)]
pub(crate) struct Sidecar {
    pub(super) policy: Policy,
    pub(super) labelling: Labelling,
    pub(super) upstream: Client,
    pub(super) metrics: Metrics,
    pub(super) body_limit_bytes: usize,
    /// When it was made, in seconds since the start of 1970 (UTC).
    pub(super) started_unix_s: u64,
    /// Whether it has been told to end.
    draining: AtomicBool,
}

impl Sidecar {
    /// A sidecar that labels through `queue` and sends through `upstream`.
    pub(super) fn new(config: &Config, policy: Policy, queue: Queue, upstream: Client) -> Self {
        let labelling = Labelling::new(queue, config.classifier.timeout, policy.auto().vocabulary());
        Self {
            labelling,
            policy,
            upstream,
            metrics: Metrics::new(),
            body_limit_bytes: config.server.body_limit_bytes,
            started_unix_s: clock::unix_s(clock::now()),
            draining: AtomicBool::new(false),
        }
    }

    /// Whether new requests should go elsewhere.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Tells whoever asks that new requests should go elsewhere.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
