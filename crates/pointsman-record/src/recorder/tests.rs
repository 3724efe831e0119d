//! The queue and its thread, with a real file.

use std::path::Path;
use std::sync::mpsc;

use rusqlite::Connection;

use super::*;
use crate::jsonl::tests::{answered, record};
use crate::named::tests::named;
use crate::prompt::StoredPrompt;
use crate::store::{Filter, Store};

#[expect(clippy::disallowed_methods, reason = "tests wait for real transactions")]
const CLOCK: Clock = Clock { monotonic: Instant::now, unix_us: || 1_763_700_000_000_000 };

fn options(path: &Path) -> Options {
    let retention = Retention { days: 30, mebibytes: 100 };
    Options { path: path.to_owned(), prompts: PromptPolicy::None, retention }
}

fn decided(id: &str) -> Box<Record> {
    Box::new(Record { id: id.to_owned(), prompt: None, answered: None, feedback: None, ..record() })
}

fn ids(path: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    let store = Store::open(path).expect("opens");
    store
        .each(Filter::default(), |record| {
            ids.push(record?.id);
            Ok::<_, StoreError>(())
        })
        .expect("readable");
    ids
}

/// What the recorder says of a decision.
fn ask(recorder: &Recorder, id: &str) -> Known {
    let (tell, told) = mpsc::channel();
    let feedback = Feedback { score: 0.5, time_us: 7 };
    recorder.feedback(id.to_owned(), feedback, move |known| tell.send(known).expect("waited for"));
    told.recv().expect("told")
}

#[test]
fn a_decision_its_answer_and_feedback_become_one_record() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("records.db");
    let recorder = Recorder::start(options(&path), CLOCK, |report| panic!("{report:?}")).expect("a thread");
    recorder.decided(decided("a"), None);
    assert_eq!(ask(&recorder, "a"), Known::Yes, "not written yet, but known");
    recorder.flush();
    recorder.answered("a".to_owned(), answered());
    assert_eq!((ask(&recorder, "a"), ask(&recorder, "b")), (Known::Yes, Known::No));
    recorder.decided(decided("c"), Some(Prompt::from_text("not to be kept")));
    let counts = recorder.counts();
    drop(recorder);
    assert_eq!(counts.dropped_decisions + counts.dropped_answers + counts.failed_commits, 0);
    let store = Store::open(&path).expect("opens");
    let a = store.get("a").expect("readable").expect("there");
    assert_eq!((a.answered, a.feedback), (Some(answered()), Some(Feedback { score: 0.5, time_us: 7 })));
    assert_eq!(store.get("c").expect("readable").expect("written when dropped").prompt, None);
}

#[test]
fn requests_that_named_their_model_are_written_and_counted() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("records.db");
    let recorder = Recorder::start(options(&path), CLOCK, |report| panic!("{report:?}")).expect("a thread");
    recorder.decided(decided("a"), None);
    recorder.named(Box::new(named()));
    recorder.flush();
    assert_eq!(recorder.counts(), Counts { written: 2, ..Counts::default() });
    assert_eq!(ask(&recorder, &named().id), Known::No, "there is no decision to be judged");
    let mut found: Vec<NamedRecord> = Vec::new();
    let each = |record: Result<NamedRecord, StoreError>| {
        found.push(record?);
        Ok::<_, StoreError>(())
    };
    Store::open(&path).expect("opens").each_named(Filter::default(), each).expect("readable");
    assert_eq!(found, [named()]);
}

#[test]
fn prompts_are_kept_as_the_user_says() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (prompts, kept) in [
        (PromptPolicy::None, None),
        (PromptPolicy::Redacted, Some(StoredPrompt::Redacted("Aa 0".to_owned()))),
        (PromptPolicy::Full, Some(StoredPrompt::Full(Prompt::from_text("Is 7")))),
    ] {
        let path = folder.path().join(format!("{prompts:?}.db"));
        let options = Options { prompts, ..options(&path) };
        let recorder = Recorder::start(options, CLOCK, |report| panic!("{report:?}")).expect("a thread");
        assert_eq!(recorder.keeps_prompts(), prompts != PromptPolicy::None);
        recorder.decided(decided("a"), Some(Prompt::from_text("Is 7")));
        drop(recorder);
        let record = Store::open(&path).expect("opens").get("a").expect("readable").expect("there");
        assert_eq!(record.prompt, kept);
    }
}

#[test]
fn a_locked_file_is_reported_once_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("records.db");
    let (tell, told) = mpsc::channel();
    let report = move |report: Report<'_>| {
        let said = match report {
            Report::Failing { error, waiting } => format!("{waiting}: {error}"),
            Report::Recovered => "recovered".to_owned(),
        };
        tell.send(said).expect("listened to");
    };
    let recorder = Recorder::start(options(&path), CLOCK, report).expect("a thread");
    recorder.flush();
    let other = Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    for id in ["a", "b"] {
        recorder.decided(decided(id), None);
        recorder.flush();
    }
    assert_eq!(recorder.counts(), Counts { failed_commits: 2, ..Counts::default() });
    assert_eq!(ask(&recorder, "b"), Known::Yes, "feedback is still taken");
    other.execute_batch("ROLLBACK").expect("free");
    recorder.flush();
    assert_eq!(ids(&path), ["a", "b"]);
    assert_eq!(recorder.counts().written, 2);
    drop(recorder);
    assert_eq!(told.iter().collect::<Vec<_>>(), ["1: database is locked", "recovered"]);
}

#[test]
fn a_file_that_cannot_be_made_is_no_obstacle() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    let path = blocked.join("records.db");
    let (tell, told) = mpsc::channel();
    let report = move |report: Report<'_>| tell.send(format!("{report:?}")).expect("listened to");
    let recorder = Recorder::start(options(&path), CLOCK, report).expect("a thread");
    recorder.decided(decided("a"), None);
    recorder.flush();
    assert_eq!(ask(&recorder, "b"), Known::Unclear);
    assert!(told.recv().expect("told").contains("Create"));
    std::fs::remove_file(&blocked).expect("removed");
    drop(recorder);
    assert_eq!(ids(&path), ["a"], "made once that was possible");
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let (sender, receiver) = sync_channel(1);
    let counters = Arc::new(Counters::default());
    let recorder =
        Recorder { sender: Some(sender), counters: Arc::clone(&counters), keeps_prompts: true, thread: None };
    let long = Prompt::from_text("x".repeat(QUEUED_BYTES));
    recorder.decided(decided("a"), Some(long.clone()));
    recorder.decided(decided("b"), Some(Prompt::from_text("too many bytes with the one before")));
    recorder.decided(decided("c"), None);
    recorder.named(Box::new(named()));
    recorder.answered("a".to_owned(), answered());
    let (tell, told) = mpsc::channel();
    recorder.feedback("a".to_owned(), Feedback { score: 1.0, time_us: 1 }, move |known| {
        tell.send(known).expect("waited for");
    });
    assert_eq!(told.recv(), Ok(Known::Unclear));
    assert_eq!(recorder.counts(), Counts { dropped_decisions: 3, dropped_answers: 1, ..Counts::default() });
    assert_eq!(counters.queued_bytes.load(Ordering::Relaxed), QUEUED_BYTES, "that of the one that waits");
    drop(receiver);
}
