//! Whole runs with the embedded model.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use pointsman_classifier::{Classifier, DeviceChoice, ModelSource};
use serde_json::{Value, json};

use super::format::{Format, Packing, unpack};
use super::{Fields, Job, Summary, run};

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| {
    let files = crate::model::files(&ModelSource::Embedded).expect("embedded");
    Classifier::load(&files, &DeviceChoice::Cpu.open().expect("the processor")).expect("loads")
});

const USUAL: Fields = Fields { text: None, messages: None, id: None };

fn job<'a>(input: &'a Path, output: &'a Path) -> Job<'a> {
    Job { input, output, fields: USUAL, prefix: "", window: Some(4), resume: false, progress: false }
}

#[track_caller]
fn done(job: &Job<'_>) -> Summary {
    run(job, &CLASSIFIER).unwrap_or_else(|error| panic!("{error:#}"))
}

#[track_caller]
fn failed(job: &Job<'_>) -> String {
    format!("{:#}", run(job, &CLASSIFIER).expect_err("refused"))
}

/// Texts of prompts; what is none is a bad row.
const TEXTS: [Option<&str>; 11] = [
    Some("hi there"),
    Some("Prove that there are infinitely many primes"),
    None,
    Some("Translate to German: good morning"),
    Some("write a haiku about rain"),
    Some(""),
    Some("What is 17 * 23 + 4?"),
    None,
    Some("def add(a, b):\n    # continue"),
    Some("Summarise the following text in one sentence: it rained all day and nobody came."),
    Some("plan a trip to Rome for three days"),
];

fn lines(chat: bool) -> String {
    let row = |(at, text): (usize, &Option<&str>)| {
        let row = match text {
            Some(text) if chat => json!({"id": at, "messages": [{"role": "user", "content": text}]}),
            Some(text) => json!({"id": at, "text": text}),
            None => json!({"id": at, "words": "none"}),
        };
        row.to_string() + "\n"
    };
    TEXTS.iter().enumerate().map(row).collect()
}

fn write_lines(path: &Path, text: &str) {
    let Format::Lines(packing) = Format::of(path) else { panic!("no lines: {}", path.display()) };
    fs::write(path, packing.pack(text.as_bytes()).expect("packs")).expect("written");
}

fn read_lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    unpack(File::open(path).expect("there")).and_then(|mut r| r.read_to_string(&mut text)).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// How prompts are kept in a table.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    Text,
    Json,
    Structs,
}

fn conversation(text: &str) -> String {
    json!([{"role": "user", "content": text}]).to_string()
}

fn structs() -> ListArray {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let mut list = ListBuilder::new(StructBuilder::from_fields(vec![text("content"), text("role")], 4));
    for prompt in TEXTS {
        if let Some(prompt) = prompt {
            let item = list.values();
            item.field_builder::<StringBuilder>(0).expect("content").append_value(prompt);
            item.field_builder::<StringBuilder>(1).expect("role").append_value("user");
            item.append(true);
        }
        list.append(prompt.is_some());
    }
    list.finish()
}

/// A table with three row groups and columns that have nothing to do with prompts.
fn write_table(path: &Path, kept: Kept) {
    let prompts: (&str, ArrayRef) = match kept {
        Kept::Text => ("text", Arc::new(TEXTS.iter().copied().collect::<StringArray>())),
        Kept::Json => {
            ("messages", Arc::new(TEXTS.iter().map(|text| text.map(conversation)).collect::<StringArray>()))
        }
        Kept::Structs => ("messages", Arc::new(structs())),
    };
    let count = i64::try_from(TEXTS.len()).expect("few");
    let numbers = (0..count).map(|at| (at % 3 > 0).then(|| vec![Some(1), None, Some(2)]));
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef),
        ("numbers", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(numbers))),
        prompts,
        ("at", Arc::new(TimestampMillisecondArray::from_iter_values(0..count).with_timezone("UTC"))),
    ])
    .expect("columns of one length");
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(5))
        .set_compression(Compression::SNAPPY)
        .build();
    let file = File::create(path).expect("created");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("schema");
    writer.write(&batch).and_then(|()| writer.close()).expect("written");
}

