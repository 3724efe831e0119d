//! What is counted, for Prometheus.

mod replies;

use std::sync::atomic::Ordering;
use std::time::Duration;

use pointsman_domain::{AbstainReason, Decision, Labels, ModelName, ProviderName};
use pointsman_policy::{Baseline, UnixMicros};
use pointsman_record::{Answered, Counts, Record};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use self::replies::Replies;
use super::clock::unix_s;
use super::record::ClassifierId;
use super::traffic::Drift;

/// Upper ends of the buckets for classifying, in seconds.
const CLASSIFY_BUCKETS_S: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Upper ends of the buckets for the time until a provider's reply begins, in seconds.
const UPSTREAM_BUCKETS_S: [f64; 11] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// All counters. Labels come from the configuration and fixed lists, never from requests, so their number is bounded.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    abstentions: Family<AbstentionLabels, Counter>,
    fallbacks: Family<FallbackLabels, Counter>,
    upstream_errors: Family<UpstreamErrorLabels, Counter>,
    classify_seconds: Histogram,
    upstream_seconds: Family<ProviderLabels, Histogram>,
    in_flight: Gauge,
    classify_waiting: Gauge<i64>,
    records: Counter,
    record_drops: Family<DropLabels, Counter>,
    record_failures: Counter,
    reloads: Family<ReloadLabels, Counter>,
    reload_seconds: Gauge<i64>,
    replies: Replies,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    endpoint: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    table: String,
    task: String,
    band: &'static str,
    rule: String,
    model: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AbstentionLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FallbackLabels {
    from: String,
    to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamErrorLabels {
    provider: String,
    kind: String,
    side: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: String,
}

impl Metrics {
    /// All at zero, for a sidecar whose prompts `classifier` labels.
    pub(super) fn new(classifier: &ClassifierId) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("pointsman"),
            requests: Family::default(),
            decisions: Family::default(),
            abstentions: Family::default(),
            fallbacks: Family::default(),
            upstream_errors: Family::default(),
            classify_seconds: Histogram::new(CLASSIFY_BUCKETS_S),
            upstream_seconds: Family::new_with_constructor(|| Histogram::new(UPSTREAM_BUCKETS_S)),
            in_flight: Gauge::default(),
            classify_waiting: Gauge::default(),
            records: Counter::default(),
            record_drops: Family::default(),
            record_failures: Counter::default(),
            reloads: Family::default(),
            reload_seconds: Gauge::default(),
            replies: Replies::new(),
        };
        metrics.register();
        let about = vec![("model", classifier.name.clone()), ("engine", classifier.engine.clone())];
        metrics.registry.register("classifier", "What labels prompts", Info::new(about));
        metrics
    }

    fn register(&mut self) {
        let Self { registry, .. } = self;
        registry.register("requests", "Requests answered, by path and status", self.requests.clone());
        registry.register("decisions", "Decisions taken, with what they rest on", self.decisions.clone());
        registry.register("abstentions", "Prompts without reliable labels", self.abstentions.clone());
        registry.register("fallbacks", "Requests that went on to another model", self.fallbacks.clone());
        registry.register(
            "upstream_errors",
            "Calls to providers without a whole reply, or with a status from 500",
            self.upstream_errors.clone(),
        );
        registry.register_with_unit(
            "classify",
            "Time from queueing a prompt to its labels",
            Unit::Seconds,
            self.classify_seconds.clone(),
        );
        registry.register_with_unit(
            "upstream",
            "Time from calling a provider to the head of its reply",
            Unit::Seconds,
            self.upstream_seconds.clone(),
        );
        registry.register("in_flight", "Requests being answered, streams included", self.in_flight.clone());
        registry.register(
            "classify_waiting",
            "Prompts that wait to be labelled",
            self.classify_waiting.clone(),
        );
        registry.register(
            "records",
            "Decisions, and requests that named their model, that were recorded",
            self.records.clone(),
        );
        registry.register(
            "record_drops",
            "Decisions, and answers to them, that found no room on the way to the file",
            self.record_drops.clone(),
        );
        registry.register(
            "record_failures",
            "Failed attempts to write records to the file; they are repeated",
            self.record_failures.clone(),
        );
        registry.register(
            "config_reloads",
            "Times that the changed configuration was used, or refused and the last good one kept",
            self.reloads.clone(),
        );
        registry.register_with_unit(
            "config_reload_timestamp",
            "When the configuration was last read again and used, since 1970; 0 if it was not",
            Unit::Seconds,
            self.reload_seconds.clone(),
        );
        self.replies.register(registry);
    }

    /// The configuration was read again, or refused.
    pub(super) fn reloaded(&self, used: bool, at: UnixMicros) {
        let outcome = if used { "used" } else { "refused" };
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
        if used {
            self.reload_seconds.set(i64::try_from(unix_s(at)).unwrap_or(i64::MAX));
        }
    }

    /// A decision took its time.
    pub(super) fn took(&self, record: &Record) {
        self.replies.took(record);
    }

    /// The reply to a routed request ended; what it cost is compared with `baseline`.
    pub(super) fn ended(&self, answered: &Answered, baseline: Option<Baseline<'_>>) {
        self.replies.ended(answered, baseline);
    }

    /// Requests being answered.
    pub(super) fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// A request got its head. `endpoint` is the path as the router knows it.
    pub(super) fn answered(&self, endpoint: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { endpoint: endpoint.to_owned(), status }).inc();
    }

    /// Counts a request as being answered until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A prompt was labelled, or was not in time.
    pub(super) fn classified(&self, labels: &Labels, took: Duration) {
        self.classify_seconds.observe(took.as_secs_f64());
        if let Some(reason) = labels.abstained {
            self.abstentions.get_or_create(&AbstentionLabels { reason: reason.as_str() }).inc();
        }
    }

    /// A table decided.
    pub(super) fn decided(&self, table: &str, labels: &Labels, decision: &Decision) {
        let known = labels.abstained != Some(AbstainReason::Unavailable);
        let labels = DecisionLabels {
            table: table.to_owned(),
            task: if known { labels.task.to_string() } else { String::new() },
            band: if known { labels.band.as_str() } else { "" },
            rule: decision.rule.to_string(),
            model: decision.model.to_string(),
            reason: decision.reason.as_str(),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// A request went on from one model to the next.
    pub(super) fn fell_back(&self, from: &str, to: &str) {
        self.fallbacks.get_or_create(&FallbackLabels { from: from.to_owned(), to: to.to_owned() }).inc();
    }

    /// A provider's reply began.
    pub(super) fn upstream_answered(&self, provider: &ProviderName, took: Duration) {
        let labels = ProviderLabels { provider: provider.to_string() };
        self.upstream_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A call to a provider failed.
    pub(super) fn upstream_failed(&self, provider: &ProviderName, kind: &str, side: &'static str) {
        let labels = UpstreamErrorLabels { provider: provider.to_string(), kind: kind.to_owned(), side };
        self.upstream_errors.get_or_create(&labels).inc();
    }

    /// Everything, in the OpenMetrics text format, with what others count.
    pub(super) fn encode(&self, state: &Observed<'_>) -> String {
        let Observed { classify_waiting, records, drift, .. } = state;
        let dropped = |part, count| {
            self.record_drops.get_or_create(&DropLabels { part }).inner().store(count, Ordering::Relaxed);
        };
        dropped("decision", records.dropped_decisions);
        dropped("answer", records.dropped_answers);
        self.records.inner().store(records.written, Ordering::Relaxed);
        self.record_failures.inner().store(records.failed_commits, Ordering::Relaxed);
        self.replies.drift(drift);
        self.replies.breakers(state.models.iter().copied());
        self.classify_waiting.set(i64::try_from(*classify_waiting).unwrap_or(i64::MAX));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a string does not fail");
        text
    }
}

/// What others count, when somebody asks.
#[derive(Debug)]
pub(super) struct Observed<'a> {
    /// Prompts that wait to be labelled.
    pub(super) classify_waiting: usize,
    /// How recording fares.
    pub(super) records: Counts,
    /// How the last hour's labels differ from those before.
    pub(super) drift: Drift,
    /// The models of the table, and whether each is left alone.
    pub(super) models: Vec<(&'a ModelName, bool)>,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
