//! RouteLLM says on its command line which two models it routes between; any file with that line will do.

use anyhow::{Context as _, Result};

use super::draft::Draft;
use super::place::Place;

pub(super) fn read(text: &str, draft: &mut Draft) -> Result<()> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "\"',[]\\".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let strong = option(&words, "--strong-model").context("there is no --strong-model")?;
    let weak = option(&words, "--weak-model").context("there is no --weak-model")?;
    let base_url = option(&words, "--base-url");
    let place = |id| Place { id, base_url, ..Place::default() };
    let strong = draft.model("strong", place(strong), None);
    let weak = draft.model("weak", place(weak), None);
    if let Some((strong, weak)) = strong.zip(weak) {
        draft.row("default", [weak.clone(), strong.clone()]);
        draft.row("unsure", [strong.clone(), weak.clone()]);
        draft.row("*.hard", [strong.clone(), weak.clone()]);
        draft.row("*.expert", [strong, weak]);
    }
    draft.leave_out("the threshold, which clients name: hard and expert prompts go to the strong model");
    if option(&words, "--api-key").is_some() {
        draft.leave_out(
            "the key, which the file holds: put it in the environment and name the variable in api_key_env",
        );
    }
    Ok(())
}

/// What follows `name`, or stands behind it and an equals sign.
fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(place, word)| match word.strip_prefix(name)? {
        "" => words.get(place + 1).copied().filter(|next| !next.starts_with("--")),
        rest => rest.strip_prefix('='),
    })
}
