//! Streams, cut anywhere, broken anywhere.

use proptest::prelude::*;
use serde_json::json;

use super::super::completion::{Completion, Stop, StopReason, Usage};
use super::super::conversation::Part;
use super::super::event::{Delta, Event, Opening};
use super::super::sse::SseParser;
use super::super::stream::{Reader, Writer};
use super::generate::{completion, near_json};
use super::*;

pub(super) const FORM: ReplyForm = ReplyForm { stream: true, include_usage: true };

/// The events of a reply, texts in two pieces.
fn events_of(completion: &Completion) -> Vec<Event> {
    let mut events = vec![Event::Start { id: completion.id.clone(), model: completion.model.clone() }];
    let pieces = |text: &str| {
        let cut = text.char_indices().nth(1).map_or(0, |(at, _)| at);
        let (first, second) = text.split_at(cut);
        [first.to_owned(), second.to_owned()].into_iter().filter(|piece| !piece.is_empty())
    };
    for part in &completion.parts {
        match part {
            Part::Text { text, .. } => {
                events.push(Event::Open(Opening::Text));
                events.extend(pieces(text).map(Event::text));
            }
            Part::Thinking { text, signature } => {
                events.push(Event::Open(Opening::Thinking));
                events.extend(pieces(text).map(Event::text));
                events.extend(signature.clone().map(|signature| Event::Delta(Delta::Signature(signature))));
            }
            Part::ToolCall { id, name, arguments, .. } => {
                events.push(Event::Open(Opening::ToolCall { id: id.clone(), name: name.clone() }));
                events.extend(pieces(arguments).map(|piece| Event::Delta(Delta::Arguments(piece))));
            }
            other => panic!("not generated: {other:?}"),
        }
        events.push(Event::Close);
    }
    events.extend([Event::Stop(completion.stop.clone()), Event::Usage(completion.usage), Event::End]);
    events
}

/// The reply that events add up to; `None` if it is not whole.
fn added_up(events: Vec<Event>) -> Option<Completion> {
    let mut whole = Completion {
        id: String::new(),
        model: String::new(),
        parts: Vec::new(),
        stop: Stop::because(StopReason::Paused),
        usage: Usage::default(),
    };
    let mut ended = false;
    for event in events {
        match event {
            Event::Start { id, model } => (whole.id, whole.model) = (id, model),
            Event::Open(Opening::Text) => whole.parts.push(Part::text("")),
            Event::Open(Opening::Refusal) => whole.parts.push(Part::Refusal { text: String::new() }),
            Event::Open(Opening::Thinking) => {
                whole.parts.push(Part::Thinking { text: String::new(), signature: None });
            }
            Event::Open(Opening::RedactedThinking { data }) => {
                whole.parts.push(Part::RedactedThinking { data });
            }
            Event::Open(Opening::ToolCall { id, name }) => {
                whole.parts.push(Part::ToolCall { id, name, arguments: String::new(), cache: None });
            }
            Event::Delta(delta) => match (delta, whole.parts.last_mut().expect("an open part")) {
                (
                    Delta::Text(more),
                    Part::Text { text, .. } | Part::Thinking { text, .. } | Part::Refusal { text },
                ) => *text += &more,
                (Delta::Signature(more), Part::Thinking { signature, .. }) => {
                    *signature.get_or_insert_default() += &more;
                }
                (Delta::Arguments(more), Part::ToolCall { arguments, .. }) => *arguments += &more,
                (delta, part) => panic!("{delta:?} for {part:?}"),
            },
            Event::Usage(usage) => whole.usage = usage,
            Event::Stop(stop) => whole.stop = stop,
            Event::End => ended = true,
            Event::Error { .. } => return None,
            Event::Close | Event::Ping => {}
        }
    }
    ended.then_some(whole)
}

fn written(completion: &Completion, dialect: Dialect) -> String {
    let mut writer = Writer::new(dialect, FORM, &called());
    let mut text = String::new();
    for event in events_of(completion) {
        writer.write(event, &mut text, &mut Lossy::new());
    }
    text
}

pub(super) fn read(text: &str, dialect: Dialect) -> Option<Completion> {
    let (mut parser, mut reader) = (SseParser::default(), Reader::new(spoken(dialect)));
    let (mut complete, mut events) = (Vec::new(), Vec::new());
    parser.push(text.as_bytes(), &mut complete).expect("short");
    for event in &complete {
        reader.read(event, &mut events, &mut Lossy::new()).expect("well formed");
    }
    added_up(events)
}

