//! `POST /v1/chat/completions`: where requests go, what they look like there, and what comes back.

use serde_json::json;

use super::upstream::{Event, Upstream};
use super::*;

const PATH: &str = "/v1/chat/completions";

/// The request that the provider got.
pub(super) async fn asked(upstream: &mut Upstream) -> (HeaderMap, Bytes) {
    match upstream.events.recv().await {
        Some(Event::Asked(headers, body)) => (headers, body),
        other => panic!("not asked but {other:?}"),
    }
}

#[tokio::test]
async fn a_routed_request_is_answered_with_the_decision_in_the_headers() {
    let app = app(DEMO);
    let answer = ask(&app, post(PATH, chat("auto", "is 7 prime?"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-pointsman-"))
        .filter(|(name, _)| !["x-pointsman-decision", "x-pointsman-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
        .collect();
    headers.sort();
    insta::assert_snapshot!(headers.join("\n"), @r"
    x-pointsman-band: hard
    x-pointsman-confidence: 0.90
    x-pointsman-difficulty: 0.60
    x-pointsman-model: strong
    x-pointsman-rule: math.hard
    x-pointsman-target: demo/large
    x-pointsman-task: math
    ");
    let id: uuid::Uuid = answer.header("x-pointsman-decision").parse().expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
    let completion = answer.json();
    assert_eq!(completion["model"], "large");
    let said = completion["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(said.contains("demo/large") && said.contains("labelled math (0.90), hard"), "{said}");
}

#[tokio::test]
async fn tables_names_and_providers_models_can_be_asked_for() {
    let app = app(DEMO);
    for (model, answers, routed) in [
        ("auto", "large", true),
        ("frugal", "small", true),
        ("cheap", "small", false),
        ("demo/anything/at-all", "anything/at-all", false),
        ("large", "large", false),
    ] {
        let answer = ask(&app, post(PATH, chat(model, "is 7 prime?"))).await;
        assert_eq!((answer.status, &answer.json()["model"]), (StatusCode::OK, &json!(answers)), "{model}");
        assert_eq!(answer.headers.contains_key("x-pointsman-decision"), routed, "{model}");
    }
}

#[tokio::test]
async fn a_name_that_several_providers_use_is_asked_about() {
    let twice = format!("{DEMO}[providers.other]\nkind = \"demo\"\n[models.same]\nuse = \"other/large\"\n");
    let answer = ask(&app(&twice), post(PATH, chat("large", "hi"))).await;
    assert_eq!(
        answer.error(),
        (404, "invalid_request_error".into(), json!("model"), json!("model_not_found"))
    );
    assert!(answer.text().contains("say which of `demo/large`, `other/large`"), "{}", answer.text());
}

#[tokio::test]
async fn what_the_classifier_did_not_see_is_told() {
    let answer = ask(&app(DEMO), post(PATH, chat("auto", "a long story"))).await;
    assert_eq!(answer.header("x-pointsman-tokens-seen"), "512/6310");
    let answer = ask(&app(DEMO), post(PATH, chat("auto", " "))).await;
    assert_eq!(
        (answer.header("x-pointsman-abstained"), answer.header("x-pointsman-rule")),
        ("empty", "unsure")
    );
}

#[tokio::test]
async fn a_classifier_that_is_late_is_not_waited_for() {
    let (gate, stuck) = Stuck::new();
    let app = super::super::app(sidecar(&config(&format!("{DEMO}[classifier]\ntimeout_ms = 5\n")), stuck));
    let answer = ask(&app, post(PATH, chat("auto", "is 7 prime?"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        (answer.header("x-pointsman-abstained"), answer.header("x-pointsman-model")),
        ("unavailable", "strong")
    );
    assert_eq!(answer.header("x-pointsman-task"), "", "nothing is known of the task");
    drop(gate);
}

#[tokio::test]
async fn the_provider_gets_every_byte_but_the_models_name() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["echo"]));
    let body = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"caf\\u00e9 \u{1f600}\"} ],\n\t\"unknown\": 1.50e+1, \"model\" : \"auto\" }\n";
    let request = Request::post(PATH)
        .header("content-type", "application/json; charset=utf-8")
        .header("authorization", "Bearer of-the-client")
        .header("accept-encoding", "gzip, br")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .body(Body::from(body))
        .expect("valid");
    let answer = ask(&app, request).await;
    let (headers, received) = asked(&mut upstream).await;
    assert_eq!(received, body.replace("\"auto\"", "\"echo-model\"").as_bytes());
    assert_eq!(
        (&headers["content-type"], &headers["accept-encoding"]),
        (
            &axum::http::HeaderValue::from_static("application/json; charset=utf-8"),
            &axum::http::HeaderValue::from_static("identity")
        )
    );
    assert!(!headers.contains_key("authorization") && !headers.contains_key("x-mine"), "{headers:?}");
    // The reply is the request: it comes back as it was sent, and what it says about us does not count.
    assert_eq!(answer.body, received);
    assert_eq!(answer.header("x-pointsman-model"), "echo");
    assert_eq!(answer.header("x-request-id"), "req_upstream");
    assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("x-hop"));
}

#[tokio::test]
async fn a_request_keeps_its_id() {
    let app = app(DEMO);
    let with_id =
        |id: &str| Request::get("/v1/models").header("x-request-id", id).body(Body::empty()).expect("valid");
    let answer = ask(&app, with_id("req-1:a_b.c")).await;
    assert_eq!(
        (answer.header("x-request-id"), answer.header("x-pointsman-request-id")),
        ("req-1:a_b.c", "req-1:a_b.c")
    );
    let answer = ask(&app, with_id("no <script>")).await;
    assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok());
}

#[tokio::test]
async fn models_that_fail_make_way_for_the_next() {
    let upstream = Upstream::start().await;
    for (models, by, failed, status) in [
        (&["refused", "echo"][..], "echo", "refused", 200),
        (&["fail", "refused", "echo"], "echo", "fail,refused", 200),
        (&["refused", "fail"], "fail", "refused", 500),
        (&["busy", "echo"], "echo", "busy", 200),
        (&["fail", "busy"], "busy", "fail", 429),
    ] {
        let app = app(&upstream.config(models));
        let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
        assert_eq!(answer.status.as_u16(), status, "{models:?}");
        assert_eq!(
            (answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")),
            (by, failed),
            "{models:?}"
        );
    }
}

#[tokio::test]
async fn the_last_failure_is_the_answer() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["fail", "refused"]));
    let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
    assert_eq!(answer.error(), (502, "server_error".into(), Value::Null, json!("upstream_unreachable")));
    let answer = ask(&app, post(PATH, chat("fail", "hi"))).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (500, "it broke"), "as the provider says it");
    let metrics = ask(&app, get("/metrics")).await;
    for line in [
        r#"pointsman_fallbacks_total{from="fail",to="refused"} 1"#,
        r#"pointsman_upstream_errors_total{provider="refused",kind="upstream_unreachable",side="upstream"} 2"#,
        r#"pointsman_upstream_errors_total{provider="fail",kind="500",side="upstream"} 4"#,
    ] {
        assert!(metrics.text().lines().any(|said| said == line), "{line} is not in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn a_provider_without_its_key_says_which() {
    let config = "[route]\ndefault = \"a/b\"\n[providers.a]\nkind = \"openai_compatible\"\nbase_url = \"http://127.0.0.1:1\"\napi_key_env = \"POINTSMAN_TEST_KEY_THAT_IS_NOT_SET\"\n";
    let answer = ask(&app(config), post(PATH, chat("auto", "hi"))).await;
    assert_eq!(answer.error(), (401, "authentication_error".into(), Value::Null, json!("missing_api_key")));
    assert!(answer.text().contains("POINTSMAN_TEST_KEY_THAT_IS_NOT_SET"));
}
