//! Addresses, signatures and where credentials come from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap as Headers;
use reqsign_aws_core::Credential;
use tokio::net::TcpListener;

use super::*;
use crate::connections::ClientOptions;

/// 2026-11-21T12:00:00Z
const NOON: u64 = 1_795_262_400;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn access(bedrock: &Bedrock, environment: &[(&str, &str)]) -> Access {
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    let read = |name: &str| environment.get(name).map(|value| (*value).to_owned());
    let key = read(bedrock.api_key_env()).and_then(|key| ApiKey::bearer(&key));
    let connections = Arc::new(Connections::new(ClientOptions::default()).expect("a client"));
    Access::new(bedrock, key, &read, &connections)
}

/// The header `authorization` of a request at noon.
async fn authorization(access: &Access) -> Result<String, String> {
    let mut headers = HeaderMap::new();
    let url = access.url("m", false).map_err(|error| format!("{error:?}"))?;
    match access.authorize(&url, &mut headers, b"{}", at(NOON)).await {
        Ok(()) => Ok(headers["authorization"].to_str().expect("ASCII").to_owned()),
        Err(AccessError::Missing(text) | AccessError::Unsigned(text)) => Err(text),
    }
}

#[test]
fn a_models_id_is_one_segment_of_the_path() {
    let region = |region: &str| Bedrock { region: Some(region.to_owned()), ..Bedrock::default() };
    for (bedrock, model, stream, expected) in [
        (
            region("eu-central-1"),
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            false,
            "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        ),
        (
            region("cn-north-1"),
            "arn:aws-cn:bedrock:cn-north-1:1:inference-profile/a.b",
            true,
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/arn%3Aaws-cn%3Abedrock%3Acn-north-1%3A1%3Ainference-profile%2Fa.b/converse-stream",
        ),
        (
            Bedrock {
                base_url: Some("http://localhost:9/base/".parse().expect("valid")),
                ..Bedrock::default()
            },
            "a b",
            false,
            "http://localhost:9/base/model/a%20b/converse",
        ),
    ] {
        assert_eq!(access(&bedrock, &[]).url(model, stream).expect("a region").as_str(), expected);
    }
}

/// The expected values are those of botocore 1.44.5 (`SigV4Auth` with the date fixed).
#[test]
fn signatures_are_botocores() {
    for (url, region, token, expected) in [
        (
            "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "eu-central-1",
            None,
            "content-type;host;x-amz-date, Signature=1d0cb2fae73b62c4527a7a044849e661b7e60cd734d529826aca13148700bd22",
        ),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0/converse-stream",
            "us-east-1",
            Some("session/token+=="),
            "content-type;host;x-amz-date;x-amz-security-token, Signature=cf1a5b1677d666c3a87f2e4b8b40764b2fbb7787b1d39b7207df65e1672964c8",
        ),
        (
            "http://127.0.0.1:8080/base/model/m/converse",
            "us-west-2",
            None,
            "content-type;host;x-amz-date, Signature=b3ae4a3087d2917b995d72f625742e57d05ecf9fa4761706979156720e569585",
        ),
    ] {
        let credential = Credential {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: token.map(str::to_owned),
            expires_in: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let target = Url::parse(url).expect("valid");
        sign::sign(&target, &mut headers, br#"{"messages":[]}"#, &credential, region, at(NOON))
            .expect("signed");
        assert_eq!(headers["x-amz-date"], "20261121T120000Z");
        assert_eq!(headers.get("x-amz-security-token").map(|value| value.to_str().expect("ASCII")), token);
        let scope = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/bedrock/aws4_request");
        assert_eq!(headers["authorization"], format!("{scope}, SignedHeaders={expected}"));
        let shown = format!("{headers:?}");
        assert!(!shown.contains("Signature") && !shown.contains("session/token"), "{shown}");
    }
}

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKID-planted"), ("AWS_SECRET_ACCESS_KEY", "secret-planted")];

#[tokio::test]
async fn a_key_of_bedrocks_own_comes_before_credentials() {
    let bedrock = Bedrock { region: Some("us-east-1".to_owned()), ..Bedrock::default() };
    let mut environment = KEYS.to_vec();
    assert!(
        authorization(&access(&bedrock, &environment))
            .await
            .expect("signed")
            .contains("AKID-planted/20261121/us-east-1")
    );
    environment.push(("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1"));
    assert_eq!(
        authorization(&access(&bedrock, &environment)).await.expect("a key"),
        "Bearer bedrock-api-key-1"
    );
}

#[tokio::test]
async fn profiles_are_read_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, credentials) = (folder.path().join("config"), folder.path().join("credentials"));
    std::fs::write(&config, "[default]\nregion = us-west-2\n[profile work]\nregion = eu-west-1\n")
        .expect("written");
    let keys = "[default]\naws_access_key_id = AKID-default\naws_secret_access_key = s\n\
                [work]\naws_access_key_id = AKID-work\naws_secret_access_key = s\naws_session_token = t\n";
    std::fs::write(&credentials, keys).expect("written");
    let files = [
        ("AWS_CONFIG_FILE", config.to_str().expect("UTF-8")),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().expect("UTF-8")),
    ];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        files.iter().chain(more).copied().collect()
    };
    let named = Bedrock { profile: Some("work".to_owned()), ..Bedrock::default() };
    for (bedrock, environment, expected) in [
        (Bedrock::default(), with(&[]), "AKID-default/20261121/us-west-2"),
        (Bedrock::default(), with(&[("AWS_PROFILE", "work")]), "AKID-work/20261121/eu-west-1"),
        (Bedrock::default(), with(&[("AWS_REGION", "us-east-2")]), "AKID-default/20261121/us-east-2"),
        (Bedrock::default(), with(&KEYS), "AKID-planted/20261121/us-west-2"),
        (named.clone(), with(&KEYS), "AKID-work/20261121/eu-west-1"),
    ] {
        let access = access(&bedrock, &environment);
        assert_eq!(access.missing(), None);
        let found = authorization(&access).await.expect("signed");
        assert!(found.contains(expected), "{found} is not of {expected}");
    }
    let absent = Bedrock {
        profile: Some("absent".to_owned()),
        region: Some("us-east-1".to_owned()),
        ..Bedrock::default()
    };
    let why = authorization(&access(&absent, &with(&KEYS))).await.expect_err("no such profile");
    assert_eq!(why, "no credentials in profile `absent`: run `aws configure --profile absent`");
}

