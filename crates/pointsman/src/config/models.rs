//! `[models]`, as far as it can be read: what is wrong with one is said where they are read for routing.

use pointsman_domain::{ModelId, ModelName};
use pointsman_eval::adapt::NamedModel;
use pointsman_policy::config::{Document, Entry, Section};

/// The models of a file.
pub(super) fn read(document: &Document<'_>) -> Vec<NamedModel> {
    let entries = document.root().entries();
    let section = entries.iter().find(|entry| entry.name() == "models").and_then(Entry::as_section);
    section.iter().flat_map(Section::entries).filter_map(|entry| model(&entry)).collect()
}

/// `name = "provider/model"`, or a table with `use` and perhaps `like`.
fn model(entry: &Entry<'_>) -> Option<NamedModel> {
    let details = entry.as_section().map(|section| section.entries()).unwrap_or_default();
    let said = |key: &str| details.iter().find(|detail| detail.name() == key)?.as_string();
    let target = entry.as_string().or_else(|| said("use"))?;
    Some(NamedModel {
        name: ModelName::new(entry.name()),
        target: ModelId::parse(target.get_ref()).ok()?,
        like: said("like").map(|like| like.into_inner()),
    })
}

#[cfg(test)]
mod tests {
    use pointsman_policy::config::Source;

    use super::*;

    fn written(name: &str, text: &str) -> Vec<NamedModel> {
        let source = Source::new(name, text);
        read(&Document::parse(&source))
    }

    #[test]
    fn models_are_read_in_both_forms_and_broken_ones_passed_over() {
        let text = r#"
            [models]
            cheap = "openai/gpt-4o-mini"
            local = { use = "my_vllm/meta-llama/Llama-3.1-8B", like = "gpt-4o-mini", price = "none" }
            nowhere = "gpt-5"
            number = 5
            empty = {}
            [route]
            default = "nobody"
        "#;
        let found = written("pointsman.toml", text);
        let found: Vec<(&str, String, Option<&str>)> = found
            .iter()
            .map(|model| (model.name.as_str(), model.target.to_string(), model.like.as_deref()))
            .collect();
        let expected = [
            ("cheap", "openai/gpt-4o-mini".to_owned(), None),
            ("local", "my_vllm/meta-llama/Llama-3.1-8B".to_owned(), Some("gpt-4o-mini")),
        ];
        assert_eq!(found, expected);
        assert_eq!(written("pointsman.toml", "models = 5"), []);
        assert_eq!(written("pointsman.toml", ""), []);
    }
}
