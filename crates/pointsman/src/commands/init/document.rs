//! The file that `init` writes.

use pointsman_policy::{Catalogue, Price};

use super::hosted::Ready;
use super::local::Local;
use super::servers::Server;

/// The most lines that the file has.
pub(super) const MOST_LINES: usize = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) hosted: Vec<Ready>,
    pub(super) servers: Vec<Server>,
}

/// A model of the file: the user's name for it, and where it is.
struct Named {
    name: &'static str,
    target: String,
    /// Who has it, if it is hosted.
    provider: Option<Ready>,
}

/// The sizes of models, the smallest first.
const SIZES: [&str; 3] = ["cheap", "mid", "strong"];

impl Found {
    /// Of each size the cheapest model among providers whose key is there, of equal ones the first by name; models that come
    /// out twice are there once. Then the first model of the first server, or without such providers the smallest and the
    /// largest model of all servers, where names tell. Without anything the built-in provider, which answers on its own.
    fn models(&self, catalogue: &Catalogue) -> Vec<Named> {
        let mut models: Vec<Named> = Vec::new();
        for (size, name) in SIZES.into_iter().enumerate() {
            let cost = |ready: &&Ready| {
                let listed = catalogue.get(ready.provider.name, ready.provider.models[size]);
                listed.map_or(f64::INFINITY, |listed| sum(listed.price))
            };
            let cheapest = self.hosted.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
            if let Some(ready) = cheapest {
                let target = format!("{}/{}", ready.provider.name, ready.provider.models[size]);
                if !models.iter().any(|model| model.target == target) {
                    models.push(Named { name, target, provider: Some(*ready) });
                }
            }
        }
        let local = Local::all(&self.servers);
        let named =
            |name: &'static str, model: &Local| Named { name, target: model.target.clone(), provider: None };
        match Local::extremes(&local).filter(|_| models.is_empty()) {
            Some((small, large)) => models.extend([named("cheap", small), named("strong", large)]),
            None => models.extend(local.first().map(|first| named("local", first))),
        }
        if models.is_empty() {
            models = ["demo/small", "demo/medium", "demo/large"]
                .into_iter()
                .zip(SIZES)
                .map(|(target, name)| Named { name, target: target.to_owned(), provider: None })
                .collect();
        }
        models
    }

    /// The file. `record` says whether decisions are recorded.
    pub(super) fn document(&self, catalogue: &Catalogue, record: bool) -> String {
        let models = self.models(catalogue);
        let sections = [
            vec![
                "# What each key means: docs/configuration.md. `pointsman check` draws this table."
                    .to_owned(),
            ],
            models_section(&models, catalogue),
            route_section(&models),
            self.providers_section(&models),
            vec![record_line(record).to_owned()],
        ];
        let sections: Vec<Vec<String>> = sections.into_iter().filter(|lines| !lines.is_empty()).collect();
        let lines: usize = sections.iter().map(Vec::len).sum();
        // A blank line before each section where there is room.
        let gap = if lines + sections.len() - 2 <= MOST_LINES { "\n\n" } else { "\n" };
        let texts: Vec<String> = sections.iter().map(|lines| lines.join("\n")).collect();
        format!("{}\n{}\n", texts[0], texts[1..].join(gap))
    }

    /// What was found and has no place in the file.
    pub(super) fn unused(&self, catalogue: &Catalogue) -> Vec<&str> {
        let models = self.models(catalogue);
        let hosted = self.hosted.iter().map(|ready| ready.provider.name);
        let servers = self.servers.iter().map(|server| server.place.name.as_str());
        hosted.chain(servers).filter(|name| !is_used(name, &models)).collect()
    }

