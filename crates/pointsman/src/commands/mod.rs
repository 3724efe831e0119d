//! What each command does, one file a command.

mod audit;
mod bench;
mod calibrate;
mod check;
mod classify;
mod config;
mod data;
mod diff;
pub(crate) mod eval;
mod explain;
mod fit;
mod import;
mod in_force;
mod init;
mod key;
mod manual;
mod models;
mod record_file;
mod records;
mod replay;
mod route;
mod serve;
mod stats;
mod train;

use std::process::ExitCode;

use anyhow::{Context, Result};
use pointsman_domain::{Prompt, Turn};

use crate::cli::{Cli, Command, EvalCommand, PromptArgs};

/// How a command that ran to its end came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Done,
    /// The answer to what was asked is "no".
    No,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::No => Self::from(1),
        }
    }
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> Result<Outcome> {
    match &cli.command {
        Command::Route(args) => route::run(args, &cli.global),
        Command::Classify(args) => classify::run(args, &cli.global),
        Command::Serve(args) => serve::run(args, &cli.global),
        Command::Check => check::run(&cli.global),
        Command::Config(command) => config::run(command),
        Command::Diff(args) => diff::run(args, &cli.global),
        Command::Explain(args) => explain::run(args, &cli.global),
        Command::Init(args) => init::run(args, &cli.global),
        Command::Import(args) => import::run(args, &cli.global),
        Command::Key(args) => key::run(args, &cli.global),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::pages(args),
        Command::Models(args) => models::run(args, &cli.global),
        Command::Records(command) => records::run(command, &cli.global),
        Command::Audit(args) => audit::run(args, &cli.global),
        Command::Replay(args) => replay::run(args, &cli.global),
        Command::Train(args) => train::run(args, &cli.global),
        Command::Calibrate(args) => calibrate::run(args, &cli.global),
        Command::Fit(args) => fit::run(args, &cli.global),
        Command::Eval(EvalCommand::Tasks(args)) => eval::tasks::run(args, &cli.global),
        Command::Eval(EvalCommand::Routing(args)) => eval::routing::run(args, &cli.global),
        Command::Eval(EvalCommand::Difficulty(args)) => eval::difficulty::run(args, &cli.global),
        Command::Eval(EvalCommand::Engines(args)) => eval::engines::run(args, &cli.global),
        Command::Bench(args) => bench::run(args, &cli.global),
        Command::Data(command) => data::run(command, &cli.global),
    }
}

/// The prompt that a command was given.
fn prompt(args: &PromptArgs) -> Result<Prompt> {
    if let Some(path) = &args.messages {
        let text = classify::read_all(path)?;
        let turns: Vec<Turn> = serde_json::from_str(&text).with_context(|| {
            format!("{}: not a JSON list of {{\"role\", \"content\"}} messages", path.display())
        })?;
        return Ok(Prompt::from_turns(turns));
    }
    match args.prompt.as_deref() {
        Some("-") => Ok(Prompt::from_text(classify::read_all("-".as_ref())?)),
        Some(text) => Ok(Prompt::from_text(text)),
        None => anyhow::bail!("give a prompt, or a conversation with --messages"),
    }
}
