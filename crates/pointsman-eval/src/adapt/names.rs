//! One name for each model, whatever outcomes call it.

use pointsman_domain::{ModelId, ModelName};
use pointsman_policy::{Abilities, ModelAbility};

use super::Observed;

/// Finds the names under which abilities are listed. Outcomes may call a model what the table calls it, what its provider
/// calls it, or by a public name; all of these are one model here, so that what was known of it is its prior and nothing
/// is counted apart.
///
/// An ability that is written under such a name is found again by [`Abilities::of`], hence by the router.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    known: &'a Abilities,
    models: Vec<NamedModel>,
}

/// A model that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// The table's name for it.
    pub name: ModelName,
    /// Where it is.
    pub target: ModelId,
    /// A model of known ability that it is said to be like.
    pub like: Option<String>,
}

impl<'a> Names<'a> {
    /// The names of `models` and of those that are `known`.
    #[must_use]
    pub fn new(known: &'a Abilities, models: Vec<NamedModel>) -> Self {
        Self { known, models }
    }

    /// The model that a row of outcomes calls `written`: a name of the table, `provider/model`, or a public name.
    #[must_use]
    pub fn of_written(&self, written: &str) -> ModelName {
        if let Some(NamedModel { name, target, .. }) = self.called(written) {
            return self.of(name, target);
        }
        match ModelId::parse(written) {
            Ok(target) => self.at(&target),
            Err(_) => listed_or(self.known.find(written), written),
        }
    }

    /// The model that a record calls `name` and that was at `target`. The name counts only if the table still has it for
    /// that target; else it stands for another model by now.
    #[must_use]
    pub fn of_recorded(&self, name: &ModelName, target: &ModelId) -> ModelName {
        match self.called(name.as_str()) {
            Some(model) if is_same(&model.target, target) => self.of(&model.name, target),
            _ => self.at(target),
        }
    }

    /// What was believed before the outcomes: what is known, and for `observed` models that nobody has measured what the
    /// table says that they are like, as the router takes it.
    #[must_use]
    pub fn before(&self, observed: &Observed) -> Abilities {
        let mut before = self.known.clone();
        for NamedModel { name, target, like } in &self.models {
            let own = self.of(name, target);
            let like = like.as_ref().and_then(|like| self.known.find(like));
            if let Some((_, like)) = like
                && observed.has(&own)
                && before.find(own.as_str()).is_none()
            {
                before.models.insert(own, like.of_one_like_it());
            }
        }
        before
    }

    /// The model at `target`, which the table may have a name for.
    fn at(&self, target: &ModelId) -> ModelName {
        match self.models.iter().find(|model| is_same(&model.target, target)) {
            Some(model) => self.of(&model.name, target),
            None => self.of(&ModelName::new(target.to_string()), target),
        }
    }

    /// The name under which the router finds the model; its target, which the router looks for too, if it finds none.
    fn of(&self, name: &ModelName, target: &ModelId) -> ModelName {
        listed_or(self.known.of(name, target), &target.to_string())
    }

    /// The table's model of that name. Case does not count where no name has the same, since it does not count among
    /// abilities.
    fn called(&self, name: &str) -> Option<&NamedModel> {
        let exact = self.models.iter().find(|model| model.name.as_str() == name);
        exact.or_else(|| self.models.iter().find(|model| model.name.as_str().eq_ignore_ascii_case(name)))
    }
}

/// The name of the model that is listed, else `otherwise`.
fn listed_or(listed: Option<(&ModelName, &ModelAbility)>, otherwise: &str) -> ModelName {
    listed.map_or_else(|| ModelName::new(otherwise), |(own, _)| own.clone())
}

