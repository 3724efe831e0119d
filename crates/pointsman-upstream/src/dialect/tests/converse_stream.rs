//! Streams of Bedrock, cut anywhere, broken anywhere.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::prelude::*;
use serde_json::json;

use super::super::completion::{Completion, StopReason};
use super::super::conversation::Part;
use super::generate::{completion, near_json};
use super::streams::{FORM, data, declared, read};
use super::*;

/// One message of a stream.
fn frame(message_type: &str, name: (&'static str, &str), payload: &str) -> Vec<u8> {
    let header =
        |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
    let message = Message::new(payload.as_bytes().to_vec())
        .add_header(header(name.0, name.1))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", message_type));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("short");
    bytes
}

fn event(name: &str, payload: &Value) -> Vec<u8> {
    frame("event", (":event-type", name), &payload.to_string())
}

fn exception(name: &str, message: &str) -> Vec<u8> {
    frame("exception", (":exception-type", name), &json!({"message": message}).to_string())
}

fn delta(index: usize, delta: &Value) -> Vec<u8> {
    event("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta, "p": "abcd"}))
}

/// The messages of a stream that says `completion`, texts in two pieces.
fn written(completion: &Completion) -> Vec<Vec<u8>> {
    let mut messages = vec![event("messageStart", &json!({"role": "assistant", "p": "abc"}))];
    for (index, part) in completion.parts.iter().enumerate() {
        let pieces = |text: &str| {
            let cut = text.char_indices().nth(1).map_or(0, |(at, _)| at);
            let (first, second) = text.split_at(cut);
            [first.to_owned(), second.to_owned()]
        };
        let thought = |key: &str, text: &str| delta(index, &json!({"reasoningContent": {key: text}}));
        match part {
            Part::Text { text, .. } => {
                messages.extend(pieces(text).iter().map(|piece| delta(index, &json!({"text": piece}))));
            }
            Part::Thinking { text, signature } => {
                messages.extend(pieces(text).iter().map(|piece| thought("text", piece)));
                messages.extend(signature.iter().map(|signature| thought("signature", signature)));
            }
            Part::ToolCall { id, name, arguments, .. } => {
                let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                messages
                    .push(event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start})));
                let piece = |piece| delta(index, &json!({"toolUse": {"input": piece}}));
                messages.extend(pieces(arguments).into_iter().map(piece));
            }
            other => panic!("not generated: {other:?}"),
        }
        messages.push(event("contentBlockStop", &json!({"contentBlockIndex": index})));
    }
    let reason = match completion.stop.reason {
        StopReason::Length => "max_tokens",
        StopReason::ToolCalls => "tool_use",
        _ => "end_turn",
    };
    messages.push(event("messageStop", &json!({"stopReason": reason})));
    let usage = completion.usage;
    let cached = usage.cache_read.unwrap_or(0) + usage.cache_write.unwrap_or(0);
    let counts = json!({
        "inputTokens": usage.input - cached, "outputTokens": usage.output, "totalTokens": usage.input + usage.output,
        "cacheReadInputTokens": usage.cache_read, "cacheWriteInputTokens": usage.cache_write,
    });
    messages.push(event("metadata", &json!({"usage": counts, "metrics": {"latencyMs": 5}})));
    messages
}

fn passed_on<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, to: Dialect) -> String {
    let mut translator = StreamTranslator::new(ProviderDialect::Converse, to, FORM, called());
    let mut text: String = pieces.into_iter().map(|piece| translator.push(piece)).collect();
    text += &translator.end();
    text
}

