//! Every path but the chat, and every way to ask wrongly.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use futures_util::{FutureExt as _, stream};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn classify_gives_labels_for_one_prompt_or_a_list() {
    let app = app(DEMO);
    for body in [
        json!({"text": "is 7 prime?"}),
        json!({"input": "is 7 prime?"}),
        json!({"input": {"text": "is 7 prime?"}}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "is 7 prime?"}]}]}),
    ] {
        let answer = ask(&app, post("/v1/classify", body.to_string())).await;
        let row = answer.json();
        assert_eq!(
            (answer.status, &row["task"], &row["band"]),
            (StatusCode::OK, &json!("math"), &json!("hard"))
        );
        assert_eq!((&row["abstained"], row.get("id")), (&json!(false), None), "{row}");
    }
    let inputs = json!({"input": ["hi", {"id": 7, "text": "is 7 prime?"}, {"id": "c", "messages": []}, ""]});
    let rows = ask(&app, post("/v1/classify", inputs.to_string())).await.json();
    let seen: Vec<_> =
        rows["data"].as_array().expect("a list").iter().map(|row| (&row["id"], &row["task"])).collect();
    assert_eq!(
        seen,
        [
            (&Value::Null, &json!("chat")),
            (&json!(7), &json!("math")),
            (&json!("c"), &json!("chat")),
            (&Value::Null, &json!("chat")),
        ]
    );
    assert_eq!(rows["data"][3]["abstain_reason"], "empty");
}

#[tokio::test]
async fn a_long_list_does_not_overflow_the_queue() {
    let app = app(&format!("{DEMO}[classifier]\nqueue = 64\n"));
    let inputs: Vec<String> = (0..1000).map(|i| format!("{i} prime")).collect();
    let rows = ask(&app, post("/v1/classify", json!({"input": inputs}).to_string())).await.json();
    assert_eq!(rows["data"].as_array().map(Vec::len), Some(1000), "{rows}");
}

#[tokio::test]
async fn route_decides_and_asks_no_model() {
    let app = app(DEMO);
    for (body, table, model, rule) in [
        (json!({"text": "is 7 prime?"}), "auto", "strong", "math.hard"),
        (json!({"input": "hi"}), "auto", "cheap", "default"),
        (serde_json::from_str(&chat("frugal", "is 7 prime?")).expect("JSON"), "frugal", "cheap", "default"),
        (json!({"text": " "}), "auto", "strong", "unsure"),
    ] {
        let answer = ask(&app, post("/v1/route", body.to_string())).await;
        let said = answer.json();
        assert_eq!(
            (&said["decision"]["model"], &said["decision"]["rule"]),
            (&json!(model), &json!(rule)),
            "{said}"
        );
        assert_eq!(said["explanation"]["table"], table);
        assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-rule")), (model, rule));
        assert_eq!(said["id"], answer.header("x-pointsman-decision"));
        assert!(said["labels"]["task"].is_string());
    }
    let refused = ask(&app, post("/v1/route", json!({"text": "hi", "model": "cheap"}).to_string())).await;
    assert_eq!(refused.error(), (400, "invalid_request_error".into(), json!("model"), Value::Null));
}

#[tokio::test]
async fn route_in_mode_target_shows_the_candidates() {
    let config = r#"
[policy]
mode = "target"
quality = 0.8
[models]
cheap  = { use = "demo/gpt-4o-mini-2024-07-18", price = { input = 0.15, output = 0.6 } }
strong = { use = "demo/large", like = "o3-mini", price = { input = 1.1, output = 4.4 } }
[route]
default = "cheap"
unsure  = "strong"
"#;
    let app = app(config);
    let answer = ask(&app, post("/v1/route", json!({"text": "is 7 prime?"}).to_string())).await;
    assert_eq!(answer.header("x-pointsman-rule"), "target(0.80)");
    let said = answer.json();
    let candidates = said["decision"]["candidates"].as_array().expect("a list");
    assert_eq!((candidates.len(), &candidates[0]["model"]), (2, &said["decision"]["model"]), "{said}");
    assert!(candidates.iter().all(|one| one["success"].is_f64() && one["cost"].is_f64()), "{said}");
    assert_eq!(said["explanation"]["weighing"]["quality"], 0.8, "{said}");
    let unsure = ask(&app, post("/v1/route", json!({"text": " "}).to_string())).await.json();
    assert_eq!((&unsure["decision"]["rule"], unsure["decision"].get("candidates")), (&json!("unsure"), None));
}

