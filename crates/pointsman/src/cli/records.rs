//! What was recorded: summed up, exported, replayed, audited.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::time::Since;

/// Which records are meant.
#[derive(Debug, Args)]
pub(crate) struct RecordsArgs {
    /// Records: a file that `serve` writes, or JSON lines [default: where the configuration says that `serve` records]
    #[arg(long, value_name = "FILE")]
    pub(crate) records: Option<PathBuf>,
    /// Only from then on: how long ago, such as 24h or 7d, or a date in UTC, such as 2026-11-21
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) records: RecordsArgs,
    /// Model to compare costs with, by its name in the table [default: what the configuration names, else the ablest, else the
    /// dearest]
    #[arg(long, value_name = "MODEL")]
    pub(crate) baseline: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordsCommand {
    /// Show the newest decisions, a line each
    List {
        #[command(flatten)]
        records: RecordsArgs,
        /// How many
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Count by model, row, task and more; tokens, times, money spent and saved
    Stats(StatsArgs),
    /// Write records as JSON lines or Parquet
    Export {
        #[command(flatten)]
        records: RecordsArgs,
        /// Form of the output
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
        /// Where they go; `-` is standard output
        #[arg(long, short, value_name = "FILE", default_value = "-")]
        out: PathBuf,
    },
}

/// Forms that records are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A record as JSON in each line
    Jsonl,
    /// Columns for DuckDB, Polars, pandas, Spark, with the whole record beside them; of decisions alone
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Table to decide with [default: the configuration, which should give every decision again]
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: RecordsArgs,
    /// A further version of the configuration that was in force: records of its tables are taken again with those. Can be
    /// given several times
    #[arg(long = "table", value_name = "FILE", conflicts_with = "against")]
    pub(crate) tables: Vec<PathBuf>,
    /// Label the prompts again instead of going by the recorded labels; needs records with whole prompts
    #[arg(long)]
    pub(crate) relabel: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) records: RecordsArgs,
    /// A further version of the configuration that was in force: records of its tables are judged with those. Can be given
    /// several times
    #[arg(long = "table", value_name = "FILE")]
    pub(crate) tables: Vec<PathBuf>,
    /// Providers in which whoever runs the router has an interest, separated by commas [default: those of the configuration]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) first_party: Vec<String>,
    /// Who stands by the report, as it is to be named in its last lines
    #[arg(long, value_name = "NAME")]
    pub(crate) signed_by: Option<String>,
    /// Form of the report
    #[arg(long, value_enum, default_value_t = AuditFormat::Markdown)]
    pub(crate) format: AuditFormat,
    /// Where it goes; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
}

/// Forms that audits are reported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// Text with tables
    Markdown,
    /// One page that needs nothing else
    Html,
    /// Everything that was found, for programs
    Json,
}
