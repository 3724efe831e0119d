//! How good a classifier is.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pointsman_eval::routing::published::Format;

use crate::commands::eval::scores::Scored;

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// How good the task labels are
    Tasks(EvalTasksArgs),
    /// What routing by the classifier would have cost and been worth, beside controls
    Routing(EvalRoutingArgs),
    /// How well difficulty foretells who fails
    Difficulty(EvalDifficultyArgs),
    /// Whether faster engines say what f32 says; exits with 1 if one does not
    Engines(EvalEnginesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EvalTasksArgs {
    /// Labelled prompts: JSON lines, gzipped or not, with {"text" | "messages", "task" and/or "tasks"}
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// Rows whose `split` is this only
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// Folder for report.json, items.csv and index.html
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Also count how many labels change under typing errors, case, politeness and a system prompt in front
    #[arg(long)]
    pub(crate) perturb: bool,
    /// Also count how many labels change in paraphrases: JSON lines with {"id", "text" | "messages"}, ids as in the input
    #[arg(long, value_name = "FILE")]
    pub(crate) paraphrases: Option<PathBuf>,
    /// Labels by a column of the input instead of `task`: TOML with `field` and accepted tasks by value
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Exit with 1 when the accuracy (accepted label) is below this
    #[arg(long, value_name = "SHARE")]
    pub(crate) floor: Option<f64>,
    /// An `items.csv` of an earlier report: say which labels moved since
    #[arg(long, value_name = "CSV")]
    pub(crate) against: Option<PathBuf>,
    /// Seed of the bootstrap and of the perturbations
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct EvalEnginesArgs {
    /// JSON lines with {"text" | "messages"}, gzipped or not; labels are not needed
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// Rows whose `split` is this only
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// Also every slower kind of processor that this one can stand in for
    #[arg(long)]
    pub(crate) all: bool,
    /// Folder for report.json and items.csv
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Write the result to the card of the model, which must be a folder: `auto` goes by it
    #[arg(long)]
    pub(crate) write_card: bool,
    /// Threads for tokenising and arithmetic [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Outcomes to evaluate on.
#[derive(Debug, Args)]
pub(crate) struct OutcomesArgs {
    /// Prompts with the outcomes of models, gzipped or not
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// How they are written: auto, pointsman, routellm, routerbench or routerarena
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: Format,
    /// Sources to use only: a name, or what comes before its first `/`
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) source: Vec<String>,
    /// Folder that `pointsman fit` or `calibrate` wrote: abilities of models, and perhaps a classifier
    #[arg(long, value_name = "DIR")]
    pub(crate) calibration: Option<PathBuf>,
    /// Folder for report.json, items.csv and index.html
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Seed of the bootstrap, the split and the folds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct EvalRoutingArgs {
    #[command(flatten)]
    pub(crate) outcomes: OutcomesArgs,
    /// The dear model of a pair
    #[arg(long, value_name = "MODEL", requires = "weak", required_unless_present = "models")]
    pub(crate) strong: Option<String>,
    /// The cheap model of a pair
    #[arg(long, value_name = "MODEL", requires = "strong")]
    pub(crate) weak: Option<String>,
    /// More than two models, separated by commas
    #[arg(long, value_name = "MODELS", value_delimiter = ',', conflicts_with_all = ["strong", "weak"])]
    pub(crate) models: Vec<String>,
    /// Fit a head to the outcomes of this many prompts, and evaluate on the rest
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) adapt: usize,
    /// Where the score of every evaluated prompt goes, as JSON lines with {"id", "source", "score"}; higher = to the stronger
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Another router to compare with, by its scores of the prompts: JSON lines with {"id", "score"}
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) router: Vec<Scored>,
}

#[derive(Debug, Args)]
pub(crate) struct EvalDifficultyArgs {
    #[command(flatten)]
    pub(crate) outcomes: OutcomesArgs,
    /// Also fit heads to these items, on the encoder and on counted figures, and judge them on items and on sources left
    /// out
    #[arg(long)]
    pub(crate) heads: bool,
    /// Where the difficulty of every prompt goes, as JSON lines with {"id", "source", "score"}; with --heads that of the head
    /// which has not seen the prompt's source
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Item difficulties of `pointsman fit` (items.jsonl) to compare with, instead of the share of models that fail
    #[arg(long, value_name = "FILE")]
    pub(crate) items: Option<PathBuf>,
}
