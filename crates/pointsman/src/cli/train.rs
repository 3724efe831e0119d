//! Making classifiers, abilities and difficulties.

use std::path::PathBuf;

use clap::Args;

use crate::time::Since;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The recipe
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: PathBuf,
    /// Folder that `$DATA` in the recipe stands for
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Encoder to start from, instead of the recipe's: embedded, a folder, hf:ORG/NAME or hf:ORG/NAME@REV
    #[arg(long, value_name = "BACKBONE")]
    pub(crate) backbone: Option<String>,
    /// Fit nothing but the difficulty head, and one for languages if the recipe names some, of this model: embedded, a folder,
    /// hf:ORG/NAME or hf:ORG/NAME@REV
    #[arg(long, value_name = "MODEL", conflicts_with = "backbone")]
    pub(crate) difficulty_of: Option<String>,
    /// Folder in which the model's folder is made
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub(crate) out: PathBuf,
    /// Folder for checkpoints; a run that was cut short goes on from there [default: OUT/NAME.checkpoint]
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Threads for tokenising and arithmetic [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// JSON lines of {"id", "text" or "messages", "model", "correct" or "score"}, or with many models a row; also gzipped
    #[arg(long, value_name = "FILE", required_unless_present = "records", num_args = 1..)]
    pub(crate) outcomes: Vec<PathBuf>,
    /// Recorded decisions that POST /v1/feedback scored: a file that `serve` writes, or JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) records: Option<PathBuf>,
    /// Of the records only those from then on: how long ago, such as 24h or 7d, or a date in UTC, such as 2026-11-21
    #[arg(long, value_name = "TIME", requires = "records")]
    pub(crate) since: Option<Since>,
    /// Folder for abilities.toml, calibration.json and, if the difficulty head changes, the model
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Decides which prompts are held out
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Date of the abilities [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<String>,
    /// Threads for tokenising and arithmetic [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// Outcomes: JSON lines, gzipped or not, with many models a row or one
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) outcomes: Vec<PathBuf>,
    /// Folder for items.jsonl, abilities.toml, report.json and report.html
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Date of the abilities [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<String>,
    /// Spellings of models: TOML with the sections models and modes [default: a table for public records]
    #[arg(long, value_name = "FILE")]
    pub(crate) aliases: Option<PathBuf>,
    /// Leave out a model's outcomes on a source
    #[arg(long, value_name = "MODEL@SOURCE", num_args = 1..)]
    pub(crate) exclude: Vec<String>,
    /// Keep broken runs; they are reported all the same
    #[arg(long)]
    pub(crate) keep_broken: bool,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}
