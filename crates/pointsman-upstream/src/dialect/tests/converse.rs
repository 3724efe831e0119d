//! Requests to Bedrock and its whole replies.

use serde_json::json;

use super::*;

const CLAUDE_4_5: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "amazon.nova-pro-v1:0";
const LLAMA: &str = "meta.llama3-1-8b-instruct-v1:0";

/// A request of `from` for `model` at Bedrock, and what was left behind.
fn to_bedrock(body: Value, from: Dialect, model: &str) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let to = Recipient { dialect: ProviderDialect::Converse, model, is_openai: false };
    let (body, _) = translate_request(body, from, to, &mut lossy).map_err(|error| error.to_string())?;
    Ok((body, lossy.paths().map(str::to_owned).collect()))
}

fn from_bedrock(body: Value, to: Dialect) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let reply = translate_reply(body, ProviderDialect::Converse, to, &called(), &mut lossy);
    Ok((reply.map_err(|error| error.to_string())?, lossy.paths().map(str::to_owned).collect()))
}

#[test]
fn a_chat_becomes_a_converse_request() {
    let (body, lossy) = to_bedrock(
        json!({
            "model": "auto",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "developer", "content": [{"type": "text", "text": "no jokes", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
                {"role": "user", "name": "ann", "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
                    {"type": "file", "file": {"filename": "my report, v2.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
                    {"type": "file", "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,CCCC"}},
                    {"type": "file", "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,DDDD"}},
                ]},
                {"role": "assistant", "content": null, "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}],
                 "tool_calls": [
                    {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": "{\"a\": 1}"}},
                    {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{\"a\": "}},
                ]},
                {"role": "tool", "tool_call_id": "functions.look:0", "content": "a cat"},
                {"role": "tool", "tool_call_id": "call_2", "content": ""},
                {"role": "user", "content": "sure?"},
            ],
            "tools": [{"type": "function", "cache_control": {"type": "ephemeral"},
                       "function": {"name": "look", "description": "looks", "parameters": {"type": "object"}, "strict": true}}],
            "tool_choice": "required",
            "parallel_tool_calls": false,
            "max_completion_tokens": 100,
            "temperature": 1.5,
            "top_p": 0.5,
            "seed": 7,
            "stop": ["END", " "],
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
            "user": "u1",
            "service_tier": "flex",
            "stream": true,
        }),
        Dialect::OpenAiChat,
        CLAUDE_4_5,
    )
    .expect("translatable");
    let call = |id: &str, input: Value| json!({"toolUse": {"toolUseId": id, "name": "look", "input": input}});
    let document = |format: &str, name: &str, bytes: &str| json!({"document": {"format": format, "name": name, "source": {"bytes": bytes}}});
    assert_eq!(
        body,
        json!({
            "messages": [
                {"role": "user", "content": [
                    {"text": "what is this?"},
                    {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                    document("pdf", "my report v2", "BBBB"),
                    document("csv", "a", "CCCC"),
                    document("csv", "a (2)", "DDDD"),
                ]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
                    call("functionslook0_0217fe28bb536531", json!({"a": 1})),
                    call("call_2", json!({"INVALID_JSON": "{\"a\": "})),
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "functionslook0_0217fe28bb536531", "content": [{"text": "a cat"}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": []}},
                    {"text": "sure?"},
                ]},
            ],
            "system": [{"text": "be brief"}, {"text": "no jokes"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "look", "description": "looks", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
                    {"cachePoint": {"type": "default"}},
                ],
                "toolChoice": {"any": {}},
            },
            "inferenceConfig": {"maxTokens": 100, "temperature": 1.0, "topP": 0.5, "stopSequences": ["END"]},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{\"type\":\"object\"}", "name": "answer"}}}},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "serviceTier": {"type": "flex"},
        })
    );
    assert_eq!(
        lossy,
        [
            "messages[2].content[1].image_url.detail",
            "messages[2].content[2].file.filename",
            "messages[2].name",
            "messages[3].content[2].arguments",
            "parallel_tool_calls",
            "seed",
            "stop[1]",
            "temperature",
            "user",
        ]
    );
}

