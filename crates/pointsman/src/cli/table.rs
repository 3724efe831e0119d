//! Looking at configurations, tables and models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The JSON schema of the file, for editors
    Schema,
    /// Every section and key with its default, as Markdown
    Reference,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The table as it was
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
    /// The table as it is to be
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
}

/// Which models are wanted.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Only models with all these words in PROVIDER/MODEL
    #[arg(value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    /// Only models of this provider
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
}
