//! The span of a call to a model, from the request to the last byte of the reply.

use std::borrow::Cow;

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use pointsman_domain::{ModelId, ModelName};
use pointsman_record::{Answered, End};
use pointsman_upstream::{Client, Reply, ReplyFacts, UpstreamError, Wanted};

use super::Spans;
use super::decision::count;

/// What a call is traced by; nothing if nobody collects spans. It ends when this is dropped.
#[derive(Debug, Default)]
pub(in crate::serve) struct CallSpan(Option<Context>);

impl Spans {
    /// Begins the span of a call for what is `wanted` of `target`, which the table calls `name`, within the current request.
    pub(in crate::serve) fn call(
        &self,
        upstream: &Client,
        (name, target): (&ModelName, &ModelId),
        wanted: Wanted,
    ) -> CallSpan {
        let Some(tracer) = self.tracer() else { return CallSpan(None) };
        let parent = Context::current();
        let operation = operation(wanted);
        let builder = tracer
            .span_builder(format!("{operation} {}", target.model()))
            .with_kind(SpanKind::Client)
            .with_attributes(attributes(operation, upstream, (name, target)));
        CallSpan(Some(parent.with_span(tracer.build_with_context(builder, &parent))))
    }
}

/// What a call is made for, by the conventions for generative AI.
fn operation(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Reply => "chat",
        Wanted::Embeddings => "embeddings",
    }
}

fn attributes(
    operation: &'static str,
    upstream: &Client,
    (name, target): (&ModelName, &ModelId),
) -> Vec<KeyValue> {
    let provider = upstream.provider(target.provider());
    let seller = provider.and_then(|provider| provider.listed_as());
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", operation),
        KeyValue::new(
            "gen_ai.provider.name",
            seller.map_or_else(|| target.provider().to_string(), conventional),
        ),
        KeyValue::new("gen_ai.request.model", target.model().to_owned()),
        KeyValue::new("pointsman.model", name.to_string()),
    ];
    let url = provider.and_then(|provider| provider.endpoint()).map(|endpoint| &endpoint.base_url);
    if let Some(url) = url {
        attributes.extend(url.host().map(|host| KeyValue::new("server.address", host.to_owned())));
        attributes.extend(url.port().map(|port| KeyValue::new("server.port", i64::from(port))));
    }
    attributes
}

/// The conventions' name for a seller of the catalogue, where that is another.
fn conventional(seller: &str) -> String {
    match seller {
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => other,
    }
    .to_owned()
}

impl CallSpan {
    /// The headers of a call: those of the client, with this span in place of the one that the client named.
    pub(in crate::serve) fn headers<'a>(&self, client: &'a HeaderMap) -> Cow<'a, HeaderMap> {
        let Some(context) = &self.0 else { return Cow::Borrowed(client) };
        let mut headers = client.clone();
        headers.remove("tracestate");
        TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(&mut headers));
        if headers.get("tracestate").is_some_and(|state| state.is_empty()) {
            headers.remove("tracestate");
        }
        Cow::Owned(headers)
    }

    /// The call has a reply that begins, or none.
    pub(in crate::serve) fn replied(&self, outcome: &Result<Reply, UpstreamError>) {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        match outcome {
            Ok(reply) => {
                let status = reply.status.as_u16();
                span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
                if status >= 400 {
                    self.failed(status.to_string());
                }
            }
            Err(error) => self.failed(error.kind().as_str().to_owned()),
        }
    }

    /// Whether anybody collects spans.
    pub(in crate::serve) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What the reply says of itself has been read.
    pub(in crate::serve) fn told(&self, facts: Option<ReplyFacts>) {
        let Some((context, facts)) = self.0.as_ref().zip(facts) else { return };
        let span = context.span();
        let ReplyFacts { id, model, finish_reasons } = facts;
        for (name, value) in [("gen_ai.response.id", id), ("gen_ai.response.model", model)] {
            if let Some(value) = value {
                span.set_attribute(KeyValue::new(name, value));
            }
        }
        let reasons: Vec<StringValue> = finish_reasons.into_values().map(StringValue::from).collect();
        if !reasons.is_empty() {
            let reasons = Value::Array(Array::String(reasons));
            span.set_attribute(KeyValue::new("gen_ai.response.finish_reasons", reasons));
        }
    }

    /// The reply has ended.
    pub(in crate::serve) fn ended(&self, answered: &Answered) {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        if let Some(usage) = answered.usage {
            for (name, tokens) in [
                ("gen_ai.usage.input_tokens", usage.input),
                ("gen_ai.usage.output_tokens", usage.output),
                ("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
                ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
            ] {
                span.set_attribute(KeyValue::new(name, i64::from(tokens.0)));
            }
        }
        if let Some(first) = answered.first_bytes_us {
            span.set_attribute(KeyValue::new("pointsman.first_bytes_us", count(first)));
        }
        if let Some(cost) = answered.cost {
            span.set_attribute(KeyValue::new("pointsman.cost_usd", cost.0));
        }
        if matches!(answered.end, End::Cut | End::GivenUp) {
            self.failed(answered.end.as_str().to_owned());
        }
    }

    fn failed(&self, kind: String) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", kind));
            context.span().set_status(Status::error(""));
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}
