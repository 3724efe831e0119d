//! What `pointsman.toml` may hold, as types whose comments are its reference.
//!
//! The readers beside this keep the place of every key for their messages, which derived readers cannot, so that these
//! types read nothing. They describe: [`json`] is the schema for editors, [`page`](page::page) the reference for
//! people. Tests hold keys and defaults against the readers, and the files in `docs/` against both.

mod failures;
mod page;
mod providers;
mod routing;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use self::failures::Failures;
pub(crate) use self::page::page;
use self::providers::Provider;
use self::routing::{Model, Policy, Rows, Test};

/// The configuration of pointsman: which models there are, which prompts go to which of them, and how the sidecar runs.
/// Every section may be left out but `[models]` and `[route]`.
#[derive(JsonSchema)]
#[schemars(title = "pointsman.toml", deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct File {
    /// Names of your own for models. The value is `"provider/model"`, or a table with details.
    models: BTreeMap<String, Model>,
    /// The table that requests for the model `auto` go by. A row is a task, a group or `*`, optionally with `.band`; the
    /// value is a model or a list of models, the first of which is taken that can answer. The most specific row wins:
    /// `task.band`, `group.band`, `*.band`, `task`, `group`, `*`, `default`.
    route: Rows,
    /// Further tables; a request takes one by its name as model.
    tables: Option<BTreeMap<String, Rows>>,
    /// Prompts that should go somewhere, which `pointsman check` tries.
    test: Option<Vec<Test>>,
    /// Whether rows alone decide, or the models' chances of success; and what costs are compared with.
    policy: Option<Policy>,
    /// Where models are. `openai`, `anthropic`, `bedrock` and `demo` are there without a section.
    providers: Option<BTreeMap<String, Provider>>,
    /// What labels prompts. It takes effect when the process is started.
    classifier: Option<Classifier>,
    /// Where the sidecar listens and what it puts up with. It takes effect when the process is started.
    server: Option<Server>,
    /// Keys that clients must have; without this section everybody who can reach the sidecar may ask.
    keys: Option<BTreeMap<String, Key>>,
    /// What is done when a model does not answer.
    failures: Option<Failures>,
    /// Decisions are recorded if there is this section, even an empty one. It takes effect when the process is started.
    record: Option<Record>,
    /// The page at `/`. It takes effect when the process is started.
    dashboard: Option<Dashboard>,
    /// Traces for OpenTelemetry. It takes effect when the process is started.
    telemetry: Option<Telemetry>,
    /// What `pointsman audit` looks at more closely.
    audit: Option<Audit>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Classifier {
    /// `embedded`, a folder with a model, or `hf:ORG/NAME[@REV]`.
    #[schemars(extend("default" = "embedded"))]
    model: Option<String>,
    /// `auto`, `cpu`, `cuda:N` or `metal`.
    #[schemars(extend("default" = "auto"))]
    device: Option<String>,
    /// `auto`, `int8`, `bf16`, `int16`, `f32`, `candle`, or one with a kind of processor such as `int16-avx2`.
    #[schemars(extend("default" = "auto"))]
    engine: Option<String>,
    /// The numbers that the engine `candle` computes in: `auto`, `f32`, `bf16` or `f16`.
    #[schemars(extend("default" = "auto"))]
    precision: Option<String>,
    /// How long a request waits for its labels before it takes the row `unsure`, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 250))]
    timeout_ms: Option<u64>,
    /// Prompts that may wait; requests beyond that take the row `unsure` at once.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1024))]
    queue: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Server {
    /// Address and port to listen on; port 0 takes a free one.
    #[schemars(extend("default" = "127.0.0.1:8484"))]
    listen: Option<String>,
    /// A PEM file with the certificate for clients, and those that vouch for it, in order; with `tls_key`.
    tls_certificate: Option<String>,
    /// A PEM file with the certificate's private key.
    tls_key: Option<String>,
    /// The longest body of a request, in bytes; a longer one gets 413.
    #[schemars(range(min = 1, max = 4_294_967_295_u64), extend("default" = 10_485_760))]
    body_limit_bytes: Option<u64>,
    /// The longest head of a request, in bytes.
    #[schemars(range(min = 8_192, max = 4_294_967_295_u64), extend("default" = 65_536))]
    header_limit_bytes: Option<u64>,
    /// The most messages of a request.
    #[schemars(range(min = 1, max = 4_294_967_295_u64), extend("default" = 10_000))]
    messages_limit: Option<u64>,
    /// The most images of a request.
    #[schemars(range(min = 0, max = 4_294_967_295_u64), extend("default" = 500))]
    images_limit: Option<u64>,
    /// Requests that are answered at once; those beyond get 503.
    #[schemars(range(min = 1, max = 4_294_967_295_u64), extend("default" = 4_096))]
    in_flight_limit: Option<u64>,
    /// Connections that may be open at once.
    #[schemars(range(min = 1, max = 4_294_967_295_u64), extend("default" = 10_000))]
    connections_limit: Option<u64>,
    /// How long the head of a request may take to come, and a connection may be idle, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 30_000))]
    header_timeout_ms: Option<u64>,
    /// How long the body of a request may take to come, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 60_000))]
    body_timeout_ms: Option<u64>,
    /// How long a client may take nothing of what it is sent, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 60_000))]
    write_timeout_ms: Option<u64>,
    /// How long streams may go on after SIGTERM or SIGINT, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 30_000))]
    drain_timeout_ms: Option<u64>,
    /// How long a connection to a provider may take to be made, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 5_000))]
    connect_timeout_ms: Option<u64>,
    /// A file that keeps what keys with `usd_per_day` have spent today, so that a restart does not give it to them again.
    #[schemars(extend("default" = "pointsman-spent.json"))]
    spent_path: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Key {
    /// `sha256:` and 64 hexadecimal digits, as `pointsman key NAME` prints them.
    hash: String,
    /// The models that may be asked for; any without it.
    models: Option<Vec<String>>,
    /// Requests a minute; that many may come at once.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    requests_per_minute: Option<u64>,
    /// US dollars that may be spent a day (UTC).
    #[schemars(range(min = 0.0))]
    usd_per_day: Option<f64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Record {
    /// The file; it and its folder are made if need be.
    #[schemars(extend("default" = "pointsman-records.db"))]
    path: Option<String>,
    /// What is kept of prompts.
    #[schemars(extend("default" = "none"))]
    prompts: Option<Prompts>,
    /// Older records are deleted, in days.
    #[schemars(range(min = 1, max = 36_500), extend("default" = 30))]
    keep_days: Option<u32>,
    /// The oldest records are deleted when they take more, in mebibytes.
    #[schemars(range(min = 1, max = 1_048_576), extend("default" = 1024))]
    keep_mb: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "these types describe and are never made")]
enum Prompts {
    None,
    Hash,
    Redacted,
    Full,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Dashboard {
    /// Whether there is one.
    #[schemars(extend("default" = true))]
    enabled: Option<bool>,
    /// The environment variable with the key that opens it. Without one it is shown only where the sidecar listens on this
    /// machine alone.
    key_env: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Telemetry {
    /// The address of a collector of OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added to it. Without
    /// it the variables `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and `OTEL_EXPORTER_OTLP_ENDPOINT` count.
    otlp_endpoint: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Audit {
    /// Providers in which whoever runs the router has an interest.
    first_party: Option<Vec<String>>,
}

/// The schema, in the dialect 2020-12 of JSON Schema.
pub(crate) fn json() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: a key that may be left out is one that is not required, and nothing more.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(kinds)) = object.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    object.insert("type".to_owned(), kind);
                }
            }
            for kinds in ["enum", "anyOf"] {
                if let Some(Value::Array(kinds)) = object.get_mut(kinds) {
                    kinds.retain(|kind| !kind.is_null() && kind["type"] != "null");
                }
            }
            if let Some(Value::Array(kinds)) = object.get("anyOf").cloned()
                && let [Value::Object(only)] = kinds.as_slice()
            {
                object.remove("anyOf");
                for (key, value) in only {
                    object.entry(key).or_insert_with(|| value.clone());
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        _ => {}
    }
}