/// All rows of a table, and the rows of its groups.
fn read_table(path: &Path) -> (RecordBatch, Vec<i64>) {
    let groups = SerializedFileReader::new(File::open(path).expect("there")).expect("Parquet");
    let groups = groups.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("there"))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .expect("Parquet");
    let mut batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("rows")).collect();
    assert_eq!(batches.len(), 1);
    (batches.remove(0), groups)
}

/// Task, or kind of error, of each row.
fn answers(rows: &[Value]) -> Vec<String> {
    let answer = |row: &Value| row["task"].as_str().or(row["error"]["kind"].as_str()).map(str::to_owned);
    rows.iter().map(|row| answer(row).expect("a task or an error")).collect()
}

fn expected(folder: &Path) -> Vec<Value> {
    let (input, output) = (folder.join("expected-in.jsonl"), folder.join("expected.jsonl"));
    write_lines(&input, &lines(false));
    let summary = done(&job(&input, &output));
    assert_eq!((summary.rows, summary.labelled, summary.bad), (11, 9, 2));
    read_lines(&output)
}

#[test]
fn lines_are_labelled_in_place_however_they_are_packed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let expected = expected(folder.path());
    assert_eq!(answers(&expected)[..3], ["chat", "math", "invalid_row"]);
    assert_eq!((&expected[7]["id"], &expected[7]["error"]["line"]), (&json!(7), &json!(8)));
    for name in ["in.jsonl", "in.jsonl.gz", "in.jsonl.zst"] {
        for out in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"] {
            let (input, output) = (folder.path().join(name), folder.path().join(out));
            write_lines(&input, &lines(name.ends_with("gz")));
            done(&job(&input, &output));
            assert_eq!(read_lines(&output), expected, "{name} {out}");
        }
    }
}

#[test]
fn a_table_keeps_its_columns_and_gains_labels() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let expected = expected(folder.path());
    let (input, output) = (folder.path().join("in.parquet"), folder.path().join("out.parquet"));
    for kept in [Kept::Text, Kept::Json, Kept::Structs] {
        write_table(&input, kept);
        let summary = done(&Job { prefix: "p_", ..job(&input, &output) });
        assert_eq!((summary.rows, summary.bad), (11, 2), "{kept:?}");
        let ((before, groups), (after, new_groups)) = (read_table(&input), read_table(&output));
        assert_eq!(groups, new_groups);
        let there: Vec<usize> = (0..before.num_columns()).collect();
        assert_eq!(after.project(&there).expect("columns").columns(), before.columns(), "{kept:?}");
        assert_eq!(after.schema().fields()[..there.len()], before.schema().fields()[..], "{kept:?}");
        check_columns(&after, &expected);
    }
    let left: Vec<PathBuf> =
        fs::read_dir(folder.path()).expect("folder").flatten().map(|e| e.path()).collect();
    assert!(
        left.iter().all(|path| path.extension().is_some_and(|e| e == "parquet" || e == "jsonl")),
        "{left:?}"
    );
}

fn check_columns(table: &RecordBatch, expected: &[Value]) {
    let text = |name: &str| table.column_by_name(name).expect(name).as_string::<i32>().clone();
    let (task, band) = (text("p_task"), text("p_band"));
    let scores = table.column_by_name("p_task_scores").expect("scores").as_struct();
    let math = scores.column_by_name("math").expect("math").as_primitive::<Float32Type>();
    let error = table.column_by_name("p_error").expect("errors").as_struct();
    let kind = error.column_by_name("kind").expect("kind").as_string::<i32>();
    for (row, expected) in expected.iter().enumerate() {
        assert_eq!(error.is_valid(row), expected["error"].is_object());
        if error.is_valid(row) {
            assert!(task.is_null(row) && scores.is_null(row) && kind.value(row) == "invalid_row");
            continue;
        }
        assert_eq!(
            (task.value(row), band.value(row)),
            (expected["task"].as_str().expect("task"), expected["band"].as_str().expect("band"))
        );
        let score = expected["task_scores"]["math"].as_f64().expect("score");
        assert!((f64::from(math.value(row)) - score).abs() < 1e-6, "{row}");
    }
}

