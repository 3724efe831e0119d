//! Records on their way to the file, off the path of requests.
//!
//! Whoever has something to record puts it into a bounded queue and goes on; one thread writes what has come, in
//! transactions that are at most [`COMMIT_EVERY`] apart, and another waits for the disk. What finds no room is dropped and counted. A file that cannot be
//! written is tried again with every commit, while what has come is kept as far as there is room.

mod counts;
mod disk;
mod thread;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io};

use pointsman_domain::Prompt;

use self::counts::Counters;
pub use self::counts::Counts;
use self::disk::DiskThread;
use self::thread::Worker;
use crate::named::NamedRecord;
use crate::prompt::PromptPolicy;
use crate::record::{Answered, Feedback, Record};
use crate::store::{Retention, StoreError};

/// How far apart commits are at most: what a crash can lose.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// Messages that may wait for the thread, two to a request.
const QUEUE: usize = 16_384;

/// Bytes of prompts that may wait.
const QUEUED_BYTES: usize = 64 << 20;

/// Where and what to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The file; it and its folder are made if need be.
    pub path: PathBuf,
    /// What is kept of prompts.
    pub prompts: PromptPolicy,
    /// How long and how much is kept.
    pub retention: Retention,
}

/// The time, passed in.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// A clock that never goes back.
    pub monotonic: fn() -> Instant,
    /// Microseconds since 1970-01-01T00:00Z.
    pub unix_us: fn() -> u64,
}

/// What the thread has to tell, seldom.
#[derive(Debug)]
pub enum Report<'a> {
    /// The file cannot be written. Told when it begins and once a minute while it lasts.
    Failing {
        /// Why.
        error: &'a StoreError,
        /// Decisions, and requests that named their model, that wait in memory.
        waiting: usize,
    },
    /// The file can be written again.
    Recovered,
}

/// What is known of a decision that feedback is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is recorded, and so will the feedback be.
    Yes,
    /// There is no such record.
    No,
    /// The file cannot be read at present, or the recorder is too busy.
    Unclear,
}

/// Takes records and writes them. Dropping it writes what has come, which blocks.
pub struct Recorder {
    /// Nothing only while it is dropped.
    sender: Option<SyncSender<Message>>,
    counters: Arc<Counters>,
    keeps_prompts: bool,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
pub(crate) enum Message {
    Decided(Box<Record>, Option<Prompt>),
    Named(Box<NamedRecord>),
    Answered(String, Box<Answered>),
    Feedback(String, Feedback, Box<dyn FnOnce(Known) + Send>),
    /// Commit, then answer.
    Flush(SyncSender<()>),
}

impl Recorder {
    /// Starts the thread. `report` hears of trouble with the file; a file that cannot be opened is trouble like any
    /// other and does not keep the recorder from starting.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        options: Options,
        clock: Clock,
        report: impl Fn(Report<'_>) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let keeps_prompts = options.prompts != PromptPolicy::None;
        let disk = DiskThread::start(options.path.clone())?;
        let worker = Worker::new(options, clock, Box::new(report), receiver, Arc::clone(&counters), disk);
        let thread = std::thread::Builder::new().name("record".to_owned()).spawn(move || worker.run())?;
        Ok(Self { sender: Some(sender), counters, keeps_prompts, thread: Some(thread) })
    }

    /// Whether [`Recorder::decided`] has a use for prompts.
    #[must_use]
    pub fn keeps_prompts(&self) -> bool {
        self.keeps_prompts
    }

    /// Records a decision. Returns at once.
    pub fn decided(&self, record: Box<Record>, prompt: Option<Prompt>) {
        let prompt = prompt.filter(|_| self.keeps_prompts);
        let bytes = prompt.as_ref().map_or(0, Prompt::text_bytes);
        let queued = self.counters.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = queued.saturating_add(bytes) <= QUEUED_BYTES || queued == 0;
        if !fits || self.send(Message::Decided(record, prompt)).is_err() {
            self.counters.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counters.dropped_decisions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records a request that named its model and has been answered. Returns at once.
    pub fn named(&self, record: Box<NamedRecord>) {
        if self.send(Message::Named(record)).is_err() {
            self.counters.dropped_decisions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records how the request of a decision was answered. Returns at once.
    pub fn answered(&self, id: String, answered: Answered) {
        if self.send(Message::Answered(id, Box::new(answered))).is_err() {
            self.counters.dropped_answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records how good the answer to a decision was. Returns at once; `told` is called with what is known of the
    /// decision, from the recorder's thread.
    pub fn feedback(&self, id: String, feedback: Feedback, told: impl FnOnce(Known) + Send + 'static) {
        if let Err(Message::Feedback(_, _, told)) = self.send(Message::Feedback(id, feedback, Box::new(told)))
        {
            told(Known::Unclear);
        }
    }

    /// Waits until all that has been recorded is in the file, or cannot be written at present. Blocks.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if let Some(sender) = &self.sender
            && sender.send(Message::Flush(done)).is_ok()
        {
            // An error means that the thread has ended, and it wrote what it could.
            let _: Result<(), _> = wait.recv();
        }
    }

    /// What has been counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Gives the message back if there is no room.
    fn send(&self, message: Message) -> Result<(), Message> {
        match &self.sender {
            Some(sender) => sender.try_send(message).map_err(|error| match error {
                TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
            }),
            None => Err(message),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // How it ended is of no use to anyone now.
            let _: std::thread::Result<()> = thread.join();
        }
    }
}
