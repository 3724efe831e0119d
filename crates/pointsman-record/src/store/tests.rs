//! The file: what it keeps, what it refuses, what it deletes.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::jsonl::tests::{answered, record};
use crate::named::NamedRecord;
use crate::named::tests::named;
use crate::record::{Feedback, Record};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A decision of which nothing more is known.
fn decided(id: &str, time_us: u64) -> Record {
    Record { id: id.to_owned(), time_us, answered: None, feedback: None, ..record() }
}

fn batch(records: &[Record]) -> Batch {
    let mut batch = Batch::default();
    records.iter().try_for_each(|record| batch.decided(record)).expect("JSON");
    batch
}

fn read(path: &Path, filter: Filter) -> Vec<Record> {
    let mut records = Vec::new();
    let store = Store::open(path).expect("opens");
    store
        .each(filter, |record| {
            records.push(record?);
            Ok::<_, StoreError>(())
        })
        .expect("readable");
    records
}

fn batch_of_named(records: &[NamedRecord]) -> Batch {
    let mut batch = Batch::default();
    records.iter().try_for_each(|record| batch.named(record)).expect("JSON");
    batch
}

fn read_named(path: &Path, filter: Filter) -> Vec<NamedRecord> {
    let mut records = Vec::new();
    let store = Store::open(path).expect("opens");
    store
        .each_named(filter, |record| {
            records.push(record?);
            Ok::<_, StoreError>(())
        })
        .expect("readable");
    records
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[test]
fn what_is_told_in_one_transaction_or_several_is_one_record() {
    let folder = Folder::new();
    let path = folder.path("new/folder/records.db");
    let feedback = Feedback { score: 0.1, time_us: 1_763_700_009_000_000 };
    let mut writer = Writer::open(&path).expect("made");
    let mut together = batch(&[decided("a", 1)]);
    together.answered("a".to_owned(), Box::new(answered()));
    together.feedback("a".to_owned(), feedback);
    assert!(together.has("a") && !together.has("b"));
    writer.commit(&together).expect("written");
    writer.commit(&batch(&[decided("b", 2)])).expect("written");
    let mut later = Batch::default();
    later.answered("b".to_owned(), Box::new(answered()));
    later.feedback("b".to_owned(), feedback);
    later.answered("unheard of".to_owned(), Box::new(answered()));
    writer.commit(&later).expect("written");

    let whole = |id: &str, time_us| Record { id: id.to_owned(), time_us, ..record() };
    assert_eq!(read(&path, Filter::default()), [whole("a", 1), whole("b", 2)]);
    assert!(writer.has("b").expect("readable") && !writer.has("c").expect("readable"));
    let store = Store::open(&path).expect("opens");
    assert_eq!(store.get("a").expect("readable"), Some(whole("a", 1)));
    assert_eq!((store.get("c").expect("readable"), store.count().expect("readable")), (None, 2));
}

#[test]
fn a_batch_that_is_written_twice_is_there_once() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    for _ in 0..2 {
        writer.commit(&batch(&[decided("a", 1), decided("b", 2)])).expect("written");
    }
    assert_eq!(ids(&read(&path, Filter::default())), ["a", "b"]);
}

#[test]
fn records_are_chosen_by_age_and_number() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let records: Vec<Record> = (1..=5).map(|i| decided(&i.to_string(), i)).collect();
    Writer::open(&path).expect("made").commit(&batch(&records)).expect("written");
    for (since_us, newest, expected) in [
        (0, None, &["1", "2", "3", "4", "5"][..]),
        (3, None, &["3", "4", "5"]),
        (0, Some(2), &["4", "5"]),
        (5, Some(2), &["5"]),
        (6, None, &[]),
        (0, Some(0), &[]),
    ] {
        assert_eq!(ids(&read(&path, Filter { since_us, newest })), expected, "{since_us} {newest:?}");
    }
}

