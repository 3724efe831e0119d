//! What every request shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use pointsman_classifier::Queue;
use pointsman_record::Answered;

use super::clock;
use super::dashboard::{Access, Sums};
use super::labelling::Labelling;
use super::limits::Limits;
use super::live::Live;
use super::metrics::Metrics;
use super::record::Recording;
use super::spans::Spans;
use super::traffic::{Named, Traffic};
use crate::config::Config;
use crate::environment;

/// A sidecar: tables, classifier, providers and counters.
#[derive(Debug)]
pub(crate) struct Sidecar {
    live: ArcSwap<Live>,
    pub(super) labelling: Labelling,
    pub(super) recording: Recording,
    pub(super) metrics: Metrics,
    pub(super) traffic: Traffic,
    pub(super) spans: Spans,
    pub(super) dashboard: Access,
    /// What the dashboard has read of records.
    pub(super) sums: Sums,
    pub(super) limits: Limits,
    /// How clients speak to it: `https` if the configuration has a certificate, else `http`.
    pub(super) scheme: &'static str,
    /// When it was made, in seconds since the start of 1970 (UTC).
    pub(super) started_unix_s: u64,
    /// Whether it has been told to end.
    draining: AtomicBool,
}

impl Sidecar {
    /// A sidecar that labels through `queue`, and decides and sends as `live` says.
    pub(super) fn new(config: &Config, live: Live, queue: Queue, recording: Recording, spans: Spans) -> Self {
        let labelling = Labelling::new(queue, config.classifier.timeout, live.policy.auto().vocabulary());
        Self {
            labelling,
            live: ArcSwap::from_pointee(live),
            metrics: Metrics::new(recording.classifier()),
            recording,
            traffic: Traffic::default(),
            spans,
            dashboard: Access::of(&config.dashboard, config.server.listen.ip(), environment::variable),
            sums: Sums::default(),
            limits: Limits::new(&config.server),
            scheme: config.server.scheme(),
            started_unix_s: clock::unix_s(clock::now()),
            draining: AtomicBool::new(false),
        }
    }

    /// The answer to the decision `id` has ended.
    pub(super) fn answered(&self, id: String, answered: Answered) {
        self.traffic.answered(&id, &answered, clock::now().0);
        self.metrics.ended(&answered, self.live().policy.baseline());
        self.recording.answered(id, answered);
    }

    /// The answer to a request that named a model has ended. It is no decision.
    pub(super) fn named(&self, named: Named, answered: &Answered) {
        let now_us = clock::now().0;
        self.recording.named(&named, answered, now_us);
        self.traffic.named(named, answered, now_us);
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