#[test]
fn a_message_becomes_a_converse_request() {
    let (body, lossy) = to_bedrock(
        json!({
            "model": "auto",
            "max_tokens": 5_000,
            "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "document", "title": "notes", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
                    {"type": "text", "text": "what is this?"},
                ]},
                {"role": "assistant", "content": [
                    {"type": "redacted_thinking", "data": "AAAA"},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
                ]},
                {"role": "user", "content": [
                    {"type": "text", "text": "\n"},
                    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                        {"type": "text", "text": "blurred"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
                    ]},
                ]},
            ],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
            "top_k": 5,
            "stop_sequences": [""],
            "output_config": {"effort": "low"},
            "metadata": {"user_id": "u1"},
        }),
        Dialect::Anthropic,
        "anthropic.claude-opus-4-6-v1",
    )
    .expect("translatable");
    assert_eq!(
        body,
        json!({
            "messages": [
                {"role": "user", "content": [
                    {"document": {"format": "txt", "name": "notes", "source": {"bytes": "aGk="}}},
                    {"text": "inner"},
                    {"text": "what is this?"},
                ]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"redactedContent": "AAAA"}},
                    {"toolUse": {"toolUseId": "toolu_1", "name": "look", "input": {"a": 1}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "toolu_1", "status": "error", "content": [
                        {"text": "blurred"},
                        {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
                    ]}},
                ]},
            ],
            "system": [{"text": "be brief"}, {"cachePoint": {"type": "default"}}],
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}],
                "toolChoice": {"tool": {"name": "look"}},
            },
            "inferenceConfig": {"maxTokens": 5_000},
            "outputConfig": {"effort": "low"},
            "additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "adaptive"}},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
        })
    );
    assert_eq!(
        lossy,
        [
            "messages[2].content[0]",
            "metadata.user_id",
            "stop_sequences[0]",
            "tool_choice.disable_parallel_tool_use"
        ]
    );
}

#[test]
fn families_get_what_they_take() {
    let user = json!({"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]});
    let ask = |model: &str, changes: Value| {
        let mut body = json!({"model": "auto", "messages": [user], "top_k": 9});
        for (key, value) in changes.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let (body, lossy) = to_bedrock(body, Dialect::OpenAiChat, model).expect("translatable");
        (body["additionalModelRequestFields"].clone(), lossy.join(","))
    };
    let none = Value::Null;
    for (model, changes, fields, lossy) in [
        (
            CLAUDE_4_5,
            json!({"reasoning_effort": "low", "max_tokens": 4_000}),
            json!({"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
            "top_k",
        ),
        (NOVA, json!({}), json!({"inferenceConfig": {"topK": 9}}), ""),
        (
            NOVA,
            json!({"reasoning_effort": "low"}),
            json!({"inferenceConfig": {"topK": 9}}),
            "reasoning_effort",
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            json!({"reasoning_effort": "high", "top_k": null}),
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
            "",
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            json!({"reasoning_effort": "max", "top_k": null, "max_tokens": 9}),
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}),
            "reasoning_effort",
        ),
        (
            "openai.gpt-oss-120b-1:0",
            json!({"reasoning_effort": "high"}),
            json!({"reasoning_effort": "high"}),
            "messages[0].content[0].cache_control,top_k",
        ),
        (
            LLAMA,
            json!({"reasoning_effort": "none"}),
            none.clone(),
            "messages[0].content[0].cache_control,top_k",
        ),
        (
            LLAMA,
            json!({"reasoning_effort": "low"}),
            none.clone(),
            "messages[0].content[0].cache_control,reasoning_effort,top_k",
        ),
    ] {
        assert_eq!(ask(model, changes.clone()), (fields, lossy.to_owned()), "{model} {changes}");
    }
}

#[test]
fn tools_are_sent_where_they_may_be_called_or_were() {
    let tool = json!({"type": "function", "function": {"name": "look"}});
    let user = json!({"role": "user", "content": "hi"});
    let history = json!([
        user,
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    ]);
    let spec = |schema: Value| json!({"toolSpec": {"name": "look", "inputSchema": {"json": schema}}});
    let (open, made_up) =
        (spec(json!({"type": "object", "properties": {}})), spec(json!({"type": "object"})));
    for (messages, tools, choice, config, lossy) in [
        (
            json!([user]),
            json!([tool]),
            json!("auto"),
            json!({"tools": [open], "toolChoice": {"auto": {}}}),
            "",
        ),
        (json!([user]), json!([tool]), json!(null), json!({"tools": [open]}), ""),
        (json!([user]), json!([tool]), json!("none"), json!(null), ""),
        (json!([user]), json!([]), json!("auto"), json!(null), "tool_choice"),
        (history.clone(), json!([tool]), json!("none"), json!({"tools": [open]}), "tool_choice"),
        (history.clone(), json!([]), json!(null), json!({"tools": [made_up]}), "tools"),
    ] {
        let body = json!({"model": "m", "messages": messages, "tools": tools, "tool_choice": choice});
        let (written, left) = to_bedrock(body, Dialect::OpenAiChat, LLAMA).expect("translatable");
        assert_eq!((&written["toolConfig"], left.join(",").as_str()), (&config, lossy), "{tools} {choice}");
    }
}

#[test]
fn what_bedrock_cannot_take_is_refused() {
    let saying = |content: Value| json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]});
    let image = |url: &str| saying(json!([{"type": "image_url", "image_url": {"url": url}}]));
    let said = [
        (Dialect::OpenAiChat, image("https://x/y.png")),
        (Dialect::OpenAiChat, image("data:image/tiff;base64,AAAA")),
        (
            Dialect::OpenAiChat,
            saying(json!([{"type": "file", "file": {"filename": "a.zip", "file_data": "data:application/zip;base64,AA"}}])),
        ),
        (
            Dialect::Anthropic,
            saying(json!([{"type": "document", "source": {"type": "url", "url": "https://x"}}])),
        ),
        (
            Dialect::Anthropic,
            json!({"model": "m", "max_tokens": 5, "messages": [], "system": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]}),
        ),
    ]
    .map(|(from, body)| to_bedrock(body, from, CLAUDE_4_5).expect_err("refused"));
    insta::assert_snapshot!(said.join("\n"));
}

