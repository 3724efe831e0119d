//! Labelling and routing prompts: one, or a file of them.

use std::path::PathBuf;

use clap::Args;

/// A prompt given on the command line.
#[derive(Debug, Args)]
pub(crate) struct PromptArgs {
    /// The prompt; `-` reads it from standard input
    #[arg(value_name = "PROMPT", required_unless_present = "messages")]
    pub(crate) prompt: Option<String>,
    /// A file with a JSON list of {"role", "content"} messages instead; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub(crate) messages: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// The prompt to label
    #[arg(value_name = "PROMPT", required_unless_present = "input", conflicts_with = "input")]
    pub(crate) prompt: Option<String>,
    /// JSON lines with {"id", "text"} or {"id", "messages"}, also packed by gzip or zstd, or a table: FILE.parquet. `-` is
    /// standard input
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Where the labelled rows go, in the order of the input; `-` is standard output. The ending of the name says the form:
    /// .jsonl.gz, .jsonl.zst, .parquet, else JSON lines
    #[arg(long, short, value_name = "FILE", default_value = "-", requires = "input")]
    pub(crate) output: PathBuf,
    /// Field or column with the text to be labelled [default: text]
    #[arg(long, value_name = "NAME", requires = "input")]
    pub(crate) text: Option<String>,
    /// Field or column with conversations: JSON as in OpenAI's API, or lists of structs with role and content [default:
    /// messages]
    #[arg(long, value_name = "NAME", requires = "input")]
    pub(crate) messages: Option<String>,
    /// Field or column with what a row is called in the output [default: id]
    #[arg(long, value_name = "NAME", requires = "input")]
    pub(crate) id: Option<String>,
    /// What the names of new columns in Parquet begin with
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, requires = "input")]
    pub(crate) prefix: String,
    /// Go on where an earlier run with the same output was cut short; if it was not, start or leave what is complete
    #[arg(long, requires = "input")]
    pub(crate) resume: bool,
    /// Tell how far it is also where standard error is no terminal
    #[arg(long, requires = "input")]
    pub(crate) progress: bool,
    /// Rows that are put in order of length, labelled and written together [default: 1024, on GPUs 16384]
    #[arg(long, value_name = "ROWS", requires = "input")]
    pub(crate) window: Option<usize>,
    /// Threads for tokenising and arithmetic [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}
