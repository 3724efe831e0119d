//! From what is written to what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use pointsman_domain::{Band, ModelId, ModelName, ProviderName, Task, Vocabulary};
use toml::Spanned;

use super::raw::{RawModel, RawPolicy, RawRow, RawTable};
use super::targeting::{Targeting, all_candidates, like};
use super::{Diagnostics, lint};
use crate::abilities::{Abilities, KnownAbility};
use crate::catalogue::Catalogue;
use crate::model::{Model, Models};
use crate::policy::Policy;
use crate::selector::{Selector, Subject};
use crate::table::{Choice, Choices, Table};

/// What a file may refer to.
#[derive(Debug, Clone)]
pub struct Known {
    /// The tasks and groups that rows may name.
    pub vocabulary: Arc<Vocabulary>,
    /// The providers that models may be at: those built in and those that the file sets up.
    pub providers: Vec<ProviderName>,
    /// How able models are.
    pub abilities: Arc<Abilities>,
    /// What models charge and take where the file does not say.
    pub catalogue: Arc<Catalogue>,
    /// Names in the catalogue of those providers that it lists.
    pub listed: BTreeMap<ProviderName, String>,
}

impl Known {
    /// What is known of the model at `target` before the file says anything of it.
    fn model(&self, target: ModelId) -> Model {
        let seller = self.listed.get(target.provider());
        match seller.and_then(|seller| self.catalogue.get(seller, target.model())) {
            Some(listed) => listed.model(target),
            None => Model::at(target),
        }
    }

    /// `model`, which the file calls `name`, with its measured ability, else that of what it is said to be `like`.
    fn with_ability(&self, name: &ModelName, model: Model, like: Option<KnownAbility>) -> Model {
        let measured = self.abilities.of(name, &model.target).map(|(listed_as, ability)| KnownAbility {
            listed_as: listed_as.clone(),
            like: false,
            ability: ability.clone(),
        });
        Model { known_ability: measured.or(like).map(Arc::new), ..model }
    }
}

/// Gives `raw` its meaning. `None` when a part of it has none, which has then been reported as an error.
pub(super) fn resolve(raw: &RawPolicy, known: &Known, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let mut resolver = Resolver { known, models: BTreeMap::new(), broken: BTreeSet::new(), diagnostics };
    for model in &raw.models {
        resolver.model(model, &raw.tables);
    }
    if !raw.has_route {
        resolver
            .diagnostics
            .error(0..0, "route", "there is no section `[route]`")
            .help("add [route] with at least: default = \"NAME\"");
    }
    let tables: Vec<_> = raw.tables.iter().filter_map(|table| resolver.table(table)).collect();
    let tables = resolver.targeted(tables, raw);
    let baseline = resolver.baseline(raw);
    let models = std::mem::take(&mut resolver.models);
    let models: Models = models.into_iter().map(|(name, model)| (name, model.as_ref().clone())).collect();
    let names: Vec<&str> = tables.iter().map(|(table, _)| table.name()).collect();
    let tests: Vec<_> =
        raw.tests.iter().filter_map(|test| test.resolve(&models, &names, diagnostics)).collect();
    if diagnostics.has_errors() {
        return None;
    }
    for (table, places) in &tables {
        lint::check(table, places, diagnostics);
    }
    let policy = Policy::new(tables.into_iter().map(|(table, _)| table), models)?;
    Some(policy.with_tests(tests).with_baseline(baseline))
}

/// Where the rows of a table stand.
pub(super) struct Places {
    /// The section, dotted from the top of the file.
    pub(super) section: String,
    /// Row key to where that key stands.
    pub(super) rows: BTreeMap<String, Range<usize>>,
}

struct Resolver<'a> {
    known: &'a Known,
    models: BTreeMap<ModelName, Arc<Model>>,
    /// Names of models that have been found faulty, so that rows naming them are not.
    broken: BTreeSet<ModelName>,
    diagnostics: &'a mut Diagnostics,
}

/// The left side of a row, resolved.
enum Key {
    Default,
    Unsure,
    Labels(Selector),
}

