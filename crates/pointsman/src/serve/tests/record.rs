//! What is written of requests, and what is told of them later.

use std::path::{Path, PathBuf};

use pointsman_domain::{ModelName, TokenCount, Usd};
use pointsman_record::{
    End, Filter, NamedRecord, Record, Store, StoreError, StoredPrompt, TokenUsage, VERSION,
};
use serde_json::json;
use tempfile::TempDir;

use super::upstream::Upstream;
use super::*;

const CHAT: &str = "/v1/chat/completions";

/// A sidecar that records in a folder of its own.
struct Recorded {
    folder: TempDir,
    sidecar: Arc<Sidecar>,
    app: Router,
}

impl Recorded {
    fn new(config_text: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("records.db");
        let text = format!("{config_text}\n[record]\npath = {:?}\n{more}", path.display().to_string());
        let sidecar = sidecar(&config(&text), Arc::new(ByWord));
        let app = super::super::app(Arc::clone(&sidecar));
        Self { folder, sidecar, app }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("records.db")
    }

    /// The record of the decision that an answer names.
    fn record(&self, answer: &Answer) -> Record {
        self.sidecar.recording.finish();
        record(&self.path(), answer.header("x-pointsman-decision")).expect("recorded")
    }
}

fn record(path: &Path, id: &str) -> Option<Record> {
    Store::open(path).expect("opens").get(id).expect("readable")
}

#[tokio::test]
async fn a_routed_request_is_recorded_with_its_decision_and_its_end() {
    let recorded = Recorded::new(
        &DEMO.replace("\"demo/large\"", "{ use = \"demo/large\", price = { input = 1e6, output = 2e6 } }"),
        "",
    );
    let answer = ask(&recorded.app, post(CHAT, chat("auto", "is 7 prime?"))).await;
    let record = recorded.record(&answer);
    assert_eq!((record.version, record.endpoint.as_ref(), record.table.as_str()), (VERSION, CHAT, "auto"));
    assert_eq!(record.table_hash, recorded.sidecar.live().policy.auto().hash().as_str());
    assert_eq!((record.classifier.as_str(), record.classifier_hash.len()), ("by-word 1", 64));
    assert_eq!((record.decision.rule.0.as_str(), record.decision.model.as_str()), ("math.hard", "strong"));
    assert_eq!((record.labels.task.as_str(), record.labels.task_scores.len()), ("math", 1));
    assert!(
        record.queue_us + record.classify_us <= record.overhead_us && record.time_us > 1_700_000_000_000_000
    );
    assert_eq!((record.prompt, record.feedback), (None, None));
    let answered = record.answered.expect("answered");
    let by = answered.by().expect("a model");
    assert_eq!(
        (by.model.as_str(), by.target.to_string().as_str(), by.status),
        ("strong", "demo/large", Some(200))
    );
    assert_eq!((answered.attempts.len(), answered.end), (1, End::Whole));
    let told = &answer.json()["usage"];
    let usage = answered.usage.expect("told");
    assert_eq!(
        (json!(usage.input), json!(usage.output)),
        (told["prompt_tokens"].clone(), told["completion_tokens"].clone())
    );
    let dollars = f64::from(usage.input.0) + 2.0 * f64::from(usage.output.0);
    assert_eq!(answered.cost, Some(Usd(dollars)));
    assert!(answered.first_bytes_us.expect("some") <= answered.total_us);
}

