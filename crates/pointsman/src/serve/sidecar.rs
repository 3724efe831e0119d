//! What every request shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use pointsman_classifier::Queue;

use super::clock;
use super::labelling::Labelling;
use super::live::Live;
use super::metrics::Metrics;
use super::record::Recording;
use crate::config::Config;

/// A sidecar: tables, classifier, providers and counters.
#[derive(Debug)]
pub(crate) struct Sidecar {
    live: ArcSwap<Live>,
    pub(super) labelling: Labelling,
    pub(super) recording: Recording,
    pub(super) metrics: Metrics,
    pub(super) body_limit_bytes: usize,
    /// When it was made, in seconds since the start of 1970 (UTC).
    pub(super) started_unix_s: u64,
    /// Whether it has been told to end.
    draining: AtomicBool,
}

impl Sidecar {
    /// A sidecar that labels through `queue`, and decides and sends as `live` says.
    pub(super) fn new(config: &Config, live: Live, queue: Queue, recording: Recording) -> Self {
        let labelling = Labelling::new(queue, config.classifier.timeout, live.policy.auto().vocabulary());
        Self {
            labelling,
            live: ArcSwap::from_pointee(live),
            recording,
            metrics: Metrics::new(),
            body_limit_bytes: config.server.body_limit_bytes,
            started_unix_s: clock::unix_s(clock::now()),
            draining: AtomicBool::new(false),
        }
    }

    /// Tables and providers as they are now.
    pub(super) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Lets requests that come from now on use other tables and providers.
    pub(super) fn replace(&self, live: Live) {
        self.live.store(Arc::new(live));
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
