//! Traces for OpenTelemetry: a span for each request, within it one for the decision and one for each call of a model.
//!
//! Nothing is traced unless `[telemetry]` or the standard environment names a collector. Names and attributes follow the
//! semantic conventions for HTTP and for generative AI (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>). Neither
//! prompts nor replies are among them. The W3C headers `traceparent` and `tracestate` are read from requests; calls of
//! models carry those of their own span.

mod call;
mod decision;
mod exporter;
mod request;

use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub(super) use self::call::CallSpan;
use self::exporter::Collector;
use crate::config::TelemetryConfig;

/// How long the last spans may take to be sent when the process ends.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Makes spans, if anybody collects them.
#[derive(Debug, Default)]
pub(super) struct Spans {
    on: Option<(SdkTracerProvider, SdkTracer)>,
}

impl Spans {
    /// Sends spans where `config` says, else where the variables `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` say; without either there are none. `OTEL_SDK_DISABLED=true` and
    /// `OTEL_TRACES_EXPORTER=none` turn them off. The SDK reads the other variables itself, such as
    /// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_TRACES_SAMPLER`.
    ///
    /// # Errors
    /// When the address is none, or the variables say what is not supported.
    pub(super) fn start(config: &TelemetryConfig, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is_named = config.otlp_endpoint.is_some()
            || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_some()
            || set("OTEL_EXPORTER_OTLP_ENDPOINT").is_some();
        let is_off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value != "otlp");
        if !is_named || is_off {
            return Ok(Self::default());
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Collector::default());
        let exporter = match &config.otlp_endpoint {
            Some(base) => exporter.with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/'))),
            None => exporter,
        };
        let exporter = exporter.build().context("traces cannot be sent")?;
        let service = set("OTEL_SERVICE_NAME").unwrap_or_else(|| "pointsman".to_owned());
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
        Ok(Self::of(provider.with_resource(resource(service)).build()))
    }

    /// Spans of `provider`.
    pub(in crate::serve) fn of(provider: SdkTracerProvider) -> Self {
        let tracer = provider.tracer("pointsman");
        Self { on: Some((provider, tracer)) }
    }

    /// Whether anybody collects spans.
    pub(super) fn is_on(&self) -> bool {
        self.on.is_some()
    }

    fn tracer(&self) -> Option<&SdkTracer> {
        self.on.as_ref().map(|(_, tracer)| tracer)
    }

    /// Sends what has not been sent yet. Blocks.
    pub(super) fn finish(&self) {
        if let Some((provider, _)) = &self.on
            && let Err(error) = provider.shutdown_with_timeout(LAST_SPANS)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Who sends the spans: what the environment says, called `service`.
fn resource(service: String) -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder().with_service_name(service).with_attribute(version).build()
}
