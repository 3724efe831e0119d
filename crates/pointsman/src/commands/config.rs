//! `pointsman config`: what may stand in the file, for people and for editors.

use anyhow::Result;

use super::Outcome;
use crate::cli::ConfigCommand;
use crate::config::schema;

pub(crate) fn run(command: &ConfigCommand) -> Result<Outcome> {
    let described = schema::json();
    match command {
        ConfigCommand::Schema => anstream::println!("{}", serde_json::to_string_pretty(&described)?),
        ConfigCommand::Reference => anstream::print!("{}", schema::page(&described)),
    }
    Ok(Outcome::Done)
}
