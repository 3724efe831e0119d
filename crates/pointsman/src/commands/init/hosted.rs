//! Providers that are known by the key in the environment, with models of three sizes.

/// A provider that answers once its key is there.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Hosted {
    /// What the file calls it, which is also its name in the catalogue.
    pub(in crate::commands) name: &'static str,
    /// Environment variables that its key is usually in, the first of which the file names.
    pub(in crate::commands) keys: &'static [&'static str],
    /// Where its OpenAI-compatible API is; nothing for those that are built in.
    pub(in crate::commands) base_url: Option<&'static str>,
    /// A small, a medium and a large model.
    pub(super) models: [&'static str; 3],
}

/// All of them, in alphabetical order: who comes first in the file is decided by price.
pub(in crate::commands) const HOSTED: [Hosted; 7] = [
    Hosted {
        name: "anthropic",
        keys: &["ANTHROPIC_API_KEY"],
        base_url: None,
        models: ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"],
    },
    Hosted {
        name: "deepseek",
        keys: &["DEEPSEEK_API_KEY"],
        base_url: Some("https://api.deepseek.com/v1"),
        models: ["deepseek-flash", "deepseek-flash", "deepseek-v4-pro"],
    },
    Hosted {
        name: "gemini",
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        base_url: Some("https://generativelanguage.googleapis.com/v1beta/openai"),
        models: ["gemini-flash-lite-latest", "gemini-flash-latest", "gemini-pro-latest"],
    },
    Hosted {
        name: "groq",
        keys: &["GROQ_API_KEY"],
        base_url: Some("https://api.groq.com/openai/v1"),
        models: ["openai/gpt-oss-20b", "openai/gpt-oss-120b", "openai/gpt-oss-120b"],
    },
    Hosted {
        name: "mistral",
        keys: &["MISTRAL_API_KEY"],
        base_url: Some("https://api.mistral.ai/v1"),
        models: ["mistral-small-latest", "mistral-large-latest", "mistral-large-4"],
    },
    Hosted {
        name: "openai",
        keys: &["OPENAI_API_KEY"],
        base_url: None,
        models: ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"],
    },
    Hosted {
        name: "xai",
        keys: &["XAI_API_KEY"],
        base_url: Some("https://api.x.ai/v1"),
        models: ["grok-4.20-non-reasoning", "grok-4.3", "grok-4.7"],
    },
];

/// A provider whose key is there, with the variable that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) provider: &'static Hosted,
    pub(super) key: &'static str,
}

/// The providers whose keys `variable` finds.
pub(super) fn ready(variable: impl Fn(&str) -> Option<String>) -> Vec<Ready> {
    let set = |key: &&&'static str| variable(key).is_some_and(|value| !value.trim().is_empty());
    HOSTED
        .iter()
        .filter_map(|provider| Some(Ready { provider, key: provider.keys.iter().find(set)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use pointsman_policy::Catalogue;

    use super::*;

    #[test]
    fn every_model_is_in_the_catalogue_and_sold() {
        let catalogue = Catalogue::shipped();
        for Hosted { name, models, .. } in &HOSTED {
            for model in models {
                let listed =
                    catalogue.get(name, model).unwrap_or_else(|| panic!("{name}/{model} is not listed"));
                assert_eq!(listed.retires, None, "{name}/{model} is about to go");
            }
            let price = |place: usize| catalogue.get(name, models[place]).expect("listed").price;
            for (small, large) in [(0, 1), (1, 2)] {
                assert!(price(small).input.0 <= price(large).input.0, "{name}: {}", models[large]);
            }
        }
    }

    #[test]
    fn keys_that_are_empty_do_not_count() {
        let environment = |name: &str| match name {
            "OPENAI_API_KEY" => Some(" ".to_owned()),
            "GOOGLE_API_KEY" => Some("key".to_owned()),
            _ => None,
        };
        let [one] = ready(environment)[..] else { panic!("one key") };
        assert_eq!((one.provider.name, one.key), ("gemini", "GOOGLE_API_KEY"));
    }
}
