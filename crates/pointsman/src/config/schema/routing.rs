//! The sections about routing.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// `"provider/model"`, or a table with details.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) enum Model {
    /// `provider/model`; the model part may hold slashes.
    Id(String),
    /// A model with details.
    Details(Details),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Details {
    /// `provider/model`; the model part may hold slashes.
    #[schemars(rename = "use")]
    target: String,
    /// What it charges, in US dollars per million tokens. Without it the price of the catalogue holds, if it lists the model.
    price: Option<Price>,
    /// Its context window in tokens, the reply included; a longer request goes to the next model. Without it the
    /// catalogue's longest input counts.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    context: Option<u64>,
    /// `false`: it cannot call functions.
    tools: Option<bool>,
    /// `false`: it cannot read images.
    vision: Option<bool>,
    /// `false`: it cannot keep to a JSON schema.
    structured_output: Option<bool>,
    /// A model of known ability that it is comparable to, for the mode `target`.
    like: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
struct Price {
    /// For each million tokens sent.
    #[schemars(range(min = 0.0))]
    input: f64,
    /// For each million tokens written.
    #[schemars(range(min = 0.0))]
    output: f64,
    /// For each million tokens from the provider's cache; without it as `input`.
    #[schemars(range(min = 0.0))]
    cache_read: Option<f64>,
    /// For each million tokens into the provider's cache; without it as `input`.
    #[schemars(range(min = 0.0))]
    cache_write: Option<f64>,
}

/// Rows by their name; a row in two parts may also be written as a table of bands.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Rows(BTreeMap<String, Row>);

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "these types describe and are never made")]
enum Row {
    /// A model, by its name in `[models]` or as `provider/model`.
    One(String),
    /// Models, the best first.
    Several(Vec<String>),
    /// The row for each band, as `code.hard = "strong"` is read.
    Bands(BTreeMap<String, Models>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "these types describe and are never made")]
enum Models {
    /// A model.
    One(String),
    /// Models, the best first.
    Several(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Test {
    /// The prompt.
    prompt: String,
    /// The model that should answer, or several of which one should.
    expect: Models,
    /// The table that decides.
    #[schemars(extend("default" = "auto"))]
    table: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Policy {
    /// `table`: the most specific row decides. `target`: where only `default` is left, the cheapest model that will
    /// probably succeed.
    #[schemars(extend("default" = "table"))]
    mode: Option<Mode>,
    /// The wanted chance of success in the mode `target`, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 0.9))]
    quality: Option<f64>,
    /// The models that the mode `target` may choose. Without it all of `[models]`, and those of `default`.
    candidates: Option<Vec<String>>,
    /// File with the models' abilities, as seen from the folder of the configuration. Without it those shipped with the
    /// program hold.
    abilities: Option<String>,
    /// The model that costs are compared with. Without it the ablest of those with a price; where one's ability is not known,
    /// the dearest.
    baseline: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "these types describe and are never made")]
enum Mode {
    Table,
    Target,
}
