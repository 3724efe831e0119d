//! From a prompt to a decision, and how a response tells of it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use pointsman_domain::{AbstainReason, Band, Decision, Labels, ModelId, ModelName, Prompt, RequestFacts};
use pointsman_policy::{Explanation, Policy, State, Table, UnixMicros};
use pointsman_record::Record;
use tokio::time::Instant;
use uuid::Uuid;

use super::clock;
use super::keys::Caller;
use super::labelling::Labelled;
use super::sidecar::Sidecar;

/// When and where a request came.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// Its path.
    pub(super) endpoint: &'static str,
    /// The name of its key, if it came with one.
    pub(super) key: Option<String>,
    /// When all of it had come.
    pub(super) at: Instant,
}

impl Arrival {
    /// A request of `caller` for `endpoint` that has just come.
    pub(super) fn now(endpoint: &'static str, caller: &Caller) -> Self {
        Self { endpoint, key: caller.name().map(str::to_owned), at: Instant::now() }
    }
}

/// A request for which a table has decided.
#[derive(Debug)]
pub(super) struct Routed<'a> {
    /// Identifies the decision.
    pub(super) id: Uuid,
    /// The table.
    pub(super) table: &'a Table,
    /// What the decision rests on.
    pub(super) labels: Labels,
    /// The decision.
    pub(super) decision: Decision,
    /// What else it rests on.
    pub(super) facts: RequestFacts,
    /// Which models were well.
    pub(super) state: State,
    /// When it was taken.
    pub(super) now: UnixMicros,
    /// How long the prompt waited for the classifier.
    pub(super) queued: Duration,
    /// How long the classifier took.
    pub(super) classified: Duration,
}

/// Labels `prompt`, lets `table` decide, and records the decision.
pub(super) async fn route<'a>(
    sidecar: &Sidecar,
    table: &'a Table,
    prompt: Prompt,
    facts: RequestFacts,
    arrival: &Arrival,
) -> Routed<'a> {
    let copy = sidecar.recording.copy(&prompt);
    let labelled = sidecar.labelling.for_routing(prompt).await;
    let Labelled { labels, cause, queued, classified } = labelled;
    if let Some(cause) = cause {
        tracing::warn!(%cause, "a request is routed without labels");
    }
    sidecar.metrics.classified(&labels, queued + classified);
    let (state, now) = (State::default(), clock::now());
    let decision = table.decide(&facts, &labels, &state, now);
    sidecar.metrics.decided(table.name(), &labels, &decision);
    let id = Uuid::now_v7();
    let routed = Routed { id, table, labels, decision, facts, state, now, queued, classified };
    let record = sidecar.recording.record(&routed, arrival);
    sidecar.traffic.decided(&record);
    sidecar.metrics.took(&record);
    sidecar.spans.decided(&record, clock::system());
    sidecar.recording.decided(record, copy);
    routed
}

/// Why `table` decides as it does on what `record` holds.
pub(super) fn explain(table: &Table, record: &Record) -> Explanation {
    let unhealthy = record.unhealthy_until_us.iter();
    let state = State {
        unhealthy_until: unhealthy.map(|(model, until)| (model.clone(), UnixMicros(*until))).collect(),
    };
    table.explain(&record.facts, &record.labels, &state, UnixMicros(record.time_us))
}

impl Routed<'_> {
    /// The decision with its reasons.
    pub(super) fn explain(&self) -> Explanation {
        self.table.explain(&self.facts, &self.labels, &self.state, self.now)
    }

    /// The chosen model and those to turn to after it, in order: the others of its row, then those for the next harder
    /// band that has others.
    pub(super) fn candidates(&self, policy: &Policy) -> Vec<(ModelName, ModelId)> {
        let models = policy.models();
        let target = |name: &ModelName| Some((name.clone(), models.get(name)?.target.clone()));
        let first = (self.decision.model.clone(), self.decision.target.clone());
        let mut candidates: Vec<_> =
            std::iter::once(first).chain(self.decision.fallbacks.iter().filter_map(target)).collect();
        let known: Vec<ModelName> = candidates.iter().map(|(name, _)| name.clone()).collect();
        let above = self.tier_above(&known);
        candidates.extend(above.iter().filter_map(target));
        candidates
    }

    /// The models for the same task in the next harder band for which there are others than the `known` ones.
    fn tier_above(&self, known: &[ModelName]) -> Vec<ModelName> {
        if self.labels.abstained.is_some() {
            return Vec::new();
        }
        let harder = Band::ALL.into_iter().filter(|band| *band > self.labels.band);
        let mut others = harder.map(|band| {
            let labels = Labels { band, ..self.labels.clone() };
            let decision = self.table.decide(&self.facts, &labels, &self.state, self.now);
            let mut models = vec![decision.model];
            models.extend(decision.fallbacks);
            models.retain(|model| !known.contains(model));
            models
        });
        others.find(|models| !models.is_empty()).unwrap_or_default()
    }

    /// What decided, in a sentence.
    pub(super) fn summary(&self) -> String {
        let Self { labels, decision, .. } = self;
        let judged = match labels.abstained {
            Some(AbstainReason::Unavailable) => "The classifier did not answer in time".to_owned(),
            Some(reason) => format!("The classifier abstained ({reason})"),
            None => format!(
                "The prompt was labelled {} ({:.2}), {}",
                labels.task, labels.task_confidence, labels.band
            ),
        };
        let what = if decision.candidates.is_empty() { "row" } else { "rule" };
        format!("{judged}; {what} `{}` chose `{}`.", decision.rule, decision.model)
    }

    /// The headers that tell of the decision. `answering` is the model that answers: the chosen one, one of its
    /// fallbacks after `failed` ones before it, or none.
    pub(super) fn headers(
        &self,
        answering: Option<(&ModelName, &ModelId)>,
        failed: &[ModelName],
    ) -> HeaderMap {
        let Self { id, labels, decision, .. } = self;
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            headers.insert(HeaderName::from_static(name), header_value(&value));
        };
        set("x-pointsman-decision", id.to_string());
        if let Some((model, target)) = answering {
            set("x-pointsman-model", model.to_string());
            set("x-pointsman-target", target.to_string());
        }
        set("x-pointsman-rule", decision.rule.to_string());
        if labels.abstained != Some(AbstainReason::Unavailable) {
            set("x-pointsman-task", labels.task.to_string());
            set("x-pointsman-difficulty", labels.difficulty.to_string());
            set("x-pointsman-band", labels.band.to_string());
            set("x-pointsman-confidence", format!("{:.2}", labels.task_confidence));
        }
        if let Some(reason) = labels.abstained {
            set("x-pointsman-abstained", reason.to_string());
        }
        if labels.truncated() {
            set("x-pointsman-tokens-seen", format!("{}/{}", labels.tokens_seen, labels.tokens));
        }
        if !failed.is_empty() {
            set("x-pointsman-failed", failed.iter().map(ModelName::as_str).collect::<Vec<_>>().join(","));
        }
        headers
    }
}

/// `text` as the value of a header; what no header can carry is escaped.
pub(super) fn header_value(text: &str) -> HeaderValue {
    let plain = || HeaderValue::from_str(text).ok().filter(|_| text.is_ascii());
    let escaped = || HeaderValue::from_str(&text.escape_default().to_string());
    plain().unwrap_or_else(|| escaped().expect("escaped text is visible ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_be_a_header() {
        for (text, value) in
            [("code.hard", "code.hard"), ("größe", "gr\\u{f6}\\u{df}e"), ("a\nb", "a\\nb"), ("it's", "it's")]
        {
            assert_eq!(header_value(text), value);
        }
    }
}