    fn providers_section(&self, models: &[Named]) -> Vec<String> {
        let mut lines = Vec::new();
        for ready in models.iter().filter_map(|model| model.provider) {
            if let Some(base_url) = ready.provider.base_url {
                let line = format!(
                    "{} = {{ kind = \"openai_compatible\", base_url = \"{base_url}\", api_key_env = \"{}\" }}",
                    ready.provider.name, ready.key
                );
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        for server in self.servers.iter().filter(|server| is_used(&server.place.name, models)) {
            let (name, base_url) = (&server.place.name, &server.place.base_url);
            lines.push(format!(
                "{name} = {{ kind = \"openai_compatible\", base_url = {} }}",
                quoted(base_url)
            ));
        }
        if !lines.is_empty() {
            lines.insert(0, "[providers]  # others than OpenAI and Anthropic, which are built in".to_owned());
        }
        lines
    }
}

/// Whether any of `models` is at the provider called `name`.
fn is_used(name: &str, models: &[Named]) -> bool {
    models.iter().any(|model| model.target.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
}

/// What a million tokens of either kind cost.
fn sum(price: Price) -> f64 {
    price.input.0 + price.output.0
}

fn models_section(models: &[Named], catalogue: &Catalogue) -> Vec<String> {
    let width = models.iter().map(|model| model.name.len()).max().unwrap_or(0);
    let line = |model: &Named| {
        let price = model.provider.and_then(|ready| {
            let own = model.target.strip_prefix(ready.provider.name)?.strip_prefix('/')?;
            Some(catalogue.get(ready.provider.name, own)?.price)
        });
        let remark = price.map_or_else(String::new, |price| {
            format!("  # ${} in, ${} out for a million tokens", price.input.0, price.output.0)
        });
        format!("{:width$} = {}{remark}", model.name, quoted(&model.target))
    };
    let head = "[models]  # names of your own for provider/model".to_owned();
    std::iter::once(head).chain(models.iter().map(line)).collect()
}

/// A row for each band, and the two that there must be.
fn route_section(models: &[Named]) -> Vec<String> {
    let has = |name: &str| models.iter().any(|model| model.name == name);
    // The wanted model, or the next best.
    let pick = |wanted: &[&'static str]| -> &'static str {
        let any = models.first().map_or("cheap", |model| model.name);
        wanted.iter().copied().find(|name| has(name)).unwrap_or(any)
    };
    let strong = pick(&["strong", "mid", "cheap", "local"]);
    let mid = pick(&["mid", "cheap", "strong", "local"]);
    let cheap = pick(&["local", "cheap", "mid", "strong"]);
    let second = match cheap {
        "local" => pick(&["cheap", "mid", "strong", "local"]),
        _ if mid == cheap => strong,
        _ => mid,
    };
    let row = |key: &str, models: [&str; 2], remark: &str| {
        let [first, then] = models;
        let value = if first == then { format!("\"{first}\"") } else { format!("[\"{first}\", \"{then}\"]") };
        format!("{key:10} = {value}{remark}")
    };
    vec![
        "[route]  # the most specific row wins; a list is an order: the next one answers if one fails"
            .to_owned(),
        row("default", [mid, strong], ""),
        row("unsure", [strong, mid], "  # the classifier is not sure, or late"),
        row("\"*.easy\"", [cheap, second], "  # tasks have rows, too: code = …, \"math.hard\" = …"),
        row("\"*.medium\"", [mid, strong], ""),
        row("\"*.hard\"", [strong, mid], ""),
        row("\"*.expert\"", [strong, mid], ""),
    ]
}

fn record_line(record: bool) -> &'static str {
    if record {
        "[record]  # decisions in pointsman-records.db, without prompts"
    } else {
        "# [record]  # remove the first # to record decisions, without prompts"
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Vocabulary;
    use pointsman_policy::config::{Severity, Source};

    use super::super::hosted::{HOSTED, ready};
    use super::super::servers::{Place, Server};
    use super::*;
    use crate::config::Config;

    fn server() -> Server {
        let place = Place { name: "ollama".to_owned(), base_url: "http://127.0.0.1:11434/v1".to_owned() };
        Server { place, models: vec!["llama3.2:3b \"odd\"".to_owned(), "other".to_owned()] }
    }

    /// Every set of up to three keys and that of all, with and without a server.
    fn all() -> Vec<Found> {
        let mut all = Vec::new();
        let sets = (0..1_usize << HOSTED.len()).filter(|set| set.count_ones() <= 3 || set.count_ones() == 7);
        for set in sets {
            let has = |name: &str| {
                HOSTED.iter().enumerate().any(|(place, own)| set >> place & 1 == 1 && own.keys[0] == name)
            };
            let hosted = ready(|name| has(name).then(|| "key".to_owned()));
            all.push(Found { hosted: hosted.clone(), servers: Vec::new() });
            all.push(Found { hosted, servers: vec![server()] });
        }
        all
    }

    #[test]
    fn whatever_was_found_the_file_is_short_and_without_fault() {
        let catalogue = Catalogue::shipped();
        for found in all() {
            for record in [false, true] {
                let text = found.document(&catalogue, record);
                assert!(text.lines().count() <= MOST_LINES, "{text}");
                let (config, _) = Config::read(Source::new("pointsman.toml", text.as_str()));
                let (policy, findings) = config.check(&Vocabulary::standard());
                let faults: Vec<_> = findings.iter().filter(|one| one.severity > Severity::Note).collect();
                assert!(policy.is_some() && faults.is_empty(), "{text}\n{faults:#?}");
                assert_eq!(config.record.is_some(), record);
            }
        }
    }

    #[test]
    fn several_local_models_share_the_work_and_what_is_left_over_is_named() {
        let at = |name: &str, models: &[&str]| Server {
            place: Place { name: name.to_owned(), base_url: format!("http://127.0.0.1:1/{name}/v1") },
            models: models.iter().map(|model| (*model).to_owned()).collect(),
        };
        let servers =
            vec![at("ollama", &["llama3.2:3b"]), at("vllm", &["mid-8b"]), at("llama_cpp", &["gpt-oss-20b"])];
        let catalogue = Catalogue::shipped();
        let found = Found { hosted: Vec::new(), servers };
        assert_eq!(found.unused(&catalogue), ["vllm"]);
        insta::assert_snapshot!(found.document(&catalogue, false), @r#"
        # What each key means: docs/configuration.md. `pointsman check` draws this table.
        [models]  # names of your own for provider/model
        cheap  = "ollama/llama3.2:3b"
        strong = "llama_cpp/gpt-oss-20b"

        [route]  # the most specific row wins; a list is an order: the next one answers if one fails
        default    = ["cheap", "strong"]
        unsure     = ["strong", "cheap"]  # the classifier is not sure, or late
        "*.easy"   = ["cheap", "strong"]  # tasks have rows, too: code = …, "math.hard" = …
        "*.medium" = ["cheap", "strong"]
        "*.hard"   = ["strong", "cheap"]
        "*.expert" = ["strong", "cheap"]

        [providers]  # others than OpenAI and Anthropic, which are built in
        ollama = { kind = "openai_compatible", base_url = "http://127.0.0.1:1/ollama/v1" }
        llama_cpp = { kind = "openai_compatible", base_url = "http://127.0.0.1:1/llama_cpp/v1" }

        # [record]  # remove the first # to record decisions, without prompts
        "#);
    }

    #[test]
    fn the_file_is_fit_to_be_read() {
        let catalogue = Catalogue::shipped();
        let found = |keys: &[&str], servers: Vec<Server>| Found {
            hosted: ready(|name| keys.contains(&name).then(|| "key".to_owned())),
            servers,
        };
        insta::assert_snapshot!(found(&["OPENAI_API_KEY"], Vec::new()).document(&catalogue, false));
        let many = found(&["ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "XAI_API_KEY"], vec![server()]);
        insta::assert_snapshot!(many.document(&catalogue, true));
        insta::assert_snapshot!(found(&[], vec![server()]).document(&catalogue, false));
        insta::assert_snapshot!(found(&[], Vec::new()).document(&catalogue, false));
    }
}
