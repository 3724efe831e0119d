//! Anthropic's API in and out: translated where client and provider speak differently, untouched where they do not.

use serde_json::json;

use super::chat::asked;
use super::upstream::Upstream;
use super::*;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// A request that both dialects read alike.
fn request(model: &str, stream: bool) -> String {
    let user = json!({"role": "user", "content": "is 7 prime?"});
    json!({"model": model, "max_tokens": 50, "messages": [user], "stream": stream}).to_string()
}

#[tokio::test]
async fn a_chat_is_answered_by_anthropics_api() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude"]));
    let body = json!({
        "model": "auto", "seed": 1, "max_tokens": 50,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "is 7 prime?"}],
    });
    let request = Request::post(CHAT)
        .header("authorization", "Bearer of-the-client")
        .header("openai-organization", "org")
        .header("accept-encoding", "gzip")
        .body(Body::from(body.to_string()))
        .expect("valid");
    let answer = ask(&app, request).await;
    let (headers, received) = asked(&mut upstream).await;
    assert_eq!(
        serde_json::from_slice::<Value>(&received).expect("JSON"),
        json!({
            "model": "claude-model", "max_tokens": 50, "system": "be brief",
            "messages": [{"role": "user", "content": "is 7 prime?"}],
        })
    );
    assert_eq!(
        (&headers["anthropic-version"], &headers["accept-encoding"]),
        (&"2023-06-01".parse().expect("valid"), &"identity".parse().expect("valid"))
    );
    assert!(
        headers.contains_key("x-api-key")
            && !headers.contains_key("authorization")
            && !headers.contains_key("openai-organization")
    );
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!((answer.header("x-pointsman-lossy"), answer.header("x-pointsman-model")), ("seed", "claude"));
    assert_eq!(answer.header("x-request-id"), "req_1");
    let completion = answer.json();
    let message = &completion["choices"][0]["message"];
    assert_eq!(message["content"], "I will look.");
    assert_eq!(
        message["tool_calls"][0]["function"],
        json!({"name": "look", "arguments": "{\"where\":\"here\"}"})
    );
    assert_eq!(message["thinking_blocks"][0]["signature"], "sig");
    assert_eq!(completion["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        (&completion["usage"]["prompt_tokens"], &completion["usage"]["total_tokens"]),
        (&json!(14), &json!(21))
    );
}

#[tokio::test]
async fn a_message_is_answered_by_openais_api() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["gpt"]));
    let answer = ask(&app, post(MESSAGES, request("auto", false))).await;
    let (headers, received) = asked(&mut upstream).await;
    assert_eq!(
        serde_json::from_slice::<Value>(&received).expect("JSON"),
        json!({"model": "gpt-model", "max_tokens": 50, "messages": [{"role": "user", "content": "is 7 prime?"}]})
    );
    assert!(!headers.contains_key("anthropic-version"));
    assert_eq!((answer.status, answer.header("request-id")), (StatusCode::OK, "req_1"));
    assert_eq!(answer.header("x-pointsman-task"), "math");
    assert_eq!(
        answer.json(),
        json!({
            "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt-test",
            "content": [
                {"type": "text", "text": "I will look."},
                {"type": "tool_use", "id": "call_1", "name": "look", "input": {"where": "here"}},
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 2}},
        })
    );
}

#[tokio::test]
async fn streams_are_translated_both_ways() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude", "gpt"]));
    let answer = ask(&app, post(CHAT, request("claude", true))).await;
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    let text = answer.text();
    assert!(text.contains(r#""content":"I will look.""#) && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(
        text.contains(r#""arguments":"\"here\"}""#) && text.contains(r#""finish_reason":"tool_calls""#),
        "{text}"
    );
    assert!(!text.contains("usage"), "not asked for: {text}");
    let answer = ask(&app, post(MESSAGES, request("gpt", true))).await;
    let names: Vec<&str> = answer.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let end = r#""delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":7}"#;
    assert!(answer.text().contains(end), "{}", answer.text());
}

#[tokio::test]
async fn one_dialect_passes_through_untouched() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude"]));
    let body = "{ \"model\" : \"auto\", \"max_tokens\":5, \"unknown\": 1.50e+1, \"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9\"}] }\n";
    let request = Request::post(MESSAGES)
        .header("anthropic-version", "2099-01-01")
        .header("anthropic-beta", "some-beta")
        .header("x-api-key", "of-the-client")
        .body(Body::from(body))
        .expect("valid");
    let answer = ask(&app, request).await;
    let (headers, received) = asked(&mut upstream).await;
    assert_eq!(received, body.replace("\"auto\"", "\"claude-model\"").as_bytes());
    assert_eq!(
        (&headers["anthropic-version"], &headers["anthropic-beta"]),
        (&"2099-01-01".parse().expect("valid"), &"some-beta".parse().expect("valid"))
    );
    assert_ne!(headers["x-api-key"], "of-the-client");
    assert_eq!(answer.text(), include_str!("replies/claude.json"));
    assert!(!answer.headers.contains_key("x-pointsman-lossy"));
}