impl Resolver<'_> {
    fn model(&mut self, raw: &RawModel, tables: &[RawTable]) {
        let name = raw.name.get_ref();
        if name.trim().is_empty() || name.contains('/') {
            self.diagnostics
                .error(raw.name.span(), &raw.path, format!("`{name}` cannot be the name of a model"))
                .help("choose a name without `/`; provider/model goes on the right side");
        } else if tables.iter().any(|table| table.name.get_ref() == name) || name == Table::AUTO {
            self.diagnostics
                .error(raw.name.span(), &raw.path, format!("`{name}` is the name of a table, too"))
                .help("rename one of them: requests select either by name");
        }
        let target = raw.target.as_ref().and_then(|target| self.target(target, &raw.path));
        let like = like(raw, &self.known.abilities, self.diagnostics);
        let name = ModelName::new(name.as_str());
        match target {
            Some(target) => {
                let model = self.known.with_ability(&name, raw.over(self.known.model(target)), like);
                self.models.insert(name, Arc::new(model));
            }
            None => {
                self.broken.insert(name);
            }
        }
    }

    /// Reads `provider/model`.
    fn target(&mut self, id: &Spanned<String>, path: &str) -> Option<ModelId> {
        let providers = self.known.providers.iter().map(ProviderName::as_str);
        match ModelId::parse(id.get_ref()) {
            Err(error) => {
                let listed: Vec<&str> = providers.collect();
                self.diagnostics
                    .error(id.span(), path, error.to_string())
                    .help(format!("known providers: {}", listed.join(", ")));
                None
            }
            Ok(target) if self.known.providers.contains(target.provider()) => Some(target),
            Ok(target) => {
                let provider = target.provider();
                self.diagnostics.error(id.span(), path, format!("unknown provider `{provider}`")).suggest(
                    provider.as_str(),
                    providers,
                    "known providers",
                );
                None
            }
        }
    }

    fn table(&mut self, raw: &RawTable) -> Option<(Table, Places)> {
        if raw.name.get_ref() == Table::AUTO && raw.path != "route" {
            let message = format!("a table cannot be called `{}`: that is `[route]`", Table::AUTO);
            self.diagnostics.error(raw.name.span(), &raw.path, message).help("choose another name");
        }
        let (mut rows, mut unsure, mut default) = (BTreeMap::new(), None, None);
        let mut places = Places { section: raw.path.clone(), rows: BTreeMap::new() };
        for row in &raw.rows {
            let key = self.key(row);
            let what = format!("row `{}`", row.key.get_ref());
            let choices = row.models.as_ref().and_then(|names| self.choices(names, &row.path, &what));
            let Some(key) = key else { continue };
            if let Some(earlier) = places.rows.get(row.key.get_ref()) {
                let line = self.diagnostics.source().position(earlier.start).line;
                self.diagnostics
                    .error(row.key.span(), &row.path, format!("row `{}` is given twice", row.key.get_ref()))
                    .help(format!("the other is in line {line}: keep one"));
                continue;
            }
            places.rows.insert(row.key.get_ref().clone(), row.key.span());
            match (key, choices) {
                (Key::Default, choices) => default = choices,
                (Key::Unsure, choices) => unsure = choices,
                (Key::Labels(selector), Some(choices)) => {
                    rows.insert(selector, choices);
                }
                (Key::Labels(_), None) => {}
            }
        }
        if !places.rows.contains_key("default") {
            self.diagnostics
                .error(raw.name.span(), &raw.path, format!("`[{}]` has no row `default`", raw.path))
                .help("add default = \"NAME\", the model for everything that no other row is for");
        }
        let vocabulary = Arc::clone(&self.known.vocabulary);
        Some((Table::new(raw.name.get_ref().clone(), vocabulary, rows, unsure, default?), places))
    }

    /// Gives each table what chooses in mode `target`, if that is the mode.
    fn targeted(&mut self, tables: Vec<(Table, Places)>, raw: &RawPolicy) -> Vec<(Table, Places)> {
        let known = self.known;
        if !raw.targeting.on {
            return tables;
        }
        let mut targeting = Targeting::new(&raw.targeting, &raw.models, known.abilities.as_ref());
        let listed = raw.targeting.candidates.as_ref();
        let listed = listed.and_then(|names| self.choices(names, "policy.candidates", "`candidates`"));
        let declared: Vec<Choice> =
            raw.models.iter().filter_map(|model| self.declared(model.name.get_ref())).collect();
        let targeted = tables.into_iter().map(|(table, places)| {
            let candidates = match &listed {
                Some(listed) => listed.iter().cloned().collect(),
                None => all_candidates(&declared, table.default()),
            };
            let place = places.rows.get("default").cloned().unwrap_or_default();
            let target = targeting.target(&candidates, &place, self.diagnostics);
            (table.with_target(target), places)
        });
        targeted.collect()
    }

    /// The model that costs are compared with, if the file names one. It needs a price.
    fn baseline(&mut self, raw: &RawPolicy) -> Option<ModelName> {
        const KEY: &str = "policy.baseline";
        let written = raw.targeting.baseline.as_ref()?;
        let Choice { name, model } = self.choice(written, KEY)?;
        if model.price.is_none() {
            let message = format!("costs cannot be compared with `{name}`: it has no price");
            self.diagnostics.error(written.span(), KEY, message).help(
                "add price = { input = 0.15, output = 0.6 }, dollars per million tokens, or name another model",
            );
            return None;
        }
        Some(name)
    }

    /// The model of `[models]` called `name`.
    fn declared(&self, name: &str) -> Option<Choice> {
        let name = ModelName::new(name);
        let model = Arc::clone(self.models.get(&name)?);
        Some(Choice { name, model })
    }

    /// Reads the left side of a row.
    fn key(&mut self, row: &RawRow) -> Option<Key> {
        let text = row.key.get_ref().as_str();
        let (subject, band) = match text.split_once('.') {
            Some((subject, band)) => (subject, Some(band)),
            None => (text, None),
        };
        match (subject, band) {
            ("default", None) => return Some(Key::Default),
            ("unsure", None) => return Some(Key::Unsure),
            ("default" | "unsure", Some(_)) => {
                self.diagnostics
                    .error(row.key.span(), &row.path, format!("row `{subject}` is for every band"))
                    .help(format!("write `{subject}`, or `*.{}`", band.unwrap_or("hard")));
                return None;
            }
            _ => {}
        }
        let subject = self.subject(subject, row);
        let band = match band.map(|name| self.band(name, row)) {
            None => None,
            Some(band) => Some(band?),
        };
        Some(Key::Labels(Selector { subject: subject?, band }))
    }

    fn subject(&mut self, name: &str, row: &RawRow) -> Option<Subject> {
        let vocabulary = &self.known.vocabulary;
        if name == "*" {
            return Some(Subject::Any);
        }
        if let Some(task) = vocabulary.index_of(name).and_then(|index| vocabulary.get(index)) {
            return Some(Subject::Task(task.clone()));
        }
        let groups = vocabulary.groups();
        if let Some(group) = groups.iter().find(|group| group.as_str() == name) {
            return Some(Subject::Group((*group).clone()));
        }
        let words = ["default", "unsure"].into_iter();
        let words: Vec<&str> =
            groups.into_iter().chain(vocabulary.tasks()).map(Task::as_str).chain(words).collect();
        self.diagnostics
            .error(row.subject_span.clone(), &row.path, format!("unknown task or group `{name}`"))
            .suggest(name, words, "rows may be for");
        None
    }

    fn band(&mut self, name: &str, row: &RawRow) -> Option<Band> {
        name.parse()
            .map_err(|_| {
                self.diagnostics.error(row.key.span(), &row.path, format!("unknown band `{name}`")).suggest(
                    name,
                    Band::ALL.map(Band::as_str),
                    "bands",
                );
            })
            .ok()
    }

    /// Reads the models that `what`, with the key `path`, names.
    fn choices(&mut self, names: &Spanned<Vec<Spanned<String>>>, path: &str, what: &str) -> Option<Choices> {
        if names.get_ref().is_empty() {
            self.diagnostics
                .error(names.span(), path, format!("{what} names no model"))
                .help("name at least one, or remove the line");
            return None;
        }
        let mut choices: Vec<Choice> = Vec::new();
        let mut complete = true;
        for name in names.get_ref() {
            match self.choice(name, path) {
                None => complete = false,
                Some(again) if choices.iter().any(|earlier| earlier.name == again.name) => {
                    self.diagnostics
                        .warning(name.span(), path, format!("`{}` is listed twice", again.name))
                        .help("remove the second: a model that failed is not asked again");
                }
                Some(choice) => choices.push(choice),
            }
        }
        if complete { Choices::new(choices) } else { None }
    }

    /// Finds a model that the file names under the key `path`, by the user's name or as `provider/model`.
    fn choice(&mut self, written: &Spanned<String>, path: &str) -> Option<Choice> {
        let name = ModelName::new(written.get_ref().as_str());
        if let Some(model) = self.models.get(&name) {
            return Some(Choice { model: Arc::clone(model), name });
        }
        if self.broken.contains(&name) {
            return None;
        }
        if name.as_str().contains('/') {
            let model = self.known.model(self.target(written, path)?);
            let model = Arc::new(self.known.with_ability(&name, model, None));
            self.models.insert(name.clone(), Arc::clone(&model));
            return Some(Choice { name, model });
        }
        let names = self.models.keys().chain(&self.broken).map(ModelName::as_str);
        let message = format!("unknown model `{name}`");
        self.diagnostics.error(written.span(), path, message).suggest(name.as_str(), names, "models");
        None
    }
}
