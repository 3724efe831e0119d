//! A table in the making.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pointsman_policy::{Catalogue, Table};

use super::place::{Place, Provider};

/// What another router's file comes to.
#[derive(Debug)]
pub(super) struct Draft {
    catalogue: Catalogue,
    providers: BTreeMap<String, Provider>,
    /// Names with where each is, and what it costs if the file says.
    models: Vec<(String, String, Option<[f64; 2]>)>,
    /// Names of models by what the other file calls them.
    groups: BTreeMap<String, Vec<String>>,
    rows: BTreeMap<String, Vec<String>>,
    left_out: Vec<String>,
}

impl Draft {
    pub(super) fn new(catalogue: Catalogue) -> Self {
        let (providers, groups, rows) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { catalogue, providers, models: Vec::new(), groups, rows, left_out: Vec::new() }
    }

    pub(super) fn has_models(&self) -> bool {
        !self.models.is_empty()
    }

    /// What could not be carried over, a sentence each.
    pub(super) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Notes that something is not carried over; once, however often it is found.
    pub(super) fn leave_out(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
    }

    /// Adds a model under a name like `wanted` and returns the name; one that is there already keeps its own. `price` is in
    /// US dollars per million tokens sent and written.
    pub(super) fn model(
        &mut self,
        wanted: &str,
        place: Place<'_>,
        price: Option<[f64; 2]>,
    ) -> Option<String> {
        let found = match place.find(&self.catalogue) {
            Ok(found) => found,
            Err(why) => {
                self.leave_out(why);
                return None;
            }
        };
        if found.has_secret {
            self.leave_out(format!(
                "the key of `{wanted}`, which the file holds: put it in the environment and name the variable in api_key_env"
            ));
        }
        let provider = self.provider(&found.provider_name, found.provider);
        let target = format!("{provider}/{}", found.model);
        let name = self.named(wanted, &target, price);
        let group = self.groups.entry(wanted.to_owned()).or_default();
        if !group.contains(&name) {
            group.push(name.clone());
        }
        Some(name)
    }

    /// The name of the model at `target`: one like `wanted`, of one that is there already its own.
    fn named(&mut self, wanted: &str, target: &str, price: Option<[f64; 2]>) -> String {
        let plain = wanted.replace('/', "-");
        let plain = if plain.trim().is_empty() || plain == Table::AUTO { "model".to_owned() } else { plain };
        let is_like = |name: &str| name == plain || name.starts_with(&format!("{plain}-"));
        if let Some((name, _, _)) = self.models.iter().find(|(name, own, _)| own == target && is_like(name)) {
            return name.clone();
        }
        let name = free(&plain, |name| self.models.iter().any(|(own, _, _)| own == name));
        self.models.push((name.clone(), target.to_owned(), price));
        name
    }

    /// The name under which `provider` is declared: `wanted`, or one like it if another one has that.
    fn provider(&mut self, wanted: &str, provider: Provider) -> String {
        let like = |name: &str| {
            name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('_'))
        };
        let same = self.providers.iter().find(|(name, own)| like(name) && **own == provider);
        if let Some((name, _)) = same {
            return name.clone();
        }
        let name = free(wanted, |name| self.providers.contains_key(name)).replace('-', "_");
        // A built-in one under another name would not be built in.
        let provider = match (name == wanted, provider.kind, wanted) {
            (false, None, "openai") => Provider { kind: Some("openai"), ..provider },
            (false, None, "anthropic") => Provider { kind: Some("anthropic"), ..provider },
            _ => provider,
        };
        self.providers.insert(name.clone(), provider);
        name
    }

    /// The models that were added as `wanted`: the deployments of a group, in the order of the file.
    pub(super) fn group(&self, wanted: &str) -> Vec<String> {
        self.groups.get(wanted).cloned().unwrap_or_default()
    }

    /// Adds models to a row; what is in it already stays in front.
    pub(super) fn row(&mut self, key: &str, models: impl IntoIterator<Item = String>) {
        let row = self.rows.entry(key.to_owned()).or_default();
        for model in models {
            if !row.contains(&model) {
                row.push(model);
            }
        }
    }

    /// The file. Without a default row the first model is the default.
    pub(super) fn document(&self, origin: &str) -> String {
        let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
        let mut text = format!("# Made of {origin} by `pointsman import`.\n");
        for sentence in &self.left_out {
            let sentence: String = sentence.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = writeln!(text, "# Not carried over: {sentence}.");
        }
        text += "\n[models]\n";
        for (name, target, price) in &self.models {
            let _ = match price {
                None => writeln!(text, "{} = {}", quoted(name), quoted(target)),
                Some([input, output]) => writeln!(
                    text,
                    "{} = {{ use = {}, price = {{ input = {input}, output = {output} }} }}",
                    quoted(name),
                    quoted(target)
                ),
            };
        }
        text += "\n[route]\n";
        let mut rows: Vec<(&str, Vec<String>)> = self
            .rows
            .iter()
            .filter(|(_, models)| !models.is_empty())
            .map(|(key, own)| (key.as_str(), own.clone()))
            .collect();
        if !rows.iter().any(|(key, _)| *key == "default") {
            rows.extend(self.models.first().map(|(name, _, _)| ("default", vec![name.clone()])));
        }
        rows.sort_by_key(|(key, _)| (*key != "default", *key != "unsure", *key));
        for (key, models) in rows {
            let names: Vec<String> = models.iter().map(|name| quoted(name)).collect();
            let value = if let [one] = &names[..] { one.clone() } else { format!("[{}]", names.join(", ")) };
            let _ = writeln!(text, "{} = {value}", quoted(key));
        }
        for (name, provider) in &self.providers {
            text += &declared(name, provider);
        }
        text
    }
}

/// A provider's section; nothing for one that is built in and as it is.
fn declared(name: &str, provider: &Provider) -> String {
    if *provider == Provider::default() {
        return String::new();
    }
    let mut text = format!("\n[providers.{name}]\n");
    let kind = provider.kind.map(str::to_owned);
    for (key, value) in [
        ("kind", &kind),
        ("base_url", &provider.base_url),
        ("api_key_env", &provider.api_key_env),
        ("api_version", &provider.api_version),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    text
}

/// `wanted`, or with the first number from 2 that nobody has.
fn free(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{wanted}-{number}"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