/// Whether abilities take both for one model: case does not count there.
fn is_same(one: &ModelId, other: &ModelId) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Ability;
    use pointsman_policy::config::Source;

    use super::*;

    const KNOWN: &str = r#"
        version = "abilities/1"
        date = "2026-11-21"
        origin = "tests"
        [models."gpt-4o-mini-2024-07-18"]
        aliases = ["gpt-4o-mini"]
        ability = -0.5
        se = 0.1
        items = 9000
        [models.mine]
        ability = 1.0
        se = 0.1
        items = 50
    "#;

    fn known() -> Abilities {
        Abilities::parse(&Source::new("known", KNOWN)).expect("well formed")
    }

    fn id(target: &str) -> ModelId {
        ModelId::parse(target).expect("well formed")
    }

    /// A table that calls two models differently from those who measured them.
    fn names(known: &Abilities) -> Names<'_> {
        let model = |name: &str, target: &str, like: Option<&str>| NamedModel {
            name: ModelName::new(name),
            target: id(target),
            like: like.map(str::to_owned),
        };
        let models = vec![
            model("cheap", "openai/gpt-4o-mini", None),
            model("mine", "openai/gpt-5", None),
            model("local", "my_vllm/meta-llama/Llama-3.1-8B", Some("GPT-4o-mini")),
            model("nobody's", "demo/large", Some("gpt-none")),
        ];
        Names::new(known, models)
    }

    #[test]
    fn all_spellings_of_a_model_are_one_name() {
        let known = known();
        for (written, expected) in [
            ("cheap", "gpt-4o-mini-2024-07-18"),
            ("Cheap", "gpt-4o-mini-2024-07-18"),
            ("openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("azure/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("GPT-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18"),
            ("mine", "mine"),
            ("openai/GPT-5", "mine"),
            ("azure/gpt-5", "azure/gpt-5"),
            ("local", "my_vllm/meta-llama/Llama-3.1-8B"),
            ("my_vllm/meta-llama/Llama-3.1-8B", "my_vllm/meta-llama/Llama-3.1-8B"),
            ("somebody's", "somebody's"),
        ] {
            assert_eq!(names(&known).of_written(written).as_str(), expected, "{written}");
        }
    }

    #[test]
    fn a_record_counts_for_the_model_that_answered_then() {
        let known = known();
        for (name, target, expected) in [
            ("cheap", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
            ("cheap", "openai/gpt-5-nano", "openai/gpt-5-nano"),
            ("mine", "openai/gpt-5", "mine"),
            ("mine", "openai/gpt-4", "openai/gpt-4"),
            ("formerly", "openai/gpt-5", "mine"),
            ("formerly", "azure/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ] {
            let found = names(&known).of_recorded(&ModelName::new(name), &id(target));
            assert_eq!(found.as_str(), expected, "{name} {target}");
        }
    }

    #[test]
    fn the_router_finds_what_is_written_under_the_name() {
        let known = known();
        let names = names(&known);
        for NamedModel { name, target, .. } in &names.models {
            let own = names.of_written(name.as_str());
            let mut written = known.clone();
            let ability = &known.models[&ModelName::new("mine")];
            written.models.entry(own.clone()).or_insert_with(|| ability.clone());
            let found = written.of(name, target).map(|(found, _)| found);
            assert_eq!(found, Some(&own), "{name}");
        }
    }

    #[test]
    fn what_a_model_is_like_is_its_prior_until_it_is_measured() {
        let known = known();
        let names = names(&known);
        let own = names.of_written("local");
        assert_eq!(names.before(&Observed::default()), known, "of models without outcomes nothing is added");
        let observed = Observed {
            models: vec![own.clone(), names.of_written("nobody's"), names.of_written("mine")],
            ..Observed::default()
        };
        let before = names.before(&observed);
        assert_eq!(before.models.len(), known.models.len() + 1);
        let (_, like) = known.find("gpt-4o-mini").expect("listed");
        assert_eq!(before.models[&own], like.of_one_like_it());
        assert_eq!(before.models[&ModelName::new("mine")].general.ability, Ability(1.0));
    }
}
