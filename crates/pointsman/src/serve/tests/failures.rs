//! Models that fail: asked again, passed over, left alone.

use serde_json::json;

use super::upstream::{Event, Upstream};
use super::*;

const PATH: &str = "/v1/chat/completions";

/// A chat whose reply is streamed.
fn streamed(model: &str) -> String {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

/// The models that were asked, in order, by the provider's names.
fn asked(upstream: &mut Upstream) -> Vec<String> {
    let mut models = Vec::new();
    while let Ok(event) = upstream.events.try_recv() {
        if let Event::Asked(_, body) = event {
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            models.push(body["model"].as_str().expect("a model").to_owned());
        }
    }
    models
}

#[tokio::test]
async fn a_model_that_fails_once_is_asked_again() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["flaky", "echo"]));
    let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (StatusCode::OK, "flaky"));
    assert_eq!(answer.header("x-pointsman-failed"), "");
    assert_eq!(asked(&mut upstream), ["flaky-model", "flaky-model"]);
}

#[tokio::test]
async fn one_that_asks_for_a_long_wait_is_not() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["busy", "echo"]));
    let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")), ("echo", "busy"));
    assert_eq!(asked(&mut upstream), ["busy-model", "echo-model"]);
    let answer = ask(&app, post(PATH, chat("busy", "hi"))).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "9"), "as the provider says it");
}

#[tokio::test]
async fn a_stream_moves_before_its_first_word_and_not_after() {
    let mut upstream = Upstream::start().await;
    let config = upstream.config(&["mute", "gpt"]) + "[failures]\nretries = 0\n";
    let app = app(&config);
    let answer = ask(&app, post(PATH, streamed("auto"))).await;
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")), ("gpt", "mute"));
    assert_eq!(answer.text(), include_str!("replies/gpt.sse"), "nothing of the first one is left");
    assert_eq!(asked(&mut upstream), ["mute-model", "gpt-model"]);
    let answer = ask(&app, post(PATH, streamed("mute"))).await;
    assert_eq!(answer.error(), (502, "server_error".into(), Value::Null, json!("upstream_failed_stream")));
    assert!(answer.text().contains("it broke"));
}

