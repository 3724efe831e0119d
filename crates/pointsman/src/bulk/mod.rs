//! Labels for files of prompts, whatever their size.
//!
//! ```text
//! Source ──Window──▶ tokeniser ──▶ encoder ──▶ writer ──▶ FILE.part, FILE.progress ──▶ FILE
//! ```
//!
//! Each arrow is a thread's queue of one window, so that memory does not grow with the input. A [`window::Window`] is a run of
//! rows whose ends follow from the input alone. It is labelled as a whole, so the same rows always meet in the same batches,
//! and written as a whole: a line each, in a gzip member or zstd frame of its own where the output is packed.
//!
//! What is written goes to `FILE.part`. After each window `FILE.progress` is replaced by one that says how many bytes of
//! `FILE.part` are for certain and which rows they answer. A run that goes on after a kill cuts `FILE.part` there and reads
//! on behind those rows, so it gives the bytes that an undisturbed run gives. `FILE` appears when it is complete.
//!
//! Parquet cannot be continued at an arbitrary place. There `FILE.part` holds the labels as packed lines, and when all are
//! there the output is put together from them and the input's columns.

mod assemble;
mod cells;
mod checkpoint;
mod count;
mod format;
mod label_columns;
mod lines;
mod meter;
mod output;
mod pipeline;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod window;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pointsman_classifier::Classifier;
use pointsman_domain::Prompt;
use serde::Serialize;

use crate::terminal::{WARNING, styled};
use checkpoint::{Checkpoint, Identity};
use count::Count;
use format::Format;
use lines::Lines;
use meter::Meter;
use output::Output;
pub(crate) use row::Fields;
use table::Table;
use window::{Limits, Source};

/// Rows of a window on the processor: a second or a few of work, which is what a kill can cost.
const CPU_ROWS: usize = 1024;
/// Rows of a window on a GPU, which wants many prompts of one length.
const GPU_ROWS: usize = 1 << 14;

/// What is to be labelled, and how.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) input: &'a Path,
    pub(crate) output: &'a Path,
    pub(crate) fields: Fields,
    /// What the names of label columns in Parquet begin with.
    pub(crate) prefix: &'a str,
    /// Rows of a window, if not as many as suit the device.
    pub(crate) window: Option<usize>,
    /// Whether to go on where an earlier run was cut short.
    pub(crate) resume: bool,
    /// Whether to tell how far it is also where nobody watches a terminal.
    pub(crate) progress: bool,
}

/// What became of a file.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Rows of the input.
    pub(crate) rows: u64,
    /// Rows that have labels.
    pub(crate) labelled: u64,
    /// Rows that have an error in their place.
    pub(crate) bad: u64,
    /// Rows that an earlier run had answered; all of them if it had completed the output.
    pub(crate) resumed: u64,
    /// Those of them that have an error in their place.
    pub(crate) resumed_bad: u64,
    /// Tokens that went through the model in this run.
    pub(crate) tokens: u64,
    /// Wall-clock time of this run from the first row to the last, without loading the model.
    pub(crate) seconds: f64,
    pub(crate) rows_per_s: f64,
    pub(crate) tokens_per_s: f64,
    /// The share of that time in which the encoder was at work.
    pub(crate) encoder_busy: f64,
    pub(crate) engine: String,
    pub(crate) precision: &'static str,
    /// Tokens of a batch at most, in the end: less than in the beginning if the device ran out of memory.
    pub(crate) batch_tokens: usize,
}

/// Labels the rows of a file.
pub(crate) fn run(job: &Job<'_>, classifier: &Classifier) -> Result<Summary> {
    let rows = job.window.unwrap_or(window_rows(classifier));
    ensure!(rows > 0, "--window: 0 is not above 0");
    let formats = (Format::of(job.input), Format::of(job.output));
    refuse_impossible(job, formats)?;
    let mut source = open(job.input, &job.fields, Limits::of_rows(rows))?;
    if formats.1 == Format::Parquet {
        source.check_columns(&label_columns::names(job.prefix))?;
    }
    let identity = Identity::new(job, classifier, rows);
    let Some((mut output, checkpoint)) = begin(job, formats.1, identity)? else {
        return complete_already(job, classifier);
    };
    if checkpoint.rows > 0 {
        source.skip(&checkpoint).with_context(|| format!("--resume: {}", job.input.display()))?;
    }
    let mut meter = Meter::new(job.progress, &checkpoint);
    let summary = pipeline::run(source, classifier, &mut output, checkpoint, &mut meter)?;
    if formats.1 == Format::Parquet {
        meter.say("putting the columns together");
        let input = (formats.0 == Format::Parquet).then_some(job.input);
        output.replace_part(|part, out| {
            assemble::assemble(input, part, out, job.prefix, classifier.vocabulary())
        })?;
    }
    meter.finish();
    output.complete()?;
    Ok(summary)
}