#[test]
fn requests_that_named_their_model_stand_beside_decisions() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    let of = |id: &str, time_us| NamedRecord { id: id.to_owned(), time_us, ..named() };
    let mut both = batch(&[decided("a", 1)]);
    [of("x", 1), of("y", 2)].iter().try_for_each(|record| both.named(record)).expect("JSON");
    assert_eq!((both.len(), both.records()), (3, 3));
    writer.commit(&both).expect("written");
    writer.commit(&batch_of_named(&[of("x", 1)])).expect("there already");
    assert_eq!(ids(&read(&path, Filter::default())), ["a"]);
    assert_eq!(read_named(&path, Filter::default()), [of("x", 1), of("y", 2)], "bit for bit");
    for filter in [Filter { since_us: 2, newest: None }, Filter { since_us: 0, newest: Some(1) }] {
        assert_eq!(read_named(&path, filter), [of("y", 2)], "{filter:?}");
    }
    assert_eq!(Store::open(&path).expect("opens").count().expect("readable"), 1, "decisions");
    let sums = "SELECT count(*) || ' ' || sum(rule = 'named') || ' ' || count(task) || ' ' || sum(output_tokens) FROM requests";
    let sums: String = writer.connection().query_row(sums, [], |row| row.get(0)).expect("a view of both");
    assert_eq!(sums, "3 2 1 14", "the decision has no answer");

    let sql = "UPDATE named SET request = '{}' WHERE id = 'x'; \
               UPDATE named SET request = json_set(request, '$.version', 99) WHERE id = 'y'";
    writer.connection().execute_batch(sql).expect("changed");
    let mut said = Vec::new();
    let each = |record: Result<NamedRecord, StoreError>| {
        said.push(record.expect_err("unreadable").to_string());
        Ok::<_, StoreError>(())
    };
    Store::open(&path).expect("opens").each_named(Filter::default(), each).expect("readable");
    assert!(said[0].starts_with("record x: missing field"), "{said:?}");
    assert_eq!(said[1], "record y: version 99 is newer than this program; update pointsman");
}

#[test]
fn a_record_that_is_broken_is_named_and_passed_over() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    writer.commit(&batch(&[decided("a", 1), decided("b", 2), decided("c", 3)])).expect("written");
    let sql = "UPDATE records SET decision = '{}' WHERE id = 'a'; \
               UPDATE records SET decision = json_set(decision, '$.version', 99) WHERE id = 'b'";
    writer.connection().execute_batch(sql).expect("changed");
    let mut said = Vec::new();
    let each = |record: Result<Record, StoreError>| {
        said.push(record.map_or_else(|error| error.to_string(), |record| record.id));
        Ok::<_, StoreError>(())
    };
    Store::open(&path).expect("opens").each(Filter::default(), each).expect("readable");
    insta::assert_snapshot!(said.join("\n"), @r"
    record a: missing field `version` at line 1 column 2
    record b: version 99 is newer than this program; update pointsman
    c
    ");
}

/// A fixture for each form that ever was. A new form adds one and changes none.
const FORMS: &[(u32, &str)] = &[
    (1, include_str!("../../tests/fixtures/store-1.sql")),
    (2, include_str!("../../tests/fixtures/store-2.sql")),
    (3, include_str!("../../tests/fixtures/store-3.sql")),
];

#[test]
fn files_of_older_forms_are_read_and_written() {
    let folder = Folder::new();
    assert_eq!(FORMS.len(), usize::try_from(schema::VERSION).expect("small"), "each form has its fixture");
    for (form, sql) in FORMS {
        let path = folder.path(&format!("{form}.db"));
        Connection::open(&path).and_then(|new| new.execute_batch(sql)).expect("made");
        let first = "019aa3c0-0000-7000-8000-000000000001";
        let before = read(&path, Filter::default());
        let second = match form {
            1 => Record { version: 2, key: None, ..record() },
            _ => record(),
        };
        assert_eq!((ids(&before)[0], before[0].version, &before[1]), (first, 1, &second));
        let named_before = read_named(&path, Filter::default());
        assert_eq!(named_before, if *form < 3 { vec![] } else { vec![named()] });
        let mut writer = Writer::open(&path).expect("brought up to date");
        writer.commit(&batch(&[decided("new", 1_763_700_000_000_001)])).expect("written");
        assert_eq!(ids(&read(&path, Filter::default())), [first, &record().id, "new"]);
        let new = NamedRecord { id: "new".to_owned(), ..named() };
        writer.commit(&batch_of_named(std::slice::from_ref(&new))).expect("written");
        assert_eq!(read_named(&path, Filter::default()), [named_before, vec![new]].concat());
        let connection = writer.connection();
        let keys = "SELECT group_concat(ifnull(key, '-'), ' ') FROM (SELECT key FROM decisions ORDER BY time_utc, id)";
        let keys: String = connection.query_row(keys, [], |row| row.get(0)).expect("the view is up to date");
        assert_eq!(
            keys.split(' ').filter(|key| *key == "ann").count(),
            if *form == 1 { 1 } else { 2 },
            "{keys}"
        );
    }
}

#[test]
fn files_of_others_and_of_newer_programs_are_left_alone() {
    let folder = Folder::new();
    let path = folder.path("other.db");
    Connection::open(&path).and_then(|new| new.execute_batch("CREATE TABLE mine (x)")).expect("made");
    let before = std::fs::read(&path).expect("readable");
    assert!(matches!(Writer::open(&path), Err(StoreError::Foreign)));
    assert!(matches!(Store::open(&path), Err(StoreError::Foreign)));
    assert_eq!(std::fs::read(&path).expect("readable"), before, "nothing is changed");

    let path = folder.path("newer.db");
    Writer::open(&path).expect("made").connection().pragma_update(None, "user_version", 99).expect("changed");
    let error = Writer::open(&path).expect_err("newer").to_string();
    assert!(error.starts_with("the file has form 99, which is newer than this program"), "{error}");

    let path = folder.path("text.db");
    std::fs::write(&path, "no database, but longer than the header of one".repeat(9)).expect("written");
    assert!(matches!(Writer::open(&path), Err(StoreError::Sqlite(_))));
    assert!(Store::open(&folder.path("nowhere.db")).is_err());
}