/// A reply as documented.
fn reply(content: &Value, reason: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": {"inputTokens": 3, "outputTokens": 6, "totalTokens": 18, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 4,
                  "cacheDetails": [{"ttl": "5m", "inputTokens": 4}]},
        "metrics": {"latencyMs": 1275},
    })
}

#[test]
fn a_reply_is_read() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"text": "look: "},
        {"citationsContent": {"content": [{"text": "cited"}], "citations": [{"title": "t"}]}},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {"a": 1}}},
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
    ]);
    let (chat, lossy) = from_bedrock(reply(&content, "tool_use"), Dialect::OpenAiChat).expect("readable");
    assert_eq!(
        chat,
        json!({
            "id": "id", "object": "chat.completion", "created": 7, "model": CLAUDE,
            "choices": [{"index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "look: cited", "refusal": null, "reasoning_content": "hm",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "AAAA"},
                ],
                "tool_calls": [{"id": "tooluse_1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}}],
            }}],
            "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18,
                      "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 4}},
        })
    );
    let declared = ["output.message.content[3].citationsContent.citations", "output.message.content[5]"];
    assert_eq!(lossy, declared);
    let (message, lossy) = from_bedrock(reply(&content, "tool_use"), Dialect::Anthropic).expect("readable");
    assert_eq!(
        (&message["id"], &message["model"], &message["stop_reason"], &message["usage"]),
        (
            &json!("id"),
            &json!(CLAUDE),
            &json!("tool_use"),
            &json!({"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 6})
        )
    );
    assert_eq!(lossy, declared);
}

#[test]
fn reasons_for_the_end_are_told() {
    for (reason, openai, anthropic) in [
        ("end_turn", "stop", "end_turn"),
        ("stop_sequence", "stop", "stop_sequence"),
        ("max_tokens", "length", "max_tokens"),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
        ("content_filtered", "content_filter", "refusal"),
        ("guardrail_intervened", "content_filter", "refusal"),
    ] {
        let body = reply(&json!([{"text": "x"}]), reason);
        let (chat, _) = from_bedrock(body.clone(), Dialect::OpenAiChat).expect("readable");
        assert_eq!(chat["choices"][0]["finish_reason"], openai);
        let (message, _) = from_bedrock(body, Dialect::Anthropic).expect("readable");
        assert_eq!(message["stop_reason"], anthropic);
    }
    let mut body = reply(&json!([{"text": "x"}]), "stop_sequence");
    body["additionalModelResponseFields"] = json!({"stop_sequence": "END"});
    let (message, lossy) = from_bedrock(body, Dialect::Anthropic).expect("readable");
    assert_eq!((&message["stop_sequence"], lossy.len()), (&json!("END"), 0));
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        from_bedrock(reply(&json!([]), reason), Dialect::Anthropic).expect_err("no reply");
    }
}
