//! Requests and replies of OpenAI's Responses and of its older completions.

use serde_json::json;

use super::super::event::{Delta, Event, Opening};
use super::super::stream::Writer;
use super::streams::{FORM, data};
use super::*;

/// A request of `from` for a provider that speaks `to`, and what was left behind.
fn request(body: Value, from: Dialect, to: Dialect) -> Result<(Value, Vec<String>), String> {
    let mut lossy = Lossy::new();
    let (body, _) =
        translate_request(body, from, recipient(to), &mut lossy).map_err(|error| error.to_string())?;
    Ok((body, lossy.paths().map(str::to_owned).collect()))
}

fn conversation() -> Value {
    json!({
        "model": "auto",
        "instructions": "be brief",
        "input": [
            {"role": "developer", "content": "no jokes"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "what is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "pointsman:signed:sig"},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Let me look.", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{\"a\":1}", "status": "completed"},
            {"type": "function_call", "call_id": "call_2", "name": "look", "arguments": ""},
            {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
            {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "a dog"}]},
        ],
        "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "look"},
        "parallel_tool_calls": false,
        "max_output_tokens": 4000,
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "safety_identifier": "u1",
        "store": false,
        "truncation": "auto",
        "prompt_cache_key": "k",
        "stream": true,
        "stream_options": {"include_obfuscation": true},
    })
}

#[test]
fn a_response_is_asked_of_claude() {
    let (body, lossy) =
        request(conversation(), Dialect::OpenAiResponses, Dialect::Anthropic).expect("translatable");
    insta::assert_json_snapshot!("to_anthropic", body);
    assert_eq!(
        lossy,
        [
            "include[1]",
            "input[1].content[1].detail",
            "prompt_cache_key",
            "text.format.name",
            "text.verbosity",
            "truncation"
        ]
    );
}

#[test]
fn a_response_is_asked_of_a_server_that_chats() {
    let (body, lossy) =
        request(conversation(), Dialect::OpenAiResponses, Dialect::OpenAiChat).expect("translatable");
    insta::assert_json_snapshot!("to_chat", body);
    assert_eq!(
        lossy,
        ["include[1]", "input[2]", "prompt_cache_key", "text.verbosity", "truncation"],
        "the thought of another provider is left out"
    );
}

#[test]
fn a_chat_is_asked_of_a_model_that_only_responds() {
    let (body, lossy) = request(
        json!({
            "model": "auto",
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "Yes?", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
                {"role": "tool", "tool_call_id": "c", "content": "done"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "response_format": {"type": "json_object"},
            "reasoning_effort": "low", "max_tokens": 7, "stop": "x", "seed": 1, "user": "u",
        }),
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
    )
    .expect("translatable");
    assert_eq!(
        body,
        json!({
            "model": CLAUDE, "store": false,
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes?"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "done"},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}],
            "text": {"format": {"type": "json_object"}},
            "max_output_tokens": 7,
            "reasoning": {"effort": "low"},
            "safety_identifier": "u",
        })
    );
    assert_eq!(lossy, ["seed", "stop"]);
}

#[test]
fn what_is_stored_elsewhere_or_nobody_else_has_is_refused() {
    let with = |key: &str, value: Value| {
        let mut body = json!({"model": "m", "input": "hi"});
        body[key] = value;
        body
    };
    let refused = [
        with("previous_response_id", "resp_1".into()),
        with("conversation", json!({"id": "conv_1"})),
        with("prompt", json!({"id": "pmpt_1"})),
        with("background", true.into()),
        with("store", true.into()),
        with("tools", json!([{"type": "web_search"}])),
        with("tool_choice", json!({"type": "file_search"})),
        with("input", json!([{"type": "item_reference", "id": "msg_1"}])),
        with("input", json!([{"type": "computer_call", "call_id": "c"}])),
        with("input", json!([{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}])),
        with("input", json!([{"role": "narrator", "content": "hi"}])),
        with("input", json!(7)),
        with("text", json!({"format": {"type": "grammar"}})),
        with("reasoning", json!({"effort": "utmost"})),
        with("max_output_tokens", "many".into()),
    ];
    let said = refused.map(|body| {
        let shown = body.to_string();
        let error = request(body, Dialect::OpenAiResponses, Dialect::OpenAiChat).expect_err(&shown);
        format!("{shown}\n  {error}")
    });
    insta::assert_snapshot!(said.join("\n"));
    for usual in [with("store", false.into()), with("background", false.into()), with("prompt", Value::Null)]
    {
        assert!(request(usual, Dialect::OpenAiResponses, Dialect::Anthropic).is_ok());
    }
}

/// What a response repeats of its request.
fn asked() -> Called {
    let request = json!({"model": "auto", "input": "hi", "temperature": 0.5, "tools": [{"type": "function", "name": "f"}], "user": null});
    Called { asked: openai_responses::repeated(&request), ..called() }
}

#[test]
fn a_reply_of_claude_becomes_a_response() {
    let mut lossy = Lossy::new();
    let reply = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "DATA"},
            {"type": "text", "text": "It is "},
            {"type": "text", "text": "a cat."},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 9},
    });
    let response =
        translate_reply(reply, ProviderDialect::Anthropic, Dialect::OpenAiResponses, &asked(), &mut lossy)
            .expect("readable");
    insta::assert_json_snapshot!("of_anthropic", response);
    assert!(lossy.is_empty(), "{lossy:?}");
}

