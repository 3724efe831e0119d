//! The line of prompts: who is let in, and who is taken together.

use std::collections::VecDeque;

use futures_channel::oneshot;
use pointsman_domain::{Labels, Prompt};

use super::{Pace, QueueError, QueueLimits};

/// A prompt with its place in line.
pub(super) struct Job {
    pub(super) prompt: Prompt,
    /// Length of its text.
    pub(super) bytes: usize,
    /// What it adds to the work of a batch.
    pub(super) tokens: usize,
    /// Called when its classification begins.
    pub(super) begun: Box<dyn FnOnce() + Send>,
    /// Where its labels go; cancelled when nobody waits for them.
    pub(super) answer: oneshot::Sender<Result<Labels, QueueError>>,
}

/// Prompts that no worker has taken yet, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) jobs: VecDeque<Job>,
    bytes: usize,
    /// Whether no more are let in.
    pub(super) closed: bool,
}

impl Waiting {
    /// Lets a job in, if there is room; if not, `pace` tells how long there will be none.
    pub(super) fn push(
        &mut self,
        job: Job,
        limits: &QueueLimits,
        pace: Option<&Pace>,
    ) -> Result<(), QueueError> {
        if self.closed {
            return Err(QueueError::Closed);
        }
        if self.is_full(job.bytes, limits) {
            // Prompts whose callers have gone make room before anyone is turned away.
            self.drop_cancelled();
        }
        if self.is_full(job.bytes, limits) {
            let tokens = self.jobs.iter().map(|job| job.tokens).sum();
            let wait = pace.and_then(|pace| pace.of(tokens));
            return Err(QueueError::Full { waiting: self.jobs.len(), wait });
        }
        self.bytes += job.bytes;
        self.jobs.push_back(job);
        Ok(())
    }

    fn is_full(&self, bytes: usize, limits: &QueueLimits) -> bool {
        let too_long = self.bytes.saturating_add(bytes) > limits.bytes;
        !self.jobs.is_empty() && (self.jobs.len() >= limits.prompts || too_long)
    }

    /// Takes jobs from the front up to a batch's budget and drops those whose caller has gone.
    pub(super) fn take(&mut self, limits: &QueueLimits) -> Vec<Job> {
        let mut batch: Vec<Job> = Vec::new();
        let mut tokens = 0usize;
        while let Some(job) = self.jobs.pop_front() {
            if job.answer.is_canceled() {
                self.bytes -= job.bytes;
                continue;
            }
            tokens = tokens.saturating_add(job.tokens);
            let too_much = batch.len() >= limits.batch_prompts || tokens > limits.batch_tokens;
            if too_much && !batch.is_empty() {
                self.jobs.push_front(job);
                break;
            }
            self.bytes -= job.bytes;
            batch.push(job);
        }
        batch
    }

    fn drop_cancelled(&mut self) {
        self.jobs.retain(|job| !job.answer.is_canceled());
        self.bytes = self.jobs.iter().map(|job| job.bytes).sum();
    }
}
