//! Classification off the async threads, with prompts that queue classified together.
//!
//! Worker threads sleep until there is work, then take everything that is queued, up to a batch's budget. Nothing waits
//! for a timer: a lone prompt is classified at once, and batches grow only while the workers are busy.

mod pace;
mod waiting;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_channel::oneshot;
use pointsman_domain::{Labels, Prompt};

use crate::classifier::{Classifier, ClassifyError};
pub use pace::Pace;
use waiting::{Job, Waiting};

/// What labels prompts. [`Classifier`] does; tests put something simpler in its place.
pub trait Labeller: Send + Sync + 'static {
    /// Labels each prompt, in order.
    ///
    /// # Errors
    /// When the prompts cannot be labelled; then none of them is.
    fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError>;

    /// About how many tokens of `prompt` are read: what it adds to the work of a batch.
    fn work(&self, prompt: &Prompt) -> usize;
}

impl Labeller for Classifier {
    fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        self.classify(prompts)
    }

    /// Four bytes a token, and never more than the window.
    fn work(&self, prompt: &Prompt) -> usize {
        (text_bytes(prompt) / 4 + 3).min(self.tokenizer().window())
    }
}

/// How much a [`Queue`] holds and how it works it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Prompts that may wait.
    pub prompts: usize,
    /// Bytes of text that may wait, over all prompts. A single prompt is always let in.
    pub bytes: usize,
    /// Prompts that are classified together at most.
    pub batch_prompts: usize,
    /// Tokens that are classified together at most, by [`Labeller::work`]; a longer prompt is classified alone.
    pub batch_tokens: usize,
    /// Threads. One more batch is worked on at a time for each, while the arithmetic of a batch has threads of its own.
    pub workers: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { prompts: 1024, bytes: 64 << 20, batch_prompts: 32, batch_tokens: 4096, workers: 1 }
    }
}

/// Prompts that wait for their labels.
///
/// Dropping it lets the workers finish what is queued and then waits for them, which blocks: in async code, drop it where
/// blocking is allowed.
pub struct Queue {
    labeller: Arc<dyn Labeller>,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Queue {
    /// Starts the workers. Batches are as large as `limits` say, or smaller if there is a `pace` to keep to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        labeller: Arc<dyn Labeller>,
        limits: QueueLimits,
        pace: Option<Pace>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { limits, pace, waiting: Mutex::default(), work: Condvar::new() });
        // Made first, so that an error below closes the queue and ends the workers that have started.
        let mut queue = Self { labeller, shared, workers: Vec::new() };
        for number in 0..limits.workers.max(1) {
            let (shared, labeller) = (Arc::clone(&queue.shared), Arc::clone(&queue.labeller));
            let worker = std::thread::Builder::new()
                .name(format!("classify-{number}"))
                .spawn(move || shared.work_off(&*labeller))?;
            queue.workers.push(worker);
        }
        Ok(queue)
    }

    /// Queues `prompt` at once and returns a future of its labels, which any async runtime can poll. Dropping the future
    /// takes the prompt off the queue unless its classification has begun.
    ///
    /// A full queue gives [`QueueError::Full`] without waiting.
    pub fn submit(&self, prompt: Prompt) -> Pending {
        self.submit_and_tell(prompt, || {})
    }

    /// Does as [`Queue::submit`], and calls `begun` from a worker's thread when the classification of the prompt begins:
    /// the caller has the clock that says how long it waited.
    pub fn submit_and_tell(&self, prompt: Prompt, begun: impl FnOnce() + Send + 'static) -> Pending {
        let (sender, receiver) = oneshot::channel();
        let (bytes, tokens) = (text_bytes(&prompt), self.labeller.work(&prompt));
        match self.shared.push(Job { prompt, bytes, tokens, begun: Box::new(begun), answer: sender }) {
            Ok(()) => Pending(State::Queued(receiver)),
            Err(error) => Pending(State::Refused(Some(error))),
        }
    }

    /// How many prompts wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// Whether no prompt waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared, workers, .. } = self;
        let mut out = f.debug_struct("Queue");
        out.field("limits", &shared.limits).field("waiting", &self.len()).field("workers", &workers.len());
        out.finish_non_exhaustive()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the labeller's panics, so there is nothing to learn from how it ended.
            let _: std::thread::Result<()> = worker.join();
        }
    }
}

