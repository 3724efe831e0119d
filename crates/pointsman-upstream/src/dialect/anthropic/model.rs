//! What Claude models of different ages take.

/// What a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Abilities {
    pub(in super::super) thinking: ThinkingControl,
    /// Whether `temperature`, `top_p` and `top_k` are taken (not from 4.7 on: Anthropic's migration guide).
    pub(in super::super) sampling: bool,
}

/// How thinking is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum ThinkingControl {
    /// It is not.
    Absent,
    /// By a number of tokens (3.7 to 4.5).
    Budget,
    /// By an effort, the model sees how much it needs (from 4.6 on).
    Adaptive,
}

/// The abilities of the model called `name`; one that tells no version is taken for a new one.
pub(in super::super) fn abilities(name: &str) -> Abilities {
    let version = version(name);
    let before = |major, minor| version.is_some_and(|version| version < (major, minor));
    let thinking = match () {
        () if before(3, 7) => ThinkingControl::Absent,
        () if before(4, 6) => ThinkingControl::Budget,
        () => ThinkingControl::Adaptive,
    };
    Abilities { thinking, sampling: before(4, 7) }
}

/// Major and minor version in names such as `claude-3-5-haiku-20241022` and `claude-opus-4.6`.
pub(in super::super) fn version(name: &str) -> Option<(u8, u8)> {
    let after = &name[name.find("claude")?..];
    let mut words = after.split(['-', '.', '@', '_', ':']).skip_while(|word| number(word).is_none());
    let major = number(words.next()?)?;
    Some((major, words.next().and_then(number).unwrap_or(0)))
}

/// A number of one or two digits; dates have eight.
fn number(word: &str) -> Option<u8> {
    if word.len() <= 2 { word.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_go_by_the_version_in_the_name() {
        use ThinkingControl::{Absent, Adaptive, Budget};
        for (name, thinking, sampling) in [
            ("claude-3-haiku-20240307", Absent, true),
            ("claude-3-5-sonnet-latest", Absent, true),
            ("claude-3-7-sonnet-20250219", Budget, true),
            ("claude-sonnet-4-20250514", Budget, true),
            ("claude-haiku-4-5-20251001", Budget, true),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", Budget, true),
            ("claude-sonnet-4-6", Adaptive, true),
            ("claude-opus-4.6", Adaptive, true),
            ("claude-opus-4-8", Adaptive, false),
            ("claude-opus-5", Adaptive, false),
            ("claude-haiku-5-5", Adaptive, false),
            ("claude-mythos-preview", Adaptive, false),
            ("something-else", Adaptive, false),
        ] {
            assert_eq!(abilities(name), Abilities { thinking, sampling }, "{name}");
        }
    }
}
