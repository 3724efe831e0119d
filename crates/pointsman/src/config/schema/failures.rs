//! `[failures]`, described.

use std::collections::BTreeMap;

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Failures {
    /// How long the head of a stream may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 120_000))]
    first_byte_timeout_ms: Option<u64>,
    /// How long the head of a reply that is not streamed may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 300_000))]
    reply_timeout_ms: Option<u64>,
    /// How long nothing may come within a reply, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 120_000))]
    idle_timeout_ms: Option<u64>,
    /// How long a request may take with all its calls, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 600_000))]
    total_timeout_ms: Option<u64>,
    /// How often a model is asked again.
    #[schemars(range(min = 0, max = 10), extend("default" = 1))]
    retries: Option<u32>,
    /// The longest wait before the first retry, in milliseconds; twice as long before each further one.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 250))]
    retry_delay_ms: Option<u64>,
    /// The longest wait before any retry, in milliseconds; a provider that asks for more makes way at once.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 5_000))]
    retry_delay_max_ms: Option<u64>,
    /// Retries for each hundred requests, and ten beside.
    #[schemars(range(min = 0, max = 100), extend("default" = 20))]
    retry_percent: Option<u32>,
    /// Failures in a row after which a model is left alone; 0: never.
    #[schemars(range(min = 0, max = 1_000), extend("default" = 5))]
    breaker_failures: Option<u32>,
    /// How long it is left alone before one request tries it, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000), extend("default" = 15_000))]
    breaker_pause_ms: Option<u64>,
    /// How often providers are asked whether they are there, in milliseconds; not at all without it.
    #[schemars(range(min = 1, max = 86_400_000))]
    health_check_ms: Option<u64>,
    /// What is different for requests that go to a table, by its name; `auto` is `[route]`.
    tables: Option<BTreeMap<String, TableFailures>>,
    /// What is different for single models, named as in `[models]` or as `provider/model`; it goes before what a table says.
    models: Option<BTreeMap<String, ModelFailures>>,
}

/// As in `[failures]`, for one table.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct TableFailures {
    /// How long the head of a stream may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    first_byte_timeout_ms: Option<u64>,
    /// How long the head of a reply that is not streamed may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    reply_timeout_ms: Option<u64>,
    /// How long nothing may come within a reply, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    idle_timeout_ms: Option<u64>,
    /// How long a request may take with all its calls, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    total_timeout_ms: Option<u64>,
    /// How often a model is asked again.
    #[schemars(range(min = 0, max = 10))]
    retries: Option<u32>,
    /// The longest wait before the first retry, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    retry_delay_ms: Option<u64>,
    /// The longest wait before any retry, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    retry_delay_max_ms: Option<u64>,
}

/// As in `[failures]`, for one model.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct ModelFailures {
    /// How long the head of a stream may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    first_byte_timeout_ms: Option<u64>,
    /// How long the head of a reply that is not streamed may take, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    reply_timeout_ms: Option<u64>,
    /// How long nothing may come within a reply, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    idle_timeout_ms: Option<u64>,
    /// How often the model is asked again.
    #[schemars(range(min = 0, max = 10))]
    retries: Option<u32>,
    /// The longest wait before the first retry, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    retry_delay_ms: Option<u64>,
    /// The longest wait before any retry, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    retry_delay_max_ms: Option<u64>,
    /// Failures in a row after which the model is left alone; 0: never.
    #[schemars(range(min = 0, max = 1_000))]
    breaker_failures: Option<u32>,
    /// How long it is left alone before one request tries it, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    breaker_pause_ms: Option<u64>,
}