#[tokio::test]
async fn the_demo_provider_answers_messages() {
    let app = app(DEMO);
    let answer = ask(&app, post(MESSAGES, request("auto", false).replace("50", "500"))).await;
    let message = answer.json();
    assert_eq!(
        (&message["type"], &message["model"], &message["stop_reason"]),
        (&json!("message"), &json!("large"), &json!("end_turn"))
    );
    assert!(message["content"][0]["text"].as_str().expect("text").contains("labelled math"), "{message}");
    assert!(!answer.header("request-id").is_empty());
    let answer = ask(&app, post(MESSAGES, request("cheap", true))).await;
    assert!(
        answer.text().starts_with("event: message_start\n")
            && answer.text().contains("event: message_stop\n")
    );
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_estimated() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude", "gpt"]));
    let count = "/v1/messages/count_tokens";
    let counted = ask(&app, post(count, request("auto", false))).await;
    assert_eq!((counted.json(), counted.header("x-pointsman-estimated")), (json!({"input_tokens": 77}), ""));
    assert_eq!(counted.header("x-pointsman-model"), "claude");
    let estimated = ask(&app, post(count, request("gpt", false))).await;
    assert_eq!(
        (estimated.json(), estimated.header("x-pointsman-estimated")),
        (json!({"input_tokens": 7}), "input_tokens")
    );
    assert!(upstream.events.try_recv().is_err(), "counting asks for no reply");
}

#[tokio::test]
async fn errors_are_told_in_the_clients_dialect() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude-busy", "gpt", "fail"]));
    let told = async |path: &str, body: String| {
        let answer = ask(&app, post(path, body)).await;
        let value = answer.json();
        (
            answer.status.as_u16(),
            value["type"].clone(),
            value["error"]["type"].clone(),
            value["error"]["message"].to_string(),
        )
    };
    let busy = ask(&app, post(CHAT, request("claude-busy", false))).await;
    assert_eq!((busy.status.as_u16(), busy.header("retry-after")), (429, "9"));
    assert_eq!(busy.error(), (429, "rate_limit_error".into(), Value::Null, Value::Null));
    for (body, status, kind, says) in [
        (request("nothing", false), 404, "not_found_error", "there is no model `nothing`"),
        ("{".to_owned(), 400, "invalid_request_error", "not valid JSON"),
        (request("fail", false), 500, "api_error", "status 500"),
        (
            json!({"model": "gpt", "messages": [{"role": "user", "content": "x"}], "container": "c"})
                .to_string(),
            400,
            "invalid_request_error",
            "`container` runs tools on Anthropic's servers",
        ),
    ] {
        let (status_told, shape, kind_told, message) = told(MESSAGES, body).await;
        assert_eq!((status_told, shape, kind_told), (status, json!("error"), json!(kind)), "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn what_one_model_cannot_take_goes_to_one_that_can() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude", "gpt"]));
    let two = json!({"model": "auto", "n": 2, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let answer = ask(&app, post(CHAT, two)).await;
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-failed")), ("gpt", "claude"));
}

#[tokio::test]
async fn a_translated_stream_that_is_cut_says_so() {
    let upstream = Upstream::start().await;
    let app = app(&upstream.config(&["claude-cut"]));
    let answer = ask(&app, post(CHAT, request("auto", true))).await;
    let text = answer.text();
    assert!(text.contains("I will look.") && !text.contains("[DONE]"), "{text}");
    let last = text.lines().rfind(|line| line.starts_with("data: ")).expect("an event");
    assert!(
        last.contains(r#"{"error":{"message":"provider `claude-cut` closed the connection within its reply"#),
        "{last}"
    );
}
