//! Labels for requests, in time or not at all.

use std::fmt;
use std::time::Duration;

use pointsman_classifier::{Queue, QueueError};
use pointsman_domain::{AbstainReason, Difficulty, Labels, Prompt, TokenCount, Vocabulary};
use tokio::time::timeout;

/// The classifier behind its queue.
#[derive(Debug)]
pub(super) struct Labelling {
    queue: Queue,
    timeout: Duration,
    /// What is taken for the labels of a prompt that got none.
    unavailable: Labels,
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

    /// The labels that decide where a request goes. Without an answer in time they are
    /// [`AbstainReason::Unavailable`], and the cause is returned beside them.
    pub(super) async fn for_routing(&self, prompt: Prompt) -> (Labels, Option<NoLabels>) {
        let cause = match timeout(self.timeout, self.queue.submit(prompt)).await {
            Ok(Ok(labels)) => return (labels, None),
            Ok(Err(error)) => NoLabels::Queue(error),
            Err(_) => NoLabels::Late(self.timeout),
        };
        (self.unavailable.clone(), Some(cause))
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
