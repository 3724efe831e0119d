//! `pointsman completions` and `pointsman man`: both from the definitions that parse the command line.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Outcome;
use crate::cli::{Cli, CompletionsArgs, ManArgs};

/// Prints completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pointsman", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Outcome::Done)
}

/// Prints the page of the whole program, or writes a page for it and each command.
pub(crate) fn pages(args: &ManArgs) -> Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    match &args.out {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            io::stdout().write_all(&page)?;
        }
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{}: the folder cannot be made", folder.display()))?;
            let written = write_pages(&command, folder)?;
            anstream::eprintln!("{written} pages written to {}", folder.display());
        }
    }
    Ok(Outcome::Done)
}

/// Writes the page of `command` and of those under it, and returns how many that are.
fn write_pages(command: &clap::Command, folder: &Path) -> Result<usize> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    std::fs::write(&path, page).with_context(|| format!("{}: cannot be written", path.display()))?;
    let mut written = 1;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
    {
        written += write_pages(below, folder)?;
    }
    Ok(written)
}
