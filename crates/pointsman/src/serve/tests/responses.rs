//! OpenAI's other APIs: Responses, completions of texts, embeddings.

use serde_json::json;

use super::chat::asked;
use super::upstream::Upstream;
use super::*;

const PATH: &str = "/v1/responses";

fn request(model: &str, stream: bool) -> String {
    json!({"model": model, "input": "is 7 prime?", "instructions": "be brief", "stream": stream}).to_string()
}

/// The names of the events of a stream.
fn events(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("event: ")).collect()
}

#[tokio::test]
async fn the_demo_provider_responds() {
    let app = app(DEMO);
    let answer = ask(&app, post(PATH, request("auto", false))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (StatusCode::OK, "strong"));
    let response = answer.json();
    assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(response["instructions"], "be brief", "what was asked is repeated");
    assert_eq!(response["store"], false);
    let said = response["output"][0]["content"][0]["text"].as_str().expect("text");
    assert!(said.contains("demo/large would answer here"), "{said}");
    assert!(response["usage"]["total_tokens"].as_u64() > Some(0));
    let answer = ask(&app, post(PATH, request("auto", true))).await;
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let events = events(answer.text());
    assert_eq!(events[..2], ["response.created", "response.in_progress"]);
    assert_eq!(events.last(), Some(&"response.completed"));
}

#[tokio::test]
async fn a_provider_that_responds_gets_the_request_byte_for_byte() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["resp-echo"]));
    let body =
        "{ \"model\":\"auto\",\"previous_response_id\" : \"resp_1\",\n\"input\":\"hi\", \"store\":true}";
    let answer = ask(&app, post(PATH, body)).await;
    let expected = body.replace("\"auto\"", "\"resp-echo-model\"");
    assert_eq!(asked(&mut upstream).await.1, expected.as_bytes());
    assert_eq!((answer.text(), answer.header("x-asked-path")), (expected.as_str(), "/resp-echo/responses"));
    assert_eq!(answer.header("x-pointsman-lossy"), "");
}

#[tokio::test]
async fn thoughts_of_other_providers_stay_behind() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["resp-echo"]));
    let said = json!({"role": "user", "content": "hi"});
    let thought = json!({"type": "reasoning", "summary": [], "encrypted_content": "pointsman:signed:sig"});
    let body = json!({"model": "auto", "input": [thought, said]}).to_string();
    let answer = ask(&app, post(PATH, body)).await;
    assert_eq!(answer.header("x-pointsman-lossy"), "input[0]");
    let received: Value = serde_json::from_slice(&asked(&mut upstream).await.1).expect("JSON");
    assert_eq!(received, json!({"model": "resp-echo-model", "input": [said]}));
}

#[tokio::test]
async fn others_are_asked_in_their_own_words() {
    for (behaviour, thinks) in [("gpt", false), ("claude", true)] {
        let mut upstream = Upstream::start().await;
        let app = app(&upstream.config(&[behaviour]));
        let answer = ask(&app, post(PATH, request("auto", false))).await;
        let received: Value = serde_json::from_slice(&asked(&mut upstream).await.1).expect("JSON");
        assert_eq!(
            received["messages"].as_array().expect("messages").last(),
            Some(&json!({"role": "user", "content": "is 7 prime?"}))
        );
        assert_eq!((answer.status, answer.header("x-pointsman-task")), (StatusCode::OK, "math"));
        let response = answer.json();
        let kinds: Vec<_> =
            response["output"].as_array().expect("items").iter().map(|item| &item["type"]).collect();
        let expected: &[&str] =
            if thinks { &["reasoning", "message", "function_call"] } else { &["message", "function_call"] };
        assert_eq!(kinds, expected, "{response}");
        let call = &response["output"][expected.len() - 1];
        assert_eq!((&call["name"], &call["arguments"]), (&json!("look"), &json!("{\"where\":\"here\"}")));
        assert_eq!(response["usage"]["input_tokens"], 14);
        let answer = ask(&app, post(PATH, request("auto", true))).await;
        let events = events(answer.text());
        assert!(events.contains(&"response.function_call_arguments.delta"), "{events:?}");
        assert_eq!((events[0], events.last()), ("response.created", Some(&"response.completed")));
    }
}