fn passed_on<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, from: Dialect) -> String {
    passed_to(pieces, from, other(from))
}

fn passed_to<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, from: Dialect, to: Dialect) -> String {
    let mut translator = StreamTranslator::new(spoken(from), to, FORM, called());
    let mut text: String = pieces.into_iter().map(|piece| translator.push(piece)).collect();
    text += &translator.end();
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stream_keeps_its_meaning_wherever_it_is_cut(
        completion in completion(),
        cut in any::<prop::sample::Index>(),
        crlf in any::<bool>(),
    ) {
        for (from, to) in pairs() {
            let text = written(&completion, from);
            let wire = if crlf { text.replace('\n', "\r\n") } else { text.clone() };
            let whole = passed_to([wire.as_bytes()], from, to);
            prop_assert_eq!(read(&whole, to), Some(completion.clone()), "{}\n{}", text, whole);
            let (first, second) = wire.as_bytes().split_at(cut.index(wire.len()));
            prop_assert_eq!(&passed_to([first, second], from, to), &whole);
            prop_assert_eq!(&passed_to(wire.as_bytes().chunks(1), from, to), &whole);
            let back = passed_to([whole.as_bytes()], to, from);
            prop_assert_eq!(read(&back, from), Some(completion.clone()));
        }
    }

    #[test]
    fn a_stream_that_ends_early_never_looks_whole(completion in completion(), cut in any::<prop::sample::Index>()) {
        for (from, to) in pairs() {
            let text = written(&completion, from);
            // All before the reason for the end.
            let ends = ["\"finish_reason\":\"", "event: message_delta", "event: response.completed", "event: response.incomplete"];
            let until = ends.into_iter().find_map(|end| text.find(end)).expect("an end");
            let part = &text.as_bytes()[..cut.index(until)];
            let passed = passed_to([part], from, to);
            prop_assert_eq!(read(&passed, to), None, "{}", passed);
            let failed = ["{\"error\":", "event: error", "event: response.failed"];
            prop_assert_eq!(failed.iter().map(|failed| passed.matches(failed).count()).sum::<usize>(), 1, "{}", passed);
            let whole = ["[DONE]", "message_stop", "response.completed", "response.incomplete"];
            prop_assert!(!whole.iter().any(|whole| passed.contains(whole)));
        }
    }

    #[test]
    fn any_events_are_no_panic(values in prop::collection::vec(near_json(), 0..6), text in "[ -~\n]{0,60}") {
        for from in DIALECTS {
            let mut wire: String = values.iter().map(|value| format!("data: {value}\n\n")).collect();
            wire += &text;
            for to in DIALECTS.into_iter().chain([Dialect::OpenAiCompletions]) {
                passed_to([wire.as_bytes()], from, to);
            }
        }
    }
}

/// The data of a stream, event by event.
pub(super) fn data(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}

#[test]
fn calls_of_servers_with_habits_of_their_own_are_kept_apart() {
    let chunk = |calls: Value| {
        format!("data: {}\n\n", json!({"id": "c", "choices": [{"delta": {"tool_calls": calls}}]}))
    };
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    // Every call whole, with index 0; without ids; with arguments as an object; no [DONE].
    let azure =
        "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n".to_owned();
    let text = azure
        + &chunk(json!([{"index": 0, "id": "a:1", "function": {"name": "f", "arguments": "{\"x\":1}"}}]))
        + &chunk(json!([{"index": 0, "id": "b", "function": {"name": "g", "arguments": {"y": 2}}}]))
        + &chunk(json!([{"index": 1, "function": {"name": "h"}}]))
        + end;
    let reply = read(&passed_on([text.as_bytes()], Dialect::OpenAiChat), Dialect::Anthropic).expect("whole");
    let calls: Vec<_> = reply
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall { id, name, arguments, .. } => (id.as_str(), name.as_str(), arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [("a1_e661e41904a09e69", "f", "{\"x\":1}"), ("b", "g", "{\"y\":2}"), ("call_c_2", "h", "{}")]
    );
    assert_eq!(reply.stop.reason, StopReason::ToolCalls, "although the server says `stop`");
}