#[tokio::test]
async fn models_are_tables_and_names() {
    let app = app(DEMO);
    let list = ask(&app, get("/v1/models")).await.json();
    let models: Vec<_> = list["data"].as_array().expect("a list").iter().collect();
    let ids: Vec<_> = models.iter().map(|model| (&model["id"], &model["owned_by"])).collect();
    assert_eq!(
        json!(ids),
        json!([["auto", "pointsman"], ["frugal", "pointsman"], ["cheap", "demo"], ["strong", "demo"]])
    );
    assert!(models.iter().all(|model| model["object"] == "model" && model["created"].is_u64()));
    assert_eq!(ask(&app, get("/v1/models/cheap")).await.json()["id"], "cheap");
    let missing = ask(&app, get("/v1/models/a/b")).await;
    assert_eq!(
        missing.error(),
        (404, "invalid_request_error".into(), json!("model"), json!("model_not_found"))
    );
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let config = config(DEMO);
    let sidecar = sidecar(&config, Arc::new(ByWord));
    let app = super::super::app(Arc::clone(&sidecar));
    assert_eq!(ask(&app, get("/healthz")).await.text(), "ok\n");
    assert_eq!(ask(&app, get("/readyz")).await.status, StatusCode::OK);
    sidecar.drain();
    assert_eq!(ask(&app, get("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&app, get("/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn requests_and_decisions_are_counted() {
    let app = app(DEMO);
    ask(&app, post("/v1/chat/completions", chat("auto", "is 7 prime?"))).await;
    ask(&app, post("/v1/chat/completions", chat("auto", ""))).await;
    ask(&app, post("/v1/chat/completions", chat("no-such-model", "hi"))).await;
    ask(&app, get("/nowhere")).await;
    let metrics = ask(&app, get("/metrics")).await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        r#"pointsman_requests_total{endpoint="/v1/chat/completions",status="200"} 2"#,
        r#"pointsman_requests_total{endpoint="/v1/chat/completions",status="404"} 1"#,
        r#"pointsman_requests_total{endpoint="unknown",status="404"} 1"#,
        r#"pointsman_decisions_total{table="auto",task="math",band="hard",rule="math.hard",model="strong",reason="matched"} 1"#,
        r#"pointsman_abstentions_total{reason="empty"} 1"#,
        "pointsman_classify_seconds_count 2",
        r#"pointsman_upstream_seconds_count{provider="demo"} 2"#,
        "pointsman_in_flight 1",
        "pointsman_classify_waiting 0",
    ] {
        assert!(metrics.text().lines().any(|said| said == line), "{line} is not in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told() {
    let app = app(DEMO);
    let answer = ask(&app, get("/v1/chat")).await;
    assert_eq!(answer.error(), (404, "invalid_request_error".into(), Value::Null, json!("unknown_path")));
    let answer = ask(&app, get("/v1/chat/completions")).await;
    assert_eq!(
        answer.error(),
        (405, "invalid_request_error".into(), Value::Null, json!("method_not_allowed"))
    );
    assert_eq!(answer.headers[ALLOW], "POST");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_in_anthropics_shape_below_messages() {
    let app = app(DEMO);
    for (request, status, kind) in [
        (post("/v1/messages/batches", "{}"), 404, "not_found_error"),
        (get("/v1/messages/batches/b1/results"), 404, "not_found_error"),
        (get("/v1/messages"), 405, "invalid_request_error"),
        (get("/v1/messages/count_tokens"), 405, "invalid_request_error"),
    ] {
        let path = request.uri().to_string();
        let answer = ask(&app, request).await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["type"], &body["error"]["type"]),
            (status, &json!("error"), &json!(kind)),
            "{path}: {body}"
        );
        assert!(body["error"]["message"].is_string() && body["error"].get("code").is_none(), "{body}");
    }
}

#[tokio::test]
async fn faulty_bodies_are_refused_with_the_reason() {
    let app = app(DEMO);
    let mut said = String::new();
    for (path, body) in [
        ("/v1/chat/completions", &b""[..]),
        ("/v1/chat/completions", b"{\"model\": \"auto\",\n\"messages\": [}"),
        ("/v1/chat/completions", b"{\"model\": \"auto\", \"messages\": \"caf\xe9\"}"),
        ("/v1/chat/completions", b"{\"messages\": []}"),
        ("/v1/chat/completions", b"{\"model\": 7}"),
        ("/v1/chat/completions", b"{\"model\": \"auto\"}"),
        ("/v1/chat/completions", b"{\"model\": \"auto\", \"messages\": []}"),
        (
            "/v1/chat/completions",
            b"{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": 1}]}",
        ),
        ("/v1/chat/completions", b"{\"model\": \"stong\", \"messages\": []}"),
        ("/v1/chat/completions", b"{\"model\": \"openia/gpt\", \"messages\": []}"),
        ("/v1/classify", b"{}"),
        ("/v1/classify", b"{\"text\": \"a\", \"input\": \"b\"}"),
        ("/v1/classify", b"{\"input\": [{\"id\": 1}]}"),
        ("/v1/classify", b"{\"input\": [{\"id\": [], \"text\": \"\"}]}"),
        ("/v1/classify", b"{\"text\": \"caf\xe9\"}"),
        ("/v1/route", b"{\"input\": [\"a\"]}"),
        ("/v1/route", b"{\"messages\": []}"),
    ] {
        let answer = ask(&app, post(path, body)).await;
        let (status, kind, param, code) = answer.error();
        said += &format!(
            "{path} {}\n  {status} {kind} {param} {code}\n  ",
            String::from_utf8_lossy(body).replace('\n', " ")
        );
        said += answer.json()["error"]["message"].as_str().expect("a message");
        said.push('\n');
    }
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_however_they_are_sent() {
    let app = app(&format!("{DEMO}[server]\nbody_limit_bytes = 200\n"));
    let big = chat("auto", &"x".repeat(200));
    let chunks = |size: usize| {
        let chunks: Vec<_> =
            big.as_bytes().chunks(size).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        Body::from_stream(stream::iter(chunks))
    };
    let declared = Request::post("/v1/chat/completions").header("content-length", big.len());
    for request in [
        declared.body(chunks(50)).expect("valid"),
        post("/v1/chat/completions", chunks(7)),
        post("/v1/classify", chunks(1000)),
        post("/v1/route", big.clone()),
    ] {
        let answer = ask(&app, request).await;
        assert_eq!(
            answer.error(),
            (413, "invalid_request_error".into(), Value::Null, json!("request_too_large"))
        );
    }
    let small = chat("auto", &"x".repeat(200 - chat("auto", "").len()));
    assert_eq!(small.len(), 200);
    assert_eq!(ask(&app, post("/v1/chat/completions", small)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn depth_is_no_danger() {
    let app = app(DEMO);
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    for path in ["/v1/chat/completions", "/v1/classify", "/v1/route"] {
        for body in [
            format!(r#"{{"model":"auto","input":{deep}}}"#),
            format!(r#"{{"model":"auto","messages":{deep}}}"#),
            format!(r#"{{"model":{deep}}}"#),
            deep.clone(),
        ] {
            assert_eq!(ask(&app, post(path, body)).await.error().0, 400, "{path}");
        }
    }
}

#[tokio::test]
async fn a_panic_costs_its_own_request_alone() {
    async fn panics() {
        panic!("as asked");
    }
    let router = Router::new()
        .route("/panic", axum::routing::get(panics))
        .route("/fine", axum::routing::get(async || "fine"));
    let app = super::super::with_layers(router, sidecar(&config(DEMO), Arc::new(ByWord)));
    let answer = ask(&app, get("/panic")).await;
    assert_eq!(answer.error(), (500, "server_error".into(), Value::Null, json!("internal_error")));
    assert_eq!(ask(&app, get("/fine")).await.text(), "fine");
}

#[tokio::test]
async fn a_labeller_that_panics_is_an_error_to_classify_and_no_labels_to_chat() {
    let app = app(DEMO);
    assert_eq!(ask(&app, post("/v1/classify", json!({"text": "panic"}).to_string())).await.error().0, 500);
    let answer = ask(&app, post("/v1/chat/completions", chat("auto", "panic"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-abstained")), (StatusCode::OK, "unavailable"));
}

#[tokio::test]
async fn a_full_queue_turns_classify_away_for_a_while() {
    let (gate, stuck) = Stuck::new();
    let sidecar = sidecar(&config(&format!("{DEMO}[classifier]\nqueue = 1\ntimeout_ms = 1\n")), stuck);
    // One prompt is being labelled and one waits.
    let begun = sidecar.labelling.of(Prompt::from_text("first"));
    tokio::pin!(begun);
    assert!(begun.as_mut().now_or_never().is_none());
    while sidecar.labelling.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    let waiting = sidecar.labelling.of(Prompt::from_text("second"));
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    let app = super::super::app(Arc::clone(&sidecar));
    let answer = ask(&app, post("/v1/classify", json!({"text": "third"}).to_string())).await;
    assert_eq!(answer.error(), (503, "server_error".into(), Value::Null, json!("overloaded")));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert!(!answer.headers.contains_key("retry-after-ms"), "nothing has been measured");
    let answer = ask(&app, post("/v1/chat/completions", chat("auto", "fourth"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-rule")), (StatusCode::OK, "unsure"));
    drop(gate);
    assert!(begun.await.is_ok() && waiting.await.is_ok());
}
