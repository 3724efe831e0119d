//! Writing decisions down, where the user wants that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pointsman_domain::Prompt;
use pointsman_record::{
    Answered, Clock, Counts, Feedback, Known, Options, Record, Recorder, Report, VERSION,
};
use tokio::sync::{Mutex, oneshot};

use super::clock;
use super::routing::{Arrival, Routed};
use super::traffic::Named;

/// What labels: its name and version, and the hash of its weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassifierId {
    pub(crate) name: String,
    pub(crate) weights_hash: String,
    /// What computes its encoder; it is reported, not recorded.
    pub(crate) engine: String,
    /// Standard error of the abilities that it gives prompts, on which chances of success depend.
    pub(crate) ability_sd: f32,
}

/// Where decisions are recorded, if they are.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Option<Recorder>,
    path: Option<PathBuf>,
    /// Held while records are summed up, so that this happens once at a time.
    pub(super) summing: Arc<Mutex<()>>,
    classifier: ClassifierId,
}

impl Recording {
    /// Starts to record as `options` say; nothing is recorded without.
    pub(super) fn start(options: Option<Options>, classifier: ClassifierId) -> Result<Self> {
        let path = options.as_ref().map(|options| options.path.clone());
        let recorder = options.map(|options| {
            let path = options.path.clone();
            let clock = Clock { monotonic: clock::monotonic, unix_us: || clock::now().0 };
            Recorder::start(options, clock, move |report| tell(&path, &report))
        });
        let recorder = recorder.transpose().context("the thread that records cannot be started")?;
        Ok(Self { recorder, path, summing: Arc::default(), classifier })
    }

    /// The file, if anything is recorded.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What labels prompts.
    pub(super) fn classifier(&self) -> &ClassifierId {
        &self.classifier
    }

    /// Whether anything is recorded.
    pub(super) fn is_on(&self) -> bool {
        self.recorder.is_some()
    }

    /// A copy of `prompt` if any of it is to be kept.
    pub(super) fn copy(&self, prompt: &Prompt) -> Option<Prompt> {
        self.recorder.as_ref().filter(|recorder| recorder.keeps_prompts()).map(|_| prompt.clone())
    }

    /// A decision as it is recorded, without its prompt.
    pub(super) fn record(&self, routed: &Routed<'_>, arrival: &Arrival) -> Record {
        let unhealthy = routed.state.unhealthy_until.iter();
        Record {
            version: VERSION,
            id: routed.id.to_string(),
            time_us: routed.now.0,
            endpoint: arrival.endpoint.into(),
            key: arrival.key.clone(),
            table: routed.table.name().to_owned(),
            table_hash: routed.table.hash().to_string(),
            classifier: self.classifier.name.clone(),
            classifier_hash: self.classifier.weights_hash.clone(),
            facts: routed.facts,
            unhealthy_until_us: unhealthy.map(|(model, until)| (model.clone(), until.0)).collect(),
            labels: routed.labels.clone(),
            decision: routed.decision.clone(),
            queue_us: micros(routed.queued),
            classify_us: micros(routed.classified),
            overhead_us: micros(arrival.at.elapsed()),
            prompt: None,
            answered: None,
            feedback: None,
        }
    }

    /// Records a decision, and what [`Recording::copy`] gave of its prompt.
    pub(super) fn decided(&self, record: Record, prompt: Option<Prompt>) {
        if let Some(recorder) = &self.recorder {
            recorder.decided(Box::new(record), prompt);
        }
    }

    /// Records how the request of a decision was answered.
    pub(super) fn answered(&self, id: String, answered: Answered) {
        if let Some(recorder) = &self.recorder {
            recorder.answered(id, answered);
        }
    }

    /// Records a request that named a model and whose answer ended at `now_us`.
    pub(super) fn named(&self, named: &Named, answered: &Answered, now_us: u64) {
        if let Some(recorder) = &self.recorder {
            recorder.named(Box::new(named.record(answered, now_us)));
        }
    }

    /// Records how good the answer to a decision was; nothing if records are off.
    pub(super) async fn feedback(&self, id: String, feedback: Feedback) -> Option<Known> {
        let recorder = self.recorder.as_ref()?;
        let (tell, told) = oneshot::channel();
        recorder.feedback(id, feedback, move |known| {
            // Whoever has gone does not wait.
            let _: Result<(), Known> = tell.send(known);
        });
        Some(told.await.unwrap_or(Known::Unclear))
    }

    /// What has been counted; nothing if records are off.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.recorder.as_ref().map(Recorder::counts)
    }

    /// Writes what has come, and says what was lost. Blocks.
    pub(super) fn finish(&self) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        recorder.flush();
        let Counts { written, dropped_decisions, dropped_answers, .. } = recorder.counts();
        if dropped_decisions + dropped_answers > 0 {
            anstream::eprintln!(
                "warning: {written} requests were recorded; {dropped_decisions} requests and {dropped_answers} answers \
                 were not, for want of room"
            );
        }
    }
}

fn tell(path: &Path, report: &Report<'_>) {
    let path = path.display();
    match report {
        Report::Failing { error, waiting } => {
            tracing::error!(%path, %error, waiting, "decisions cannot be recorded; requests are answered all the same");
        }
        Report::Recovered => tracing::warn!(%path, "decisions are recorded again"),
    }
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
