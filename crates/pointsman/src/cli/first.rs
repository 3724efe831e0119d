//! First minutes: a configuration to begin with, or made of another router's; completions and manual pages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Ask nothing
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Record decisions, without prompts
    #[arg(long)]
    pub(crate) record: bool,
    /// Where the file goes; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "pointsman.toml")]
    pub(crate) out: PathBuf,
    /// Servers to look for, instead of those on the usual ports of Ollama, vLLM, llama.cpp and LM Studio
    #[arg(long, value_name = "URL")]
    pub(crate) server: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Whose configuration it is
    #[arg(value_enum, value_name = "FORMAT")]
    pub(crate) format: ImportFormat,
    /// The configuration; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where the table goes; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
}

/// Configurations that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// LiteLLM's config.yaml
    Litellm,
    /// Plano's (Arch's) config.yaml
    Plano,
    /// The router controller's config.yaml of NVIDIA's LLM router blueprint
    Nvidia,
    /// A script or file with RouteLLM's --strong-model and --weak-model
    Routellm,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for the pages of all commands, such as ~/.local/share/man/man1
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