#[test]
fn what_is_missing_is_said_with_the_remedy() {
    let region = Bedrock { region: Some("us-east-1".to_owned()), ..Bedrock::default() };
    let no_region =
        "no region is set: add `region = \"us-east-1\"`, or another, to its section, or set AWS_REGION";
    let no_credentials = "no credentials: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run \
                          `aws configure`, or give the machine a role";
    for (bedrock, environment, expected) in [
        (Bedrock::default(), vec![], Some(no_region)),
        (region.clone(), vec![], Some(no_credentials)),
        (region.clone(), KEYS.to_vec(), None),
        (region.clone(), vec![KEYS[0]], Some(no_credentials)),
        (region.clone(), vec![("AWS_BEARER_TOKEN_BEDROCK", "k")], None),
        (region.clone(), vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2")], None),
        (Bedrock::default(), vec![("AWS_REGION", "us-east-1"), ("AWS_BEARER_TOKEN_BEDROCK", "k")], None),
        (
            Bedrock { region: Some("us east".to_owned()), ..Bedrock::default() },
            vec![],
            Some("`us east` is no region: write one such as us-east-1"),
        ),
    ] {
        // Wherever the test runs.
        let environment = [&environment[..], &[("AWS_EC2_METADATA_DISABLED", "true")]].concat();
        assert_eq!(access(&bedrock, &environment).missing().as_deref(), expected);
    }
}

/// A machine's own service, which counts how often it gave credentials, each good for ten minutes.
async fn metadata() -> (SocketAddr, Arc<AtomicUsize>) {
    async fn give(
        State(given): State<Arc<AtomicUsize>>,
        headers: Headers,
        Path(path): Path<String>,
    ) -> String {
        if path == "latest/api/token" {
            return "token-planted".to_owned();
        }
        if path == "container" {
            assert_eq!(headers["authorization"], "container-token");
        } else {
            assert_eq!(headers["x-aws-ec2-metadata-token"], "token-planted");
        }
        if path.ends_with('/') {
            return "role".to_owned();
        }
        let number = given.fetch_add(1, Ordering::Relaxed);
        let end = if number == 0 { "2026-11-21T12:10:00Z" } else { "2026-11-21T12:30:00Z" };
        serde_json::json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-11-21T12:00:00Z", "AccessKeyId": format!("AKID-{number}"),
            "SecretAccessKey": "secret-planted", "Token": "session-planted", "Expiration": end,
        })
        .to_string()
    }
    let given = Arc::new(AtomicUsize::new(0));
    let app = Router::new().route("/{*path}", axum::routing::any(give)).with_state(Arc::clone(&given));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, app).into_future());
    (address, given)
}

#[tokio::test]
async fn roles_of_containers_and_machines_are_kept_and_renewed() {
    for container in [true, false] {
        let (address, given) = metadata().await;
        let (uri, endpoint) = (format!("http://{address}/container"), format!("http://{address}"));
        let environment = if container {
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
            ]
        } else {
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.as_str())]
        };
        let access = access(&Bedrock::default(), &environment);
        let key = async |seconds| {
            let found = access.credentials.current(at(NOON + seconds)).await;
            found.expect("a role").access_key_id
        };
        // Ten minutes, renewed five before the end; then thirty.
        for (seconds, expected) in [(0, "AKID-0"), (299, "AKID-0"), (301, "AKID-1"), (1_400, "AKID-1")] {
            assert_eq!(key(seconds).await, expected, "after {seconds} s, container: {container}");
        }
        assert_eq!(given.load(Ordering::Relaxed), 2);
        let shown = format!("{access:?} {:?}", access.credentials.current(at(NOON + 1_400)).await);
        assert!(!shown.contains("planted"), "{shown}");
    }
}

#[tokio::test]
async fn a_search_that_found_nothing_is_not_repeated_at_once() {
    let (address, given) = metadata().await;
    let endpoint = format!("http://{address}");
    let uri = "http://127.0.0.1:1/nobody".to_owned();
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let access = access(&Bedrock::default(), &environment);
    let why = access.credentials.current(at(NOON)).await.expect_err("nothing");
    assert!(
        why.starts_with("no credentials: set AWS_BEARER_TOKEN_BEDROCK") && why.contains("container: "),
        "{why}"
    );
    assert_eq!(access.credentials.current(at(NOON + 9)).await.expect_err("nothing"), why);
    assert_eq!(given.load(Ordering::Relaxed), 0);
}
