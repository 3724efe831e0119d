//! How fast this machine labels.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BenchCommand>,
    /// Lengths of prompts in tokens
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', default_values_t = [16, 64, 128, 256, 512])]
    pub(crate) lengths: Vec<usize>,
    /// Prompts that are labelled together
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32])]
    pub(crate) batches: Vec<usize>,
    /// Threads
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1])]
    pub(crate) threads: Vec<usize>,
    /// Engines to compare [default: that of --engine, else the best of each arithmetic]
    #[arg(long, value_name = "ENGINES", value_delimiter = ',')]
    pub(crate) engines: Vec<String>,
    /// Time to spend on each figure
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    pub(crate) seconds: f64,
    /// Answer `emb BATCH LENGTH` and `run BATCH LENGTH N` on standard input, for comparisons with other programs; computes on
    /// --device, else on the processor
    #[arg(long, conflicts_with_all = ["lengths", "batches", "threads", "engines", "seconds"])]
    pub(crate) worker: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Compare devices, engines and other programs side by side in one run: speed, latency, load time, memory, energy
    Devices(DevicesArgs),
    /// Measure the batched engine alone on real prompts, without reading, tokenising and writing
    Prompts(BenchPromptsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchPromptsArgs {
    /// Prompts as `classify` reads them
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// How many prompts to run, spread evenly over the file
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) rows: usize,
    /// Field or column with the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub(crate) text: Option<String>,
    /// Field or column with conversations [default: messages]
    #[arg(long, value_name = "NAME")]
    pub(crate) messages: Option<String>,
    /// Threads for tokenising and arithmetic [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Devices to measure: cpu, cuda:N, metal:N [default: all that are there]
    #[arg(long, value_name = "DEVICES", value_delimiter = ',')]
    pub(crate) devices: Vec<String>,
    /// Lengths of prompts in tokens
    #[arg(long, value_name = "TOKENS", value_delimiter = ',', default_values_t = [16, 64, 128, 256, 512])]
    pub(crate) lengths: Vec<usize>,
    /// Prompts that are run together
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32])]
    pub(crate) batches: Vec<usize>,
    /// Time to spend on each figure
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Threads on the processor [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Another program to measure beside ours: a command that speaks the protocol of `bench --worker`, see benches/peers
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) peer: Vec<String>,
    /// Folder for report.json and index.html
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
