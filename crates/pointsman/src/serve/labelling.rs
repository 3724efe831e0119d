//! Labels for requests, in time or not at all.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pointsman_classifier::{Queue, QueueError};
use pointsman_domain::{AbstainReason, Difficulty, Labels, Prompt, TokenCount, Vocabulary};
use tokio::time::{Instant, timeout};

/// The classifier behind its queue.
#[derive(Debug)]
pub(super) struct Labelling {
    queue: Queue,
    timeout: Duration,
    /// What is taken for the labels of a prompt that got none.
    unavailable: Labels,
}

/// What a request is routed by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labelled {
    /// Without an answer in time they are [`AbstainReason::Unavailable`].
    pub(super) labels: Labels,
    /// Why there was no answer in time, if there was none.
    pub(super) cause: Option<NoLabels>,
    /// How long the prompt waited for its classification to begin.
    pub(super) queued: Duration,
    /// How long its classification took, or was waited for.
    pub(super) classified: Duration,
}

/// Why a request goes without labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoLabels {
    /// The classifier did not answer in time.
    Late(Duration),
    /// The classifier did not take the prompt, or failed on it.
    Queue(QueueError),
}

impl fmt::Display for NoLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(timeout) => write!(f, "the classifier took longer than {} ms", timeout.as_millis()),
            Self::Queue(error) => error.fmt(f),
        }
    }
}

impl Labelling {
    pub(super) fn new(queue: Queue, timeout: Duration, vocabulary: &Vocabulary) -> Self {
        Self { queue, timeout, unavailable: unavailable(vocabulary) }
    }

    /// The labels that decide where a request goes, however the classifier fares.
    pub(super) async fn for_routing(&self, prompt: Prompt) -> Labelled {
        let start = Instant::now();
        let begun: Arc<OnceLock<Instant>> = Arc::default();
        let begin = Arc::clone(&begun);
        // It is set once only.
        let pending = self.queue.submit_and_tell(prompt, move || {
            let _: Result<(), Instant> = begin.set(Instant::now());
        });
        let (labels, cause) = match timeout(self.timeout, pending).await {
            Ok(Ok(labels)) => (labels, None),
            Ok(Err(error)) => (self.unavailable.clone(), Some(NoLabels::Queue(error))),
            Err(_) => (self.unavailable.clone(), Some(NoLabels::Late(self.timeout))),
        };
        let took = start.elapsed();
        let queued = begun.get().map_or(took, |begun| begun.saturating_duration_since(start)).min(took);
        Labelled { labels, cause, queued, classified: took.saturating_sub(queued) }
    }

    /// The labels of a prompt, however long they take.
    pub(super) async fn of(&self, prompt: Prompt) -> Result<Labels, QueueError> {
        self.queue.submit(prompt).await
    }

    /// How many prompts wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

/// Labels that say nothing: every task is as likely as the others, the difficulty is the middle of the scale.
fn unavailable(vocabulary: &Vocabulary) -> Labels {
    let difficulty = Difficulty::new(0.5);
    #[expect(clippy::cast_precision_loss, reason = "a vocabulary has a few dozen tasks")]
    let each = 1.0 / vocabulary.len() as f32;
    Labels {
        task: vocabulary.get(0).expect("a vocabulary has at least two tasks").clone(),
        task_confidence: each,
        task_scores: vocabulary.tasks().map(|task| (task.clone(), each)).collect(),
        difficulty,
        ability: difficulty.ability(),
        ability_sd: 1.0,
        band: difficulty.band(),
        band_confidence: 0.25,
        abstained: Some(AbstainReason::Unavailable),
        tokens: TokenCount(0),
        tokens_seen: TokenCount(0),
    }
}
