//! The stages, each on a thread of its own, with a window between any two.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pointsman_classifier::{Classifier, LabelsRow, Prepared};
use pointsman_domain::Labels;
use rayon::prelude::*;

use super::Summary;
use super::checkpoint::Checkpoint;
use super::meter::Meter;
use super::output::Output;
use super::row::{BadRow, Key, Row};
use super::window::{Position, Source, Window};

/// A window on its way, each row with a `T`.
struct Stage<T> {
    rows: Vec<Result<(Key, T), BadRow>>,
    end: Position,
    /// Tokens that go through the model.
    tokens: u64,
}

/// Labels everything that `source` gives, behind `checkpoint`.
#[expect(clippy::disallowed_methods, reason = "the summary says how fast it went")]
pub(super) fn run(
    source: Box<dyn Source>,
    classifier: &Classifier,
    output: &mut Output,
    checkpoint: Checkpoint,
    meter: &mut Meter,
) -> Result<Summary> {
    let began = Instant::now();
    let resumed = (checkpoint.rows, checkpoint.bad);
    let (read, to_prepare) = sync_channel(1);
    let (prepared, to_label) = sync_channel(1);
    let (labelled, to_write) = sync_channel(1);
    let (done, work) = thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(source, &read));
        let tokeniser = scope.spawn(move || prepare_all(classifier, to_prepare, &prepared));
        let writer = scope.spawn(move || write_all(&to_write, output, checkpoint, meter));
        let work = label_all(classifier, to_label, &labelled);
        // The writer ends when nobody can send it anything any more.
        drop(labelled);
        let ends = [join(tokeniser), join(reader)];
        let done = join(writer);
        // Who failed first is last in the chain of those who lost their neighbour; a real error comes before a lost one.
        ends.into_iter().collect::<Result<Vec<()>>>()?;
        Ok::<_, anyhow::Error>((done?, work?))
    })?;
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    Ok(summary(&done, &work, resumed, seconds, classifier))
}

#[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
fn summary(
    done: &Checkpoint,
    work: &Work,
    (resumed, resumed_bad): (u64, u64),
    seconds: f64,
    classifier: &Classifier,
) -> Summary {
    Summary {
        rows: done.rows,
        labelled: done.rows - done.bad,
        bad: done.bad,
        resumed,
        resumed_bad,
        tokens: work.tokens,
        seconds,
        rows_per_s: (done.rows - resumed) as f64 / seconds,
        tokens_per_s: work.tokens as f64 / seconds,
        encoder_busy: work.busy.as_secs_f64() / seconds,
        engine: classifier.engine().to_string(),
        precision: classifier.precision(),
        batch_tokens: classifier.batch_tokens(),
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Reads until the end, or until nobody takes more: then another stage has failed and says why.
fn read_all(mut source: Box<dyn Source>, next: &SyncSender<Window>) -> Result<()> {
    while let Some(window) = source.next()? {
        if next.send(window).is_err() {
            break;
        }
    }
    Ok(())
}

/// Tokenises ahead of the encoder, on the same pool of threads: its work fills the gaps in the encoder's.
fn prepare_all(
    classifier: &Classifier,
    windows: Receiver<Window>,
    next: &SyncSender<Stage<Prepared>>,
) -> Result<()> {
    for window in windows {
        let prepare = |row: Result<Row, BadRow>| {
            let Row { key, prompt } = row?;
            match classifier.prepare(&prompt) {
                Ok(prepared) => Ok((key, prepared)),
                Err(error) => Err(key.bad("not_tokenised", error.to_string())),
            }
        };
        let rows: Vec<Result<(Key, Prepared), BadRow>> =
            window.rows.into_par_iter().with_min_len(8).map(prepare).collect();
        let tokens = rows.iter().flatten().map(|(_, prepared)| prepared.tokens_seen() as u64).sum();
        if next.send(Stage { rows, end: window.end, tokens }).is_err() {
            break;
        }
    }
    Ok(())
}

/// What the encoder did.
#[derive(Default)]
struct Work {
    tokens: u64,
    busy: Duration,
}

#[expect(clippy::disallowed_methods, reason = "the summary says how busy the encoder was")]
fn label_all(
    classifier: &Classifier,
    windows: Receiver<Stage<Prepared>>,
    next: &SyncSender<Stage<Labels>>,
) -> Result<Work> {
    let mut work = Work::default();
    for window in windows {
        let began = Instant::now();
        let labelled = label(classifier, window)?;
        work.busy += began.elapsed();
        work.tokens += labelled.tokens;
        if next.send(labelled).is_err() {
            break;
        }
    }
    Ok(work)
}

fn label(classifier: &Classifier, window: Stage<Prepared>) -> Result<Stage<Labels>> {
    let Stage { rows, end, tokens } = window;
    let (mut prompts, mut places) = (Vec::new(), Vec::new());
    for row in rows {
        places.push(row.map(|(key, prepared)| {
            prompts.push(prepared);
            key
        }));
    }
    let labels = classifier.label_prepared(&prompts)?;
    ensure!(
        prompts.is_empty() || labels.iter().any(Option::is_some),
        "the model's output is not finite for any row; its weights are damaged, or they are too large for f16, so choose precision `bf16`"
    );
    let mut labels = labels.into_iter();
    let with_labels = |place: Result<Key, BadRow>| {
        let key = place?;
        match labels.next().flatten() {
            Some(labels) => Ok((key, labels)),
            None => Err(key.bad("not_finite", "the model's output is no number")),
        }
    };
    Ok(Stage { rows: places.into_iter().map(with_labels).collect(), end, tokens })
}

/// Writes windows as they come, and notes after each how far it is.
fn write_all(
    windows: &Receiver<Stage<Labels>>,
    output: &mut Output,
    mut checkpoint: Checkpoint,
    meter: &mut Meter,
) -> Result<Checkpoint> {
    let mut lines = Vec::new();
    // There is something to go on with from the first moment.
    output.commit(&mut checkpoint)?;
    for window in windows {
        lines.clear();
        for row in &window.rows {
            match row {
                Ok((key, labels)) => {
                    serde_json::to_writer(&mut lines, &LabelsRow::new(Some(&key.id), labels))
                }
                Err(bad) => serde_json::to_writer(&mut lines, bad),
            }
            .context("a row cannot be written")?;
            lines.push(b'\n');
        }
        output.write(&lines)?;
        checkpoint.rows += window.rows.len() as u64;
        checkpoint.bad += window.rows.iter().filter(|row| row.is_err()).count() as u64;
        checkpoint.lines = window.end.lines;
        checkpoint.digest = window.end.digest;
        output.commit(&mut checkpoint)?;
        meter.at(checkpoint.rows, window.end.share);
    }
    Ok(checkpoint)
}