#[test]
fn how_a_reply_ended_is_told() {
    for (finish_reason, refusal, status, details) in [
        ("stop", Value::Null, "completed", Value::Null),
        ("length", Value::Null, "incomplete", json!({"reason": "max_output_tokens"})),
        ("content_filter", Value::Null, "incomplete", json!({"reason": "content_filter"})),
        ("stop", json!("No."), "completed", Value::Null),
    ] {
        let reply = json!({"id": "c", "choices": [{
            "message": {"role": "assistant", "content": "", "refusal": refusal}, "finish_reason": finish_reason,
        }]});
        let (to, lossy) = (Dialect::OpenAiResponses, &mut Lossy::new());
        let response =
            translate_reply(reply, ProviderDialect::OpenAiChat, to, &called(), lossy).expect("readable");
        assert_eq!(
            (&response["status"], &response["incomplete_details"]),
            (&json!(status), &details),
            "{response}"
        );
    }
}

#[test]
fn a_failed_response_is_no_reply() {
    let body = json!({"id": "resp_1", "status": "failed", "error": {"code": "server_error", "message": "busy"}, "output": []});
    let error = read_reply(body, ProviderDialect::OpenAiResponses, &mut Lossy::new()).expect_err("failed");
    assert_eq!(error.to_string(), "`error` says that the response failed: busy");
}

#[test]
fn events_come_in_the_order_that_clients_expect() {
    let text = |text: &str| Event::text(text);
    let events = [
        Event::Start { id: "r".into(), model: "m".into() },
        Event::Ping,
        Event::Open(Opening::Thinking),
        text("hm"),
        Event::Delta(Delta::Signature("sig".into())),
        Event::Close,
        Event::Open(Opening::Text),
        text("It "),
        text("is"),
        Event::Close,
        Event::Open(Opening::Text),
        text(" so."),
        Event::Close,
        Event::Open(Opening::ToolCall { id: "c".into(), name: "f".into() }),
        Event::Delta(Delta::Arguments("{\"a\"".into())),
        Event::Delta(Delta::Arguments(":1}".into())),
        Event::Close,
        Event::Stop(super::super::completion::Stop::because(super::super::completion::StopReason::ToolCalls)),
        Event::Usage(Usage { input: 3, output: 4, ..Usage::default() }),
        Event::End,
    ];
    let mut writer = Writer::new(Dialect::OpenAiResponses, FORM, &asked());
    let mut text = String::new();
    for event in events {
        writer.write(event, &mut text, &mut Lossy::new());
    }
    let events = data(&text);
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).map(Some).collect::<Vec<_>>());
    let brief = events.iter().map(|event| {
        let mut event = event.clone();
        if let Some(fields) = event.as_object_mut() {
            fields.shift_remove("sequence_number");
            if let Some(response) = fields.get_mut("response") {
                let output = response["output"].as_array().map_or(0, Vec::len);
                *response =
                    json!({"status": response["status"], "items": output, "usage": response["usage"]});
            }
        }
        event.to_string()
    });
    insta::assert_snapshot!(brief.collect::<Vec<_>>().join("\n"));
    // The response of the last event is the one that is not streamed.
    let whole = &events.last().expect("an end")["response"];
    let completion =
        read_reply(whole.clone(), ProviderDialect::OpenAiResponses, &mut Lossy::new()).expect("readable");
    assert_eq!(&write_reply(&completion, Dialect::OpenAiResponses, &asked(), &mut Lossy::new()), whole);
}

#[test]
fn errors_in_a_stream_are_told() {
    for (started, kind) in [(true, "response.failed"), (false, "error")] {
        let mut writer = Writer::new(Dialect::OpenAiResponses, FORM, &called());
        let mut text = String::new();
        if started {
            writer.write(Event::Start { id: "r".into(), model: "m".into() }, &mut text, &mut Lossy::new());
        }
        let error = Event::Error { kind: String::new(), message: "busy".into() };
        writer.write(error, &mut text, &mut Lossy::new());
        let last = data(&text).pop().expect("an event");
        let error = if started { &last["response"]["error"] } else { &last };
        assert_eq!((&last["type"], &error["message"]), (&json!(kind), &json!("busy")), "{text}");
    }
}

