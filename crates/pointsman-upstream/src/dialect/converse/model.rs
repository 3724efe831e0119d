//! What the families of Bedrock's models take.

use super::super::anthropic;
use super::super::conversation::Cache;

/// Whose model it is, as far as requests differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude {
        abilities: anthropic::Abilities,
        /// Whether schemas of tools can be made binding, and what is cached can stay for an hour (from 4.5 on).
        is_recent: bool,
    },
    Nova {
        /// Whether thinking can be asked for (from 2 on).
        thinks: bool,
    },
    GptOss,
    /// One whose id tells nothing, as the ARN of an inference profile of one's own, or that takes nothing special.
    Other,
}

/// The family of the model with this id or ARN.
pub(super) fn family(id: &str) -> Family {
    let is_recent = || anthropic::version(id).is_none_or(|version| version >= (4, 5));
    match () {
        () if id.contains("claude") => {
            Family::Claude { abilities: anthropic::abilities(id), is_recent: is_recent() }
        }
        () if id.contains("amazon.nova-") => Family::Nova { thinks: id.contains("amazon.nova-2") },
        () if id.contains("gpt-oss") => Family::GptOss,
        () => Family::Other,
    }
}

impl Family {
    /// What of a mark for caching is taken, and whether that is less than was asked for. Claude is cached from 3.7 on, as
    /// are the messages of Nova, but not its tools.
    pub(super) fn cache(self, mark: Cache, is_tool: bool) -> (Option<Cache>, bool) {
        match self {
            Self::Claude { is_recent: true, .. } => (Some(mark), false),
            Self::Claude { abilities, .. } if abilities.thinking != anthropic::ThinkingControl::Absent => {
                (Some(Cache::Default), mark == Cache::OneHour)
            }
            Self::Nova { .. } if !is_tool => (Some(Cache::Default), mark == Cache::OneHour),
            _ => (None, true),
        }
    }

    /// Whether the result of a tool can be marked as an error.
    pub(super) fn takes_status(self) -> bool {
        matches!(self, Self::Claude { .. } | Self::Nova { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_the_id() {
        let name = |family: Family| match family {
            Family::Claude { is_recent: true, .. } => "recent claude",
            Family::Claude { .. } => "claude",
            Family::Nova { thinks: true } => "nova 2",
            Family::Nova { .. } => "nova",
            Family::GptOss => "gpt-oss",
            Family::Other => "other",
        };
        for (id, expected) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", "claude"),
            ("eu.anthropic.claude-sonnet-4-20250514-v1:0", "claude"),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "recent claude"),
            ("anthropic.claude-opus-5", "recent claude"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1",
                "recent claude",
            ),
            ("amazon.nova-pro-v1:0", "nova"),
            ("us.amazon.nova-2-lite-v1:0", "nova 2"),
            ("amazon.titan-text-express-v1", "other"),
            ("openai.gpt-oss-120b-1:0", "gpt-oss"),
            ("meta.llama3-1-8b-instruct-v1:0", "other"),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "other"),
        ] {
            assert_eq!(name(family(id)), expected, "{id}");
        }
    }

    #[test]
    fn marks_for_caching_are_taken_where_they_are_known() {
        use Cache::{Default, FiveMinutes, OneHour};
        for (id, mark, is_tool, expected) in [
            ("anthropic.claude-opus-4-6-v1", OneHour, true, (Some(OneHour), false)),
            ("anthropic.claude-opus-4-6-v1", FiveMinutes, true, (Some(FiveMinutes), false)),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", OneHour, false, (Some(Default), true)),
            ("anthropic.claude-3-haiku-20240307-v1:0", Default, false, (None, true)),
            ("amazon.nova-lite-v1:0", Default, false, (Some(Default), false)),
            ("amazon.nova-lite-v1:0", Default, true, (None, true)),
            ("meta.llama3-1-8b-instruct-v1:0", Default, false, (None, true)),
        ] {
            assert_eq!(family(id).cache(mark, is_tool), expected, "{id} {mark:?}");
        }
    }
}
