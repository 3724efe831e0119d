//! `pointsman explain`: every row that could match a prompt, and what would change the answer.

use anyhow::Result;
use serde_json::json;

use super::{Outcome, classify, route};
use crate::cli::{Global, PromptArgs};

pub(crate) fn run(args: &PromptArgs, global: &Global) -> Result<Outcome> {
    let routed = route::route(args, global)?;
    if global.json {
        let report = json!({ "labels": routed.row(), "explanation": routed.explanation });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{}\n", classify::describe(&routed.labels));
        anstream::println!("{}", routed.explanation.to_string().trim_end());
    }
    Ok(Outcome::Done)
}