#[tokio::test]
async fn a_model_that_fails_too_often_is_left_alone() {
    let mut upstream = Upstream::start().await;
    let config = upstream.config(&["fail", "echo"]) + "[failures]\nretries = 0\nbreaker_failures = 2\n";
    let app = app(&config);
    for attempts in ["fail=500,echo=200", "fail=500,echo=200", "fail=left_alone,echo=200"] {
        let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
        assert_eq!(
            (answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")),
            ("echo", "fail")
        );
        assert_eq!(answer.header("x-pointsman-attempts"), attempts);
    }
    let (fail, echo) = ("fail-model", "echo-model");
    assert_eq!(asked(&mut upstream), [fail, echo, fail, echo, echo]);
    // Where there is no other it is asked all the same.
    assert_eq!(ask(&app, post(PATH, chat("fail", "hi"))).await.status.as_u16(), 500);
}

#[tokio::test]
async fn the_next_harder_band_is_the_last_resort() {
    let upstream = Upstream::start().await;
    let rows = "\"chat.hard\" = \"echo\"\n\"chat.expert\" = \"gpt\"\n[models]";
    let config = upstream.config(&["fail", "echo", "gpt"]).replacen("[models]", rows, 1);
    let config = config.replacen("default = [\"fail\", \"echo\", \"gpt\"]", "default = \"fail\"", 1);
    let answer = ask(&app(&config), post(PATH, chat("auto", "hi"))).await;
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")), ("echo", "fail"));
    // What is hard already has only the band above.
    let config = config.replacen("\"chat.hard\" = \"echo\"", "\"math.hard\" = \"fail\"", 1);
    let answer = ask(&app(&config), post(PATH, chat("auto", "is 7 prime?"))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pointsman-failed")), (500, ""));
}

#[tokio::test]
async fn a_request_that_is_too_long_goes_to_a_model_that_takes_more() {
    let mut upstream = Upstream::start().await;
    let with_windows = |windows: [&str; 3]| {
        let mut config = upstream.config(&["full", "echo", "gpt"]);
        for (name, window) in ["full", "echo", "gpt"].into_iter().zip(windows) {
            let plain = format!("{name} = \"{name}/{name}-model\"");
            let window = if window.is_empty() { String::new() } else { format!(", context = {window}") };
            config = config.replace(&plain, &format!("{name} = {{ use = \"{name}/{name}-model\"{window} }}"));
        }
        config
    };
    let configs = [
        (with_windows(["1000", "1000", "2000"]), "gpt", 200, &["full-model", "gpt-model"][..]),
        (with_windows(["1000", "", "2000"]), "echo", 200, &["full-model", "echo-model"]),
        (with_windows(["", "900", "900"]), "echo", 200, &["full-model", "echo-model"]),
        (with_windows(["1000", "1000", "900"]), "full", 400, &["full-model"]),
    ];
    for (config, model, status, models) in configs {
        let answer = ask(&app(&config), post(PATH, chat("auto", "hi"))).await;
        assert_eq!((answer.header("x-pointsman-model"), answer.status.as_u16()), (model, status), "{config}");
        assert_eq!(answer.header("x-pointsman-failed"), if status == 200 { "full" } else { "" });
        assert_eq!(asked(&mut upstream), models);
        if status == 400 {
            assert_eq!(answer.error().3, json!("context_length_exceeded"), "the error comes whole");
        }
    }
}

#[tokio::test]
async fn a_model_may_be_asked_more_often_than_others() {
    let mut upstream = Upstream::start().await;
    let config = upstream.config(&["fail", "echo"])
        + "[failures]\nretries = 0\nretry_delay_ms = 1\n[failures.models.fail]\nretries = 3\n";
    let app = app(&config);
    ask(&app, post(PATH, chat("auto", "hi"))).await;
    assert_eq!(asked(&mut upstream), ["fail-model", "fail-model", "fail-model", "fail-model", "echo-model"]);
}

#[tokio::test]
async fn a_table_may_have_settings_of_its_own() {
    let mut upstream = Upstream::start().await;
    let config = upstream.config(&["fail", "hang", "echo"])
        + "[tables.keen]\ndefault = [\"fail\", \"echo\"]\n[tables.brief]\ndefault = \"hang\"\n\
           [failures]\nretries = 0\nretry_delay_ms = 1\n[failures.tables.keen]\nretries = 2\n\
           [failures.tables.brief]\ntotal_timeout_ms = 30\n";
    let app = app(&config);
    let answer = ask(&app, post(PATH, chat("keen", "hi"))).await;
    assert_eq!(answer.header("x-pointsman-attempts"), "fail=500,fail=500,fail=500,echo=200");
    assert_eq!(asked(&mut upstream), ["fail-model", "fail-model", "fail-model", "echo-model"]);
    ask(&app, post(PATH, chat("fail", "hi"))).await;
    assert_eq!(asked(&mut upstream), ["fail-model"], "who names a model asks no table");
    let answer = ask(&app, post(PATH, chat("brief", "hi"))).await;
    assert_eq!(answer.error(), (504, "server_error".into(), Value::Null, json!("upstream_timeout")));
    asked(&mut upstream);
    // What is said of a model goes before what is said of its table.
    let config = config + "[failures.models.fail]\nretries = 1\n";
    ask(&self::app(&config), post(PATH, chat("keen", "hi"))).await;
    assert_eq!(asked(&mut upstream), ["fail-model", "fail-model", "echo-model"]);
}

#[tokio::test]
async fn a_request_that_nobody_answers_tells_of_the_decision_too() {
    let upstream = Upstream::start().await;
    let config = upstream.config(&["refused", "mute"]) + "[failures]\nretries = 0\n";
    for (model, failed) in [("auto", "refused,mute"), ("mute", "")] {
        let answer = ask(&app(&config), post(PATH, streamed(model))).await;
        assert_eq!(answer.error().0, 502);
        assert_eq!((answer.header("x-pointsman-failed"), answer.header("x-pointsman-model")), (failed, ""));
        assert_eq!(answer.header("x-pointsman-decision").is_empty(), model == "mute");
        let attempts = match model {
            "auto" => "refused=upstream_unreachable,mute=upstream_failed_stream",
            _ => "mute/mute-model=upstream_failed_stream",
        };
        assert_eq!(answer.header("x-pointsman-attempts"), attempts);
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_or_garbled_makes_way_for_the_next_model() {
    let mut upstream = Upstream::start().await;
    for (broken, kind) in [("json-cut", "upstream_cut_reply"), ("json-junk", "upstream_bad_reply")] {
        let config = upstream.config(&[broken, "gpt"]) + "[failures]\nretries = 0\n";
        let app = app(&config);
        let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
        assert_eq!(
            (answer.header("x-pointsman-model"), answer.text()),
            ("gpt", include_str!("replies/gpt.json"))
        );
        assert_eq!(answer.header("x-pointsman-attempts"), format!("{broken}={kind},gpt=200"));
        asked(&mut upstream);
        let answer = ask(&app, post(PATH, chat(broken, "hi"))).await;
        assert_eq!(answer.error(), (502, "server_error".into(), Value::Null, json!(kind)));
    }
}

#[tokio::test]
async fn a_stream_that_passes_through_and_breaks_off_ends_with_an_error() {
    let upstream = Upstream::start().await;
    let answer = ask(&app(&upstream.config(&["gpt-cut"])), post(PATH, streamed("auto"))).await;
    let (said, error) = answer.text().trim_end().rsplit_once("\n\n").expect("several events");
    assert!(include_str!("replies/gpt.sse").starts_with(said), "{said}");
    let error: Value = serde_json::from_str(error.strip_prefix("data: ").expect("an event")).expect("JSON");
    let message = error["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("provider `gpt-cut` closed the connection within its reply"), "{message}");
}

#[tokio::test]
async fn providers_that_are_not_there_are_passed_over() {
    use super::super::health_checks::check;
    let mut upstream = Upstream::start().await;
    let config = config(&upstream.config(&["fail", "refused", "echo"]));
    let sidecar = sidecar(&config, Arc::new(ByWord));
    let app = super::super::app(Arc::clone(&sidecar));
    let (live, mut missed) = (sidecar.live(), Default::default());
    let providers = live.policy.models().values().map(|model| model.target.provider()).collect();
    check(&live.upstream, &providers, &mut missed).await;
    check(&live.upstream, &providers, &mut missed).await;
    assert_eq!(missed.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["fail", "refused"]);
    let answer = ask(&app, post(PATH, chat("auto", "hi"))).await;
    assert_eq!(
        (answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")),
        ("echo", "fail,refused")
    );
    assert_eq!(asked(&mut upstream), ["echo-model"]);
}

#[tokio::test]
async fn a_model_that_hangs_makes_way() {
    let upstream = Upstream::start().await;
    let limit = "[failures]\nfirst_byte_timeout_ms = 40\nreply_timeout_ms = 40\n";
    let app = app(&(upstream.config(&["hang", "echo"]) + limit));
    for body in [chat("auto", "hi"), streamed("auto")] {
        let answer = ask(&app, post(PATH, body)).await;
        assert_eq!(
            (answer.header("x-pointsman-model"), answer.header("x-pointsman-attempts")),
            ("echo", "hang=upstream_timeout,echo=200")
        );
    }
}

#[tokio::test]
async fn a_client_may_wait_less() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["hang", "echo"]));
    let within = |limit: &str| {
        let request = Request::post(PATH).header("x-pointsman-timeout-ms", limit);
        request.body(Body::from(chat("auto", "hi"))).expect("valid")
    };
    let answer = ask(&app, within("30")).await;
    assert_eq!(answer.error(), (504, "server_error".into(), Value::Null, json!("upstream_timeout")));
    assert_eq!(ask(&app, within("soon")).await.status, StatusCode::BAD_REQUEST);
}
