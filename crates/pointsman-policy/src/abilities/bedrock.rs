//! What Bedrock puts around the public names of models.

/// Where an inference profile may run its model, as its id begins.
const REGIONS: [&str; 9] = ["apac", "au", "ca", "eu", "global", "in", "jp", "us", "us-gov"];

/// Who made a model, as its id begins or goes on.
const VENDORS: [&str; 19] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "xai",
    "zai",
];

/// The names that the model with the id `id` at Bedrock may have elsewhere: without region and vendor, then without the
/// revision, too. For `us.anthropic.claude-3-5-sonnet-20241022-v2:0` that is `claude-3-5-sonnet-20241022-v2:0` and
/// `claude-3-5-sonnet-20241022`. Nothing for an id that names no vendor.
pub(super) fn public_names(id: &str) -> impl Iterator<Item = &str> {
    let id = without_first(id, &REGIONS).unwrap_or(id);
    let name = without_first(id, &VENDORS);
    [name, name.and_then(without_revision)].into_iter().flatten()
}

/// What follows the first dot of `id` if one of `words` stands before it.
fn without_first<'a>(id: &'a str, words: &[&str]) -> Option<&'a str> {
    let (first, rest) = id.split_once('.')?;
    words.contains(&first).then_some(rest)
}

/// `name` without its `-v2:0` or `-v1`. What begins with 0 is the model's own version, not Bedrock's: of
/// `mistral-7b-instruct-v0:2` nothing may be left out.
fn without_revision(name: &str) -> Option<&str> {
    let (name, revision) = name.rsplit_once("-v")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (!revision.starts_with('0') && revision.split(':').all(is_number)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::public_names;

    #[test]
    fn region_vendor_and_revision_are_left_out() {
        for (id, names) in [
            ("anthropic.claude-x-v2:0", &["claude-x-v2:0", "claude-x"][..]),
            ("us.anthropic.claude-x-v2:0", &["claude-x-v2:0", "claude-x"]),
            ("us-gov.anthropic.claude-x-v1", &["claude-x-v1", "claude-x"]),
            ("global.amazon.nova-x", &["nova-x"]),
            ("zai.glm-4.7", &["glm-4.7"]),
            ("mistral.mistral-7b-instruct-v0:2", &["mistral-7b-instruct-v0:2"]),
            ("meta.llama-vision", &["llama-vision"]),
            ("google.x-v1:", &["x-v1:"]),
        ] {
            assert_eq!(public_names(id).collect::<Vec<_>>(), names, "{id}");
        }
    }

    #[test]
    fn other_ids_are_left_alone() {
        for id in ["gpt-4.1-mini", "claude-x-v2:0", "us.claude-x", "my.anthropic.x", "qwen2.5-7b", "", "."] {
            assert_eq!(public_names(id).count(), 0, "{id}");
        }
    }
}
