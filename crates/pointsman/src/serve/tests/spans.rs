//! What is traced of a request, and how traces are carried through.

use std::collections::BTreeMap;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

use super::super::spans::Spans;
use super::upstream::{Event, Upstream};
use super::*;

const CHAT: &str = "/v1/chat/completions";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A sidecar whose spans are kept.
fn traced(config_text: &str) -> (Router, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let mut sidecar = sidecar(&config(config_text), Arc::new(ByWord));
    Arc::get_mut(&mut sidecar).expect("nobody else has it yet").spans = Spans::of(provider);
    (super::super::app(sidecar), exporter)
}

fn spans(exporter: &InMemorySpanExporter) -> Vec<SpanData> {
    exporter.get_finished_spans().expect("kept")
}

fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    span.attributes.iter().map(|one| (one.key.to_string(), one.value.to_string())).collect()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} among {names:?}"))
}

fn post_with_parent(path: &str, body: String) -> Request<Body> {
    let request = Request::post(path).header("traceparent", PARENT).header("tracestate", "vendor=1");
    request.body(Body::from(body)).expect("valid")
}

#[tokio::test]
async fn a_routed_request_is_a_trace_within_its_clients() {
    let mut upstream = Upstream::start().await;
    let (app, exporter) = traced(&upstream.config(&["gpt"]));
    let answer = ask(&app, post_with_parent(CHAT, chat("auto", "planted-prompt is 7 prime?"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    let spans = spans(&exporter);
    assert_eq!(spans.len(), 4, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    let request = find(&spans, "POST /v1/chat/completions");
    assert_eq!(request.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(
        (request.parent_span_id.to_string().as_str(), &request.span_kind),
        ("b7ad6b7169203331", &SpanKind::Server)
    );
    let told = attributes(request);
    assert_eq!((told["http.route"].as_str(), told["http.response.status_code"].as_str()), (CHAT, "200"));

    let decision = find(&spans, "decide auto");
    assert_eq!(decision.parent_span_id, request.span_context.span_id());
    let told = attributes(decision);
    assert_eq!((told["pointsman.task"].as_str(), told["pointsman.rule"].as_str()), ("math", "default"));
    assert_eq!(told["pointsman.decision"], answer.header("x-pointsman-decision"));
    let classify = find(&spans, "classify");
    assert_eq!(classify.parent_span_id, decision.span_context.span_id());
    assert!(decision.start_time <= classify.start_time && classify.end_time <= decision.end_time);

    let call = find(&spans, "chat gpt-model");
    assert_eq!((call.parent_span_id, &call.span_kind), (request.span_context.span_id(), &SpanKind::Client));
    let told = attributes(call);
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "gpt"),
        ("gen_ai.request.model", "gpt-model"),
        ("gen_ai.response.id", "chatcmpl-1"),
        ("gen_ai.response.model", "gpt-test"),
        ("gen_ai.response.finish_reasons", "[\"tool_calls\"]"),
        ("gen_ai.usage.input_tokens", "14"),
        ("gen_ai.usage.output_tokens", "7"),
        ("gen_ai.usage.cache_read.input_tokens", "4"),
        ("server.address", "127.0.0.1"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name} in {told:?}");
    }
    assert!(call.end_time <= request.end_time);

    let Some(Event::Asked(headers, _)) = upstream.events.recv().await else { panic!("it was asked") };
    let carried = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", call.span_context.span_id());
    assert_eq!(
        (headers["traceparent"].to_str().ok(), headers["tracestate"].to_str().ok()),
        (Some(carried.as_str()), Some("vendor=1"))
    );
    assert!(!format!("{spans:?}").contains("planted"), "no prompt is traced");
}

#[tokio::test]
async fn a_stream_is_traced_with_what_it_says_of_itself() {
    let upstream = Upstream::start().await;
    let (app, exporter) = traced(&upstream.config(&["gpt"]));
    let messages = [serde_json::json!({"role": "user", "content": "hi"})];
    let body = serde_json::json!({"model": "auto", "stream": true, "messages": messages});
    assert_eq!(ask(&app, post(CHAT, body.to_string())).await.status, StatusCode::OK);
    let spans = spans(&exporter);
    let told = attributes(find(&spans, "chat gpt-model"));
    for (name, value) in [
        ("gen_ai.response.id", "chatcmpl-1"),
        ("gen_ai.response.model", "gpt-test"),
        ("gen_ai.response.finish_reasons", "[\"tool_calls\"]"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name} in {told:?}");
    }
}

#[tokio::test]
async fn failed_calls_are_spans_with_their_kind() {
    let upstream = Upstream::start().await;
    let (app, exporter) = traced(&upstream.config(&["refused", "fail"]));
    assert_eq!(ask(&app, post(CHAT, chat("auto", "hi"))).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let spans = spans(&exporter);
    let kinds = |name: &str| -> Vec<String> {
        let own = spans.iter().filter(|span| span.name == name);
        own.map(|span| attributes(span)["error.type"].clone()).collect()
    };
    assert_eq!(kinds("chat refused-model"), ["upstream_unreachable", "upstream_unreachable"]);
    assert_eq!(kinds("chat fail-model"), ["500", "500"]);
    let request = find(&spans, "POST /v1/chat/completions");
    assert!(matches!(request.status, Status::Error { .. }), "{:?}", request.status);
}

#[tokio::test]
async fn requests_that_name_a_model_are_traced_and_health_checks_are_not() {
    let upstream = Upstream::start().await;
    let (app, exporter) = traced(&upstream.config(&["gpt"]));
    ask(&app, get("/healthz")).await;
    ask(&app, get("/metrics")).await;
    assert_eq!(spans(&exporter).len(), 0);
    assert_eq!(ask(&app, post(CHAT, chat("gpt", "hi"))).await.status, StatusCode::OK);
    let spans = spans(&exporter);
    let call = find(&spans, "chat gpt-model");
    assert_eq!(call.parent_span_id, find(&spans, "POST /v1/chat/completions").span_context.span_id());
    assert_eq!(spans.len(), 2);
}

#[tokio::test]
async fn calls_for_vectors_are_no_chats() {
    let upstream = Upstream::start().await;
    let (app, exporter) = traced(&upstream.config(&["echo"]));
    let body = serde_json::json!({"model": "echo", "input": ["a", "b"]}).to_string();
    assert_eq!(ask(&app, post("/v1/embeddings", body)).await.status, StatusCode::OK);
    let spans = spans(&exporter);
    let call = find(&spans, "embeddings echo-model");
    assert_eq!(attributes(call)["gen_ai.operation.name"], "embeddings");
    assert_eq!(call.parent_span_id, find(&spans, "POST /v1/embeddings").span_context.span_id());
}

#[tokio::test]
async fn the_scheme_is_that_of_the_server() {
    let tls = "[server]\ntls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    for (server, scheme) in [("", "http"), (tls, "https")] {
        let (app, exporter) = traced(&format!("{DEMO}{server}"));
        ask(&app, post(CHAT, chat("auto", "hi"))).await;
        let spans = spans(&exporter);
        assert_eq!(attributes(find(&spans, "POST /v1/chat/completions"))["url.scheme"], scheme);
    }
}

#[tokio::test]
async fn without_a_collector_the_clients_trace_goes_through_as_it_came() {
    let mut upstream = Upstream::start().await;
    let app = app(&upstream.config(&["gpt"]));
    ask(&app, post_with_parent(CHAT, chat("auto", "hi"))).await;
    let Some(Event::Asked(headers, _)) = upstream.events.recv().await else { panic!("it was asked") };
    assert_eq!(
        (headers["traceparent"].to_str().ok(), headers["tracestate"].to_str().ok()),
        (Some(PARENT), Some("vendor=1"))
    );
}

#[test]
fn who_collects_is_said_by_the_configuration_or_the_environment() {
    let named = |text: &str| config(&format!("{DEMO}{text}")).telemetry;
    let (none, own) = (named(""), named("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318/\"\n"));
    for (telemetry, variables, is_on) in [
        (&none, &[][..], false),
        (&own, &[], true),
        (&none, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")], true),
        (&none, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")], true),
        (&none, &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], false),
        (&own, &[("OTEL_SDK_DISABLED", "TRUE")], false),
        (&own, &[("OTEL_TRACES_EXPORTER", "none")], false),
        (&own, &[("OTEL_TRACES_EXPORTER", "otlp")], true),
    ] {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value): &(&str, &str)| (*value).to_owned())
        };
        let spans = Spans::start(telemetry, variable).expect("sound");
        assert_eq!(spans.is_on(), is_on, "{telemetry:?} {variables:?}");
    }
    let (_, diagnostics) =
        Config::read(Source::new("pointsman.toml", "[telemetry]\notlp_endpoint = \"localhost:4318\"\n"));
    assert!(diagnostics.has_errors());
}
