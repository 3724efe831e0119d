//! `[providers.NAME]`.

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "these types describe and are never made")]
pub(super) struct Provider {
    /// What it speaks. The built-in names need none.
    kind: Option<Kind>,
    /// Its address. `openai_compatible` and `azure` need one; the others have their vendor's.
    base_url: Option<String>,
    /// The environment variable with its key; keys themselves do not belong in the file. Without it `OPENAI_API_KEY`,
    /// `ANTHROPIC_API_KEY`, `AZURE_OPENAI_API_KEY` or `AWS_BEARER_TOKEN_BEDROCK`; none for `openai_compatible`.
    api_key_env: Option<String>,
    /// How long a connection may take to be made, in milliseconds. Without it as `[server]` says.
    #[schemars(range(min = 1, max = 86_400_000))]
    connect_timeout_ms: Option<u64>,
    /// At Azure: the version of the API that has an address for each deployment. Without it the v1 API is called.
    api_version: Option<String>,
    /// At servers that speak OpenAI's API: whether they have `/v1/responses` too.
    responses: Option<bool>,
    /// At Azure: `key`, or `entra` for a token of Microsoft Entra.
    auth: Option<String>,
    /// At Bedrock: where models run. Without it what AWS's own settings say.
    region: Option<String>,
    /// At Bedrock: the profile of `~/.aws` with the credentials. Without it what AWS's own settings say.
    profile: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "these types describe and are never made")]
#[schemars(rename_all = "snake_case")]
enum Kind {
    #[schemars(rename = "openai")]
    OpenAi,
    #[schemars(rename = "openai_compatible")]
    OpenAiCompatible,
    Anthropic,
    Azure,
    Bedrock,
    Demo,
}