#[tokio::test]
async fn decisions_without_an_answer_are_recorded_and_requests_without_a_decision_are_no_decisions() {
    let recorded = Recorded::new(DEMO, "");
    let routed = ask(&recorded.app, post("/v1/route", json!({"text": "hi"}).to_string())).await;
    let record = recorded.record(&routed);
    assert_eq!((record.endpoint.as_ref(), record.answered), ("/v1/route", None));
    let body = json!({"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let counted = ask(&recorded.app, post("/v1/messages/count_tokens", body.to_string())).await;
    assert_eq!(recorded.record(&counted).endpoint, "/v1/messages/count_tokens");
    let direct = ask(&recorded.app, post(CHAT, chat("cheap", "hi"))).await;
    assert_eq!((direct.status, direct.header("x-pointsman-decision")), (StatusCode::OK, ""));
    recorded.sidecar.recording.finish();
    assert_eq!(Store::open(&recorded.path()).expect("opens").count().expect("readable"), 2);
}

/// What is recorded of requests that named their model.
fn named(path: &Path) -> Vec<NamedRecord> {
    let mut records = Vec::new();
    let each = |record: Result<NamedRecord, StoreError>| {
        records.push(record?);
        Ok::<_, StoreError>(())
    };
    Store::open(path).expect("opens").each_named(Filter::default(), each).expect("readable");
    records
}

#[tokio::test]
async fn a_request_that_names_its_model_is_recorded_with_what_it_took_and_cost() {
    let recorded = Recorded::new(
        &DEMO.replace("\"demo/large\"", "{ use = \"demo/large\", price = { input = 1e6, output = 2e6 } }"),
        "",
    );
    let routed = ask(&recorded.app, post(CHAT, chat("auto", "hello"))).await;
    let answer = ask(&recorded.app, post(CHAT, chat("strong", "is 7 prime?"))).await;
    let other = ask(&recorded.app, post(CHAT, chat("demo/other", "is 7 prime?"))).await;
    assert_eq!((answer.status, other.status), (StatusCode::OK, StatusCode::OK));
    recorded.sidecar.recording.finish();
    let records = named(&recorded.path());
    let [own, unlisted] = &records[..] else { panic!("two requests: {records:?}") };
    assert_eq!((own.model.as_str(), own.target.to_string().as_str()), ("strong", "demo/large"));
    assert_eq!((unlisted.model.as_str(), unlisted.target.to_string().as_str()), ("demo/*", "demo/other"));
    assert_eq!((own.endpoint.as_ref(), &own.key, own.answered.end), (CHAT, &None, End::Whole));
    assert!(own.time_us > 1_700_000_000_000_000);
    let by = own.answered.by().expect("a model");
    assert_eq!((by.model.as_str(), by.status), ("strong", Some(200)));
    let usage = own.answered.usage.expect("told");
    assert_eq!(json!(usage.output), answer.json()["usage"]["completion_tokens"]);
    let dollars = f64::from(usage.input.0) + 2.0 * f64::from(usage.output.0);
    assert_eq!((own.answered.cost, unlisted.answered.cost), (Some(Usd(dollars)), None));

    let stats = ask(&recorded.app, get("/v1/stats?since=1h")).await.json();
    assert_eq!((&stats["records"], &stats["named"]), (&json!(1), &json!(2)), "{stats:#}");
    assert_eq!((&stats["cost_usd"], &stats["by"]["rule"]["named"]), (&json!(dollars), &json!(2)));
    assert_eq!((&stats["by"]["endpoint"][CHAT], &stats["by"]["end"]["whole"]), (&json!(3), &json!(3)));
    let total = &stats["savings"]["total"];
    assert_eq!(total["requests"], json!(0), "no savings where nothing was decided: {total:#}");
    let told = [routed, answer, other].map(|answer| answer.json()["usage"]["completion_tokens"].as_u64());
    let told: u64 = told.into_iter().flatten().sum();
    assert_eq!(stats["output_tokens"], json!(told), "those of all three");
}

#[tokio::test]
async fn attempts_are_recorded_in_order() {
    let upstream = Upstream::start().await;
    let (refused, fail, echo) = (("refused", None), ("fail", Some(500)), ("echo", Some(200)));
    // Those that may do better the next time are asked twice.
    for (models, expected, end) in [
        (&["refused", "fail", "echo"][..], &[refused, refused, fail, fail, echo][..], End::Whole),
        (&["fail", "refused"], &[fail, fail, refused, refused], End::Failed),
        (&["cut"], &[("cut", Some(200))], End::Cut),
    ] {
        let recorded = Recorded::new(&upstream.config(models), "");
        let response =
            recorded.app.clone().oneshot(post(CHAT, chat("auto", "hi"))).await.expect("infallible");
        let (head, body) = response.into_parts();
        // A reply that is cut is an error here.
        let _: Result<Bytes, _> = axum::body::to_bytes(body, usize::MAX).await;
        recorded.sidecar.recording.finish();
        let store = Store::open(&recorded.path()).expect("opens");
        let mut records = Vec::new();
        let each = |record: Result<Record, pointsman_record::StoreError>| {
            records.push(record?);
            Ok::<_, pointsman_record::StoreError>(())
        };
        store.each(pointsman_record::Filter::default(), each).expect("readable");
        let answered = records[0].answered.clone().expect("answered");
        let attempts: Vec<_> = answered.attempts.iter().map(|one| (one.model.as_str(), one.status)).collect();
        assert_eq!((&attempts[..], answered.end), (expected, end), "{models:?} {}", head.status);
        for attempt in answered.attempts.iter().filter(|attempt| attempt.status.is_none()) {
            assert_eq!(attempt.error.as_deref(), Some("upstream_unreachable"));
        }
    }
}

#[tokio::test]
async fn tokens_of_translated_and_streamed_replies_are_found() {
    let upstream = Upstream::start().await;
    for (model, stream) in [("claude", false), ("claude", true), ("gpt", false), ("gpt", true)] {
        let recorded = Recorded::new(&upstream.config(&[model]), "");
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
        if stream {
            body["stream"] = json!(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = ask(&recorded.app, post(CHAT, body.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let answered = recorded.record(&answer).answered.expect("answered");
        assert_eq!((answered.end, answered.usage.is_some()), (End::Whole, true), "{model} {stream}");
        if model == "gpt" {
            let expected = TokenUsage {
                input: TokenCount(14),
                output: TokenCount(7),
                cache_read: TokenCount(4),
                ..TokenUsage::default()
            };
            assert_eq!(answered.usage, Some(expected), "{stream}");
        }
        assert_eq!(answered.cost, None, "no price");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_recorded() {
    let upstream = Upstream::start().await;
    let recorded = Recorded::new(&upstream.config(&["gated"]), "");
    let response = recorded.app.clone().oneshot(post(CHAT, chat("auto", "hi"))).await.expect("infallible");
    let id = response.headers()["x-pointsman-decision"].to_str().expect("ASCII").to_owned();
    recorded.sidecar.recording.finish();
    assert_eq!(record(&recorded.path(), &id).expect("recorded").answered, None, "not over yet");
    drop(response);
    recorded.sidecar.recording.finish();
    let answered = record(&recorded.path(), &id).expect("recorded").answered.expect("over");
    assert_eq!((answered.end, answered.first_bytes_us), (End::GivenUp, None));
}

#[tokio::test]
async fn of_prompts_is_kept_what_the_user_allows() {
    for (prompts, kept) in [
        ("none", None),
        ("redacted", Some(StoredPrompt::Redacted("aa 0 aaaaa?".to_owned()))),
        ("full", Some(StoredPrompt::Full(Prompt::from_text("is 7 prime?")))),
    ] {
        let recorded = Recorded::new(DEMO, &format!("prompts = \"{prompts}\"\n"));
        let answer = ask(&recorded.app, post(CHAT, chat("auto", "is 7 prime?"))).await;
        assert_eq!(recorded.record(&answer).prompt, kept, "{prompts}");
        let bytes = ["records.db", "records.db-wal"].map(|name| {
            let bytes = std::fs::read(recorded.folder.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        assert_eq!(bytes.concat().contains("7 prime?"), prompts == "full", "{prompts}");
    }
}

#[tokio::test]
async fn feedback_is_stored_with_its_decision() {
    let recorded = Recorded::new(DEMO, "");
    let answer = ask(&recorded.app, post(CHAT, chat("auto", "is 7 prime?"))).await;
    let id = answer.header("x-pointsman-decision");
    let tell = async |body: Value| ask(&recorded.app, post("/v1/feedback", body.to_string())).await;
    for score in [0.0, 0.75] {
        let told = tell(json!({"decision": id, "score": score})).await;
        assert_eq!((told.status, told.json()), (StatusCode::OK, json!({"decision": id, "score": score})));
    }
    let feedback = recorded.record(&answer).feedback.expect("told");
    assert_eq!(feedback.score, 0.75, "the last one counts");
    assert_eq!(tell(json!({"decision": id, "score": 1})).await.status, StatusCode::OK, "long written");
    assert_eq!(recorded.record(&answer).feedback.map(|feedback| feedback.score), Some(1.0));

    let unknown = tell(json!({"decision": "019aa3c0-0000-7000-8000-000000000000", "score": 1})).await;
    let invalid = "invalid_request_error".to_owned();
    assert_eq!(unknown.error(), (404, invalid.clone(), json!("decision"), json!("decision_not_found")));
    for (body, param) in [
        (json!({"decision": id, "score": 1.01}), json!("score")),
        (json!({"decision": id, "score": -1}), json!("score")),
        (json!({"decision": id, "score": "good"}), Value::Null),
        (json!({"decision": id}), Value::Null),
        (json!({"decision": id, "score": 1, "comment": "thanks"}), Value::Null),
        (json!([]), Value::Null),
    ] {
        assert_eq!(tell(body.clone()).await.error(), (400, invalid.clone(), param, Value::Null), "{body}");
    }
    let off = ask(&app(DEMO), post("/v1/feedback", json!({"decision": id, "score": 1}).to_string())).await;
    assert_eq!(off.error(), (404, invalid, Value::Null, json!("records_off")));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_stops_nothing_and_is_counted() {
    let recorded = Recorded::new(DEMO, "");
    recorded.sidecar.recording.finish();
    let other = rusqlite::Connection::open(recorded.path()).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let answer = ask(&recorded.app, post(CHAT, chat("auto", "hi"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    recorded.sidecar.recording.finish();
    let said = ask(&recorded.app, get("/metrics")).await;
    for line in [
        "pointsman_records_total 0",
        "pointsman_record_failures_total 1",
        "pointsman_record_drops_total{part=\"decision\"} 0",
    ] {
        assert!(said.text().lines().any(|said| said == line), "{line} is not in\n{}", said.text());
    }
    other.execute_batch("ROLLBACK").expect("free");
    assert_eq!(recorded.record(&answer).decision.model, ModelName::new("cheap"));
    let said = ask(&recorded.app, get("/metrics")).await;
    assert!(said.text().contains("pointsman_records_total 1"), "{}", said.text());
}

#[tokio::test]
async fn records_are_summed_up_beside_what_a_baseline_would_have_cost() {
    let priced = DEMO
        .replace("\"demo/large\"", "{ use = \"demo/large\", price = { input = 2.0, output = 2.0 } }")
        .replace("\"demo/small\"", "{ use = \"demo/small\", price = { input = 1.0, output = 1.0 } }");
    let recorded = Recorded::new(&priced, "");
    let first = ask(&recorded.app, post(CHAT, chat("auto", "is 7 prime?"))).await;
    ask(&recorded.app, post(CHAT, chat("auto", "hello"))).await;
    assert_eq!(recorded.record(&first).decision.model.as_str(), "strong");
    let stats = ask(&recorded.app, get("/v1/stats?since=1h&baseline=strong")).await.json();
    assert_eq!(
        (&stats["records"], &stats["savings"]["total"]["requests"]),
        (&json!(2), &json!(2)),
        "{stats:#}"
    );
    assert_eq!(
        (&stats["savings"]["baseline"], &stats["by"]["model"]["cheap"]),
        (&json!("strong"), &json!(1))
    );
    let amount = |what: &str| stats["savings"]["total"][what].as_f64().expect("a number");
    assert!(amount("spent") < amount("baseline"), "{stats:#}");
    let savings = ask(&recorded.app, get("/v1/stats?since=1h")).await.json()["savings"].clone();
    assert_eq!(
        (&savings["baseline"], &savings["baseline_reason"]),
        (&json!("strong"), &json!("dearest")),
        "nothing is known of how able either is"
    );
    for (query, said) in
        [("since=soon", "`since`"), ("baseline=strogn", "did you mean `strong`"), ("sinse=1h", "sinse")]
    {
        let answer = ask(&recorded.app, get(&format!("/v1/stats?{query}"))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.json()["error"]["message"].to_string().contains(said), "{query}: {}", answer.json());
    }
    let recorded = Recorded::new(&format!("[policy]\nbaseline = \"cheap\"\n{priced}"), "");
    ask(&recorded.app, post(CHAT, chat("auto", "hello"))).await;
    recorded.sidecar.recording.finish();
    let savings = ask(&recorded.app, get("/v1/stats")).await.json()["savings"].clone();
    assert_eq!(
        (&savings["baseline"], &savings["baseline_reason"], &savings["total"]["requests"]),
        (&json!("cheap"), &json!("named"), &json!(1))
    );
    let counted = ask(&recorded.app, get("/metrics")).await;
    assert!(counted.text().contains("pointsman_baseline_usd_total{model=\"cheap\"}"), "{}", counted.text());
    let off = ask(&app(DEMO), get("/v1/stats")).await;
    assert_eq!((off.status, &off.json()["error"]["code"]), (StatusCode::NOT_FOUND, &json!("records_off")));
}
