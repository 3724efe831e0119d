//! Configurations of other routers, and the tables that they come to.

use pointsman_domain::Vocabulary;
use pointsman_policy::config::{Severity, Source};

use super::*;
use crate::config::Config;

/// The table that `text` comes to, which must be without errors.
fn table(format: ImportFormat, text: &str) -> String {
    let document = read(format, text).expect("a table").document("theirs.yaml");
    let (config, _) = Config::read(Source::new("pointsman.toml", document.as_str()));
    let (policy, findings) = config.check(&Vocabulary::standard());
    let errors: Vec<_> = findings.iter().filter(|one| one.severity == Severity::Error).collect();
    assert!(policy.is_some() && errors.is_empty(), "{document}\n{errors:#?}");
    document
}

#[test]
fn litellm() {
    insta::assert_snapshot!(table(
        ImportFormat::Litellm,
        r#"
model_list:
  - model_name: gpt
    litellm_params: {model: azure/gpt-eu, api_base: "https://eu.example.com/", api_key: os.environ/AZURE_EU, api_version: "2024-10-21", rpm: 6}
  - model_name: gpt
    litellm_params: {model: openai/gpt-6-luna, api_key: "sk-planted", input_cost_per_token: 0.00000025, output_cost_per_token: 2e-6}
  - model_name: claude
    litellm_params: {model: claude-opus-5, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: local/llama
    litellm_params: {model: ollama_chat/llama3.2}
  - model_name: vllm
    litellm_params: {model: hosted_vllm/meta-llama/Llama-3.1-8B, api_base: "http://gpu:8000"}
  - model_name: aws
    litellm_params: {model: bedrock/anthropic.claude-opus-5}
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small}
    model_info: {mode: embedding}
  - model_name: smart
    litellm_params:
      model: auto_router/complexity_router
      complexity_router_config:
        tiers: {SIMPLE: local/llama, MEDIUM: gpt, COMPLEX: [claude, gpt], REASONING: [{model_name: claude}, nobody]}
      complexity_router_default_model: claude
router_settings:
  routing_strategy: latency-based-routing
  fallbacks: [{"gpt": ["claude"]}, {"claude": ["gpt"]}]
"#
    ));
}

#[test]
fn plano() {
    insta::assert_snapshot!(table(
        ImportFormat::Plano,
        r#"
version: v0.4.0
model_providers:
  - model: openai/gpt-6.1-sol
    access_key: $OPENAI_API_KEY
    default: true
  - model: groq/openai/gpt-oss-120b
    access_key: $MY_GROQ
    routing_preferences:
      - {name: code understanding, description: explaining code}
  - model: openai/llama-3.3-70b
    base_url: https://api.custom.example
    access_key: ${CUSTOM_API_KEY}
routing_preferences:
  - name: code review
    models: [openai/gpt-6.1-sol, openai/llama-3.3-70b]
    selection_policy: {prefer: cheapest}
  - name: open qa
    models: [openai/llama-3.3-70b]
  - name: small print
    models: [openai/llama-3.3-70b]
prompt_guards: {input_guards: {}}
"#
    ));
}

#[test]
fn nvidia() {
    insta::assert_snapshot!(table(
        ImportFormat::Nvidia,
        r#"
policies:
  - name: task_router
    url: http://router:8000/infer
    llms:
      - {name: Brainstorming, api_base: "https://integrate.example.com", api_key: "${NVIDIA_API_KEY}", model: meta/llama-70b}
      - {name: Code Generation, api_base: "https://integrate.example.com", api_key: "${NVIDIA_API_KEY}", model: nvidia/nemotron}
      - {name: Text Generation, api_base: "https://integrate.example.com", api_key: "${NVIDIA_API_KEY}", model: meta/llama-70b}
      - {name: Other, api_base: "https://integrate.example.com", api_key: "nvapi-planted", model: meta/llama-8b}
      - {name: Unknown, api_base: "https://integrate.example.com", api_key: "${NVIDIA_API_KEY}", model: meta/llama-70b}
      - {name: Juggling, api_base: "https://integrate.example.com", model: meta/llama-8b}
  - name: complexity_router
    llms:
      - {name: Creativity, api_base: "https://integrate.example.com", model: meta/llama-70b}
"#
    ));
}

#[test]
fn routellm() {
    insta::assert_snapshot!(table(
        ImportFormat::Routellm,
        "python -m routellm.openai_server --routers mf --strong-model gpt-6.1-sol \\\n  --weak-model=ollama_chat/llama3 --api-key planted"
    ));
}

#[test]
fn secrets_are_not_repeated() {
    for (format, text) in [
        (
            ImportFormat::Litellm,
            "model_list: [{model_name: a, litellm_params: {model: openai/gpt-6-luna, api_key: sk-planted}}]",
        ),
        (ImportFormat::Plano, "llm_providers: [{model: openai/gpt-6-luna, access_key: sk-planted}]"),
        (
            ImportFormat::Nvidia,
            "policies: [{name: a, llms: [{name: Other, api_base: 'http://x', api_key: planted, model: m}]}]",
        ),
        (ImportFormat::Routellm, "--strong-model gpt-6-luna --weak-model gpt-6.1-sol --api-key planted"),
    ] {
        let document = table(format, text);
        assert!(!document.contains("planted") && document.contains("the key"), "{document}");
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    for (format, text, said) in [
        (ImportFormat::Litellm, "a: [", "it is not YAML"),
        (ImportFormat::Litellm, "", "it is empty"),
        (ImportFormat::Litellm, "model_list: 7", "there is no `model_list`"),
        (ImportFormat::Litellm, "model_list: [{model_name: a}]", "it names no model"),
        (ImportFormat::Plano, "version: 1", "neither `model_providers`"),
        (ImportFormat::Nvidia, "policies: {}", "there are no `policies`"),
        (ImportFormat::Routellm, "--strong-model --weak-model b", "there is no --strong-model"),
        (ImportFormat::Routellm, "--strong-model a --weak-model b", "nothing says which provider has it"),
    ] {
        let error = format!("{:#}", read(format, text).expect_err(text));
        assert!(error.contains(said), "{text}: {error}");
    }
}