#[test]
fn a_full_disk_is_an_error_and_leaves_the_file_whole() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    writer.commit(&batch(&[decided("a", 1)])).expect("written");
    let full = |writer: &Writer, pages: i64| {
        writer.connection().pragma_update(None, "max_page_count", pages).expect("set");
    };
    full(&writer, 1);
    let many: Vec<Record> = (0..100).map(|i| decided(&format!("b{i}"), 2)).collect();
    let error = writer.commit(&batch(&many)).expect_err("full").to_string();
    assert!(error.contains("full"), "{error}");
    assert_eq!(ids(&read(&path, Filter::default())), ["a"], "all or nothing");
    full(&writer, 1 << 20);
    writer.commit(&batch(&many)).expect("room again");
    assert_eq!(read(&path, Filter::default()).len(), 101);
}

#[test]
fn what_is_too_old_or_too_much_is_deleted_oldest_first() {
    const DAY_US: u64 = 86_400_000_000;
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    let records: Vec<Record> = (0..10).map(|day| decided(&day.to_string(), day * DAY_US)).collect();
    writer.commit(&batch(&records)).expect("written");
    let keep = Retention { days: 4, mebibytes: 1 };
    assert!(writer.prune(keep, 9 * DAY_US).expect("deleted"), "there was something");
    assert!(!writer.prune(keep, 9 * DAY_US).expect("deleted"), "and now there is not");
    assert_eq!(ids(&read(&path, Filter::default())), ["5", "6", "7", "8", "9"]);

    let of = |id: &str, time_us| NamedRecord { id: id.to_owned(), time_us, ..named() };
    writer.commit(&batch_of_named(&[of("x", 4 * DAY_US), of("y", 5 * DAY_US)])).expect("written");
    while writer.prune(keep, 9 * DAY_US).expect("deleted") {}
    assert_eq!(read_named(&path, Filter::default()), [of("y", 5 * DAY_US)], "those of the same age");

    let many: Vec<Record> = (0..2000).map(|i| decided(&format!("more {i}"), 20 * DAY_US + i)).collect();
    writer.commit(&batch(&many)).expect("written");
    let (old, new) = (of("old", 18 * DAY_US), of("new", 20 * DAY_US + 5000));
    writer.commit(&batch_of_named(&[old, new.clone()])).expect("written");
    let size = || {
        writer.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpoint");
        std::fs::metadata(&path).expect("there").len()
    };
    let before = size();
    while writer.prune(keep, 21 * DAY_US).expect("deleted") {}
    let after = size();
    assert!(before > 2 << 20 && after <= 1 << 20, "{before} bytes before and {after} after");
    let left = read(&path, Filter::default());
    assert!(left.len() > 300, "{} are left", left.len());
    assert_eq!(left.last().expect("some").id, "more 1999", "the newest stay");
    assert_eq!(read_named(&path, Filter::default()), [new], "the oldest go, whatever they are of");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    writer.commit(&batch(&[decided("a", 1)])).expect("written");
    for name in ["records.db", "records.db-wal"] {
        let mode = std::fs::metadata(folder.path(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_log_is_copied_into_the_file_once_there_is_enough_of_it() {
    let folder = Folder::new();
    let path = folder.path("records.db");
    let mut writer = Writer::open(&path).expect("made");
    let mut disk = Disk::open(&path).expect("opens");
    writer.commit(&batch(&[decided("a", 1)])).expect("written");
    // What the file alone has, without its log.
    let alone = || {
        let copy = folder.path("copy.db");
        std::fs::copy(&path, &copy).expect("copied");
        Connection::open(&copy)
            .and_then(|copy| copy.query_row("SELECT count(*) FROM records", [], |row| row.get(0)))
    };
    disk.sync(1).expect("brought to the disk");
    assert!(!matches!(alone(), Ok(1_i64)), "one record is not enough");
    disk.sync(CHECKPOINT_BYTES).expect("brought to the disk");
    assert_eq!(alone().expect("readable"), 1_i64);

    // A reader that keeps the log from being copied whole is no obstacle.
    let reader = Connection::open(&path).expect("opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM records").expect("reads");
    writer.commit(&batch(&[decided("b", 2)])).expect("written");
    disk.sync(CHECKPOINT_BYTES).expect("no error");
    reader.execute_batch("COMMIT").expect("ends");
    disk.sync(CHECKPOINT_BYTES).expect("brought to the disk");
    assert_eq!(alone().expect("readable"), 2_i64);
}