#[test]
fn lines_and_tables_can_be_turned_into_one_another() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    let expected = expected(folder.path());
    write_table(&path("in.parquet"), Kept::Text);
    done(&job(&path("in.parquet"), &path("out.jsonl")));
    let rows = read_lines(&path("out.jsonl"));
    assert_eq!(answers(&rows), answers(&expected));
    assert_eq!((&rows[3]["id"], &rows[3]), (&json!(3), &expected[3]));

    write_lines(&path("in.jsonl"), &lines(false));
    done(&job(&path("in.jsonl"), &path("out.parquet")));
    let (table, _) = read_table(&path("out.parquet"));
    assert_eq!(table.column(0).as_string::<i32>().value(10), "10");
    assert_eq!(table.column_by_name("task").expect("task").as_string::<i32>().value(1), "math");

    write_lines(&path("empty.jsonl"), "");
    for out in ["none.parquet", "none.jsonl.gz", "none.jsonl.zst"] {
        assert_eq!(done(&job(&path("empty.jsonl"), &path(out))).rows, 0);
    }
    assert!(read_lines(&path("none.jsonl.gz")).is_empty() && read_lines(&path("none.jsonl.zst")).is_empty());
    let none = SerializedFileReader::new(File::open(path("none.parquet")).expect("there")).expect("Parquet");
    assert_eq!(none.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn columns_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    write_table(&path("in.parquet"), Kept::Structs);
    let (input, output) = (path("in.parquet"), path("out.parquet"));
    let with = |text: Option<&str>, messages: Option<&str>, id: Option<&str>| {
        let name = |name: Option<&str>| name.map(str::to_owned);
        failed(&Job {
            fields: Fields { text: name(text), messages: name(messages), id: name(id) },
            ..job(&input, &output)
        })
    };
    for (said, error) in [
        ("there is no column `prompt`", with(Some("prompt"), None, None)),
        ("There are id, numbers, messages, at", with(Some("prompt"), None, None)),
        ("column `id` has no texts", with(Some("id"), None, None)),
        ("column `messages` has no texts", with(Some("messages"), None, None)),
        ("column `at` is Timestamp", with(None, Some("at"), None)),
        ("there is no column `numbers` of strings or numbers", with(None, None, Some("numbers"))),
    ] {
        assert!(error.contains(said), "{error}");
    }
    done(&job(&input, &output));
    let error = failed(&job(&output, &path("again.parquet")));
    assert!(error.contains("it has a column `task` already") && error.contains("--prefix"), "{error}");
    fs::write(path("broken.parquet"), "PAR1 and nothing else").expect("written");
    let error = failed(&job(&path("broken.parquet"), &output));
    assert!(error.contains("broken.parquet: this is no Parquet file that can be read"), "{error}");
    assert!(failed(&job(&input, &input)).contains("the output would replace the input"));
    assert!(failed(&job(&path("none.jsonl"), &output)).contains("none.jsonl: cannot be read"));
}

