//! Names of backend models and of those who run them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes a name of any string.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// A name that the user gave a model in the table, such as `cheap`.
    ModelName
);

name_type!(
    /// A name under which the user reaches a provider, such as `openai` or `my_vllm`.
    ProviderName
);

/// A model at a provider, written `provider/model`; the model part may itself contain slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId {
    provider: ProviderName,
    model: Arc<str>,
}

impl ModelId {
    /// Splits `provider/model` at the first slash.
    ///
    /// # Errors
    /// When there is no slash, or nothing on one side of it.
    pub fn parse(id: &str) -> Result<Self, ParseModelError> {
        match id.split_once('/') {
            Some((provider, model)) if !provider.trim().is_empty() && !model.trim().is_empty() => {
                Ok(Self { provider: ProviderName::new(provider), model: model.into() })
            }
            _ => Err(ParseModelError { id: id.to_owned() }),
        }
    }

    /// The model that `provider` calls `model`.
    pub fn new(provider: ProviderName, model: impl Into<Arc<str>>) -> Self {
        Self { provider, model: model.into() }
    }

    /// Who runs it.
    #[must_use]
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// Its name at the provider.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl TryFrom<String> for ModelId {
    type Error = ParseModelError;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::parse(&id)
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.to_string()
    }
}

/// A string that is not `provider/model`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` names no provider: write provider/model, such as openai/gpt-5-mini")]
pub struct ParseModelError {
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slash_parts_provider_and_model() {
        let id = ModelId::parse("my_vllm/meta-llama/Llama-3.1-8B").expect("valid");
        assert_eq!((id.provider().as_str(), id.model()), ("my_vllm", "meta-llama/Llama-3.1-8B"));
        assert_eq!(id.to_string(), "my_vllm/meta-llama/Llama-3.1-8B");
    }

    #[test]
    fn a_model_without_a_provider_is_refused() {
        for id in ["gpt-5-mini", "/gpt", "openai/", "", " / "] {
            assert!(ModelId::parse(id).is_err(), "{id}");
        }
    }
}
