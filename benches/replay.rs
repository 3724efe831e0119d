//! How fast recorded decisions are taken again, from records in memory, from JSON lines and from a file of SQLite, and
//! what recording one costs the request that it is about.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pointsman_domain::{Band, ProviderName, Vocabulary};
use pointsman_eval::replay::{Replay, decide_again};
use pointsman_policy::config::{Document, Known, Source};
use pointsman_policy::{Abilities, Policy};
use pointsman_record::{
    Clock, Filter, Options, PromptPolicy, Record, Recorder, Retention, Store, StoreError,
};

/// The built-in table.
const TABLE: &str = include_str!("../crates/pointsman/src/default.toml");

/// Records at a time.
const RECORDS: u32 = 100_000;

fn policy() -> Policy {
    let vocabulary = Arc::new(Vocabulary::standard());
    let abilities = Arc::new(Abilities::shipped());
    let known = Known {
        vocabulary,
        providers: [ProviderName::new("demo")].into(),
        abilities,
        catalogue: Arc::default(),
        listed: [].into(),
    };
    let source = Source::new("default.toml", TABLE);
    Policy::read(&Document::parse(&source), &known).0.expect("a sound table")
}

/// Records of every task and band, with a score for each task as the classifier gives them.
fn records(policy: &Policy) -> Vec<Record> {
    let examples = include_bytes!("../crates/pointsman-record/tests/fixtures/records.jsonl");
    let example = pointsman_record::read(examples.as_slice()).last().expect("some").expect("readable");
    let vocabulary = Vocabulary::standard();
    let tasks: Vec<_> = vocabulary.tasks().cloned().collect();
    let record = |i: u32| {
        let mut record = Record { id: format!("{i:036}"), prompt: None, ..example.clone() };
        record.time_us += u64::from(i);
        record.labels.abstained = None;
        record.labels.task = tasks[i as usize % tasks.len()].clone();
        record.labels.band = Band::ALL[i as usize % 4];
        record.labels.task_scores =
            (1_u8..).zip(&tasks).map(|(n, task)| (task.clone(), 1.0 / (f32::from(n) + 0.123))).collect();
        record.decision = decide_again(policy.auto(), &record, &record.labels);
        record.table_hash = policy.auto().hash().to_string();
        record
    };
    (0..RECORDS).map(record).collect()
}

fn replay(criterion: &mut Criterion) {
    let (policy, abilities) = (policy(), Abilities::shipped());
    let records = records(&policy);
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function("records in memory", |bencher| {
        bencher.iter(|| {
            let mut replay = Replay::new(&policy, &abilities);
            records.iter().for_each(|record| replay.add(record, None));
            assert_eq!(replay.finish().identical, records.len());
        });
    });

    let mut lines = Vec::new();
    records.iter().try_for_each(|record| pointsman_record::write(&mut lines, record)).expect("written");
    group.bench_function("JSON lines", |bencher| {
        bencher.iter(|| {
            let mut replay = Replay::new(&policy, &abilities);
            pointsman_record::read(lines.as_slice())
                .for_each(|record| replay.add(&record.expect("a record"), None));
            assert_eq!(replay.finish().identical, records.len());
        });
    });

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("records.db");
    let recorder = recorder(&path);
    for chunk in records.chunks(1000) {
        chunk.iter().for_each(|record| recorder.decided(Box::new(record.clone()), None));
        recorder.flush();
    }
    drop(recorder);
    let store = Store::open(&path).expect("opens");
    group.bench_function("a file of SQLite", |bencher| {
        bencher.iter(|| {
            let mut replay = Replay::new(&policy, &abilities);
            let each = |record: Result<Record, StoreError>| {
                replay.add(&record?, None);
                Ok::<_, StoreError>(())
            };
            store.each(Filter::default(), each).expect("readable");
            assert_eq!(replay.finish().identical, records.len());
        });
    });
}

#[expect(clippy::disallowed_methods, reason = "the recorder needs the clock")]
fn recorder(path: &std::path::Path) -> Recorder {
    let options = Options {
        path: path.to_owned(),
        prompts: PromptPolicy::None,
        retention: Retention { days: 36_500, mebibytes: 4096 },
    };
    let clock = Clock { monotonic: Instant::now, unix_us: || 1_763_700_000_000_000 };
    Recorder::start(options, clock, |report| panic!("{report:?}")).expect("a thread")
}

/// What a request pays: its record is put together and queued, and so is its answer. The time is that of one request;
/// between requests the recorder gets time to write, as it does at a thousand requests a second.
fn record(criterion: &mut Criterion) {
    let policy = policy();
    let records = records(&policy);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recorder = recorder(&folder.path().join("records.db"));
    let answered = records[0].answered.clone().expect("answered");
    let mut next = 0_u64;
    criterion.bench_function("record/one request", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = std::time::Duration::ZERO;
            for _ in 0..iterations {
                next += 1;
                if next.is_multiple_of(1000) {
                    recorder.flush();
                }
                let id = format!("{next:036}");
                let template = black_box(&records[usize::try_from(next).unwrap_or(0) % records.len()]);
                #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
                let start = Instant::now();
                recorder.decided(Box::new(Record { id: id.clone(), ..template.clone() }), None);
                recorder.answered(id, answered.clone());
                total += start.elapsed();
            }
            total
        });
    });
    assert_eq!(recorder.counts().dropped_decisions + recorder.counts().dropped_answers, 0);
}

criterion_group!(benches, replay, record);
criterion_main!(benches);
