//! `pointsman classify` over files: kills, memory, and what it says.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use support::{command, pointsman, text};

/// Rows of the files that runs are killed over.
const ROWS: usize = 900;

fn prompt(at: usize) -> String {
    let topics = ["rain", "primes", "a lease", "two sorted lists", "the French Revolution", "a birthday"];
    format!("{} {}", "tell me more about ".repeat(1 + at * 7 % 5), topics[at % topics.len()])
}

fn write_lines(path: &Path) {
    let line = |at: usize| match at % 50 {
        7 => format!("{{\"id\": {at}}}\n"),
        8 => "{\"id\": \n".to_owned(),
        _ => json!({"id": at, "text": prompt(at)}).to_string() + "\n",
    };
    fs::write(path, (0..ROWS).map(line).collect::<String>()).expect("written");
}

fn write_table(path: &Path) {
    let texts = (0..ROWS).map(|at| (at % 50 != 7).then(|| prompt(at)));
    let batch = RecordBatch::try_from_iter([
        ("key", Arc::new((0..ROWS).map(|at| at as i64).collect::<Int64Array>()) as ArrayRef),
        ("text", Arc::new(texts.collect::<StringArray>())),
    ])
    .expect("columns");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROWS / 3 + 10)).build();
    let file = File::create(path).expect("created");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("schema");
    writer.write(&batch).and_then(|()| writer.close()).expect("written");
}

/// Rows that a run has answered for certain.
fn committed(progress: &Path) -> Option<u64> {
    let progress: Value = serde_json::from_slice(&fs::read(progress).ok()?).ok()?;
    progress["rows"].as_u64()
}

/// Kills the run as soon as it has answered `rows` rows; false if it ended before.
fn kill_at(mut run: Child, progress: &Path, rows: u64) -> bool {
    loop {
        if run.try_wait().expect("a child").is_some() {
            return false;
        }
        if committed(progress).is_some_and(|committed| committed >= rows) {
            run.kill().expect("killed");
            run.wait().expect("ended");
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_three_times_and_resumed_the_output_is_that_of_an_undisturbed_run() {
    for (seed, (input, output)) in [
        ("in.jsonl", "out.jsonl"),
        ("in.jsonl", "out.jsonl.gz"),
        ("in.jsonl", "out.jsonl.zst"),
        ("in.parquet", "out.parquet"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = |name: &str| folder.path().join(name);
        if input == "in.jsonl" {
            write_lines(&path(input));
        } else {
            write_table(&path(input));
        }
        let undisturbed = format!("undisturbed-{output}");
        let args = |output| ["classify", "--window", "16", "--input", input, "--output", output];
        let whole = pointsman(folder.path(), &args(&undisturbed));
        assert!(whole.status.success(), "{}", text(&whole.stderr));

        let progress = path(&format!("{output}.progress"));
        let mut kills = 0;
        let mut at = 0;
        for kill in 0..3u64 {
            at += 32 + (seed as u64 * 7919 + kill * 104_729) % 200;
            let run = command(folder.path(), &args(output)).arg("--resume").stderr(Stdio::null()).spawn();
            kills += usize::from(kill_at(run.expect("starts"), &progress, at));
            // A kill in the middle of writing leaves a torn piece.
            if let Ok(mut part) = fs::OpenOptions::new().append(true).open(path(&format!("{output}.part"))) {
                part.write_all(b"{\"id\":12,\"ta").expect("written");
            }
        }
        assert_eq!(kills, 3, "{output}");
        let last = pointsman(folder.path(), &[&args(output)[..], &["--resume", "--json"]].concat());
        assert!(last.status.success(), "{}", text(&last.stderr));
        let summary: Value = serde_json::from_slice(&last.stdout).expect("JSON");
        assert!(summary["resumed"].as_u64().is_some_and(|rows| rows >= 96), "{summary}");
        assert_eq!(summary["rows"], ROWS);
        let again = pointsman(folder.path(), &[&args(output)[..], &["--resume", "--json"]].concat());
        let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
        let bad = if input == "in.jsonl" { 36 } else { 18 };
        assert_eq!((&again["rows"], &again["bad"]), (&json!(ROWS), &json!(bad)), "{again}");
        assert_eq!((&again["resumed"], &again["resumed_bad"]), (&json!(ROWS), &json!(bad)), "{again}");
        assert_eq!(
            (&again["tokens"], &again["rows_per_s"]),
            (&json!(0), &json!(0.0)),
            "nothing is done twice"
        );
        let bytes = |name: &str| fs::read(path(name)).expect("there");
        assert!(bytes(output) == bytes(&undisturbed), "{output} differs from that of an undisturbed run");
        assert!(!progress.exists() && !path(&format!("{output}.part")).exists());
    }
}

#[test]
fn a_summary_counts_rows_and_progress_is_told_on_request() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write_lines(&folder.path().join("in.jsonl"));
    let output = pointsman(
        folder.path(),
        &["classify", "--input", "in.jsonl", "--progress", "--json", "-o", "out.jsonl"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let counted = (&summary["rows"], &summary["labelled"], &summary["bad"]);
    assert_eq!(counted, (&json!(ROWS), &json!(ROWS - 36), &json!(36)));
    assert!(summary["encoder_busy"].as_f64().is_some_and(|share| share > 0.0 && share <= 1.0), "{summary}");
    assert!(
        text(&output.stderr).contains("864 rows labelled, 36 bad rows reported in place"),
        "{}",
        text(&output.stderr)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_input() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // A field that is passed over makes rows large without making them long to label.
    let row = |at: usize| json!({"id": at, "text": "hi", "log": "x".repeat(200_000)}).to_string() + "\n";
    let peak = |rows: usize| {
        let mut file = File::create(folder.path().join("in.jsonl")).expect("created");
        (0..rows).for_each(|at| file.write_all(row(at).as_bytes()).expect("written"));
        let run = command(folder.path(), &["classify", "-i", "in.jsonl", "-o", "out.jsonl"])
            .stderr(Stdio::null())
            .spawn();
        peak_memory(run.expect("starts"))
    };
    let (few, many) = (peak(60), peak(1500));
    assert!(many < few + (80 << 20), "{} MiB for 12 MB, {} MiB for 300 MB", few >> 20, many >> 20);
    assert!(many < 400 << 20, "{} MiB", many >> 20);
}

/// The most memory that was in use, in bytes, as far as it was seen before the end.
#[cfg(target_os = "linux")]
fn peak_memory(mut run: Child) -> u64 {
    let status = format!("/proc/{}/status", run.id());
    let mut peak = 0;
    while run.try_wait().expect("a child").is_none() {
        let seen = fs::read_to_string(&status).unwrap_or_default();
        let line = seen.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
        let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        peak = peak.max(kilobytes << 10);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(run.wait().expect("ended").success() && peak > 0);
    peak
}
