//! Tokens from sources that answer as Microsoft documents them.

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use tokio::net::TcpListener;

use super::*;
use crate::connections::ClientOptions;

/// What a source was asked: address, headers and body.
type Asked = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

/// A source on a port of its own that answers with `reply`.
async fn source(status: u16, reply: &'static str) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let answer = async move |State(asked): State<Asked>, uri: Uri, headers: HeaderMap, body: Bytes| {
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        asked.lock().expect("whole").push((uri.to_string(), headers, body));
        (axum::http::StatusCode::from_u16(status).expect("a status"), reply)
    };
    let app = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, app).into_future());
    (address, asked)
}

fn entra(variables: &[(&str, String)]) -> Entra {
    let connections = Arc::new(Connections::new(ClientOptions::default()).expect("a client"));
    let environment =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Entra::new(&environment, &connections)
}

fn client_of(address: SocketAddr, more: (&'static str, String)) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_AUTHORITY_HOST", format!("http://{address}/")),
        ("AZURE_TENANT_ID", "tenant".to_owned()),
        ("AZURE_CLIENT_ID", "client".to_owned()),
        more,
    ]
}

#[tokio::test]
async fn a_secret_is_exchanged_once_and_again_before_the_token_ends() {
    let (address, asked) =
        source(200, r#"{"token_type":"Bearer","expires_in":3600,"access_token":"tok"}"#).await;
    let entra = entra(&client_of(address, ("AZURE_CLIENT_SECRET", "planted&secret".to_owned())));
    let start = SystemTime::UNIX_EPOCH;
    for (seconds, times) in [(0, 1), (3299, 1), (3300, 2)] {
        let header = entra.authorization(start + Duration::from_secs(seconds)).await.expect("a token");
        assert_eq!(header, "Bearer tok");
        assert!(header.is_sensitive() && !format!("{entra:?} {header:?}").contains("tok\""));
        assert_eq!(asked.lock().expect("whole").len(), times, "after {seconds} s");
    }
    let (path, _, body) = asked.lock().expect("whole")[0].clone();
    assert_eq!(path, "/tenant/oauth2/v2.0/token");
    assert_eq!(
        body,
        "grant_type=client_credentials&client_id=client&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default&\
         client_secret=planted%26secret"
    );
}

#[tokio::test]
async fn a_workload_shows_its_file() {
    let (address, asked) = source(200, r#"{"expires_in":"100","access_token":"tok"}"#).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "jwt\n").expect("written");
    let variables = client_of(address, ("AZURE_FEDERATED_TOKEN_FILE", file.path().display().to_string()));
    let entra = entra(&variables);
    assert_eq!(entra.authorization(SystemTime::UNIX_EPOCH).await.expect("a token"), "Bearer tok");
    let (_, _, body) = asked.lock().expect("whole")[0].clone();
    assert!(body.ends_with("client-assertion-type%3Ajwt-bearer&client_assertion=jwt"), "{body}");
}

#[tokio::test]
async fn services_and_machines_have_identities() {
    let reply = r#"{"access_token":"tok","expires_in":"86399","token_type":"Bearer"}"#;
    let (address, asked) = source(200, reply).await;
    let service = [
        ("IDENTITY_ENDPOINT", format!("http://{address}/msi/token")),
        ("IDENTITY_HEADER", "planted".to_owned()),
    ];
    let machine = [
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://{address}")),
        ("AZURE_CLIENT_ID", "mine".to_owned()),
    ];
    for (variables, path, header) in [
        (
            &service[..],
            "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcognitiveservices.azure.com",
            ("x-identity-header", "planted"),
        ),
        (
            &machine[..],
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=mine",
            ("metadata", "true"),
        ),
    ] {
        let token = entra(variables).authorization(SystemTime::UNIX_EPOCH).await.expect("a token");
        assert_eq!(token, "Bearer tok");
        let (seen, headers, _) = asked.lock().expect("whole").pop().expect("asked");
        assert_eq!((seen.as_str(), &headers[header.0]), (path, &HeaderValue::from_static(header.1)));
    }
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secret_and_not_repeated_at_once() {
    let reply = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}"#;
    let (address, asked) = source(401, reply).await;
    let entra = entra(&client_of(address, ("AZURE_CLIENT_SECRET", "planted".to_owned())));
    let start = SystemTime::UNIX_EPOCH;
    for (seconds, times) in [(0, 1), (9, 1), (10, 2)] {
        let why = entra.authorization(start + Duration::from_secs(seconds)).await.expect_err("refused");
        assert_eq!(why, "status 401: AADSTS7000215: Invalid client secret provided.");
        assert_eq!(asked.lock().expect("whole").len(), times);
    }
}