/// What is there when an earlier run has completed the output, which is left alone.
fn complete_already(job: &Job<'_>, classifier: &Classifier) -> Result<Summary> {
    let Count { rows, bad } = count::count(job.output, job.prefix)?;
    anstream::eprintln!("{} is complete already", job.output.display());
    Ok(Summary {
        rows,
        labelled: rows - bad,
        bad,
        resumed: rows,
        resumed_bad: bad,
        engine: classifier.engine().to_string(),
        precision: classifier.precision(),
        batch_tokens: classifier.batch_tokens(),
        ..Summary::default()
    })
}

fn refuse_impossible(job: &Job<'_>, (input, output): (Format, Format)) -> Result<()> {
    let stream = |path: &Path| path == Path::new("-");
    if job.resume && (stream(job.input) || !output::is_resumable(job.output)) {
        bail!("--resume: standard input and output cannot be gone back on; give files");
    }
    if !stream(job.output) && same_file(job.input, job.output) {
        bail!("{}: the output would replace the input; give it another name", job.output.display());
    }
    if output == Format::Parquet && !output::is_resumable(job.output) {
        bail!("{}: Parquet can be written to a regular file only", job.output.display());
    }
    ensure!(
        input == Format::Parquet || output == Format::Parquet || job.prefix.is_empty(),
        "--prefix: only columns of Parquet files have one"
    );
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    matches!((real(a), real(b)), (Some(a), Some(b)) if a == b)
}

fn open(path: &Path, fields: &Fields, limits: Limits) -> Result<Box<dyn Source>> {
    Ok(match Format::of(path) {
        Format::Parquet => Box::new(Table::open(path, fields, limits)?),
        Format::Lines(_) => Box::new(Lines::open(path, fields, limits)?),
    })
}

/// Rows of a window that suit the classifier's device.
pub(crate) fn window_rows(classifier: &Classifier) -> usize {
    if classifier.device().is_cpu() { CPU_ROWS } else { GPU_ROWS }
}

/// About `count` prompts of a file, spread evenly over it; bad rows are left out.
pub(crate) fn sample(path: &Path, fields: &Fields, count: usize) -> Result<Vec<Prompt>> {
    let each = |keep: &mut dyn FnMut(u64, Prompt)| -> Result<u64> {
        let mut source = open(path, fields, Limits::of_rows(CPU_ROWS))?;
        let mut rows = 0;
        while let Some(window) = source.next()? {
            for row in window.rows.into_iter().flatten() {
                keep(rows, row.prompt);
                rows += 1;
            }
        }
        Ok(rows)
    };
    // Counted first: a sample is small, a file need not be.
    let every = each(&mut |_, _| ())?.div_ceil(count.max(1) as u64).max(1);
    let mut prompts = Vec::new();
    each(&mut |row, prompt| {
        if row % every == 0 {
            prompts.push(prompt);
        }
    })?;
    Ok(prompts)
}

/// The output and how far it is; nothing if an earlier run completed it.
fn begin(job: &Job<'_>, format: Format, identity: Identity) -> Result<Option<(Output, Checkpoint)>> {
    let packing = format.packing();
    if !output::is_resumable(job.output) {
        return Ok(Some((Output::stream(job.output, packing)?, Checkpoint::new(identity))));
    }
    let place = checkpoint::Place::of(job.output);
    let mut found = checkpoint::read(&place)?;
    if found.as_ref().is_some_and(|found| output::was_complete(job.output, &place, found.bytes)) {
        // A kill came between giving the file its name and removing what was needed on the way.
        output::remove(&place)?;
        found = None;
    }
    match (found, job.resume) {
        (Some(found), true) => {
            found.identity.check(&identity)?;
            let output = Output::go_on(job.output, packing, place, found.bytes)?;
            anstream::eprintln!("going on after {} rows", found.rows);
            Ok(Some((output, found)))
        }
        (Some(found), false) => bail!(
            "{}: a run over this output was cut short after {} rows; go on with --resume, or remove {} to start anew",
            place.progress.display(),
            found.rows,
            place.progress.display()
        ),
        (None, true) if job.output.exists() => Ok(None),
        (None, _) => Ok(Some((Output::create(job.output, packing, place)?, Checkpoint::new(identity)))),
    }
}

impl Summary {
    /// One line for people, and a second one if something is to be said about memory.
    pub(crate) fn tell(&self, first_batch_tokens: usize) {
        if self.batch_tokens < first_batch_tokens {
            anstream::eprintln!(
                "{} the device ran out of memory; batches were halved, from {first_batch_tokens} tokens to {}",
                styled(WARNING, "warning:"),
                self.batch_tokens
            );
        }
        let mut there = format!("{} rows labelled, {} bad rows reported in place", self.labelled, self.bad);
        if self.resumed > 0 {
            there += &format!(" ({} rows by an earlier run, {} of them bad)", self.resumed, self.resumed_bad);
        }
        if self.resumed > 0 && self.resumed == self.rows {
            anstream::eprintln!("{there}");
            return;
        }
        anstream::eprintln!(
            "{there}, in {:.1} s: {:.0} rows/s, {:.0} tokens/s, encoder busy {:.0} %",
            self.seconds,
            self.rows_per_s,
            self.tokens_per_s,
            100.0 * self.encoder_busy
        );
    }
}

/// `path` with `ending` behind its name.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
