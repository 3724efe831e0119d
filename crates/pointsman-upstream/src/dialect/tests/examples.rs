//! Requests and replies as clients send them.

use serde_json::json;

use super::*;

#[test]
fn a_chat_becomes_a_message() {
    let (body, lossy) = translated(
        json!({
            "model": "auto",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "developer", "content": [{"type": "text", "text": "no jokes", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
                {"role": "user", "name": "ann", "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
                ]},
                {"role": "assistant", "content": null, "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}],
                 "reasoning_content": "hm", "refusal": null, "tool_calls": [
                    {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": "{\"a\": 1}"}},
                    {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{\"a\": "}},
                ]},
                {"role": "tool", "tool_call_id": "functions.look:0", "content": "a cat"},
                {"role": "tool", "tool_call_id": "call_2", "content": ""},
                {"role": "user", "content": "sure?"},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}, "strict": true}}],
            "tool_choice": "required",
            "parallel_tool_calls": false,
            "max_completion_tokens": 100,
            "temperature": 1.5,
            "seed": 7,
            "stop": "END",
            "reasoning_effort": "high",
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
            "user": "u1",
            "n": 1,
            "logprobs": false,
            "prompt_cache_key": "k",
            "stream": true,
        }),
        Dialect::OpenAiChat,
    )
    .expect("translatable");
    assert_eq!(
        body,
        json!({
            "model": CLAUDE,
            "max_tokens": 100,
            "system": [
                {"type": "text", "text": "be brief"},
                {"type": "text", "text": "no jokes", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            ],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}, "title": "a.pdf"},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "tool_use", "id": "functionslook0_0217fe28bb536531", "name": "look", "input": {"a": 1}},
                    {"type": "tool_use", "id": "call_2", "name": "look", "input": {"INVALID_JSON": "{\"a\": "}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "functionslook0_0217fe28bb536531", "content": "a cat"},
                    {"type": "tool_result", "tool_use_id": "call_2"},
                    {"type": "text", "text": "sure?"},
                ]},
            ],
            "tools": [{"name": "look", "input_schema": {"type": "object"}, "strict": true}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
            "temperature": 1.0,
            "stop_sequences": ["END"],
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            "metadata": {"user_id": "u1"},
            "stream": true,
        })
    );
    assert_eq!(
        lossy,
        [
            "messages[2].content[1].image_url.detail",
            "messages[2].name",
            "messages[3].content[2].arguments",
            "prompt_cache_key",
            "response_format.json_schema.name",
            "seed",
            "temperature",
        ]
    );
}

#[test]
fn a_message_becomes_a_chat() {
    let (body, lossy) = translated(
        json!({
            "model": "auto",
            "max_tokens": 100,
            "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": "what is this?"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "text", "text": "let me see"},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                        {"type": "text", "text": "blurred"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    ]},
                    {"type": "text", "text": "sure?"},
                ]},
            ],
            "tools": [{"name": "look", "input_schema": {"type": "object"}, "input_examples": [{}]}],
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
            "top_k": 5,
            "stop_sequences": ["END"],
            "thinking": {"type": "enabled", "budget_tokens": 8000},
            "metadata": {"user_id": "u1"},
            "stream": true,
        }),
        Dialect::Anthropic,
    )
    .expect("translatable");
    assert_eq!(
        body,
        json!({
            "model": CLAUDE,
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "what is this?"},
                {"role": "assistant", "content": "let me see", "tool_calls": [
                    {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}},
                ]},
                {"role": "tool", "tool_call_id": "toolu_1", "content": "blurred"},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "text", "text": "sure?"},
                ]},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "parallel_tool_calls": false,
            "max_tokens": 100,
            "top_k": 5,
            "stop": ["END"],
            "reasoning_effort": "medium",
            "user": "u1",
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
    assert_eq!(
        lossy,
        [
            "messages[1].content[0]",
            "messages[2].content[0].content[1]",
            "messages[2].content[0].is_error",
            "system.content[0].cache_control",
            "thinking.budget_tokens",
            "tools[0].input_examples",
        ]
    );
}

