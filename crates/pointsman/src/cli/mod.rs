//! The command line: what can be asked, in the words of `--help`.

mod bench;
mod data;
mod eval;
mod first;
mod prompt;
mod records;
mod serve;
mod table;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::bench::{BenchArgs, BenchCommand, BenchPromptsArgs, DevicesArgs};
pub(crate) use self::data::{DataArgs, DataCommand, DataFetchArgs, DataFingerprintsArgs};
pub(crate) use self::eval::{
    EvalCommand, EvalDifficultyArgs, EvalEnginesArgs, EvalRoutingArgs, EvalTasksArgs, OutcomesArgs,
};
pub(crate) use self::first::{CompletionsArgs, ImportArgs, ImportFormat, InitArgs, ManArgs};
pub(crate) use self::prompt::{ClassifyArgs, PromptArgs};
pub(crate) use self::records::{
    AuditArgs, AuditFormat, ExportFormat, RecordsArgs, RecordsCommand, ReplayArgs, StatsArgs,
};
pub(crate) use self::serve::{KeyArgs, LogForm, ServeArgs};
pub(crate) use self::table::{ConfigCommand, DiffArgs, ModelsArgs};
pub(crate) use self::train::{CalibrateArgs, FitArgs, TrainArgs};

/// Local, neutral, learned model router.
///
/// Labels each prompt's task and difficulty with a small transformer on this machine, looks the labels up in a table
/// that you can read, and says which model should answer. Every decision can be explained and replayed.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Table and settings [default: ./pointsman.toml if there is one, else a built-in table that needs no keys]
    #[arg(long, global = true, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Classifier to use: embedded, a folder, hf:ORG/NAME or hf:ORG/NAME@REV [default: that of the configuration]
    #[arg(long, global = true, value_name = "MODEL", env = "POINTSMAN_MODEL")]
    pub(crate) model: Option<String>,
    /// Device of the classifier: auto, cpu, cuda:N or metal:N [default: that of the configuration]
    #[arg(long, global = true, value_name = "DEVICE", env = "POINTSMAN_DEVICE")]
    pub(crate) device: Option<String>,
    /// Arithmetic of the classifier: auto, int8, bf16, int16, f32, candle, or one with a kind of processor such as int16-avx2 [default:
    /// that of the configuration]
    #[arg(long, global = true, value_name = "ENGINE", env = "POINTSMAN_ENGINE")]
    pub(crate) engine: Option<String>,
    /// Numbers of engine `candle`: auto, f32, bf16 or f16 [default: that of the configuration; auto is f16 on GPUs, f32 on the
    /// processor]
    #[arg(long, global = true, value_name = "PRECISION", env = "POINTSMAN_PRECISION")]
    pub(crate) precision: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a first pointsman.toml for the keys and local servers that are there
    Init(InitArgs),
    /// Make a table of another router's configuration, and say what could not be carried over
    Import(ImportArgs),
    /// Label a prompt and say which model it would go to, and why
    Route(PromptArgs),
    /// Label prompts: one on the command line, or a file of them
    Classify(ClassifyArgs),
    /// Run the sidecar: an OpenAI-compatible server that routes `model: "auto"`
    Serve(ServeArgs),
    /// Make a key for a client of the sidecar, with the lines for pointsman.toml
    Key(KeyArgs),
    /// Check the table, draw which model each task and band goes to, and run its tests
    Check,
    /// Print what the configuration may hold
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Compare two tables cell by cell; exit code 1 if they differ
    Diff(DiffArgs),
    /// Explain a decision: every row that could match, in order of precedence
    Explain(PromptArgs),
    /// List well-known models with what they charge, take and can do
    Models(ModelsArgs),
    /// Look at recorded decisions, sum them up, or write them to a file for other programs
    #[command(subcommand)]
    Records(RecordsCommand),
    /// Take recorded decisions again with another table, and say what changes
    Replay(ReplayArgs),
    /// Check from records and table that nobody is favoured, and report it
    Audit(AuditArgs),
    /// Train a classifier from a recipe
    Train(TrainArgs),
    /// Fit abilities and difficulty to outcomes of your own
    Calibrate(CalibrateArgs),
    /// Fit an item-response model to outcomes of many models: how able they are, and how hard the prompts
    Fit(FitArgs),
    /// Measure a classifier on labelled data
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Measure how fast this machine labels, by length, batch, threads and engine
    Bench(BenchArgs),
    /// Public data that models are trained on
    #[command(subcommand)]
    Data(DataCommand),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands to a folder
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