/// A future of labels, made by [`Queue::submit`].
#[derive(Debug)]
#[must_use = "dropping it cancels the classification"]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    Refused(Option<QueueError>),
    Queued(oneshot::Receiver<Result<Labels, QueueError>>),
}

impl Future for Pending {
    type Output = Result<Labels, QueueError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(QueueError::Closed))),
            State::Queued(receiver) => {
                Pin::new(receiver).poll(context).map(|sent| sent.unwrap_or(Err(QueueError::Closed)))
            }
        }
    }
}

/// Why a queued prompt has no labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// There are as many prompts waiting as may.
    #[error("the classification queue is full with {waiting} prompts; try again shortly")]
    Full {
        /// How many are waiting.
        waiting: usize,
        /// How long these will about take, if that has been measured.
        wait: Option<Duration>,
    },
    /// The workers have ended.
    #[error("the classifier has been shut down")]
    Closed,
    /// The classifier failed on this prompt.
    #[error("the prompt cannot be classified: {message}")]
    Failed {
        /// What it says.
        message: String,
    },
}

struct Shared {
    limits: QueueLimits,
    pace: Option<Pace>,
    waiting: Mutex<Waiting>,
    work: Condvar,
}

impl Shared {
    /// Nothing that can panic is done under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), QueueError> {
        self.lock().push(job, &self.limits, self.pace.as_ref())?;
        self.work.notify_one();
        Ok(())
    }

    fn work_off(&self, labeller: &dyn Labeller) {
        while let Some(batch) = self.next_batch() {
            match &self.pace {
                Some(pace) => {
                    let tokens = batch.iter().map(|job| job.tokens).sum();
                    pace.time(tokens, || answer(labeller, batch));
                }
                None => answer(labeller, batch),
            }
        }
    }

    /// What the next batch may hold.
    fn limits_now(&self) -> QueueLimits {
        let most = self.limits.batch_tokens;
        let batch_tokens = self.pace.as_ref().map_or(most, |pace| pace.tokens(most));
        QueueLimits { batch_tokens, ..self.limits }
    }

    /// Waits for work and takes a batch; nothing once the queue is closed and empty.
    fn next_batch(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            let batch = waiting.take(&self.limits_now());
            if !batch.is_empty() {
                return Some(batch);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Classifies a batch and sends each its answer. Should that fail, each prompt is tried alone, so that one bad prompt
/// costs the others nothing but time.
fn answer(labeller: &dyn Labeller, batch: Vec<Job>) {
    let begin = |job: Job| {
        (job.begun)();
        (job.prompt, job.answer)
    };
    let (prompts, answers): (Vec<Prompt>, Vec<_>) = batch.into_iter().map(begin).unzip();
    match label(labeller, &prompts) {
        Ok(labels) => {
            for (answer, labels) in answers.into_iter().zip(labels) {
                send(answer, Ok(labels));
            }
        }
        Err(error) if prompts.len() == 1 => {
            for answer in answers {
                send(answer, Err(error.clone()));
            }
        }
        Err(_) => {
            for (answer, prompt) in answers.into_iter().zip(&prompts) {
                let alone = label(labeller, std::slice::from_ref(prompt));
                send(answer, alone.and_then(|labels| labels.into_iter().next().ok_or(QueueError::Closed)));
            }
        }
    }
}

/// A caller who has gone is no failure.
fn send(answer: oneshot::Sender<Result<Labels, QueueError>>, labels: Result<Labels, QueueError>) {
    let _: Result<(), _> = answer.send(labels);
}

fn label(labeller: &dyn Labeller, prompts: &[Prompt]) -> Result<Vec<Labels>, QueueError> {
    // A labeller's state is behind `&`, and what a panic leaves of it is the labeller's business.
    let outcome = catch_unwind(AssertUnwindSafe(|| labeller.label(prompts)));
    let failed = |message: String| Err(QueueError::Failed { message });
    match outcome {
        Ok(Ok(labels)) if labels.len() == prompts.len() => Ok(labels),
        Ok(Ok(labels)) => failed(format!("{} labels for {} prompts", labels.len(), prompts.len())),
        Ok(Err(error)) => failed(error.to_string()),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            failed(format!("the classifier panicked: {said}"))
        }
    }
}

fn text_bytes(prompt: &Prompt) -> usize {
    prompt.turns().iter().map(|turn| turn.text.len()).sum()
}

#[cfg(test)]
mod tests;