#[test]
fn streams_of_openai_as_documented_are_read() {
    let text = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"o3-pro\",\"status\":\"in_progress\",\"usage\":null},\"sequence_number\":0}\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]}}\n\n",
        "event: response.reasoning_summary_part.added\ndata: {\"type\":\"response.reasoning_summary_part.added\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n",
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":\"one\"}\n\n",
        "event: response.reasoning_summary_part.added\ndata: {\"type\":\"response.reasoning_summary_part.added\",\"output_index\":0,\"summary_index\":1,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n",
        "event: response.reasoning_summary_text.delta\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":1,\"delta\":\"two\"}\n\n",
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"id\":\"rs_1\",\"type\":\"reasoning\",\"encrypted_content\":\"gAAAA\",\"summary\":[]}}\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\"}}\n\n",
        "event: response.web_search_call.completed\ndata: {\"type\":\"response.web_search_call.completed\",\"output_index\":1}\n\n",
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\"}}\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":2,\"item\":{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"\"}}\n\n",
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"usage\":{\"input_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":9,\"output_tokens_details\":{\"reasoning_tokens\":6},\"total_tokens\":14}}}\n\n",
    );
    let mut translator =
        StreamTranslator::new(ProviderDialect::OpenAiResponses, Dialect::OpenAiChat, FORM, called());
    let passed = translator.push(text.as_bytes()) + &translator.end();
    let reply = super::streams::read(&passed, Dialect::OpenAiChat).expect("whole");
    assert_eq!(
        reply.parts,
        [
            conversation::Part::Thinking { text: "one\n\ntwo".into(), signature: None },
            conversation::Part::ToolCall {
                id: "call_1".into(),
                name: "f".into(),
                arguments: "{}".into(),
                cache: None
            },
        ]
    );
    assert_eq!(reply.usage, Usage { input: 5, output: 9, reasoning: Some(6), ..Usage::default() });
    assert_eq!(reply.id, "resp_1");
    assert_eq!(super::streams::declared(&passed), "output[0].encrypted_content,output[1]");
}

#[test]
fn a_tier_other_than_the_usual_one_is_declared() {
    for (tier, whole, streamed) in
        [("priority", &["service_tier"][..], "response.service_tier"), ("default", &[], "")]
    {
        let response =
            json!({"id": "r", "model": "m", "status": "completed", "output": [], "service_tier": tier});
        let mut lossy = Lossy::new();
        read_reply(response.clone(), ProviderDialect::OpenAiResponses, &mut lossy).expect("readable");
        assert_eq!(lossy.paths().collect::<Vec<_>>(), whole);
        let stream = format!(
            "data: {}\n\ndata: {}\n\n",
            json!({"type": "response.created", "response": {"id": "r", "model": "m", "service_tier": "auto"}}),
            json!({"type": "response.completed", "response": response})
        );
        let mut translator =
            StreamTranslator::new(ProviderDialect::OpenAiResponses, Dialect::OpenAiChat, FORM, called());
        let passed = translator.push(stream.as_bytes()) + &translator.end();
        assert_eq!(super::streams::declared(&passed), streamed);
    }
}

#[test]
fn a_text_is_completed_by_a_chat() {
    let body = json!({"model": "auto", "prompt": ["Once upon"], "max_tokens": 5, "stop": ["."], "logprobs": 3, "stream": true, "stream_options": {"include_usage": true}});
    let (body, lossy) = request(body, Dialect::OpenAiCompletions, Dialect::OpenAiChat).expect("translatable");
    assert_eq!(
        body,
        json!({
            "model": CLAUDE, "messages": [{"role": "user", "content": "Once upon"}], "max_tokens": 5, "stop": ["."],
            "stream": true, "stream_options": {"include_usage": true},
        })
    );
    assert_eq!(lossy, ["logprobs"]);
    let reply = json!({"id": "c", "model": "m", "choices": [{"message": {"content": " a time"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3}});
    let (to, lossy) = (Dialect::OpenAiCompletions, &mut Lossy::new());
    let completion =
        translate_reply(reply, ProviderDialect::OpenAiChat, to, &called(), lossy).expect("readable");
    assert_eq!(
        completion,
        json!({
            "id": "c", "object": "text_completion", "created": 7, "model": "m",
            "choices": [{"text": " a time", "index": 0, "logprobs": null, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
        })
    );
    let stream = concat!(
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\" a\"}}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\n",
    );
    let mut translator = StreamTranslator::new(ProviderDialect::OpenAiChat, to, FORM, called());
    let passed = translator.push(stream.as_bytes()) + &translator.end();
    insta::assert_snapshot!(passed);
}

#[test]
fn what_only_completions_of_texts_have_is_refused() {
    for (key, value) in [
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("prompt", Value::Null),
        ("suffix", json!("end")),
        ("echo", json!(true)),
        ("best_of", json!(3)),
        ("n", json!(2)),
    ] {
        let mut body = json!({"model": "m", "prompt": "hi"});
        body[key] = value;
        let error = request(body, Dialect::OpenAiCompletions, Dialect::Anthropic).expect_err(key);
        assert!(error.starts_with(&format!("`{key}` ")), "{error}");
    }
}
