//! Servers on this machine that speak OpenAI's API.

use std::time::Duration;

use serde_json::Value;

/// How long a server may take to answer. What listens on this machine answers at once.
const PATIENCE: Duration = Duration::from_millis(500);

/// The longest list of models that is read.
const MOST_BYTES: u64 = 1 << 20;

/// A server to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What the file is to call it.
    pub(super) name: String,
    /// Where its API is.
    pub(super) base_url: String,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) place: Place,
    /// The models that it can answer with, as it names them. Never empty.
    pub(super) models: Vec<String>,
}

/// The usual ports.
pub(super) fn usual() -> Vec<Place> {
    [("ollama", 11_434), ("vllm", 8000), ("llama_cpp", 8080), ("lm_studio", 1234)]
        .map(|(name, port)| Place { name: name.to_owned(), base_url: format!("http://127.0.0.1:{port}/v1") })
        .into()
}

/// Servers at the addresses that a user names.
pub(super) fn named(addresses: &[String]) -> Vec<Place> {
    let place = |(number, address): (usize, &String)| {
        let address = address.trim_end_matches('/');
        let base_url = if address.ends_with("/v1") { address.to_owned() } else { format!("{address}/v1") };
        let name = if number == 0 { "local".to_owned() } else { format!("local_{}", number + 1) };
        Place { name, base_url }
    };
    addresses.iter().enumerate().map(place).collect()
}

/// Those of `places` that answer and have a model that answers.
pub(super) fn look(places: Vec<Place>) -> Vec<Server> {
    let look = |place: Place| {
        let models = models(&place.base_url)?;
        (!models.is_empty()).then_some(Server { place, models })
    };
    places.into_iter().filter_map(look).collect()
}

/// The models that the API at `base_url` lists, without those that only embed; `None` if there is no such API.
fn models(base_url: &str) -> Option<Vec<String>> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        // What is on this machine is not asked for through a proxy.
        .proxy(None)
        .build()
        .new_agent();
    let mut reply = agent.get(format!("{base_url}/models")).call().ok()?;
    let text = reply.body_mut().with_config().limit(MOST_BYTES).read_to_string().ok()?;
    let list: Value = serde_json::from_str(&text).ok()?;
    let ids = list.get("data")?.as_array()?.iter().filter_map(|model| model.get("id")?.as_str());
    Some(ids.filter(|id| !id.contains("embed") && !id.trim().is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers one request with `body`.
    fn server(body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a caller");
            let _ = connection.read(&mut [0; 4096]).expect("a request");
            let length = body.len();
            write!(
                connection,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .expect("written");
        });
        format!("http://{address}")
    }

    #[test]
    fn servers_that_list_models_are_found() {
        let lists = server(r#"{"data": [{"id": "nomic-embed-text"}, {"id": "llama3.2"}, {"id": 7}]}"#);
        let empty = server(r#"{"data": []}"#);
        let other = server("<html>");
        let nobody = "http://127.0.0.1:1".to_owned();
        let found = look(named(&[lists.clone(), empty, other, nobody]));
        let place = Place { name: "local".to_owned(), base_url: format!("{lists}/v1") };
        assert_eq!(found, [Server { place, models: vec!["llama3.2".to_owned()] }]);
    }

    #[test]
    fn addresses_are_those_of_the_first_version() {
        let places = named(&["http://a:1".to_owned(), "http://b:2/v1/".to_owned()]);
        let urls: Vec<_> =
            places.iter().map(|place| (place.name.as_str(), place.base_url.as_str())).collect();
        assert_eq!(urls, [("local", "http://a:1/v1"), ("local_2", "http://b:2/v1")]);
        assert_eq!(usual().len(), 4);
    }
}
