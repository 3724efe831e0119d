//! `[telemetry]`: where traces go.

use pointsman_policy::config::{Diagnostics, Document, Entry};

use super::reading;

/// Settings of what is told to OpenTelemetry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TelemetryConfig {
    /// The collector's address, to which `/v1/traces` is added.
    pub(crate) otlp_endpoint: Option<String>,
}

const KEYS: [&str; 1] = ["otlp_endpoint"];

impl TelemetryConfig {
    pub(super) fn read(document: &Document<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut config = Self::default();
        for entry in reading::entries(document, "telemetry", diagnostics) {
            match entry.name() {
                "otlp_endpoint" => config.otlp_endpoint = endpoint(&entry, diagnostics),
                _ => entry.unknown(&KEYS, diagnostics),
            }
        }
        config
    }
}

fn endpoint(entry: &Entry<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = entry.string(diagnostics)?.into_inner();
    let is_address = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
        && text.parse::<axum::http::Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    if !is_address {
        diagnostics
            .error(entry.value_span(), entry.path(), "`otlp_endpoint` is not the address of a collector")
            .help(
                "write one for OTLP over HTTP, such as \"http://127.0.0.1:4318\"; /v1/traces is added to it",
            );
        return None;
    }
    Some(text)
}
