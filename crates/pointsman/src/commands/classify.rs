//! `pointsman classify`: labels for one prompt, or for a file of them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use pointsman_classifier::{Classifier, LabelsRow};
use pointsman_domain::{Prompt, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Outcome;
use crate::cli::{ClassifyArgs, Global};
use crate::config::Config;
use crate::model;
use crate::terminal::{self, ASIDE, NAME, styled};

/// Rows that are classified together: enough to fill batches of equal length, few enough to keep memory flat.
const CHUNK_ROWS: usize = 512;

pub(crate) fn run(args: &ClassifyArgs, global: &Global) -> Result<Outcome> {
    if let Some(threads) = args.threads {
        model::set_threads(threads)?;
    }
    let classifier = model::load(global, &Config::load(global.config.as_deref())?)?;
    match (&args.prompt, &args.input) {
        (Some(prompt), _) => one(prompt, &classifier, global.json),
        (None, Some(input)) => many(input, &args.output, &classifier),
        (None, None) => anyhow::bail!("give a prompt, or a file of them with --input"),
    }
}

fn one(prompt: &str, classifier: &Classifier, json: bool) -> Result<Outcome> {
    for labels in classifier.classify(&[Prompt::from_text(prompt)])? {
        if json {
            anstream::println!("{}", serde_json::to_string_pretty(&LabelsRow::<()>::new(None, &labels))?);
        } else {
            anstream::println!("{}", describe(&labels));
        }
    }
    Ok(Outcome::Done)
}

/// Labels in two lines for people.
pub(crate) fn describe(labels: &pointsman_domain::Labels) -> String {
    let runner_up =
        labels.runner_up().map_or(String::new(), |(task, score)| format!(", then {task} {score:.2}"));
    let mut text = format!(
        "task        {} {}\ndifficulty  {} {}",
        styled(NAME, &labels.task),
        styled(ASIDE, format_args!("({:.2}{runner_up})", labels.task_confidence)),
        styled(NAME, labels.band),
        styled(
            ASIDE,
            format_args!(
                "({}, ability {}, band {:.2} sure)",
                labels.difficulty, labels.ability, labels.band_confidence
            )
        ),
    );
    if let Some(reason) = labels.abstained {
        text += &format!("\nabstained   {reason}");
    }
    if labels.truncated() {
        text += &format!("\nread        {} of {} tokens, from both ends", labels.tokens_seen, labels.tokens);
    }
    text
}

/// One row of the input.
#[derive(Deserialize)]
struct InputRow {
    #[serde(default)]
    id: Value,
    text: Option<String>,
    messages: Option<Vec<Turn>>,
}

/// What is written for a row that could not be labelled.
#[derive(Debug, PartialEq, Serialize)]
struct ErrorRow {
    id: Value,
    error: RowError,
}

#[derive(Debug, PartialEq, Serialize)]
struct RowError {
    kind: &'static str,
    message: String,
    line: usize,
}

/// What became of a file.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    labelled: usize,
    bad: usize,
}

fn many(input: &Path, output: &Path, classifier: &Classifier) -> Result<Outcome> {
    let reader = open(input)?;
    let writer = create(output)?;
    let bar = terminal::progress(None, "rows");
    bar.set_message("classifying");
    let tally = label_rows(reader, writer, classifier, &bar)?;
    bar.finish_and_clear();
    anstream::eprintln!("{} rows labelled, {} bad rows reported in place", tally.labelled, tally.bad);
    Ok(Outcome::Done)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
}

fn create(path: &Path) -> Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 20, file)))
}

/// Labels every line of `reader` and writes one line for each, in order. Lines that are blank are passed over.
fn label_rows(
    mut reader: impl BufRead,
    mut writer: impl Write,
    classifier: &Classifier,
    bar: &ProgressBar,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut line_number = 0;
    loop {
        let rows = read_chunk(&mut reader, &mut line_number)?;
        if rows.is_empty() {
            writer.flush().context("the output cannot be written")?;
            return Ok(tally);
        }
        let prompts: Vec<Prompt> = rows.iter().filter_map(|row| Some(row.as_ref().ok()?.1.clone())).collect();
        let mut labels = classifier.classify(&prompts)?.into_iter();
        for row in &rows {
            match row {
                Ok((id, _)) => {
                    let labels = labels.next().context("the classifier returned too few labels")?;
                    serde_json::to_writer(&mut writer, &LabelsRow::new(Some(id), &labels))?;
                    tally.labelled += 1;
                }
                Err(error) => {
                    serde_json::to_writer(&mut writer, error)?;
                    tally.bad += 1;
                }
            }
            writer.write_all(b"\n").context("the output cannot be written")?;
        }
        bar.inc(rows.len() as u64);
    }
}