#[test]
fn what_would_mean_something_else_is_refused() {
    let user = json!({"role": "user", "content": "hi"});
    let with = |key: &str, value: Value| {
        let mut body = json!({"model": "m", "max_tokens": 5, "messages": [user]});
        body[key] = value;
        body
    };
    let saying = |content: Value| with("messages", json!([{"role": "user", "content": content}]));
    let said = [
        (Dialect::OpenAiChat, with("n", 2.into())),
        (Dialect::OpenAiChat, with("functions", json!([{"name": "f"}]))),
        (Dialect::OpenAiChat, with("modalities", json!(["text", "audio"]))),
        (Dialect::OpenAiChat, with("tools", json!([{"type": "custom", "custom": {"name": "f"}}]))),
        (Dialect::OpenAiChat, saying(json!([{"type": "input_audio", "input_audio": {}}]))),
        (Dialect::OpenAiChat, saying(json!([{"type": "file", "file": {"file_id": "f"}}]))),
        (Dialect::OpenAiChat, with("messages", json!([{"role": "narrator"}]))),
        (Dialect::OpenAiChat, with("temperature", "hot".into())),
        (Dialect::OpenAiChat, json!([])),
        (Dialect::Anthropic, with("tools", json!([{"type": "web_search_20250305", "name": "web_search"}]))),
        (
            Dialect::Anthropic,
            saying(json!([{"type": "document", "source": {"type": "url", "url": "https://x"}}])),
        ),
        (Dialect::Anthropic, saying(json!([{"type": "image", "source": {"type": "file", "file_id": "f"}}]))),
        (Dialect::Anthropic, with("messages", json!([user, {"role": "assistant", "content": "{"}]))),
        (Dialect::Anthropic, with("container", "c".into())),
    ]
    .map(|(from, body)| translated(body, from).expect_err("refused"));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn older_models_get_what_they_take() {
    let ask = |model: &str, changes: Value| {
        let mut body = json!({
            "model": "auto", "reasoning_effort": "low", "temperature": 0.5,
            "messages": [{"role": "user", "content": "hi"}],
        });
        for (key, value) in changes.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let mut lossy = Lossy::new();
        let to = Recipient { dialect: ProviderDialect::Anthropic, model, is_openai: false };
        let (body, _) = translate_request(body, Dialect::OpenAiChat, to, &mut lossy).expect("translatable");
        let lossy: Vec<String> = lossy.paths().map(str::to_owned).collect();
        (body["thinking"].clone(), body["max_tokens"].clone(), body["temperature"].clone(), lossy.join(","))
    };
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let none = || json!(null);
    for (model, changes, expected) in [
        ("claude-opus-5", json!({}), (json!({"type": "adaptive"}), json!(16_384), none(), "temperature")),
        ("claude-haiku-4-5", json!({}), (budget(2_048), json!(18_432), none(), "temperature")),
        (
            "claude-haiku-4-5",
            json!({"max_tokens": 2_000}),
            (budget(1_999), json!(2_000), none(), "temperature"),
        ),
        (
            "claude-haiku-4-5",
            json!({"max_tokens": 500}),
            (none(), json!(500), json!(0.5), "reasoning_effort"),
        ),
        (
            "claude-haiku-4-5",
            json!({"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}),
            (none(), json!(16_384), json!(0.5), "reasoning_effort"),
        ),
        (
            "claude-haiku-4-5",
            json!({"messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]},
                {"role": "tool", "tool_call_id": "1", "content": "x"},
            ]}),
            (none(), json!(16_384), json!(0.5), "reasoning_effort"),
        ),
        ("claude-3-5-haiku-latest", json!({}), (none(), json!(16_384), json!(0.5), "reasoning_effort")),
        (
            "claude-haiku-4-5",
            json!({"reasoning_effort": "none"}),
            (json!({"type": "disabled"}), json!(16_384), json!(0.5), ""),
        ),
    ] {
        let (thinking, max_tokens, temperature, lossy) = expected;
        assert_eq!(
            ask(model, changes.clone()),
            (thinking, max_tokens, temperature, lossy.to_owned()),
            "{model} {changes}"
        );
    }
}

#[test]
fn refusals_and_reasons_are_told() {
    let openai = |message: Value, reason: &str| json!({"id": "c", "model": "m", "choices": [{"message": message, "finish_reason": reason}]});
    for (reply, reason, text) in [
        (openai(json!({"content": "x"}), "stop"), "end_turn", "x"),
        (openai(json!({"content": "x"}), "length"), "max_tokens", "x"),
        (openai(json!({"content": "x"}), "content_filter"), "refusal", "x"),
        (openai(json!({"content": null, "refusal": "no"}), "stop"), "refusal", "no"),
    ] {
        let mut lossy = Lossy::new();
        let message =
            translate_reply(reply, ProviderDialect::OpenAiChat, Dialect::Anthropic, &called(), &mut lossy)
                .expect("readable");
        assert_eq!((&message["stop_reason"], &message["content"][0]["text"]), (&json!(reason), &json!(text)));
        assert!(lossy.is_empty(), "{lossy:?}");
    }
    let anthropic = |reason: &str| {
        json!({
            "id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": reason, "stop_sequence": null,
            "content": [{"type": "text", "text": "x", "citations": null}],
            "stop_details": if reason == "refusal" { json!({"type": "refusal", "explanation": "no", "category": null}) } else { Value::Null },
            "usage": {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 6,
                      "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0}, "service_tier": "standard"},
        })
    };
    for (reason, finish, refusal) in [
        ("end_turn", "stop", json!(null)),
        ("stop_sequence", "stop", json!(null)),
        ("max_tokens", "length", json!(null)),
        ("model_context_window_exceeded", "length", json!(null)),
        ("refusal", "content_filter", json!("no")),
        ("pause_turn", "stop", json!(null)),
    ] {
        let mut lossy = Lossy::new();
        let chat = translate_reply(
            anthropic(reason),
            ProviderDialect::Anthropic,
            Dialect::OpenAiChat,
            &called(),
            &mut lossy,
        )
        .expect("readable");
        let choice = &chat["choices"][0];
        assert_eq!((&choice["finish_reason"], &choice["message"]["refusal"]), (&json!(finish), &refusal));
        assert_eq!(
            chat["usage"],
            json!({"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18,
                   "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 4}})
        );
        assert!(lossy.is_empty(), "{lossy:?}");
    }
}

#[test]
fn what_used_to_look_like_nothing_is_declared() {
    let (_, lossy) = translated(
        json!({
            "model": "m", "tool_choice": "auto", "parallel_tool_calls": false, "service_tier": "priority",
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "see", "annotations": [{"type": "url_citation"}]},
                {"role": "assistant", "content": "see", "annotations": []},
                {"role": "tool", "tool_call_id": "1", "name": "look", "content": "x"},
            ],
        }),
        Dialect::OpenAiChat,
    )
    .expect("translatable");
    assert_eq!(
        lossy,
        ["messages[1].annotations", "messages[3].name", "parallel_tool_calls", "service_tier", "tool_choice"]
    );
    let mut lossy = Lossy::new();
    let anthropic = json!({
        "id": "m", "model": "c", "content": [], "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "explanation": null, "category": "cyber"},
        "usage": {"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"},
    });
    translate_reply(anthropic, ProviderDialect::Anthropic, Dialect::OpenAiChat, &called(), &mut lossy)
        .expect("readable");
    let openai =
        json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "service_tier": "flex"});
    translate_reply(openai, ProviderDialect::OpenAiChat, Dialect::Anthropic, &called(), &mut lossy)
        .expect("readable");
    assert_eq!(
        lossy.paths().collect::<Vec<_>>(),
        ["service_tier", "stop_details.category", "usage.service_tier"]
    );
}
