//! What the file says, and what is said about it.

use pointsman_upstream::Bedrock;

use super::*;

fn read(text: &str) -> (Config, Vec<Diagnostic>) {
    let (config, diagnostics) = Config::read(Source::new("pointsman.toml", text));
    (config, diagnostics.into_sorted())
}

/// All that is said about a file, in full.
fn said(text: &str) -> String {
    read(text).1.iter().map(|diagnostic| format!("{diagnostic:#}\n")).collect()
}

#[test]
fn the_built_in_configuration_is_without_fault() {
    let (config, diagnostics) = read(BUILT_IN);
    assert_eq!(diagnostics, []);
    let (policy, diagnostics) = config.check(&Vocabulary::standard());
    assert!(policy.is_some());
    let faults: Vec<_> = diagnostics.iter().filter(|found| found.severity > Severity::Note).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn without_a_section_defaults_hold() {
    let (config, _) = read("");
    assert_eq!(
        (&config.server, &config.classifier),
        (&ServerConfig::default(), &ClassifierConfig::default())
    );
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8484");
    assert_eq!(config.server.body_limit_bytes, 10_485_760);
    assert_eq!(config.record, None, "nothing is recorded unless asked");
    let (config, diagnostics) = read("[record]\n");
    assert_eq!(diagnostics, []);
    let record = config.record.expect("asked");
    assert_eq!((record.path.to_str(), record.prompts), (Some("pointsman-records.db"), Default::default()));
    assert_eq!(
        config.providers.keys().map(ProviderName::as_str).collect::<Vec<_>>(),
        ["anthropic", "bedrock", "demo", "openai"]
    );
}

#[test]
fn every_key_is_read() {
    let (config, diagnostics) = read(
        r#"
        [server]
        listen = "[::1]:9000"
        body_limit_bytes = 1024
        drain_timeout_ms = 1500
        connect_timeout_ms = 200
        [classifier]
        model = "models/other"
        device = "cpu"
        engine = "candle"
        timeout_ms = 20
        queue = 16
        [record]
        path = "log/decisions.db"
        prompts = "redacted"
        keep_days = 7
        keep_mb = 50
        [failures]
        first_byte_timeout_ms = 1
        idle_timeout_ms = 2
        total_timeout_ms = 3
        retries = 4
        retry_delay_ms = 5
        retry_delay_max_ms = 6
        retry_percent = 7
        breaker_failures = 8
        breaker_pause_ms = 9
        [providers.local]
        kind = "openai_compatible"
        base_url = "http://127.0.0.1:8000/v1"
        [providers.openai]
        api_key_env = "WORK_KEY"
        [providers.claude]
        kind = "anthropic"
        [providers.work]
        kind = "azure"
        base_url = "https://work.openai.azure.com"
        api_version = "2024-10-21"
        [providers.try]
        kind = "demo"
        "#,
    );
    assert_eq!(diagnostics, []);
    let ms = std::time::Duration::from_millis;
    assert_eq!(
        config.failures,
        FailurePolicy {
            first_byte_timeout: ms(1),
            idle_timeout: ms(2),
            total_timeout: ms(3),
            retries: 4,
            retry_delay: ms(5),
            retry_delay_max: ms(6),
            retry_percent: 7,
            breaker_failures: 8,
            breaker_pause: ms(9),
        }
    );
    assert_eq!(
        (config.server, config.classifier),
        (
            ServerConfig {
                listen: "[::1]:9000".parse().expect("valid"),
                body_limit_bytes: 1024,
                drain_timeout: std::time::Duration::from_millis(1500),
                connect_timeout: std::time::Duration::from_millis(200),
            },
            ClassifierConfig {
                model: "models/other".parse().expect("valid"),
                device: "cpu".parse().expect("valid"),
                engine: "candle".parse().expect("valid"),
                timeout: std::time::Duration::from_millis(20),
                queue: 16,
            }
        )
    );
    let retention = pointsman_record::Retention { days: 7, mebibytes: 50 };
    let prompts = pointsman_record::PromptPolicy::Redacted;
    let expected = pointsman_record::Options { path: "log/decisions.db".into(), prompts, retention };
    assert_eq!(config.record, Some(expected));
    insta::assert_debug_snapshot!(config.providers.keys().map(ProviderName::as_str).collect::<Vec<_>>());
    let Provider::OpenAi(openai) = &config.providers[&ProviderName::new("openai")] else {
        panic!("openai is set up");
    };
    assert_eq!(openai.base_url.to_string(), "https://api.openai.com/v1");
    assert_eq!(openai.api_key_env.as_deref(), Some("WORK_KEY"));
}

#[test]
fn faults_of_the_server_the_classifier_and_records_are_named() {
    insta::assert_snapshot!(said(
        r#"
[sever]
[server]
listen = "localhost"
body_limit = 5
body_limit_bytes = 0
drain_timeout_ms = "30s"
[classifier]
device = "abacus"
timeout_ms = 0
queue = -1
[record]
prompt = "full"
prompts = "all"
keep_days = 0
"#
    ));
}

#[test]
fn faults_of_providers_are_named() {
    let said = said(
        r#"
[providers]
flat = "openai"
[providers.claude]
kind = "vertex"
[providers.local]
base_url = "http://127.0.0.1:8000/v1"
[providers.vllm]
kind = "openai_compatible"
[providers.typo]
kind = "opanai"
base_ur = "x"
[providers.leak]
kind = "openai_compatible"
base_url = "https://me:planted-secret@example.com/v1"
api_key_env = "sk-planted-secret"
api_key = "sk-planted-secret"
[providers.try]
kind = "demo"
base_url = "http://x"
[providers.version]
kind = "anthropic"
api_version = "2023-06-01"
"#,
    );
    assert!(!said.contains("planted"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn bedrock_has_a_region_and_a_profile_and_others_have_not() {
    let (config, diagnostics) = read(
        "[providers.aws]\nkind = \"bedrock\"\nregion = \"eu-west-1\"\nprofile = \"work\"\napi_key_env = \"AWS_KEY\"\n",
    );
    assert_eq!(diagnostics, []);
    let expected = Bedrock {
        region: Some("eu-west-1".to_owned()),
        profile: Some("work".to_owned()),
        base_url: None,
        api_key_env: Some("AWS_KEY".to_owned()),
    };
    assert_eq!(config.providers[&ProviderName::new("aws")], Provider::Bedrock(expected));
    assert_eq!(config.providers[&ProviderName::new("bedrock")], Provider::Bedrock(Bedrock::default()));
    let said = said("[providers.openai]\nregion = \"eu-west-1\"\n");
    assert!(said.contains("a provider of kind `openai` has no `region`"), "{said}");
}

#[test]
fn what_is_unwise_is_a_warning() {
    insta::assert_snapshot!(said(
        r#"
[server]
listen = "0.0.0.0:8484"
[providers.far]
kind = "openai_compatible"
base_url = "http://example.com/v1"
api_key_env = "FAR_KEY"
"#
    ));
}

#[test]
fn a_faulty_provider_is_reported_once() {
    let text =
        "[providers.claude]\nkind = \"vertex\"\n[models]\na = \"claude/x\"\n[route]\ndefault = \"a\"\n";
    let (config, _) = read(text);
    let errors: Vec<_> = config
        .check(&Vocabulary::standard())
        .1
        .into_iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| found.to_string())
        .collect();
    assert_eq!(errors, ["pointsman.toml:2:8: error: unknown kind `vertex`"]);
}

#[test]
fn files_that_are_not_there_or_wrong_are_errors_with_their_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let error = Config::load(Some(&folder.path().join("no.toml"))).expect_err("not there");
    assert!(format!("{error:#}").contains("no.toml: the configuration cannot be read"), "{error:#}");
    let path = folder.path().join("bad.toml");
    std::fs::write(&path, "[server]\nlisten = 1\n").expect("written");
    let error = format!("{:#}", Config::load(Some(&path)).expect_err("wrong"));
    assert!(error.contains("bad.toml cannot be used") && error.contains("bad.toml:2:10"), "{error}");
    std::fs::write(&path, "[route]\nmath = 1\n").expect("written");
    let config = Config::load(Some(&path)).expect("routing is read later");
    let error = format!("{:#}", config.policy(&Vocabulary::standard()).expect_err("wrong"));
    assert!(error.contains("bad.toml:2:8"), "{error}");
}

#[test]
fn abilities_are_read_beside_the_file_or_as_shipped() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let read = |named: &str| {
        let source = Source::new(
            folder.path().join("pointsman.toml").display().to_string(),
            format!("[policy]\nmode = \"target\"\nabilities = \"{named}\"\n"),
        );
        let (config, diagnostics) = Config::read(source);
        let said: Vec<String> = diagnostics
            .into_sorted()
            .iter()
            .map(|found| format!("{}:{}", found.line, found.message))
            .collect();
        (config.abilities, said.join("\n"))
    };
    let own = Abilities { date: "2000-01-01".to_owned(), ..Abilities::shipped() };
    std::fs::write(folder.path().join("own.toml"), own.to_toml()).expect("written");
    let (abilities, said) = read("own.toml");
    assert_eq!((abilities.as_ref(), said.as_str()), (&own, ""));
    let (abilities, said) = read("none.toml");
    assert_eq!(*abilities, Abilities::shipped());
    assert!(said.starts_with("3:") && said.contains("none.toml cannot be read"), "{said}");
    std::fs::write(folder.path().join("bad.toml"), "version = 1\n").expect("written");
    let (_, said) = read("bad.toml");
    assert!(said.starts_with("3:") && said.contains("bad.toml:1:11: error"), "{said}");
}