/// The next rows, good and bad; none at the end of the input.
fn read_chunk(
    reader: &mut impl BufRead,
    line_number: &mut usize,
) -> Result<Vec<Result<(Value, Prompt), ErrorRow>>> {
    let mut rows = Vec::new();
    let mut line = Vec::new();
    while rows.len() < CHUNK_ROWS {
        line.clear();
        if reader.read_until(b'\n', &mut line).context("the input cannot be read")? == 0 {
            break;
        }
        *line_number += 1;
        if !line.trim_ascii().is_empty() {
            rows.push(parse(&line, *line_number));
        }
    }
    Ok(rows)
}

fn parse(line: &[u8], number: usize) -> Result<(Value, Prompt), ErrorRow> {
    let error =
        |id: Value, kind, message: String| ErrorRow { id, error: RowError { kind, message, line: number } };
    let text = std::str::from_utf8(line).map_err(|e| {
        let message = format!("byte {} of the line is not UTF-8; re-encode the file", e.valid_up_to() + 1);
        error(Value::Null, "invalid_utf8", message)
    })?;
    let row: InputRow = serde_json::from_str(text).map_err(|e| {
        // The id of a row whose other fields are wrong is still worth reporting.
        let id = serde_json::from_str::<Value>(text).ok().and_then(|row| row.get("id").cloned());
        let kind = if id.is_some() || e.is_data() { "invalid_row" } else { "malformed_json" };
        error(id.unwrap_or(Value::Null), kind, e.to_string())
    })?;
    match (row.messages, row.text) {
        (Some(turns), _) => Ok((row.id, Prompt::from_turns(turns))),
        (None, Some(text)) => Ok((row.id, Prompt::from_text(text))),
        (None, None) => {
            Err(error(row.id, "invalid_row", "there is neither `text` nor `messages`".to_owned()))
        }
    }
}

/// Reads everything, for prompts that are given as `-`.
pub(crate) fn read_all(path: &Path) -> Result<String> {
    let mut text = String::new();
    open(path)?
        .read_to_string(&mut text)
        .with_context(|| format!("{}: cannot be read as text", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn good_rows_are_read_with_their_id() {
        let row = parse(br#"{"id": 7, "text": "hi", "extra": true}"#, 1).expect("good");
        assert_eq!(row, (json!(7), Prompt::from_text("hi")));
        let row = parse(br#"{"id": "c", "messages": [{"role": "user", "content": "hi"}]}"#, 1).expect("good");
        assert_eq!(row.1.subject(), "hi");
    }

    #[test]
    fn bad_rows_say_what_is_wrong_and_where() {
        for (line, id, kind) in [
            (&b"{\"id\": 1, \"text\": \"caf\xe9\"}"[..], Value::Null, "invalid_utf8"),
            (b"{\"id\": 1, \"text\": ", Value::Null, "malformed_json"),
            (b"[1, 2]", Value::Null, "invalid_row"),
            (b"{\"id\": 1}", json!(1), "invalid_row"),
            (b"{\"id\": 2, \"text\": 5}", json!(2), "invalid_row"),
            (
                b"{\"id\": 3, \"messages\": [{\"role\": \"king\", \"content\": \"\"}]}",
                json!(3),
                "invalid_row",
            ),
        ] {
            let error = parse(line, 9).expect_err(kind);
            assert_eq!(
                (error.id, error.error.kind, error.error.line),
                (id, kind, 9),
                "{}",
                error.error.message
            );
        }
    }

    #[test]
    fn chunks_end_with_the_input_and_skip_blank_lines() {
        let text = "{\"text\":\"a\"}\n\n  \n{\"text\":\"b\"}".as_bytes();
        let mut reader = BufReader::new(text);
        let mut line = 0;
        assert_eq!(read_chunk(&mut reader, &mut line).expect("readable").len(), 2);
        assert_eq!(line, 4);
        assert!(read_chunk(&mut reader, &mut line).expect("readable").is_empty());
    }
}
