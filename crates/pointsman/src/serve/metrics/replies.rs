//! What is counted of decisions and of the replies to them: times, tokens, money, breakers, drift.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pointsman_domain::ModelName;
use pointsman_policy::Baseline;
use pointsman_record::{Answered, Record};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::serve::traffic::{Divergence, Drift};

/// Upper ends of the buckets for what routing adds to a request, in seconds.
const OVERHEAD_BUCKETS_S: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Upper ends of the buckets for replies, in seconds.
const REPLY_BUCKETS_S: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// Counters of decisions and replies. `model` is the name in the table, so that labels stay few whatever is asked for.
#[derive(Debug)]
pub(super) struct Replies {
    queue: Histogram,
    overhead: Histogram,
    first_token: Family<ModelLabels, Histogram>,
    reply: Family<ModelLabels, Histogram>,
    ends: Family<EndLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    spent: Family<ModelLabels, Counter<f64, AtomicU64>>,
    baseline: Family<ModelLabels, Counter<f64, AtomicU64>>,
    breakers: Family<ModelLabels, Gauge>,
    drift: Family<DriftLabels, Gauge<f64, AtomicU64>>,
    drift_by_chance: Family<DriftLabels, Gauge<f64, AtomicU64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    model: String,
    end: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    model: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DriftLabels {
    of: &'static str,
}

fn of(model: &ModelName) -> ModelLabels {
    ModelLabels { model: model.to_string() }
}

impl Replies {
    pub(super) fn new() -> Self {
        let times = || Family::new_with_constructor(reply_times as fn() -> Histogram);
        Self {
            queue: Histogram::new(OVERHEAD_BUCKETS_S),
            overhead: Histogram::new(OVERHEAD_BUCKETS_S),
            first_token: times(),
            reply: times(),
            ends: Family::default(),
            tokens: Family::default(),
            spent: Family::default(),
            baseline: Family::default(),
            breakers: Family::default(),
            drift: Family::default(),
            drift_by_chance: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let usd = || Unit::Other("usd".to_owned());
        let bits = || Unit::Other("bits".to_owned());
        let mut times = |name, help, times: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, times.clone());
        };
        times("queue", "Time that prompts waited for the classifier", &self.queue);
        times("overhead", "Time from the arrival of a request to its decision", &self.overhead);
        let mut by_model = |name, help, times: &Family<ModelLabels, Histogram>| {
            registry.register_with_unit(name, help, Unit::Seconds, times.clone());
        };
        by_model(
            "first_token",
            "Time from calling a model to the first bytes of its reply",
            &self.first_token,
        );
        by_model("reply", "Time from the arrival of a routed request to the end of its reply", &self.reply);
        registry.register("replies", "Routed requests, by how their replies ended", self.ends.clone());
        registry.register("tokens", "Tokens of routed requests as providers count them", self.tokens.clone());
        registry.register_with_unit("spent", "What routed requests have cost", usd(), self.spent.clone());
        registry.register_with_unit(
            "baseline",
            "What the same requests would have cost with the baseline: the named model, else the ablest, else the dearest",
            usd(),
            self.baseline.clone(),
        );
        registry.register(
            "breaker_open",
            "1 for models that are left alone because they failed again and again",
            self.breakers.clone(),
        );
        registry.register_with_unit(
            "label_drift",
            "Divergence of the last hour's labels from those of up to seven days before",
            bits(),
            self.drift.clone(),
        );
        registry.register_with_unit(
            "label_drift_by_chance",
            "Divergence that samples of these sizes have by chance",
            bits(),
            self.drift_by_chance.clone(),
        );
    }

    /// A decision took its time.
    pub(super) fn took(&self, record: &Record) {
        self.queue.observe(Duration::from_micros(record.queue_us).as_secs_f64());
        self.overhead.observe(Duration::from_micros(record.overhead_us).as_secs_f64());
    }

    /// The reply to a routed request ended; what it cost is compared with `baseline`.
    pub(super) fn ended(&self, answered: &Answered, baseline: Option<Baseline<'_>>) {
        let Some(last) = answered.attempts.last() else { return };
        let ends = EndLabels { model: last.model.to_string(), end: answered.end.as_str() };
        self.ends.get_or_create(&ends).inc();
        let total = Duration::from_micros(answered.total_us).as_secs_f64();
        self.reply.get_or_create(&of(&last.model)).observe(total);
        if let Some(first) = answered.first_bytes_us {
            let first = Duration::from_micros(first).as_secs_f64();
            self.first_token.get_or_create(&of(&last.model)).observe(first);
        }
        let Some(usage) = answered.usage else { return };
        let cached = usage.cache_read.0 + usage.cache_write.0;
        for (kind, tokens) in [
            ("input", usage.input.0.saturating_sub(cached)),
            ("cache_read", usage.cache_read.0),
            ("cache_write", usage.cache_write.0),
            ("output", usage.output.0),
        ] {
            let labels = TokenLabels { model: last.model.to_string(), kind };
            self.tokens.get_or_create(&labels).inc_by(tokens.into());
        }
        if let Some(cost) = answered.cost {
            self.spent.get_or_create(&of(&last.model)).inc_by(cost.0);
            if let Some(Baseline { name, price, .. }) = baseline {
                self.baseline.get_or_create(&of(name)).inc_by(price.of_usage(usage).0);
            }
        }
    }

    /// Which models of the table are left alone.
    pub(super) fn breakers<'a>(&self, models: impl Iterator<Item = (&'a ModelName, bool)>) {
        self.breakers.clear();
        for (model, is_open) in models {
            self.breakers.get_or_create(&of(model)).set(i64::from(is_open));
        }
    }

    /// How the last hour's labels differ; nothing is told while that is not known.
    pub(super) fn drift(&self, drift: &Drift) {
        let set = |of: &'static str, divergence: Option<Divergence>| {
            let labels = DriftLabels { of };
            if let Some(Divergence { bits, by_chance_bits }) = divergence {
                self.drift.get_or_create(&labels).set(bits);
                self.drift_by_chance.get_or_create(&labels).set(by_chance_bits);
            } else {
                self.drift.remove(&labels);
                self.drift_by_chance.remove(&labels);
            }
        };
        set("task", drift.task);
        set("band", drift.band);
    }
}

fn reply_times() -> Histogram {
    Histogram::new(REPLY_BUCKETS_S)
}
