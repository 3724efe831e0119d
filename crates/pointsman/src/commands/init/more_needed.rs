//! Providers whose credentials are not all that a file for them needs.

/// A provider that is there, and what a person has to write for it.
struct Provider {
    /// Environment variables of which one tells that it is meant, the plainest first.
    variables: &'static [&'static str],
    /// What to write.
    what: &'static str,
}

const PROVIDERS: [Provider; 2] = [
    Provider {
        variables: &["AZURE_OPENAI_API_KEY"],
        what: "Azure: models are deployments of your own; docs/configuration.md shows how to name them",
    },
    Provider {
        variables: &["AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"],
        what: "Bedrock: which models may be asked depends on your account and region; write one under [models], such as \
               strong = \"bedrock/eu.anthropic.claude-sonnet-5-5\" (`pointsman models bedrock` lists them), and set \
               AWS_REGION or [providers.bedrock] region",
    },
];

/// The first variable of each provider that `variable` finds, with what to write for it.
pub(super) fn told(variable: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, &'static str)> {
    let set = |name: &&&'static str| variable(name).is_some_and(|value| !value.trim().is_empty());
    PROVIDERS
        .iter()
        .filter_map(|provider| Some((*provider.variables.iter().find(set)?, provider.what)))
        .collect()
}

#[cfg(test)]
mod tests {
    use pointsman_domain::Vocabulary;
    use pointsman_policy::Catalogue;
    use pointsman_policy::config::Source;

    use super::told;
    use crate::config::Config;

    fn names(variables: &[(&str, &str)]) -> Vec<&'static str> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        told(environment).into_iter().map(|(variable, _)| variable).collect()
    }

    #[test]
    fn each_provider_is_told_of_once() {
        for (variables, expected) in [
            (&[][..], &[][..]),
            (&[("AZURE_OPENAI_API_KEY", "key")], &["AZURE_OPENAI_API_KEY"]),
            (&[("AWS_BEARER_TOKEN_BEDROCK", "key")], &["AWS_BEARER_TOKEN_BEDROCK"]),
            (&[("AWS_ACCESS_KEY_ID", "id"), ("AWS_PROFILE", "work")], &["AWS_PROFILE"]),
            (&[("AWS_ACCESS_KEY_ID", "id"), ("AWS_PROFILE", " ")], &["AWS_ACCESS_KEY_ID"]),
            (
                &[("AZURE_OPENAI_API_KEY", "key"), ("AWS_ACCESS_KEY_ID", "id")],
                &["AZURE_OPENAI_API_KEY", "AWS_ACCESS_KEY_ID"],
            ),
        ] {
            assert_eq!(names(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn what_is_said_of_bedrock_can_be_written() {
        let said = told(|name| (name == "AWS_PROFILE").then(|| "work".to_owned()));
        let line = said[0].1.split("such as ").nth(1).and_then(|rest| rest.split(" (").next());
        let line = line.expect("an example");
        let model = line.split("bedrock/").nth(1).expect("a model").trim_matches('"');
        let listed = Catalogue::shipped().get("bedrock", model).expect("listed").clone();
        assert_eq!(listed.retires, None, "{model} is about to go");
        let text = format!("[models]\n{line}\n[route]\ndefault = \"strong\"\n");
        let (config, _) = Config::read(Source::new("pointsman.toml", text.as_str()));
        assert!(config.check(&Vocabulary::standard()).0.is_some(), "{text}");
    }
}
