//! What the file says, and what is said about it.

mod any_text;

use pointsman_domain::ModelId;
use pointsman_upstream::{AzureAuth, Bedrock, FailureOverrides, FailurePolicy};

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
        tls_certificate = "cert.pem"
        tls_key = "key.pem"
        body_limit_bytes = 1024
        header_limit_bytes = 9000
        messages_limit = 10
        images_limit = 11
        in_flight_limit = 12
        connections_limit = 13
        header_timeout_ms = 14
        body_timeout_ms = 15
        write_timeout_ms = 16
        drain_timeout_ms = 1500
        connect_timeout_ms = 200
        spent_path = "state/spent.json"
        [classifier]
        model = "models/other"
        device = "cpu"
        engine = "candle"
        precision = "f16"
        timeout_ms = 20
        queue = 16
        [record]
        path = "log/decisions.db"
        prompts = "redacted"
        keep_days = 7
        keep_mb = 50
        [failures]
        first_byte_timeout_ms = 1
        reply_timeout_ms = 12
        idle_timeout_ms = 2
        total_timeout_ms = 3
        retries = 4
        retry_delay_ms = 5
        retry_delay_max_ms = 6
        retry_percent = 7
        breaker_failures = 8
        breaker_pause_ms = 9
        health_check_ms = 10
        [failures.models.own]
        retries = 0
        [failures.tables.auto]
        total_timeout_ms = 11
        [failures.tables.patient]
        retries = 9
        [tables.patient]
        default = "own"
        [models]
        own = { use = "local/model" }
        [keys.ann]
        hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        models = ["auto"]
        requests_per_minute = 3
        usd_per_day = 1.5
        [providers.local]
        kind = "openai_compatible"
        base_url = "http://127.0.0.1:8000/v1"
        [providers.openai]
        api_key_env = "WORK_KEY"
        [providers.claude]
        kind = "anthropic"
        connect_timeout_ms = 300
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
        config.failures.usual,
        FailurePolicy {
            first_byte_timeout: ms(1),
            reply_timeout: ms(12),
            idle_timeout: ms(2),
            total_timeout: ms(3),
            retries: 4,
            retry_delay: ms(5),
            retry_delay_max: ms(6),
            retry_percent: 7,
            breaker_failures: 8,
            breaker_pause: ms(9),
            health_check: Some(ms(10)),
        }
    );
    let own = ModelId::parse("local/model").expect("provider/model");
    assert_eq!(
        config.failures.models,
        BTreeMap::from([(own, FailureOverrides { retries: Some(0), ..FailureOverrides::default() })])
    );
    assert_eq!(
        config.failures.tables,
        BTreeMap::from([
            ("auto".to_owned(), FailureOverrides { total_timeout: Some(ms(11)), ..Default::default() }),
            ("patient".to_owned(), FailureOverrides { retries: Some(9), ..Default::default() }),
        ])
    );
    assert_eq!(
        config.keys,
        [ClientKey {
            name: "ann".to_owned(),
            hash: KeyHash::of(b"abc"),
            models: Some(["auto".to_owned()].into()),
            requests_per_minute: Some(3),
            usd_per_day: Some(1.5),
        }]
    );
    assert_eq!(
        (config.server, config.classifier),
        (
            ServerConfig {
                listen: "[::1]:9000".parse().expect("valid"),
                tls: Some(TlsFiles { certificate: "cert.pem".into(), key: "key.pem".into() }),
                body_limit_bytes: 1024,
                header_limit_bytes: 9000,
                messages_limit: 10,
                images_limit: 11,
                in_flight_limit: 12,
                connections_limit: 13,
                header_timeout: ms(14),
                body_timeout: ms(15),
                write_timeout: ms(16),
                drain_timeout: std::time::Duration::from_millis(1500),
                connect_timeout: std::time::Duration::from_millis(200),
                spent_path: "state/spent.json".into(),
            },
            ClassifierConfig {
                model: "models/other".parse().expect("valid"),
                device: "cpu".parse().expect("valid"),
                engine: "candle".parse().expect("valid"),
                precision: "f16".parse().expect("valid"),
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
    assert_eq!(config.connect_timeouts, BTreeMap::from([(ProviderName::new("claude"), ms(300))]));
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
fn azure_may_be_asked_with_a_token() {
    let read_auth = |line: &str| {
        let text =
            format!("[providers.work]\nkind = \"azure\"\nbase_url = \"https://x.openai.azure.com\"\n{line}");
        let (config, diagnostics) = read(&text);
        let Provider::Azure { auth, endpoint, .. } = config.providers[&ProviderName::new("work")].clone()
        else {
            panic!("{diagnostics:?}");
        };
        (auth, endpoint.api_key_env)
    };
    assert_eq!(read_auth(""), (AzureAuth::Key, Some("AZURE_OPENAI_API_KEY".to_owned())));
    assert_eq!(read_auth("auth = \"entra\""), (AzureAuth::Entra, None));
    assert!(
        said("[providers.openai]\nauth = \"entra\"\n").contains("a provider of kind `openai` has no `auth`")
    );
    assert!(said("[providers.openai]\nresponses = true\n").contains("has no `responses`"));
}

#[test]
fn faults_of_keys_and_of_models_failures_are_named() {
    let said = said(
        r#"
[keys.ann]
hash = "sk-planted-key"
[keys.bob]
models = "auto"
[keys.eve]
hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
usd_per_day = -1
request_per_minute = 3
[keys.mallory]
hash = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
[server]
tls_key = "key.pem"
[failures.models.stong]
retries = 1
[failures.models.strong]
total_timeout_ms = 5
[failures.tables.frugl]
retries = 1
[failures.tables.auto]
breaker_failures = 1
[tables.frugal]
default = "strong"
[models]
strong = "demo/large"
"#,
    );
    assert!(!said.contains("planted"), "{said}");
    for fault in [
        "`hash` is not `sha256:` and 64 hexadecimal digits",
        "the key `bob` has no `hash`",
        "`usd_per_day` must be a number from 0",
        "unknown key `request_per_minute`",
        "did you mean `requests_per_minute`?",
        "`mallory` has the same hash as `eve`",
        "`tls_key` without `tls_certificate`",
        "there is no model `stong`",
        "did you mean `strong`?",
        "unknown key `total_timeout_ms`",
        "there is no table `frugl`",
        "did you mean `frugal`?",
        "unknown key `breaker_failures`",
    ] {
        assert!(said.contains(fault), "`{fault}` is not in\n{said}");
    }
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
