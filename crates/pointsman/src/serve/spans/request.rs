//! The span of a request, from its head to the last byte of its reply.

use std::future::Future;

use axum::http::{HeaderMap, Method};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::Spans;

/// What a request is traced by; nothing if nobody collects spans. It ends when this is dropped.
#[derive(Debug)]
pub(in crate::serve) struct RequestSpan(Option<Context>);

impl Spans {
    /// Begins the span of a request for `endpoint`, within the one that its headers name. Paths that are not part of the
    /// API have none: those who watch the process would be most of what is traced.
    pub(in crate::serve) fn request(
        &self,
        method: &Method,
        (scheme, endpoint): (&'static str, &str),
        headers: &HeaderMap,
    ) -> RequestSpan {
        let Some(tracer) = self.tracer().filter(|_| endpoint.starts_with("/v1/")) else {
            return RequestSpan(None);
        };
        let parent =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let builder = tracer
            .span_builder(format!("{method} {endpoint}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_string()),
                KeyValue::new("http.route", endpoint.to_owned()),
                KeyValue::new("url.path", endpoint.to_owned()),
                KeyValue::new("url.scheme", scheme),
            ]);
        RequestSpan(Some(parent.with_span(tracer.build_with_context(builder, &parent))))
    }
}

impl RequestSpan {
    /// Does `work` with this as the current span.
    pub(in crate::serve) async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(context) => work.with_context(context.clone()).await,
            None => work.await,
        }
    }

    /// The id of the trace, for logs.
    pub(in crate::serve) fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|context| context.span().span_context().trace_id().to_string())
    }

    /// The head of the response was made.
    pub(in crate::serve) fn answered(&self, status: u16) {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_attribute(KeyValue::new("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}
