//! Conversations, replies and JSON, generated.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::completion::{Completion, Stop, StopReason, Usage};
use super::super::conversation::*;
use super::CLAUDE;

pub(super) fn text() -> impl Strategy<Value = String> {
    "[a-zé😀\"\\\\\n ]{0,8}[a-z.]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,8}"
}

fn arguments() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!({"a": [null, 1.5]}))
    ];
    prop::collection::vec((name(), value), 0..3)
        .prop_map(|fields| Value::Object(Map::from_iter(fields)).to_string())
}

fn media(kind: &'static str) -> impl Strategy<Value = Media> {
    "[a-zA-Z0-9]{4}".prop_map(move |data| Media::Base64 { media_type: kind.to_owned(), data })
}

fn shown() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => text().prop_map(Part::text),
        1 => prop_oneof![media("image/png"), name().prop_map(|name| Media::Url(format!("https://x/{name}")))]
            .prop_map(|image| Part::Image { image, detail: None, cache: None }),
        1 => (media("application/pdf"), text())
            .prop_map(|(file, title)| Part::Document { document: Document::File(file), title: Some(title), cache: None }),
    ]
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, place: Place::default() }
}

/// A question, and perhaps a round of calls with their results.
fn turns() -> impl Strategy<Value = Vec<Message>> {
    let call = (name(), arguments(), prop::collection::vec(text(), 0..3));
    (
        prop::collection::vec(shown(), 1..3),
        prop::collection::vec(text(), 0..3),
        prop::collection::vec(call, 0..3),
        any::<bool>(),
    )
        .prop_map(|(asked, said, calls, apart)| {
            let mut turns = vec![message(Role::User, asked)];
            let mut parts: Vec<Part> = said.into_iter().map(Part::text).collect();
            let mut results = Vec::new();
            for (index, (name, arguments, answers)) in calls.into_iter().enumerate() {
                let id = format!("call_{index}");
                parts.push(Part::ToolCall { id: id.clone(), name, arguments, cache: None });
                let content = answers.into_iter().map(Part::text).collect();
                results.push(Part::ToolResult { call_id: id, content, is_error: false, cache: None });
            }
            if !parts.is_empty() {
                turns.push(message(Role::Assistant, parts));
            }
            if apart {
                turns.extend(results.into_iter().map(|result| message(Role::User, vec![result])));
            } else if !results.is_empty() {
                turns.push(message(Role::User, results));
            }
            turns
        })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = (name(), prop::option::of(text()), prop::option::of(any::<bool>())).prop_map(
        |(name, description, strict)| Tool {
            name,
            description,
            parameters: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
            strict,
            cache: None,
        },
    );
    prop::collection::vec(tool, 0..3)
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::Any)),
        name().prop_map(|name| Some(ToolChoice::Tool(name))),
    ]
}

fn effort() -> impl Strategy<Value = Option<Effort>> {
    prop::option::of(prop::sample::select(&Effort::ALL[1..]))
}

/// A conversation of what both dialects have.
pub(super) fn conversation() -> impl Strategy<Value = Conversation> {
    let settings = (
        prop::option::of(text()),
        prop::collection::vec(turns(), 0..3),
        tools(),
        (choice(), prop::option::of(any::<bool>())),
        any::<bool>(),
        (1_u64..10_000, prop::option::of(0.0..=1.0), prop::option::of(0.0..=1.0)),
        prop::collection::vec(text(), 0..3),
        effort(),
        (prop::option::of(text()), any::<bool>()),
    );
    (settings, prop::collection::vec(shown(), 1..3)).prop_map(|(settings, last)| {
        let (system, rounds, tools, (choice, parallel), schema, limits, stop, effort, (user, stream)) =
            settings;
        let mut messages: Vec<Message> =
            system.into_iter().map(|text| message(Role::System, vec![Part::text(text)])).collect();
        messages.extend(rounds.into_iter().flatten());
        messages.push(message(Role::User, last));
        let has_tools = !tools.is_empty();
        let (max_tokens, temperature, top_p) = limits;
        Conversation {
            model: CLAUDE.to_owned(),
            messages,
            tools,
            tool_choice: choice.filter(|_| has_tools),
            parallel_tool_calls: parallel.filter(|_| has_tools),
            output: schema.then(|| OutputFormat::Schema {
                name: None,
                description: None,
                schema: json!({"type": "object"}),
                strict: Some(true),
            }),
            max_tokens: Some(max_tokens),
            sampling: Sampling { temperature, top_p, ..Sampling::default() },
            stop,
            reasoning: Reasoning { thinking: None, effort },
            user,
            stream,
            ..Conversation::default()
        }
    })
}

/// A reply of what both dialects have.
pub(super) fn completion() -> impl Strategy<Value = Completion> {
    let call = (name(), arguments());
    (
        prop::option::of((text(), text())),
        prop::option::of(text()),
        prop::collection::vec(call, 0..3),
        any::<bool>(),
        (
            0_u64..1_000,
            prop::option::of(1_u64..100),
            prop::option::of(1_u64..100),
            0_u64..1_000,
            prop::option::of(1_u64..100),
        ),
    )
        .prop_map(|(thought, said, calls, cut, (fresh, cache_read, cache_write, output, reasoning))| {
            let mut parts = Vec::new();
            parts
                .extend(thought.map(|(text, signature)| Part::Thinking { text, signature: Some(signature) }));
            parts.extend(said.map(Part::text));
            let has_calls = !calls.is_empty();
            parts.extend(calls.into_iter().enumerate().map(|(index, (name, arguments))| Part::ToolCall {
                id: format!("call_{index}"),
                name,
                arguments,
                cache: None,
            }));
            let reason = match () {
                () if cut => StopReason::Length,
                () if has_calls => StopReason::ToolCalls,
                () => StopReason::End,
            };
            let input = fresh + cache_read.unwrap_or(0) + cache_write.unwrap_or(0);
            let usage = Usage { input, cache_read, cache_write, output, reasoning };
            Completion { id: "r_1".into(), model: "m".into(), parts, stop: Stop::because(reason), usage }
        })
}

/// JSON of the words that requests and replies are made of, in any order.
pub(super) fn near_json() -> impl Strategy<Value = Value> {
    const WORDS: &str = "model messages role content type text user assistant system tool tool_calls function name arguments id \
        tool_use tool_result input tool_use_id image image_url url source base64 data media_type tools input_schema tool_choice auto \
        any required thinking enabled budget_tokens max_tokens stream stop choices message delta index finish_reason usage \
        content_block message_start content_block_start content_block_delta content_block_stop message_delta stop_reason text_delta \
        input_json_delta partial_json prompt_tokens_details reasoning_effort high output_config effort response_format json_schema \
        schema error document title cache_control ttl thinking_blocks signature refusal n metadata user_id input_text output_text input_image input_file function_call function_call_output output call_id \
        reasoning summary encrypted_content response response.created response.output_item.added response.content_part.added part item \
        response.output_text.delta response.output_item.done response.completed output_index status incomplete_details instructions \
        prompt echo";
    let word = prop::sample::select(WORDS.split_whitespace().collect::<Vec<_>>());
    let leaf = prop_oneof![
        4 => word.clone().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((word.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}
