//! The command line: what can be asked, in the words of `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pointsman_eval::routing::published::Format;

use crate::commands::eval::scores::Scored;
use crate::time::Since;

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
    /// Device of the classifier: auto, cpu, cuda:N or metal [default: that of the configuration]
    #[arg(long, global = true, value_name = "DEVICE", env = "POINTSMAN_DEVICE")]
    pub(crate) device: Option<String>,
    /// Arithmetic of the classifier: auto, int8, bf16, int16, f32, candle, or one with a kind of processor such as int16-avx2 [default:
    /// that of the configuration]
    #[arg(long, global = true, value_name = "ENGINE", env = "POINTSMAN_ENGINE")]
    pub(crate) engine: Option<String>,
    /// Numbers of engine `candle`: auto, f32, bf16 or f16 [default: that of the configuration; auto is bf16 on CUDA, f16 on
    /// Metal, f32 on the processor]
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

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What the key is called in the configuration, in errors and in logs
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: that of the configuration, 127.0.0.1:8484]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Form of the log on standard error; what is logged is chosen by RUST_LOG
    #[arg(long, value_enum, value_name = "FORM", default_value_t = LogForm::Text, env = "POINTSMAN_LOG_FORM")]
    pub(crate) log: LogForm,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// A line for each event
    Text,
    /// Several lines for each event, for people who debug
    Pretty,
    /// A JSON object for each event, for programs
    Json,
}

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
    /// Model to compare costs with, by its name in the table [default: the dearest of the table]
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
    /// Columns for DuckDB, Polars, pandas, Spark, with the whole record beside them
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Table to decide with [default: the configuration, which should give every decision again]
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: RecordsArgs,
    /// Label the prompts again instead of going by the recorded labels; needs records with whole prompts
    #[arg(long)]
    pub(crate) relabel: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) records: RecordsArgs,
    /// Providers in which whoever runs the router has an interest, separated by commas [default: those of the configuration]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) first_party: Vec<String>,
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
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) outcomes: Vec<PathBuf>,
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
    /// Devices to measure: cpu, cuda:N, metal [default: all that are there]
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

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Name every source: licence, rows, whether it is there
    List(DataArgs),
    /// Download sources, check their hashes, and turn them into the project's JSON lines
    Fetch(DataFetchArgs),
    /// Check everything that is there: hashes, counts, labels that find their text, prompts kept out of training
    Verify(DataArgs),
    /// Print the fingerprints of rows, in the format of the lists in `datasets/fingerprints`
    Fingerprints(DataFingerprintsArgs),
}

/// Where data and what describes it are.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Folder that data is kept in [default: $XDG_CACHE_HOME/pointsman/data]
    #[arg(long, value_name = "DIR", env = "POINTSMAN_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder with manifests, labels and lists, as in the repository
    #[arg(long, value_name = "DIR", default_value = "datasets")]
    pub(crate) datasets: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DataFetchArgs {
    /// Sources to fetch
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Fetch every source that can be fetched
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) place: DataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DataFingerprintsArgs {
    /// JSON lines with {"id", "text"}, gzipped or not
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
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
