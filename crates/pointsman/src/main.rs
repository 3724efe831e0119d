//! The `pointsman` command: local, neutral, learned model routing.

mod bulk;
mod cli;
mod commands;
mod config;
mod environment;
mod model;
mod serve;
mod stats;
mod terminal;
mod time;
mod upstream;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::terminal::{ERROR, styled};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes: 0 done, 1 the answer is "no", 2 misuse or failure.
fn main() -> ExitCode {
    match commands::run(&Cli::parse()) {
        Ok(outcome) => outcome.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{} {error:#}", styled(ERROR, "error:"));
            ExitCode::from(2)
        }
    }
}

/// Whether whoever reads the output has gone, as `head` does once it has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
