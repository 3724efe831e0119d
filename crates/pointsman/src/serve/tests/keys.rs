//! Clients with keys and without.

use serde_json::json;

use super::upstream::Upstream;
use super::*;
use crate::config::KeyHash;

const PATH: &str = "/v1/chat/completions";

/// A section for the key `key` with more lines.
fn section(name: &str, key: &str, more: &str) -> String {
    format!("[keys.{name}]\nhash = \"{}\"\n{more}\n", KeyHash::of(key.as_bytes()))
}

fn with_key(request: Request<Body>, header: &'static str, key: &str) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    head.headers.insert(header, key.parse().expect("ASCII"));
    Request::from_parts(head, body)
}

#[tokio::test]
async fn without_a_key_nothing_is_answered_but_that_it_lives() {
    let app = app(&(DEMO.to_owned() + &section("ann", "secret", "")));
    for (path, kind) in [
        (PATH, "openai"),
        ("/v1/responses", "openai"),
        ("/v1/embeddings", "openai"),
        ("/v1/classify", "openai"),
        ("/v1/messages", "anthropic"),
    ] {
        for request in [post(path, "{}"), with_key(post(path, "{}"), "x-api-key", "wrong")] {
            let answer = ask(&app, request).await;
            let error = &answer.json()["error"];
            assert_eq!(
                (answer.status.as_u16(), &error["type"]),
                (401, &json!("authentication_error")),
                "{path}"
            );
            assert_eq!(error.get("code").is_some(), kind == "openai", "{path}");
            assert!(!answer.text().contains("secret"));
        }
    }
    for path in ["/v1/models", "/v1/stats", "/metrics"] {
        assert_eq!(ask(&app, get(path)).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(ask(&app, get("/healthz")).await.status, StatusCode::OK);
    for (header, value) in
        [("authorization", "Bearer secret"), ("x-api-key", "secret"), ("api-key", "secret")]
    {
        let request = with_key(post(PATH, chat("auto", "hi")), header, value);
        assert_eq!(ask(&app, request).await.status, StatusCode::OK, "{header}");
    }
}

#[tokio::test]
async fn a_key_may_be_for_some_models_only() {
    let app = app(&(DEMO.to_owned() + &section("ann", "secret", "models = [\"auto\", \"cheap\"]")));
    let asked = |request| ask(&app, with_key(request, "x-api-key", "secret"));
    for (model, status) in [("auto", 200), ("cheap", 200), ("strong", 403), ("demo/small", 403)] {
        for path in [PATH, "/v1/embeddings"] {
            let answer = asked(post(path, chat(model, "hi"))).await;
            let is_refused = answer.status.as_u16() == 403;
            assert_eq!(is_refused, status == 403, "{model} {path}");
            if is_refused {
                assert_eq!(
                    answer.error(),
                    (403, "permission_error".into(), json!("model"), json!("model_not_allowed"))
                );
            }
        }
    }
    let list = asked(get("/v1/models")).await.json();
    let ids: Vec<_> = list["data"].as_array().expect("a list").iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["auto", "cheap"]);
    assert_eq!(asked(get("/v1/models/strong")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_key_may_ask_so_often() {
    let keys = section("ann", "secret", "requests_per_minute = 2") + &section("bob", "other", "");
    let app = app(&(DEMO.to_owned() + &keys));
    let asked = |key: &str| ask(&app, with_key(post(PATH, chat("auto", "hi")), "x-api-key", key));
    for status in [200, 200, 429] {
        assert_eq!(asked("secret").await.status.as_u16(), status);
    }
    let refused = asked("secret").await;
    assert_eq!(refused.error(), (429, "rate_limit_error".into(), Value::Null, json!("rate_limit_exceeded")));
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(asked("other").await.status, StatusCode::OK, "others are not concerned");
}

#[tokio::test]
async fn a_key_may_spend_so_much() {
    let upstream = Upstream::start().await;
    let keys = section("ann", "secret", "usd_per_day = 0.00005");
    let config = upstream.config(&["gpt", "claude"]).replace(
        "gpt = \"gpt/gpt-model\"",
        "gpt = { use = \"gpt/gpt-model\", price = { input = 1.0, output = 2.0 } }",
    );
    let app = app(&(config + &keys));
    let asked = |model: &str, stream: bool| {
        let mut body: Value = serde_json::from_str(&chat(model, "hi")).expect("JSON");
        body["stream"] = stream.into();
        ask(&app, with_key(post(PATH, body.to_string()), "x-api-key", "secret"))
    };
    // 14 tokens in and 7 out cost 28 millionths of a dollar.
    for (model, stream, status) in [("auto", false, 200), ("gpt", true, 200), ("gpt", false, 429)] {
        assert_eq!(asked(model, stream).await.status.as_u16(), status, "{model}");
    }
    let refused = asked("auto", false).await;
    assert_eq!(refused.error(), (429, "rate_limit_error".into(), Value::Null, json!("insufficient_quota")));
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn what_a_key_has_spent_outlives_the_process_and_its_settings() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("spent.json");
    let with = |usd: &str| {
        let keys = section("ann", "secret", &format!("usd_per_day = {usd}")) + &section("bob", "other", "");
        let config = upstream.config(&["gpt"]).replace(
            "gpt = \"gpt/gpt-model\"",
            "gpt = { use = \"gpt/gpt-model\", price = { input = 1.0, output = 2.0 } }",
        );
        sidecar(&super::config(&(config + &keys)), Arc::new(ByWord))
    };
    let status = async |sidecar: &Arc<Sidecar>| {
        let request = with_key(post(PATH, chat("auto", "hi")), "x-api-key", "secret");
        ask(&super::super::app(Arc::clone(sidecar)), request).await.status.as_u16()
    };
    let first = with("0.00002");
    super::super::keys::restore(&first, &path);
    assert_eq!([status(&first).await, status(&first).await], [200, 429]);
    super::super::keys::finish(&first, &path);
    let kept = std::fs::read_to_string(&path).expect("written");
    assert!(kept.contains("sha256:") && !kept.contains("secret"), "{kept}");

    let second = with("0.00002");
    super::super::keys::restore(&second, &path);
    assert_eq!(status(&second).await, 429, "it was spent before");
    let third = with("1");
    super::super::keys::restore(&third, &path);
    assert_eq!(status(&third).await, 200, "it may spend more");
    let without = with("0.00002");
    super::super::keys::restore(&without, &folder.path().join("nowhere.json"));
    assert_eq!(status(&without).await, 200);
}

#[tokio::test]
async fn what_has_no_price_is_not_for_keys_that_may_spend_so_much() {
    let app = app(&(DEMO.to_owned() + &section("ann", "secret", "usd_per_day = 1")));
    let request = with_key(post(PATH, chat("demo/any", "hi")), "x-api-key", "secret");
    let answer = ask(&app, request).await;
    assert_eq!(answer.error(), (403, "permission_error".into(), json!("model"), json!("price_unknown")));
}

#[tokio::test]
async fn tables_pass_over_what_has_no_price_for_keys_that_may_spend_so_much() {
    let upstream = Upstream::start().await;
    let keys = section("ann", "secret", "usd_per_day = 1") + &section("bob", "other", "");
    let priced = "gpt = { use = \"gpt/gpt-model\", price = { input = 1.0, output = 2.0 } }";
    let config = upstream.config(&["echo", "gpt"]).replace("gpt = \"gpt/gpt-model\"", priced) + &keys;
    let app = app(&config);
    for (key, model, attempts) in [("secret", "gpt", "echo=price_unknown,gpt=200"), ("other", "echo", "")] {
        let answer = ask(&app, with_key(post(PATH, chat("auto", "hi")), "x-api-key", key)).await;
        assert_eq!(
            (answer.header("x-pointsman-model"), answer.header("x-pointsman-attempts")),
            (model, attempts)
        );
    }
    let app = super::app(&(upstream.config(&["echo"]) + &keys));
    let answer = ask(&app, with_key(post(PATH, chat("auto", "hi")), "x-api-key", "secret")).await;
    assert_eq!(answer.error(), (403, "permission_error".into(), json!("model"), json!("price_unknown")));
}

#[tokio::test]
async fn a_clients_key_stays_here() {
    let mut upstream = Upstream::start().await;
    let app = app(&(upstream.config(&["echo"]) + &section("ann", "secret", "")));
    let request = with_key(post(PATH, chat("auto", "hi")), "authorization", "Bearer secret");
    let answer = ask(&app, with_key(request, "api-key", "secret")).await;
    let (headers, body) = super::chat::asked(&mut upstream).await;
    assert!(!format!("{headers:?} {body:?} {:?} {}", answer.headers, answer.text()).contains("secret"));
}