#[test]
fn texts_that_are_no_utf_8_are_bad_rows_of_a_table() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (input, output) = (folder.path().join("in.parquet"), folder.path().join("out.jsonl"));
    let schema = Arc::new(parse_message_type("message m { required binary text (UTF8); }").expect("schema"));
    let file = File::create(&input).expect("created");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).expect("writer");
    let mut group = writer.next_row_group().expect("group");
    let mut column = group.next_column().expect("columns").expect("a column");
    let texts = [&b"hi there"[..], b"caf\xe9", b"hi there"].map(|text| ByteArray::from(text.to_vec()));
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("written");
    column.close().expect("column");
    group.close().expect("group");
    writer.close().expect("written");

    assert_eq!(done(&job(&input, &output)).bad, 1);
    let rows = read_lines(&output);
    assert_eq!(answers(&rows), ["chat", "invalid_utf8", "chat"]);
    assert_eq!((&rows[1]["id"], &rows[1]["error"]["line"]), (&Value::Null, &json!(2)));
}

#[test]
fn a_run_that_failed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    let whole = Packing::Gzip.pack(lines(false).repeat(3).as_bytes()).expect("packs");
    fs::write(path("in.jsonl.gz"), &whole).expect("written");
    done(&job(&path("in.jsonl.gz"), &path("undisturbed.jsonl.zst")));

    // A file that is cut short ends the run after the windows that could be read.
    fs::write(path("in.jsonl.gz"), &whole[..whole.len() * 2 / 3]).expect("written");
    let (input, output) = (path("in.jsonl.gz"), path("out.jsonl.zst"));
    let error = failed(&job(&input, &output));
    assert!(error.contains("cannot be read; is the file whole?"), "{error}");
    assert!(!output.exists() && path("out.jsonl.zst.part").exists());
    fs::write(&input, &whole).expect("written");
    let error = failed(&job(&input, &output));
    assert!(error.contains("was cut short after") && error.contains("--resume"), "{error}");
    let other = Job { window: Some(5), resume: true, ..job(&input, &output) };
    assert!(failed(&other).contains("had window 4, this one has 5"), "{}", failed(&other));

    let go_on = Job { resume: true, ..job(&input, &output) };
    let summary = done(&go_on);
    assert!(summary.resumed > 0 && summary.rows == 33 && summary.bad == 6, "{summary:?}");
    assert_eq!(fs::read(&output).expect("there"), fs::read(path("undisturbed.jsonl.zst")).expect("there"));
    let again = done(&go_on);
    assert_eq!((again.rows, again.labelled, again.bad), (33, 27, 6), "complete already");
    assert_eq!((again.resumed, again.resumed_bad, again.tokens), (33, 6, 0), "nothing is left to do");
}

#[test]
fn a_complete_table_is_counted_and_other_tables_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (input, output) = (folder.path().join("in.parquet"), folder.path().join("out.parquet"));
    write_table(&input, Kept::Text);
    let go_on = Job { prefix: "p_", resume: true, ..job(&input, &output) };
    let first = done(&go_on);
    assert_eq!((first.rows, first.resumed, first.resumed_bad), (11, 0, 0));
    let again = done(&go_on);
    assert_eq!((again.rows, again.labelled, again.bad), (11, 9, 2));
    assert_eq!((again.resumed, again.resumed_bad), (11, 2));
    let error = failed(&Job { prefix: "q_", ..go_on });
    assert!(error.contains("has no labels that can be read") && error.contains("`q_error`"), "{error}");
}

#[test]
fn another_input_is_not_gone_on_with() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    let (input, output) = (path("in.jsonl.gz"), path("out.jsonl"));
    let whole = Packing::Gzip.pack(lines(false).repeat(3).as_bytes()).expect("packs");
    fs::write(&input, &whole[..whole.len() * 2 / 3]).expect("written");
    failed(&job(&input, &output));
    let go_on = Job { resume: true, ..job(&input, &output) };
    write_lines(&input, "{\"text\": \"other\"}\n");
    assert!(failed(&go_on).contains("the file has 1 lines, but"), "{}", failed(&go_on));
    write_lines(&input, &lines(true).repeat(3));
    assert!(failed(&go_on).contains("have changed since"), "{}", failed(&go_on));
    let stream = Job { resume: true, ..job(&input, Path::new("-")) };
    assert!(failed(&stream).contains("cannot be gone back on"));
}
