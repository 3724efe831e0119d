//! Clients that are spoken to encrypted.

use super::lifetime::serve;
use super::*;
use crate::config::TlsFiles;

#[tokio::test]
async fn a_certificate_of_the_configuration_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let config = format!("{DEMO}[server]\ntls_certificate = {certificate:?}\ntls_key = {key:?}\n");
    let served = serve(&config).await;
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("PEM");
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .resolve("localhost", served.address)
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("https://localhost:{}/v1/chat/completions", served.address.port());
    let response = client.post(url).body(chat("auto", "hi")).send().await.expect("a reply");
    assert_eq!(response.status(), 200);
    assert!(response.text().await.expect("whole").contains("demo/small"));
    let plain = format!("http://localhost:{}/healthz", served.address.port());
    assert!(client.get(plain).send().await.is_err(), "nothing is said in the clear");
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, gone) = (folder.path().join("empty.pem"), folder.path().join("gone.pem"));
    std::fs::write(&empty, "").expect("written");
    for (certificate, said) in [(&gone, "cannot be read"), (&empty, "holds no certificate")] {
        let files = TlsFiles { certificate: certificate.clone(), key: gone.clone() };
        let server = crate::config::ServerConfig { tls: Some(files), ..Default::default() };
        let error = super::super::listen::Door::new(&server).err().expect("unusable");
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
}
