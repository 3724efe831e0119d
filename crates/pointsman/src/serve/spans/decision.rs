//! The span of a decision, and within it that of the classifier's work.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use pointsman_record::Record;

use super::Spans;

impl Spans {
    /// Traces a decision that has just been taken at `now`, within the current request.
    pub(in crate::serve) fn decided(&self, record: &Record, now: SystemTime) {
        let Some(tracer) = self.tracer() else { return };
        let parent = Context::current();
        // Decisions that nobody asked about by a traced request have no trace of their own.
        if !parent.span().span_context().is_valid() {
            return;
        }
        let ago = |us| now.checked_sub(Duration::from_micros(us)).unwrap_or(now);
        let began = ago(record.overhead_us);
        let builder = tracer
            .span_builder(format!("decide {}", record.table))
            .with_start_time(began)
            .with_attributes(attributes(record));
        let decision = parent.with_span(tracer.build_with_context(builder, &parent));
        let builder = tracer.span_builder("classify").with_start_time(began).with_attributes([
            KeyValue::new("pointsman.queue_us", count(record.queue_us)),
            KeyValue::new("pointsman.classifier", record.classifier.clone()),
        ]);
        let labelled = began.checked_add(Duration::from_micros(record.queue_us + record.classify_us));
        tracer.build_with_context(builder, &decision).end_with_timestamp(labelled.unwrap_or(now).min(now));
        decision.span().end_with_timestamp(now);
    }
}

/// What was decided on what, by names of our own: the conventions have none for that.
fn attributes(record: &Record) -> Vec<KeyValue> {
    let (labels, decision) = (&record.labels, &record.decision);
    let mut attributes = vec![
        KeyValue::new("pointsman.decision", record.id.clone()),
        KeyValue::new("pointsman.table", record.table.clone()),
        KeyValue::new("pointsman.table_hash", record.table_hash.clone()),
        KeyValue::new("pointsman.task", labels.task.to_string()),
        KeyValue::new("pointsman.band", labels.band.as_str()),
        KeyValue::new("pointsman.confidence", f64::from(labels.task_confidence)),
        KeyValue::new("pointsman.rule", decision.rule.to_string()),
        KeyValue::new("pointsman.reason", decision.reason.as_str()),
        KeyValue::new("pointsman.model", decision.model.to_string()),
    ];
    attributes.extend(labels.abstained.map(|reason| KeyValue::new("pointsman.abstained", reason.as_str())));
    attributes
}

/// As the conventions count.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