#[test]
fn errors_within_a_stream_are_told_in_the_clients_dialect() {
    let anthropic = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let passed = passed_on([anthropic.as_bytes()], Dialect::Anthropic);
    assert_eq!(
        data(&passed),
        [json!({"error": {"message": "busy", "type": "server_error", "param": null, "code": null}})]
    );
    let openai = "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}\n\n";
    let passed = passed_on([openai.as_bytes()], Dialect::OpenAiChat);
    assert!(passed.starts_with("event: error\n"), "{passed}");
    assert_eq!(data(&passed), [json!({"type": "error", "error": {"type": "api_error", "message": "busy"}})]);
    let passed = passed_on([&b"data: {\"choices\": 7}\n\n"[..]], Dialect::OpenAiChat);
    assert!(passed.contains("cannot be understood: `chunk.choices` must be a list"), "{passed}");
}

#[test]
fn anthropic_streams_as_documented_are_read() {
    let text = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",",
        "\"content\":[],\"model\":\"claude\",\"stop_reason\":null,\"stop_sequence\":null,",
        "\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":20,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let passed = passed_on([text.as_bytes()], Dialect::Anthropic);
    let reply = read(&passed, Dialect::OpenAiChat).expect("whole");
    assert_eq!(reply.usage, Usage { input: 25, cache_read: Some(20), output: 9, ..Usage::default() });
    assert_eq!(
        reply.parts,
        [Part::ToolCall { id: "t".into(), name: "f".into(), arguments: "{}".into(), cache: None }]
    );
    assert!(passed.contains(": ping\n\n") && passed.ends_with("data: [DONE]\n\n"), "{passed}");
    assert_eq!(declared(&passed), "content[0]");
}

/// What a stream declares before its end; empty if nothing.
pub(super) fn declared(text: &str) -> &str {
    let mut comments = text.lines().filter_map(|line| line.strip_prefix(": x-pointsman-lossy: "));
    let declared = comments.next().unwrap_or_default();
    assert_eq!(comments.next(), None, "declared twice: {text}");
    declared
}

#[test]
fn what_a_stream_loses_is_declared_before_its_end() {
    let openai = concat!(
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"service_tier\":\"default\",\"system_fingerprint\":\"f\",\"obfuscation\":\"x\",",
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
        "data: {\"id\":\"c\",\"service_tier\":\"priority\",\"choices\":[{\"index\":0,\"delta\":{\"annotations\":[{\"type\":\"url_citation\"}]},\"logprobs\":{\"content\":[]},\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    let passed = passed_on([openai.as_bytes()], Dialect::OpenAiChat);
    assert_eq!(declared(&passed), "choices[0].delta.annotations,choices[0].logprobs,service_tier");
    let (comment, end) =
        (passed.find(": x-pointsman").expect("it"), passed.find("message_stop").expect("an end"));
    assert!(comment < end, "clients read no further than the end: {passed}");
    let anthropic = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"claude\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"service_tier\":\"priority\"}}}\n\n",
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":[]}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"cited_text\":\"t\"}}}\n\n",
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},\"usage\":{\"output_tokens\":9}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    );
    for to in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions] {
        let passed = passed_to([anthropic.as_bytes()], Dialect::Anthropic, to);
        assert_eq!(
            declared(&passed),
            "content[0].citation,message.usage.service_tier,stop_sequence",
            "{to:?}"
        );
        assert!(!passed.ends_with("service_tier,stop_sequence\n\n"), "the end comes last: {passed}");
    }
}

#[test]
fn a_stream_that_loses_nothing_declares_nothing() {
    for (from, to) in pairs() {
        let completion = Completion {
            id: "id".to_owned(),
            model: "m".to_owned(),
            parts: vec![
                Part::text("hi"),
                Part::ToolCall {
                    id: "c".into(),
                    name: "f".into(),
                    arguments: "{\"a\":1}".into(),
                    cache: None,
                },
            ],
            stop: Stop::because(StopReason::ToolCalls),
            usage: Usage { input: 5, output: 2, ..Usage::default() },
        };
        let passed = passed_to([written(&completion, from).as_bytes()], from, to);
        assert_eq!(declared(&passed), "", "{from:?} to {to:?}");
    }
}