#[tokio::test]
async fn what_is_stored_goes_where_it_may_be_or_is_refused() {
    let upstream = Upstream::start().await;
    let body = json!({"model": "auto", "input": "hi", "previous_response_id": "resp_1"}).to_string();
    let answer = ask(&app(&upstream.config(&["gpt"])), post(PATH, body.clone())).await;
    assert_eq!(
        answer.error(),
        (400, "invalid_request_error".into(), Value::Null, json!("untranslatable_request"))
    );
    assert!(answer.text().contains("`previous_response_id` refers to a response that is stored elsewhere"));
    let answer = ask(&app(&upstream.config(&["gpt", "resp-echo"])), post(PATH, body)).await;
    assert_eq!(
        (answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")),
        ("resp-echo", "gpt")
    );
    for request in [get("/v1/responses/resp_1"), post("/v1/responses/resp_1/cancel", "{}")] {
        let answer = ask(&app(DEMO), request).await;
        assert_eq!(answer.error(), (404, "invalid_request_error".into(), Value::Null, json!("not_stored")));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_fails_in_its_own_words() {
    let upstream = Upstream::start().await;
    let answer = ask(&app(&upstream.config(&["claude-cut"])), post(PATH, request("auto", true))).await;
    let events = events(answer.text());
    assert_eq!(
        (events[0], events.last()),
        ("response.created", Some(&"response.failed")),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("response.completed"));
}

#[tokio::test]
async fn texts_are_completed() {
    const PATH: &str = "/v1/completions";
    let body = r#"{"model":"auto","prompt":"is 7 prime?","max_tokens":50}"#;
    let answer = ask(&app(DEMO), post(PATH, body)).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (StatusCode::OK, "strong"));
    let completion = answer.json();
    assert_eq!(completion["object"], "text_completion");
    assert!(completion["choices"][0]["text"].as_str().expect("text").contains("demo/large"));
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["echo"]));
    let answer = ask(&app, post(PATH, body)).await;
    assert_eq!(asked(&mut upstream).await.1, body.replace("\"auto\"", "\"echo-model\"").as_bytes());
    assert_eq!(answer.header("x-asked-path"), "/echo/completions");
}

#[tokio::test]
async fn embeddings_are_passed_to_the_model_that_is_named() {
    const PATH: &str = "/v1/embeddings";
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["echo", "claude"]));
    let body = |model: &str| format!("{{\"input\":[\"a\",\"b\"], \"model\":\"{model}\"}}");
    let answer = ask(&app, post(PATH, body("echo"))).await;
    assert_eq!(
        (answer.text(), answer.header("x-asked-path")),
        (body("echo-model").as_str(), "/echo/embeddings")
    );
    assert_eq!(asked(&mut upstream).await.1, body("echo-model").as_bytes());
    let answer = ask(&app, post(PATH, body("auto"))).await;
    assert_eq!(answer.error(), (400, "invalid_request_error".into(), json!("model"), Value::Null));
    assert!(answer.text().contains("name a model of [models]"), "{}", answer.text());
    let answer = ask(&app, post(PATH, body("claude"))).await;
    assert_eq!(answer.error().3, json!("untranslatable_request"), "{}", answer.text());
}

#[tokio::test]
async fn models_are_listed_in_the_words_of_either_api() {
    let app = app(DEMO);
    let asked = |path: &str| {
        Request::get(path).header("anthropic-version", "2023-06-01").body(Body::empty()).expect("valid")
    };
    let list = ask(&app, asked("/v1/models")).await.json();
    assert_eq!(
        (&list["first_id"], &list["last_id"], &list["has_more"]),
        (&json!("auto"), &json!("strong"), &json!(false))
    );
    let one = ask(&app, asked("/v1/models/cheap")).await.json();
    assert_eq!(
        (&one["type"], &one["id"], &one["display_name"]),
        (&json!("model"), &json!("cheap"), &json!("cheap"))
    );
    let created = one["created_at"].as_str().expect("a time");
    assert!(created.len() == 20 && created.ends_with('Z') && created.as_bytes()[10] == b'T', "{created}");
    let missing = ask(&app, asked("/v1/models/none")).await;
    assert_eq!((missing.status.as_u16(), &missing.json()["error"]["type"]), (404, &json!("not_found_error")));
}
