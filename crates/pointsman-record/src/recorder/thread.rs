//! The thread that writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use pointsman_domain::Prompt;

use super::counts::Counters;
use super::disk::DiskThread;
use super::{COMMIT_EVERY, Clock, Known, Message, Options, Report};
use crate::named::NamedRecord;
use crate::record::Record;
use crate::store::{Batch, CHECKPOINT_BYTES, StoreError, Writer};

/// How often the queue is emptied while there is something to commit. Between that the thread sleeps, so that nobody who
/// records has to wake it.
const DRAIN_EVERY: Duration = Duration::from_millis(20);

/// Things that are written at a time, unless writing fails.
const BATCH: usize = 8192;

/// Things that are kept in memory while the file cannot be written.
const KEPT: usize = 32_768;

/// Bytes of records that are kept in memory.
const KEPT_BYTES: usize = 128 << 20;

/// How often it is looked whether something is too old to be kept.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// How often it is told that the file still cannot be written.
const REPORT_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Worker {
    options: Options,
    clock: Clock,
    report: Box<dyn Fn(Report<'_>) + Send>,
    receiver: Receiver<Message>,
    counters: Arc<Counters>,
    /// Dropped before the writer: who closes the file last brings all of it to the disk.
    disk: DiskThread,
    writer: Option<Writer>,
    batch: Batch,
    /// Who wants to know of the next commit.
    flushes: Vec<SyncSender<()>>,
    /// When the file began to fail, or that was last told.
    failing_since: Option<Instant>,
    prune_at: Instant,
}

impl Worker {
    pub(super) fn new(
        options: Options,
        clock: Clock,
        report: Box<dyn Fn(Report<'_>) + Send>,
        receiver: Receiver<Message>,
        counters: Arc<Counters>,
        disk: DiskThread,
    ) -> Self {
        let prune_at = (clock.monotonic)();
        Self {
            options,
            clock,
            report,
            receiver,
            counters,
            disk,
            writer: None,
            batch: Batch::default(),
            flushes: Vec::new(),
            failing_since: None,
            prune_at,
        }
    }

    /// Works until all senders are gone and what they sent is written.
    pub(super) fn run(mut self) {
        // The file is made, or trouble with it told, before there is anything to write.
        self.commit();
        loop {
            match self.receiver.recv_timeout(PRUNE_EVERY) {
                Ok(first) => {
                    self.take(first);
                    if self.gather() == Gathered::Everything {
                        break;
                    }
                }
                // Nothing to write, but what is too old goes all the same.
                Err(RecvTimeoutError::Timeout) => self.commit(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit();
    }

    /// Takes what comes and commits until there is nothing left to commit, or nobody left to send.
    fn gather(&mut self) -> Gathered {
        let mut due = (self.clock.monotonic)() + COMMIT_EVERY;
        loop {
            let gone = self.drain();
            if gone {
                return Gathered::Everything;
            }
            let now = (self.clock.monotonic)();
            if now >= due || !self.flushes.is_empty() || self.batch.len() >= BATCH && self.is_well() {
                self.commit();
                due = now + COMMIT_EVERY;
                if self.batch.is_empty() {
                    return Gathered::Nothing;
                }
            }
            std::thread::sleep(DRAIN_EVERY);
        }
    }

    /// Takes what waits. Returns whether all senders are gone.
    fn drain(&mut self) -> bool {
        for _ in 0..super::QUEUE {
            match self.receiver.try_recv() {
                Ok(message) => self.take(message),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        false
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Decided(record, prompt) => self.decided(*record, prompt),
            Message::Named(record) => self.named(&record),
            Message::Answered(id, answered) if self.batch.len() < KEPT => self.batch.answered(id, answered),
            Message::Answered(..) => {
                self.counters.dropped_answers.fetch_add(1, Ordering::Relaxed);
            }
            Message::Feedback(id, feedback, told) => {
                let known = self.known(&id);
                if known == Known::Yes {
                    self.batch.feedback(id, feedback);
                }
                told(known);
            }
            Message::Flush(done) => self.flushes.push(done),
        }
    }

    fn decided(&mut self, mut record: Record, prompt: Option<Prompt>) {
        if let Some(prompt) = prompt {
            self.counters.queued_bytes.fetch_sub(prompt.text_bytes(), Ordering::Relaxed);
            record.prompt = self.options.prompts.apply(&prompt);
        }
        if !self.has_room() || self.batch.decided(&record).is_err() {
            self.counters.dropped_decisions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn named(&mut self, record: &NamedRecord) {
        if !self.has_room() || self.batch.named(record).is_err() {
            self.counters.dropped_decisions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one more record can be kept.
    fn has_room(&self) -> bool {
        self.batch.len() < KEPT && self.batch.bytes() < KEPT_BYTES
    }

    /// What is known of a decision. Feedback is kept in memory like the rest, as far as there is room.
    fn known(&self, id: &str) -> Known {
        if self.batch.has(id) {
            return Known::Yes;
        }
        match self.writer.as_ref().map(|writer| writer.has(id)) {
            Some(Ok(true)) if self.batch.len() < KEPT => Known::Yes,
            Some(Ok(false)) => Known::No,
            Some(Ok(true) | Err(_)) | None => Known::Unclear,
        }
    }

    fn is_well(&self) -> bool {
        self.failing_since.is_none()
    }

    /// Writes the batch; one that cannot be written is kept. Deletes what is too old from time to time.
    fn commit(&mut self) {
        let outcome = self.write().and_then(|()| self.prune()).and_then(|()| self.on_disk());
        match outcome {
            Ok(()) if self.failing_since.take().is_some() => (self.report)(Report::Recovered),
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
        for done in self.flushes.drain(..) {
            // Whoever has gone does not wait.
            let _: Result<(), _> = done.send(());
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Writer::open(&self.options.path)?),
        };
        if !self.batch.is_empty() {
            writer.commit(&self.batch)?;
            let written = std::mem::take(&mut self.batch);
            self.counters.written.fetch_add(written.records() as u64, Ordering::Relaxed);
            self.disk.committed(written.bytes());
        }
        Ok(())
    }

    fn prune(&mut self) -> Result<(), StoreError> {
        let now = (self.clock.monotonic)();
        if let Some(writer) = self.writer.as_ref().filter(|_| now >= self.prune_at) {
            let more = writer.prune(self.options.retention, (self.clock.unix_us)())?;
            self.prune_at = if more { now } else { now + PRUNE_EVERY };
            self.disk.committed(CHECKPOINT_BYTES);
        }
        Ok(())
    }

    /// Whether all went well with what the other thread has brought to the disk since the last commit.
    fn on_disk(&self) -> Result<(), StoreError> {
        self.disk.take_error().map_or(Ok(()), Err)
    }

    fn failed(&mut self, error: &StoreError) {
        self.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
        let now = (self.clock.monotonic)();
        if self.failing_since.is_none_or(|since| now >= since + REPORT_EVERY) {
            self.failing_since = Some(now);
            (self.report)(Report::Failing { error, waiting: self.batch.records() });
        }
    }
}

/// Why gathering ended.
#[derive(Debug, PartialEq, Eq)]
enum Gathered {
    /// What had come is written.
    Nothing,
    /// All senders are gone, and what they sent is in the batch.
    Everything,
}