/// The reply as it looks once it has come through Bedrock, which tells neither id nor model nor reasoning tokens.
fn expected(mut completion: Completion) -> Completion {
    completion.id = called().id;
    completion.model = called().model;
    completion.usage.reasoning = None;
    completion
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stream_keeps_its_meaning_wherever_it_is_cut(completion in completion(), cut in any::<prop::sample::Index>()) {
        let wire = written(&completion).concat();
        for to in DIALECTS {
            let whole = passed_on([wire.as_slice()], to);
            prop_assert_eq!(read(&whole, to), Some(expected(completion.clone())), "{}", whole);
            let (first, second) = wire.split_at(cut.index(wire.len()));
            prop_assert_eq!(&passed_on([first, second], to), &whole);
            prop_assert_eq!(&passed_on(wire.chunks(1), to), &whole);
        }
    }

    #[test]
    fn a_stream_that_ends_early_never_looks_whole(completion in completion(), cut in any::<prop::sample::Index>()) {
        let messages = written(&completion);
        // All before the reason for the end.
        let wire = messages[..messages.len() - 2].concat();
        for to in DIALECTS {
            let passed = passed_on([&wire[..cut.index(wire.len())]], to);
            prop_assert_eq!(read(&passed, to), None, "{}", passed);
            prop_assert!(passed.contains("\"error\""));
            prop_assert!(!passed.contains("[DONE]") && !passed.contains("message_stop"));
        }
    }

    #[test]
    fn a_damaged_stream_is_an_error(completion in completion(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut wire = written(&completion).concat();
        let at = at.index(wire.len());
        wire[at] ^= 1_u8 << bit;
        let passed = passed_on([wire.as_slice()], Dialect::OpenAiChat);
        let counts_alone = passed.contains("[DONE]");
        // What comes after the reason for the end are counts: without them the reply is whole.
        let message_stop = written(&completion).split_last().expect("messages").1.concat().len();
        prop_assert!(!counts_alone || at >= message_stop, "{}", passed);
        prop_assert!(passed.contains("\"error\"") || counts_alone);
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), values in prop::collection::vec(near_json(), 0..6)) {
        const NAMES: [&str; 6] =
            ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        let mut wire: Vec<u8> =
            values.iter().zip(NAMES).flat_map(|(value, name)| event(name, value)).collect();
        wire.extend(bytes);
        for to in DIALECTS {
            passed_on([wire.as_slice()], to);
        }
    }
}

/// The bytes are a frame that botocore 1.44.5 reads so.
#[test]
fn frames_are_botocores() {
    let stop = event("messageStop", &json!({"stopReason": "end_turn"}));
    let hex: String = stop.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = "0000007a00000051ca2c46650b3a6576656e742d7479706507000b6d65737361676553746f700d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2273746f70526561736f6e223a22656e645f7475726e227d5fbf09fc";

#[test]
fn a_stream_without_counts_is_whole() {
    let wire = [
        event("messageStart", &json!({"role": "assistant"})),
        event("contentBlockStart", &json!({"contentBlockIndex": 0, "start": {}})),
        delta(0, &json!({"text": "hi"})),
        delta(0, &json!({"citation": {"title": "t"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("contentBlockStart", &json!({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}}})),
        delta(1, &json!({"toolUse": {"input": "{}"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 1})),
        delta(2, &json!({"reasoningContent": {"redactedContent": "AAAA"}})),
        event("contentBlockStop", &json!({"contentBlockIndex": 2})),
        event("messageStop", &json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}})),
    ]
    .concat();
    let passed = passed_on([wire.as_slice()], Dialect::Anthropic);
    assert_eq!(declared(&passed), "content[0].citation,content[1]");
    let reply = read(&passed, Dialect::Anthropic).expect("whole");
    assert_eq!(reply.parts, [Part::text("hi"), Part::RedactedThinking { data: "AAAA".into() }]);
    assert_eq!(reply.stop.sequence.as_deref(), Some("END"));
}

#[test]
fn exceptions_within_a_stream_are_told_in_the_clients_dialect() {
    let start =
        [event("messageStart", &json!({"role": "assistant"})), delta(0, &json!({"text": "hi"}))].concat();
    for (ending, kind, message) in [
        (exception("throttlingException", "slow down"), "rate_limit_error", "slow down"),
        (exception("serviceUnavailableException", "busy"), "overloaded_error", "busy"),
        (exception("validationException", "no"), "invalid_request_error", "no"),
        (exception("modelStreamErrorException", "broken"), "api_error", "broken"),
        (
            frame("exception", (":exception-type", "internalServerException"), "{}"),
            "api_error",
            "the provider ended its stream: internalServerException",
        ),
        (
            event("messageStop", &json!({"stopReason": "malformed_tool_use"})),
            "api_error",
            "the provider's stream cannot be understood: `stopReason` is `malformed_tool_use`: the model's reply is of no use",
        ),
    ] {
        let wire = [start.clone(), ending, event("metadata", &json!({"usage": {}}))].concat();
        let passed = passed_on([wire.as_slice()], Dialect::Anthropic);
        let last = data(&passed).pop().expect("an event");
        assert_eq!(last, json!({"type": "error", "error": {"type": kind, "message": message}}));
        assert!(!passed_on([wire.as_slice()], Dialect::OpenAiChat).contains("[DONE]"));
    }
}

#[test]
fn an_error_that_the_service_has_not_modelled_is_told() {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(Vec::new())
        .add_header(header(":message-type", "error"))
        .add_header(header(":error-code", "InternalFailure"))
        .add_header(header(":error-message", "it broke"));
    let mut wire = Vec::new();
    write_message_to(&message, &mut wire).expect("short");
    let passed = passed_on([wire.as_slice()], Dialect::OpenAiChat);
    assert_eq!(data(&passed)[0]["error"]["message"], "it broke");
}
